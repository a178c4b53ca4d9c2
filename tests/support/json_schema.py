"""The part of JSON Schema (draft 2020-12) that the project's own schemas use, to hold documents against them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
_KNOWN = {
    "$schema", "$defs", "$ref", "title", "description", "type", "enum", "const", "properties", "required",
    "additionalProperties", "items", "prefixItems", "minItems", "maxItems", "minimum", "maximum", "anyOf",
}  # fmt: skip


def complaints(document: Any, schema: dict[str, Any]) -> list[str]:
    """What is wrong, each with its place; none: the document fits."""
    return list(_complaints(document, schema, schema, "$"))


def _complaints(found: Any, schema: dict[str, Any], root: dict[str, Any], place: str) -> Iterator[str]:
    assert schema.keys() <= _KNOWN, f"the schema says what is not looked at here: {schema.keys() - _KNOWN}"
    if "$ref" in schema:
        yield from _complaints(found, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, place)
    if "anyOf" in schema:
        tries = [list(_complaints(found, one, root, place)) for one in schema["anyOf"]]
        if all(tries):
            yield from min(tries, key=len)
    if "const" in schema and found != schema["const"]:
        yield f"{place}: {found!r} is not {schema['const']!r}"
    if "enum" in schema and found not in schema["enum"]:
        yield f"{place}: {found!r} is none of {schema['enum']}"
    if "type" in schema and not _is(found, schema["type"]):
        yield f"{place}: {found!r} is no {schema['type']}"
        return
    if isinstance(found, dict):
        yield from _members(found, schema, root, place)
    elif isinstance(found, list):
        yield from _elements(found, schema, root, place)
    elif isinstance(found, int) and not isinstance(found, bool):
        if found < schema.get("minimum", found) or found > schema.get("maximum", found):
            yield f"{place}: {found} is out of range"


def _is(found: Any, wanted: str | list[str]) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    if isinstance(found, bool):  # which is an int to Python
        return "boolean" in names
    return any(isinstance(found, _TYPES[one]) for one in names)


def _members(found: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], place: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in found:
            yield f"{place}: there is no {name}"
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, value in found.items():
        if name in known:
            yield from _complaints(value, known[name], root, f"{place}.{name}")
        elif others is False:
            yield f"{place}: {name} is unknown"
        elif isinstance(others, dict):
            yield from _complaints(value, others, root, f"{place}.{name}")


def _elements(found: list[Any], schema: dict[str, Any], root: dict[str, Any], place: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(found) <= schema.get("maxItems", len(found)):
        yield f"{place}: {len(found)} elements"
    first = schema.get("prefixItems", [])
    for number, value in enumerate(found):
        one = first[number] if number < len(first) else schema.get("items", {})
        yield from _complaints(value, one, root, f"{place}[{number}]")
