"""Reading of YAML documents into models; every fault becomes one `InputError`."""

import difflib
import math
from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from spec.errors import InputError
from spec.formats import FORMATS
from spec.reading import read_yaml

T = TypeVar("T")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the mend for a misspelt name: the nearest known one, or what there is to choose from."""
    candidates = sorted(known)
    folded = {candidate.casefold(): candidate for candidate in candidates}
    near = difflib.get_close_matches(word.casefold(), folded, n=1)
    if near:
        return f"did you mean {folded[near[0]]}?"
    if not candidates:
        return "none is defined"
    shown = ", ".join(candidates[:12])
    return f"use one of {shown}{', ...' if len(candidates) > 12 else ''}"


def find(name_or_path: str | Path, folder: Path, kind: str) -> Path:
    """Find a YAML file by its path, or by name among the bundled ones; InputError if there is none."""
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        return path
    bundled = {found.stem: found for found in folder.glob("*.yaml")}
    if str(name_or_path) in bundled:
        return bundled[str(name_or_path)]
    mend = did_you_mean(str(name_or_path), bundled)
    raise InputError(kind, str(name_or_path), "is not a bundled profile and not a .yaml file", mend)


def validate(shape: type[T], data: object, path: Path) -> T:
    """Turn a document into a model or a mapping of models; its first fault becomes an InputError."""
    if data is None or data in ({}, (), ""):
        raise InputError(path, "document", "is empty", "write its entries")
    adapter = TypeAdapter(shape)
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        details = min(error.errors(include_url=False), key=_rank)
        key, fault, mend = _explain(shape, data, details)
        raise InputError(path, key, fault, mend) from error


def load(shape: type[T], path: Path) -> T:
    """Read and validate one document."""
    return validate(shape, read_yaml(path), path)


def _rank(details: ErrorDetails) -> int:
    """Put a misspelt key before the field that is missing because of it."""
    return 0 if details["type"] == "extra_forbidden" else 1


def key_path(location: Iterable[int | str], data: object) -> str:
    """Write the path to a value; entries of a list that have an id go by it: `clauses[PKTC-A].purposes`."""
    path = ""
    value: Any = data
    for part in location:
        if isinstance(part, int):
            value = value[part] if isinstance(value, tuple | list) and part < len(value) else None
            named = isinstance(value, dict) and (value.get("id") or value.get("name"))
            path += f"[{named if isinstance(named, str) else part}]"
        else:
            value = value.get(part) if isinstance(value, dict) else None
            path += f".{part}" if path else part
    return path or "document"


def _explain(  # noqa: C901, PLR0911 - one line a kind of fault
    shape: Any,  # noqa: ANN401
    data: object,
    details: ErrorDetails,
) -> tuple[str, str, str]:
    location = _real_location(details["loc"], data)
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    key = key_path(location, data)
    match kind:
        case "extra_forbidden":
            return key, "is not a known key", did_you_mean(str(location[-1]), _keys_at(shape, location[:-1]))
        case "missing":
            return key, "is missing", "add it"
        case "literal_error":
            choices = [part.strip(" '") for part in context["expected"].replace(" or ", ", ").split(",")]
            return key, f"is {_show(value)}", did_you_mean(str(value), choices)
        case "string_type" if isinstance(value, bool | int | float):
            return key, f"is {_show(value)}, not a word", "put it in quotes as it is meant"
        case "fault":
            return key, context["fault"], context["mend"]
        case "string_pattern_mismatch" if context["pattern"] in FORMATS:
            return key, f"is {_show(value)}", f"write {FORMATS[context['pattern']]}"
        case "string_pattern_mismatch":
            return key, f"is {_show(value)}", f"write it to match {context['pattern']}"
        case "string_too_short" | "too_short":
            return key, "is empty", "fill it in"
        case "value_error":
            return key, f"is inconsistent ({context['error']})", "correct it"
        case "tuple_type":
            return key, f"is {_show(value)}", "write a list"
        case "dict_type" | "model_type" | "model_attributes_type":
            return key, f"is {_show(value)}", "write a mapping of keys to values"
    message = details["msg"]
    return key, f"is {_show(value)}", f"note that {message[0].lower()}{message[1:]}"


def _real_location(location: tuple[int | str, ...], data: object) -> tuple[int | str, ...]:
    """Drop the parts of a pydantic location that name no place in the data but a branch of a union."""
    real: list[int | str] = []
    value: Any = data
    for position, part in enumerate(location):
        last = position == len(location) - 1
        if isinstance(part, int) and isinstance(value, tuple) and part < len(value):
            value = value[part]
        elif isinstance(part, str) and isinstance(value, dict) and (part in value or last):
            if part == "[key]":
                continue
            value = value.get(part)
        elif isinstance(value, dict) and isinstance(part, int) and part in value:
            value, part = value[part], str(part)  # noqa: PLW2901
        else:
            continue
        real.append(part)
    return tuple(real)


def _keys_at(shape: Any, location: Iterable[int | str]) -> list[str]:  # noqa: ANN401
    """Return the keys of the model that stands at a location of a shape."""
    for part in location:
        for model in _branches(shape):
            if isinstance(part, int):
                shape = get_args(model)[0]
            elif get_origin(model) is dict:
                shape = get_args(model)[1]
            elif isinstance(model, type) and issubclass(model, BaseModel):
                shape = next(
                    (
                        field.annotation
                        for name, field in model.model_fields.items()
                        if part in {name, field.alias}
                    ),
                    shape,
                )
            else:
                continue
            break
    return [
        field.alias or name
        for model in _branches(shape)
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name, field in model.model_fields.items()
    ]


def _branches(shape: Any) -> list[Any]:  # noqa: ANN401
    """Take a shape out of its annotations and unions."""
    if get_origin(shape) is Annotated:
        return _branches(get_args(shape)[0])
    if get_origin(shape) in {Union, UnionType}:
        return [branch for part in get_args(shape) for branch in _branches(part)]
    return [shape]


def _show(value: object) -> str:
    """Show a wrong value shortly."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, tuple):
        return "a list"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
