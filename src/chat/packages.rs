//! What Claude's sandbox has installed, as far as it is documented
//! (`docs/protocol.md#sandbox-environment`), and what serves instead of what it lacks.

/// The documented packages, by what they are for.
pub(crate) const GROUPS: &[(&str, &[&str])] = &[
    (
        "data and statistics",
        &["pandas", "numpy", "scipy", "scikit-learn", "statsmodels"],
    ),
    ("figures", &["matplotlib", "seaborn", "pillow"]),
    (
        "tables and spreadsheets",
        &["pyarrow", "openpyxl", "xlsxwriter", "xlrd"],
    ),
    (
        "documents",
        &[
            "python-docx",
            "python-pptx",
            "pypdf",
            "pdfplumber",
            "pypdfium2",
            "pdf2image",
            "pdfkit",
            "tabula-py",
            "reportlab",
            "img2pdf",
        ],
    ),
    ("mathematics", &["sympy", "mpmath"]),
    (
        "dates and progress",
        &["python-dateutil", "pytz", "tqdm", "joblib"],
    ),
];

/// Names under which packages are imported, or otherwise known.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("sklearn", "scikit-learn"),
    ("pil", "pillow"),
    ("docx", "python-docx"),
    ("pptx", "python-pptx"),
    ("dateutil", "python-dateutil"),
    ("tabula", "tabula-py"),
    ("cv2", "opencv-python"),
    ("bs4", "beautifulsoup4"),
    ("skimage", "scikit-image"),
    ("fitz", "pymupdf"),
    ("yaml", "pyyaml"),
    ("tf", "tensorflow"),
];

/// What serves instead of what is not there.
pub(crate) const INSTEAD: &[(&[&str], &str)] = &[
    (
        &[
            "plotly",
            "bokeh",
            "altair",
            "holoviews",
            "pygal",
            "plotnine",
            "hvplot",
        ],
        "`matplotlib` and `seaborn` draw figures",
    ),
    (
        &["torch", "tensorflow", "keras", "jax", "pytorch-lightning"],
        "`scikit-learn` has small neural networks (`MLPClassifier`, `MLPRegressor`)",
    ),
    (
        &["xgboost", "lightgbm", "catboost"],
        "`scikit-learn` has gradient boosting (`HistGradientBoostingClassifier`)",
    ),
    (
        &["polars", "dask", "modin", "vaex", "pyspark"],
        "`pandas` with `pyarrow` reads large files in chunks",
    ),
    (
        &["duckdb"],
        "`sqlite3` is part of Python, `pandas` groups and joins",
    ),
    (
        &[
            "requests",
            "httpx",
            "aiohttp",
            "urllib3",
            "beautifulsoup4",
            "scrapy",
            "selenium",
            "playwright",
            "yfinance",
        ],
        "the sandbox has no internet: save the data as a file and `%attach` it",
    ),
    (
        &[
            "boto3",
            "sqlalchemy",
            "psycopg2",
            "psycopg",
            "pymysql",
            "pymongo",
            "redis",
            "google-cloud-storage",
            "snowflake-connector-python",
        ],
        "the sandbox reaches no server: export the data to a file and `%attach` it",
    ),
    (
        &[
            "nltk",
            "spacy",
            "gensim",
            "transformers",
            "sentence-transformers",
            "textblob",
        ],
        "`scikit-learn` counts and weighs words (`TfidfVectorizer`); language itself Claude can read",
    ),
    (
        &["opencv-python", "scikit-image", "imageio"],
        "`pillow` and `scipy.ndimage` work on images",
    ),
    (
        &["geopandas", "shapely", "folium", "cartopy"],
        "`matplotlib` draws coordinates as they are",
    ),
    (
        &["prophet", "pmdarima"],
        "`statsmodels` forecasts (`SARIMAX`, `ExponentialSmoothing`)",
    ),
    (
        &["pingouin"],
        "`scipy.stats` and `statsmodels` have the tests",
    ),
    (
        &["shap", "lime"],
        "`scikit-learn` has `permutation_importance`",
    ),
    (
        &["networkx", "igraph"],
        "`scipy.sparse.csgraph` has paths and components",
    ),
    (&["pymupdf", "pypdf2"], "`pypdf` and `pdfplumber` read PDFs"),
    (
        &["numba", "cython", "cupy"],
        "`numpy` computes on whole arrays; there is no GPU",
    ),
    (
        &["pyyaml", "toml", "tomli"],
        "`json` and `tomllib` are part of Python",
    ),
    (&["faker"], "`numpy.random` makes test data"),
    (
        &["tabulate", "rich", "prettytable"],
        "`DataFrame.to_string` and `to_markdown` print tables",
    ),
];

/// Names compare in lower case, with `-` for `_` and `.`.
pub(crate) fn normal(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

/// The name a package is installed under, for one it is imported as.
pub(crate) fn canonical(name: &str) -> String {
    let first = name.trim().split('.').next().unwrap_or_default();
    let name = normal(first);
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == name);
    other.map_or(name, |(_, package)| (*package).to_owned())
}

/// Is a package of this name documented?
pub(crate) fn is_documented(name: &str) -> bool {
    GROUPS.iter().any(|(_, names)| names.contains(&name))
}

/// Returns what serves instead of a package the sandbox lacks, as a clause.
#[must_use]
pub fn instead(name: &str) -> Option<&'static str> {
    let name = canonical(name);
    let mut found = INSTEAD.iter();
    found
        .find(|(names, _)| names.contains(&name.as_str()))
        .map(|(_, clause)| *clause)
}
