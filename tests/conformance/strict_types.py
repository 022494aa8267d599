"""Checks a request body against the official SDK's parameter types: no key it does not declare, none missing."""

import functools
import types
import typing

import anthropic.types
import anthropic.types.beta
import pydantic
import typing_extensions

COUNTED = anthropic.types.MessageCountTokensParams
CREATED = anthropic.types.message_create_params.MessageCreateParamsStreaming
BETA_COUNTED = anthropic.types.beta.message_count_tokens_params.MessageCountTokensParams
BETA_CREATED = anthropic.types.beta.message_create_params.MessageCreateParamsStreaming


def mismatch(kind, value, path=""):
    """Returns the first place where a value is not of a type, or None."""
    origin = typing_extensions.get_origin(kind)
    inner = typing_extensions.get_args(kind)
    if origin in (typing_extensions.Required, typing_extensions.NotRequired, typing.Annotated):
        return mismatch(inner[0], value, path)
    if kind in (typing.Any, object):
        return None
    if kind in (None, type(None)):
        return None if value is None else f"{path}: not null"
    if origin is typing.Literal:
        return None if value in inner else f"{path}: {value!r} is none of {inner}"
    if origin in (typing.Union, types.UnionType):
        return of_union(inner, value, path)
    if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
        fields = {name: field.annotation for name, field in kind.model_fields.items()}
        required = {name for name, field in kind.model_fields.items() if field.is_required()}
        return of_fields(fields, required, value, path)
    if typing_extensions.is_typeddict(kind):
        return of_fields(hints(kind), kind.__required_keys__, value, path)
    if origin is dict or kind is dict:
        return None if isinstance(value, dict) else f"{path}: not an object"
    if origin is not None and issubclass(origin, typing.Iterable):
        if not isinstance(value, list):
            return f"{path}: not a list"
        found = (mismatch(inner[0], item, f"{path}[{i}]") for i, item in enumerate(value))
        return next(filter(None, found), None)
    simple = {str: str, bool: bool, int: int, float: (int, float)}.get(kind)
    if simple is None:
        return f"{path}: this check does not know {kind}"
    good = isinstance(value, simple) and (kind is bool or not isinstance(value, bool))
    return None if good else f"{path}: {value!r} is no {kind.__name__}"


@functools.cache
def hints(kind):
    return typing_extensions.get_type_hints(kind, include_extras=True)


def of_fields(fields, required, value, path):
    if not isinstance(value, dict):
        return f"{path}: not an object"
    if unknown := value.keys() - fields.keys():
        return f"{path}: unknown {sorted(unknown)}"
    if missing := required - value.keys():
        return f"{path}: missing {sorted(missing)}"
    found = (mismatch(fields[name], inner, f"{path}.{name}") for name, inner in value.items())
    return next(filter(None, found), None)


def of_union(kinds, value, path):
    found = [mismatch(kind, value, path) for kind in kinds]
    if None in found:
        return None
    # The complaint that got furthest is the one that means something.
    return max(found, key=lambda complaint: len(complaint.split(":")[0]))
