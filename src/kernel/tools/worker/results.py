# What a function returned -> content blocks for Claude: text, JSON, tables, images, files.
#
# Part of the worker program (see program.py). Libraries are recognised, never imported: whoever
# returned a data frame has imported pandas.
import base64
import decimal
import io
import mimetypes
import os
import sys

# What one result may put into the conversation: about 15,000 tokens.
MAX_TEXT = 50_000
# What one result may carry into the sandbox, where it costs no tokens.
MAX_SANDBOX_TEXT = 5_000_000
# The API takes images up to 10 MB in base64.
MAX_IMAGE_BYTES = 7_500_000
# A request takes 32 MB; a PDF in it grows by a third, and the conversation needs room too.
MAX_PDF_BYTES = 15_000_000
# Items taken from a generator.
MAX_ITEMS = 10_000

IMAGES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"),
          (b"GIF8", "image/gif"))


def blocks_of(value, direct, printed):
    """The content of a tool result. `direct` is false when the sandbox asked: text only there."""
    limit = MAX_TEXT if direct else MAX_SANDBOX_TEXT
    if value is None:
        words = printed.strip()
        text = cut(words, limit) if words else "The function returned nothing; it ran without an error."
        return [{"type": "text", "text": text}]
    if isinstance(value, (list, tuple)) and any(is_image(item) for item in value):
        found, figures = [], []
        for item in value:
            figure = figure_of(item)
            # `return figure, axes` means one picture.
            if figure is not None and any(figure is other for other in figures):
                continue
            figures.append(figure)
            found.extend(blocks_of(item, direct, ""))
        return found
    image = image_of(value)
    if image is not None:
        media_type, data = image
        if not direct:
            return [{"type": "text", "text": "(An image, %s, %d bytes: it can be shown only when "
                     "the tool is called directly, not from the sandbox.)" % (media_type, len(data))}]
        if len(data) > MAX_IMAGE_BYTES:
            return [{"type": "text", "text": "(An image of %.1f MB: more than the API takes. Save "
                     "it smaller, for example with a lower dpi.)" % (len(data) / 1e6)}]
        encoded = base64.b64encode(data).decode("ascii")
        return [{"type": "image",
                 "source": {"type": "base64", "media_type": media_type, "data": encoded}}]
    if isinstance(value, pathlib.PurePath):
        return file_blocks(pathlib.Path(value), direct, limit)
    if isinstance(value, (bytes, bytearray)):
        data = bytes(value)
        if data[:5] == b"%PDF-" and direct and len(data) <= MAX_PDF_BYTES:
            return [pdf_block(data)]
        try:
            return [said(data.decode("utf-8"), limit, "(no bytes)")]
        except UnicodeDecodeError:
            return [{"type": "text", "text": "(%d bytes that are neither text nor an image.)" % len(data)}]
    table = table_of(value, direct, limit)
    if table is not None:
        return [{"type": "text", "text": table}]
    if isinstance(value, str):
        return [said(value, limit)]
    return [{"type": "text", "text": cut(to_json(value), limit)}]


def said(text, limit, instead="(an empty text)"):
    """A text as it is; the API takes none that is empty or blank."""
    return {"type": "text", "text": cut(text, limit) if text.strip() else instead}


def cut(text, limit):
    if len(text) <= limit:
        return text
    return "%s\n(cut here: %d of %d characters shown; ask for less)" % (text[:limit], limit, len(text))


def kind_of(value):
    """(package, class) of a value and of its bases, to recognise it without an import."""
    return [((base.__module__ or "").split(".")[0], base.__name__) for base in type(value).__mro__]


def figure_of(value):
    """The figure of matplotlib that a value is, or belongs to as its axes."""
    kinds = kind_of(value)
    if ("matplotlib", "Figure") in kinds:
        return value
    return getattr(value, "figure", None) if ("matplotlib", "Axes") in kinds else None


def is_image(value):
    if figure_of(value) is not None or ("PIL", "Image") in kind_of(value):
        return True
    return isinstance(value, (bytes, bytearray)) and image_of(value) is not None


def image_of(value):
    """(media type, bytes) of whatever is an image."""
    kinds = kind_of(value)
    figure = figure_of(value)
    if figure is not None:
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", bbox_inches="tight")
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            pyplot.close(figure)
        return "image/png", buffer.getvalue()
    if ("PIL", "Image") in kinds:
        buffer = io.BytesIO()
        whole = value if value.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else value.convert("RGB")
        whole.save(buffer, format="PNG")
        return "image/png", buffer.getvalue()
    if isinstance(value, (bytes, bytearray)):
        data = bytes(value)
        for start, media_type in IMAGES:
            if data.startswith(start):
                return media_type, data
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return "image/webp", data
    return None


def pdf_block(data):
    encoded = base64.b64encode(data).decode("ascii")
    return {"type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": encoded}}


def file_blocks(path, direct, limit):
    """A returned path stands for the file it names."""
    try:
        size = path.stat().st_size
    except OSError as problem:
        return [{"type": "text", "text": "%s (%s)" % (path, problem.strerror or problem)}]
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir())
        return [{"type": "text", "text": cut("Directory %s:\n%s" % (path, "\n".join(names)), limit)}]
    guessed = mimetypes.guess_type(path.name)[0] or "unknown type"
    if size > 30_000_000 or not path.is_file():
        return [{"type": "text", "text": "File %s (%d bytes, %s), too large to show." % (path, size, guessed)}]
    data = path.read_bytes()
    name = {"type": "text", "text": "File %s (%d bytes)" % (path, size)}
    if direct and image_of(data):
        return [name] + blocks_of(data, direct, "")
    if direct and data[:5] == b"%PDF-" and size <= MAX_PDF_BYTES:
        return [name, pdf_block(data)]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return [{"type": "text", "text": "File %s (%d bytes, %s)." % (path, size, guessed)}]
    return [said("File %s:\n%s" % (path, text) if direct else text, limit)]


def table_of(value, direct, limit):
    """A data frame as CSV: the compact form that every model and every `read_csv` reads."""
    kinds = kind_of(value)
    if ("pandas", "Series") in kinds:
        value, kinds = value.to_frame(name=value.name if value.name is not None else "value"), [("pandas", "DataFrame")]
    elif ("pyarrow", "Table") in kinds:
        value, kinds = value.to_pandas(), [("pandas", "DataFrame")]
    elif ("polars", "Series") in kinds:
        value, kinds = value.to_frame(), [("polars", "DataFrame")]
    if ("pandas", "DataFrame") in kinds:
        plain_index = type(value.index).__name__ == "RangeIndex" and value.index.name is None
        csv = value.to_csv(index=not plain_index, float_format=None, lineterminator="\n") \
            if "lineterminator" in inspect.signature(value.to_csv).parameters \
            else value.to_csv(index=not plain_index)
        shape = value.shape
    elif ("polars", "DataFrame") in kinds:
        csv, shape = value.write_csv(), value.shape
    else:
        return None
    head = "%d row%s x %d column%s, CSV" % (
        shape[0], "" if shape[0] == 1 else "s", shape[1], "" if shape[1] == 1 else "s")
    lines = csv.splitlines(True)
    shown, length = [], 0
    for line in lines:
        length += len(line)
        if length > limit:
            break
        shown.append(line)
    if not direct and len(shown) == len(lines):
        return csv
    left = len(lines) - len(shown)
    note = "" if not left else (
        "\n(%d more rows are not shown: aggregate or filter in the tool, or call it from the "
        "sandbox's Python, which gets up to 5 MB)" % left)
    body = "".join(shown).rstrip("\n")
    return "%s:\n%s%s" % (head, body, note) if direct else body + note


def to_json(value):
    try:
        return json.dumps(jsonable(value, 0), ensure_ascii=False, separators=(", ", ": "))
    except (TypeError, ValueError):
        return str(value)


def jsonable(value, depth):
    if depth > 40:
        return str(value)
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, enum.Enum):
        return jsonable(value.value, depth + 1)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        # NaN and Infinity are no JSON, but no number either; `null` would say that nothing was there.
        return float(value)
    if isinstance(value, dict):
        return {str(key): jsonable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item, depth + 1) for item in value]
    if isinstance(value, (set, frozenset)):
        items = [jsonable(item, depth + 1) for item in value]
        return sorted(items, key=repr)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name), depth + 1)
                for field in dataclasses.fields(value)}
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if hasattr(value, "model_dump"):
        return jsonable(value.model_dump(), depth + 1)
    kinds = kind_of(value)
    if ("numpy", "ndarray") in kinds:
        return jsonable(value.tolist(), depth + 1)
    if ("numpy", "generic") in kinds:
        return jsonable(value.item(), depth + 1)
    if any(package in ("pandas", "polars") and name in ("DataFrame", "Series") for package, name in kinds):
        return jsonable(value.to_dict(orient="records") if hasattr(value, "columns") and kinds[0][0] == "pandas"
                        else value.to_dict() if kinds[0][0] == "pandas" else value.to_dicts(), depth + 1)
    if isinstance(value, collections.abc.Iterator):
        items = []
        for item in value:
            if len(items) == MAX_ITEMS:
                items.append("(more than %d items: the rest was not asked for)" % MAX_ITEMS)
                break
            items.append(jsonable(item, depth + 1))
        return items
    if isinstance(value, collections.abc.Mapping):
        return {str(key): jsonable(item, depth + 1) for key, item in value.items()}
    return str(value)
