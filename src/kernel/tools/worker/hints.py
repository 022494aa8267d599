# Type hints of a function -> JSON Schema for Claude, and Claude's arguments -> Python values.
#
# Part of the worker program (see program.py). Needs nothing beyond the standard library of
# Python 3.8, because it runs in whatever interpreter the person has chosen.
import collections.abc
import dataclasses
import datetime
import enum
import inspect
import json
import pathlib
import re
import textwrap
import types
import typing

# Nested hints deeper than this are most likely recursive, which a schema cannot say.
MAX_DEPTH = 12


class Mistake(Exception):
    """Something in a tool's definition or in its arguments, told as a sentence."""


PLAIN = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.time: {"type": "string", "format": "time"},
    list: {"type": "array"},
    tuple: {"type": "array"},
    set: {"type": "array", "uniqueItems": True},
    dict: {"type": "object"},
}
WORDS = {
    str: "a string", int: "a whole number", float: "a number", bool: "true or false",
    list: "a list", dict: "an object", type(None): "null",
}
LISTS = (list, set, frozenset, collections.abc.Sequence, collections.abc.Iterable,
         collections.abc.Collection, collections.abc.Set)
MAPS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))


def hints_of(thing):
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except TypeError:  # Python 3.8
        return typing.get_type_hints(thing)


def plain_value(value):
    """The JSON form of a default or an enum's value; Mistake if it has none."""
    if isinstance(value, enum.Enum):
        return plain_value(value.value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, pathlib.PurePath):
        return str(value)
    if isinstance(value, (tuple, set, frozenset)):
        return [plain_value(item) for item in value]
    json.dumps(value, allow_nan=False)
    return value


def schema_of(hint, depth=0):
    """The JSON Schema of a type hint."""
    if depth > MAX_DEPTH:
        raise Mistake("its types are nested too deeply, or contain themselves")
    deeper = depth + 1
    if hint is None:
        hint = type(None)
    if hint is typing.Any or hint is object or isinstance(hint, typing.TypeVar):
        return {}
    if isinstance(hint, typing.ForwardRef) or isinstance(hint, str):
        raise Mistake("the type `%s` is not known where the function is defined" % (
            getattr(hint, "__forward_arg__", hint)))
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hasattr(hint, "__metadata__"):  # Annotated
        schema = dict(schema_of(hint.__origin__, deeper))
        for note in hint.__metadata__:
            note = note if isinstance(note, str) else getattr(note, "description", None)
            if isinstance(note, str):
                schema["description"] = note
        return schema
    if origin is typing.Literal:
        values = [plain_value(value) for value in arguments]
        kinds = {type(value) for value in values}
        schema = dict(PLAIN[kinds.pop()]) if len(kinds) == 1 and kinds <= set(PLAIN) else {}
        schema["enum"] = values
        return schema
    if origin in UNIONS:
        options = [schema_of(option, deeper) for option in arguments]
        return {"anyOf": options} if {} not in options else {}
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        same = schema_of(arguments[0], deeper)
        if any(schema_of(item, deeper) != same for item in arguments):
            same = {"anyOf": [schema_of(item, deeper) for item in arguments]}
        return {"type": "array", "items": same,
                "minItems": len(arguments), "maxItems": len(arguments)}
    if origin in LISTS or origin is tuple:
        schema = {"type": "array"}
        if arguments:
            schema["items"] = schema_of(arguments[0], deeper)
        return schema
    if origin in MAPS:
        schema = {"type": "object"}
        if len(arguments) == 2:
            schema["additionalProperties"] = schema_of(arguments[1], deeper)
        return schema
    if hint in LISTS:
        return {"type": "array"}
    if hint in MAPS:
        return {"type": "object"}
    if isinstance(hint, type):
        if issubclass(hint, enum.Enum):
            return schema_of(typing.Literal[tuple(member.value for member in hint)], deeper)
        if hasattr(hint, "model_json_schema"):  # pydantic, without importing it
            return hint.model_json_schema()
        if dataclasses.is_dataclass(hint):
            known = hints_of(hint)
            fields = [field for field in dataclasses.fields(hint) if field.init]
            required = [field.name for field in fields
                        if field.default is dataclasses.MISSING
                        and field.default_factory is dataclasses.MISSING]
            return record({field.name: schema_of(known[field.name], deeper)
                           for field in fields}, required)
        if hasattr(hint, "__total__") and hasattr(hint, "__annotations__"):  # TypedDict
            required = getattr(hint, "__required_keys__", None)
            if required is None:
                required = hint.__annotations__ if hint.__total__ else ()
            known = hints_of(hint)
            return record({key: schema_of(of, deeper) for key, of in known.items()},
                          [key for key in known if key in required])
        if hint in PLAIN:
            return dict(PLAIN[hint])
        if issubclass(hint, pathlib.PurePath):
            return {"type": "string"}
    if getattr(hint, "__supertype__", None) is not None:  # NewType
        return schema_of(hint.__supertype__, deeper)
    if origin is not None and getattr(origin, "__name__", "") in ("Required", "NotRequired"):
        return schema_of(arguments[0], deeper)
    raise Mistake(
        "the type `%s` cannot be sent by Claude: use str, int, float, bool, list, dict, Literal, "
        "a dataclass or a TypedDict" % getattr(hint, "__name__", hint))


def record(properties, required):
    return {"type": "object", "properties": properties, "required": list(required),
            "additionalProperties": False}


def convert(value, hint, place):
    """Makes the Python value a hint asks for out of JSON; Mistake says what does not fit."""
    if hint is None:
        hint = type(None)
    if hasattr(hint, "__metadata__"):
        return convert(value, hint.__origin__, place)
    if getattr(hint, "__supertype__", None) is not None:
        return convert(value, hint.__supertype__, place)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        if not any(value == plain_value(option) for option in arguments):
            raise Mistake("`%s` must be one of %s, not %s" % (
                place, ", ".join(json.dumps(plain_value(o)) for o in arguments), short(value)))
        return value
    if origin in UNIONS:
        if type(None) in arguments and value is None:
            return None
        problems = []
        for option in arguments:
            try:
                return convert(value, option, place)
            except Mistake as problem:
                problems.append(str(problem))
        raise Mistake(problems[-1] if len(problems) < 3 else "`%s` fits none of its types" % place)
    if origin in LISTS or hint in LISTS or origin is tuple or hint is tuple:
        expect(value, list, place)
        items = list(value)
        if origin is tuple and arguments and arguments[-1] is not Ellipsis:
            if len(arguments) != len(items):
                raise Mistake("`%s` must have %d items, not %d" % (place, len(arguments), len(items)))
            return tuple(convert(item, of, "%s[%d]" % (place, i))
                         for i, (item, of) in enumerate(zip(items, arguments)))
        if arguments:
            items = [convert(item, arguments[0], "%s[%d]" % (place, i))
                     for i, item in enumerate(items)]
        kind = origin or hint
        return kind(items) if kind in (tuple, set, frozenset) else items
    if origin in MAPS or hint in MAPS:
        expect(value, dict, place)
        if len(arguments) == 2:
            return {convert_key(key, arguments[0], place):
                    convert(item, arguments[1], "%s.%s" % (place, key))
                    for key, item in value.items()}
        return value
    if not isinstance(hint, type):
        return value
    if issubclass(hint, enum.Enum):
        for member in hint:
            if plain_value(member.value) == value:
                return member
        raise Mistake("`%s` must be one of %s, not %s" % (
            place, ", ".join(json.dumps(plain_value(m.value)) for m in hint), short(value)))
    if hasattr(hint, "model_validate"):
        try:
            return hint.model_validate(value)
        except Exception as problem:
            raise Mistake("`%s`: %s" % (place, problem))
    if dataclasses.is_dataclass(hint):
        expect(value, dict, place)
        known = hints_of(hint)
        unknown = [key for key in value if key not in known]
        if unknown:
            raise Mistake("`%s` has no field `%s`" % (place, unknown[0]))
        fields = {key: convert(item, known[key], "%s.%s" % (place, key))
                  for key, item in value.items()}
        try:
            return hint(**fields)
        except TypeError as problem:
            raise Mistake("`%s`: %s" % (place, problem))
    if hasattr(hint, "__total__") and hasattr(hint, "__annotations__"):
        expect(value, dict, place)
        known = hints_of(hint)
        return {key: convert(item, known[key], "%s.%s" % (place, key)) if key in known else item
                for key, item in value.items()}
    if hint in (datetime.date, datetime.datetime, datetime.time):
        expect(value, str, place)
        try:
            # Python before 3.11 does not know the Z.
            return hint.fromisoformat(re.sub("[zZ]$", "+00:00", value))
        except ValueError:
            raise Mistake("`%s` must be a %s such as %s, not %s" % (
                place, hint.__name__, {"date": "2026-01-31", "time": "13:45:00"}.get(
                    hint.__name__, "2026-01-31T13:45:00"), short(value)))
    if issubclass(hint, pathlib.PurePath):
        expect(value, str, place)
        return hint(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if hint in WORDS:
        expect(value, hint, place)
    return value


def convert_key(key, hint, place):
    if hint in (int, float):
        try:
            return hint(key)
        except ValueError:
            raise Mistake("the keys of `%s` must be numbers, not %s" % (place, short(key)))
    return key


def expect(value, kind, place):
    fits = isinstance(value, kind) and not (kind is not bool and isinstance(value, bool))
    if not fits:
        raise Mistake("`%s` must be %s, not %s" % (place, WORDS[kind], short(value)))


def short(value):
    return textwrap.shorten(json.dumps(value, ensure_ascii=False), 60, placeholder=" ...")


# What opens a section that describes parameters, and what opens another one.
SECTION = re.compile(r"^(Args|Arguments|Parameters|Params|Returns?|Raises|Yields|Examples?|Notes?|"
                     r"See Also|References|Warnings?|Attributes|Other Parameters):?\s*$")
PARAMETERS = ("Args", "Arguments", "Parameters", "Params", "Other Parameters")


def read_docstring(function, names):
    """The description without its parameters, and a description for each parameter."""
    text = inspect.cleandoc(function.__doc__ or "")
    kept, found, current, inside, indent = [], {}, None, False, 0
    lines = text.split("\n")
    skip = False
    for i, line in enumerate(lines):
        if skip:
            skip = False
            continue
        heading = SECTION.match(line)
        underlined = i + 1 < len(lines) and re.match(r"^-{3,}\s*$", lines[i + 1])
        if heading and (line.rstrip().endswith(":") or underlined):
            inside, current = heading.group(1) in PARAMETERS, None
            skip = bool(underlined)
            if not inside:
                kept.append(line)
            continue
        sphinx = re.match(r"^:(?:param|parameter|arg)\s+(?:[^:]*\s)?\*{0,2}(\w+):\s*(.*)$", line)
        if sphinx:
            current, indent = sphinx.group(1), 0
            found[current] = [sphinx.group(2)]
            continue
        if re.match(r"^:(type|rtype|return|returns|raises)\b", line):
            current = None
            if not line.startswith(":type"):
                kept.append(line)
            continue
        if inside:
            entry = re.match(r"^(\s*)\*{0,2}(\w+)\s*(?:\(([^)]*)\))?\s*:\s*(.*)$", line)
            if entry and entry.group(2) in names:
                numpy = not entry.group(1)
                current, indent = entry.group(2), len(entry.group(1))
                # NumPy's form has the type after the colon, and the description below.
                found[current] = [] if numpy else [entry.group(4)]
                continue
            if current is not None or not line.strip():
                if current is not None and line.strip():
                    found[current].append(line.strip())
                continue
            if line.strip() in names:
                current = line.strip()
                found[current] = []
                continue
            inside = False
        elif current is not None and line.startswith(" ") and line.strip():
            found[current].append(line.strip())
            continue
        current = None
        kept.append(line)
    described = {name: " ".join(part for part in parts if part).strip()
                 for name, parts in found.items() if name in names}
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip(), described


def describe(function, name):
    """What Claude is told of a function, and what the person should hear about it."""
    if not re.match(r"^[a-zA-Z0-9_-]{1,64}$", name):
        raise Mistake("the name may have only letters a-z, digits and `_`, at most 64")
    try:
        hints = hints_of(function)
    except NameError as problem:
        raise Mistake("a type hint cannot be read: %s" % problem)
    signature = inspect.signature(function)
    names = set(signature.parameters)
    description, notes = read_docstring(function, names)
    properties, required, untyped, extra = {}, [], [], False
    for parameter in signature.parameters.values():
        if not re.match(r"^[a-zA-Z0-9_.-]{1,64}$", parameter.name):
            raise Mistake("the API takes only letters a-z, digits and `_` in a parameter's name, at most 64: "
                          "rename `%s`" % parameter.name)
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise Mistake("Claude passes arguments by name, so `*%s` cannot be a parameter: "
                          "write `%s: list`" % (parameter.name, parameter.name))
        if parameter.kind is parameter.VAR_KEYWORD:
            extra = True
            continue
        has_default = parameter.default is not parameter.empty
        if parameter.name in hints:
            try:
                schema = schema_of(hints[parameter.name])
            except Mistake as problem:
                raise Mistake("parameter `%s`: %s" % (parameter.name, problem))
        elif has_default and type(parameter.default) in PLAIN and parameter.default is not None:
            schema = dict(PLAIN[type(parameter.default)])
        else:
            schema = {}
            untyped.append(parameter.name)
        if notes.get(parameter.name):
            schema.setdefault("description", notes[parameter.name])
        if has_default:
            try:
                schema["default"] = plain_value(parameter.default)
            except (TypeError, ValueError):
                pass
        else:
            required.append(parameter.name)
        properties[parameter.name] = schema
    schema = record(properties, required)
    schema["additionalProperties"] = extra
    hoisted = hoist(schema)
    warnings = []
    if untyped:
        warnings.append("`%s` has no type for %s, so Claude may send anything: write `%s: str`, "
                        "or the type it is" % (
                            name, ", ".join("`%s`" % one for one in untyped), untyped[0]))
    if not description:
        warnings.append("`%s` has no docstring: Claude knows only its name. Say in one sentence "
                        "what it does and what it returns" % name)
    returns = hints.get("return")
    if returns is not None and "eturn" not in description:
        description = (description + "\n\nReturns: %s" % readable(returns)).strip()
    return {"name": name, "description": description, "input_schema": hoisted,
            "warnings": warnings, "parameters": list(properties)}


def hoist(schema):
    """Brings nested definitions to the root, where their references look for them."""
    shared = {}

    def walk(node):
        if isinstance(node, dict):
            node = dict(node)
            shared.update(node.pop("$defs", {}) if isinstance(node.get("$defs"), dict) else {})
            return {key: walk(value) for key, value in node.items()}
        return [walk(item) for item in node] if isinstance(node, list) else node

    whole = walk(schema)
    if shared:
        whole["$defs"] = {key: walk(value) for key, value in shared.items()}
    return whole


def readable(hint):
    name = getattr(hint, "__name__", None)
    if typing.get_args(hint) or name is None:
        return re.sub(r"\b(typing|__main__|builtins)\.", "", str(hint))
    return name


def bind(function, arguments):
    """Turns Claude's arguments into a call."""
    signature, hints = inspect.signature(function), hints_of(function)
    if not isinstance(arguments, dict):
        raise Mistake("the arguments must be an object")
    known = {parameter.name: parameter for parameter in signature.parameters.values()}
    extra = any(p.kind is p.VAR_KEYWORD for p in known.values())
    for name in arguments:
        if not extra and (name not in known or known[name].kind is known[name].VAR_KEYWORD):
            raise Mistake("there is no parameter `%s`; the function takes %s" % (name, signature))
    positional, named = [], {}
    for name, parameter in known.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            continue
        if name not in arguments:
            if parameter.default is parameter.empty:
                raise Mistake("`%s` is missing; the function takes %s" % (name, signature))
            continue
        value = arguments[name]
        if name in hints:
            value = convert(value, hints[name], name)
        if parameter.kind is parameter.POSITIONAL_ONLY:
            positional.append(value)
        else:
            named[name] = value
    named.update((name, value) for name, value in arguments.items() if name not in known)
    return positional, named
