//! The packages that code imports, and the versions that steps told of them. Pure.

use std::sync::LazyLock;

use regex::Regex;

/// The most versions that are read of what a step printed.
const MAX_VERSIONS: usize = 2_000;

/// The versions that a text tells: `numpy==2.4.6`, `numpy 2.4.6`, `pandas: 3.0`.
pub(super) fn versions(text: &str) -> Vec<(String, String)> {
    static TOLD: LazyLock<Option<Regex>> = LazyLock::new(|| {
        // Where no sign says that it is a version, it has three parts.
        let told = r"([A-Za-z][A-Za-z0-9_.-]*?)(?:==(\d+(?:\.\d+)+)|[ \t:]+v?(\d+\.\d+\.\d+))(?:[\s,;)]|$)";
        Regex::new(told).ok()
    });
    let told = TOLD.as_ref().into_iter();
    let found = told.flat_map(|told| told.captures_iter(text));
    let found = found.filter_map(|found| {
        Some((
            found.get(1)?.as_str(),
            found.get(2).or(found.get(3))?.as_str(),
        ))
    });
    let found = found.take(MAX_VERSIONS);
    found
        .map(|(name, version)| {
            let known = INSTALLED_AS.iter().find(|(module, _)| *module == name);
            let name = known.map_or(name, |(_, package)| package);
            (name.to_lowercase(), version.to_owned())
        })
        .collect()
}

/// Modules of Python's standard library that analyses import.
const STANDARD: &[&str] = &[
    "__future__",
    "abc",
    "argparse",
    "ast",
    "asyncio",
    "base64",
    "bisect",
    "calendar",
    "collections",
    "concurrent",
    "contextlib",
    "copy",
    "csv",
    "ctypes",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "email",
    "enum",
    "fractions",
    "functools",
    "gc",
    "getpass",
    "glob",
    "gzip",
    "hashlib",
    "heapq",
    "hmac",
    "html",
    "http",
    "importlib",
    "inspect",
    "io",
    "itertools",
    "json",
    "locale",
    "logging",
    "lzma",
    "math",
    "mimetypes",
    "multiprocessing",
    "numbers",
    "operator",
    "os",
    "pathlib",
    "pickle",
    "platform",
    "pprint",
    "queue",
    "random",
    "re",
    "resource",
    "runpy",
    "secrets",
    "select",
    "shelve",
    "shlex",
    "shutil",
    "signal",
    "site",
    "socket",
    "sqlite3",
    "ssl",
    "stat",
    "statistics",
    "string",
    "struct",
    "subprocess",
    "sys",
    "sysconfig",
    "tarfile",
    "tempfile",
    "textwrap",
    "threading",
    "time",
    "timeit",
    "tokenize",
    "traceback",
    "types",
    "typing",
    "unicodedata",
    "unittest",
    "urllib",
    "uuid",
    "warnings",
    "weakref",
    "xml",
    "zipfile",
    "zlib",
    "zoneinfo",
];

/// Names under which packages are installed, where that is not the name of the module.
const INSTALLED_AS: &[(&str, &str)] = &[
    ("sklearn", "scikit-learn"),
    ("PIL", "pillow"),
    ("docx", "python-docx"),
    ("pptx", "python-pptx"),
    ("dateutil", "python-dateutil"),
    ("cv2", "opencv-python"),
    ("bs4", "beautifulsoup4"),
    ("skimage", "scikit-image"),
    ("yaml", "pyyaml"),
];

/// The packages that Python code imports, beside the standard library.
pub(super) fn packages(code: &str) -> Vec<String> {
    let modules = code.lines().flat_map(|line| {
        let line = line.trim_start();
        let names = match (line.strip_prefix("import "), line.strip_prefix("from ")) {
            (Some(names), _) => names.split(',').collect::<Vec<_>>(),
            (None, Some(rest)) if rest.contains(" import ") => vec![rest],
            _ => Vec::new(),
        };
        let modules = names.into_iter().filter_map(|name| {
            let name = name.trim_start();
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            name.get(..end.unwrap_or(name.len())).map(str::to_owned)
        });
        modules.collect::<Vec<_>>()
    });
    let foreign =
        modules.filter(|module| !module.is_empty() && !STANDARD.contains(&module.as_str()));
    foreign
        .map(|module| {
            let mut known = INSTALLED_AS.iter();
            let known = known.find(|(name, _)| *name == module);
            known.map_or(module.clone(), |(_, package)| (*package).to_owned())
        })
        .collect()
}
