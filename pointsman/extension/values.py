"""Annotations of functions: which samples, arguments and results they stand for, and how each turns into the other.

    str           a string             decoded as UTF-8; other bytes become surrogates, and come back as they were
    bytes         binary
    int, bool     an integer, a boolean
    IPv4Address   IPv6Address, and both in a union: addresses
    dict, list    a string of JSON
    float         an argument alone

A value that is not what its annotation says is a WrongValue: a function is not helped out in silence.
"""

import inspect
import ipaddress
import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Union, get_args, get_origin

from pointsman.sample.types import Binary, Packed, Type, Value

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# What functions are called with, and what they return. JSON is what json.loads makes, so `object` is as far as it goes.
PythonValue = str | bytes | int | float | bool | Address | dict[str, object] | list[object]


class WrongValue(TypeError):
    """A value that is not what its annotation says."""


class WrongAnnotation(TypeError):
    """An annotation that stands for no sample. The message goes on behind the name of what has it."""


def text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def raw(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of Python that samples can have. `takes`: a sample of type `sample` becomes one; `gives`: the way back;
    `argument`: its word in a signature (sample/arguments.py); `parse`: an argument, as that gives it, becomes one."""

    name: str
    sample: Type
    takes: Callable[[Value], PythonValue]
    gives: Callable[[object], Value]
    argument: str
    parse: Callable[[str | int | bytes], PythonValue]


def _wrong(value: object, expected: str) -> WrongValue:
    return WrongValue(f"{type(value).__name__} where the annotation says {expected}: {value!r:.80}")


def _take_text(value: Value) -> str:
    assert isinstance(value, bytes)
    return text(value)


def _give_text(value: object) -> Value:
    if not isinstance(value, str):
        raise _wrong(value, "str")
    return raw(value)


def _take_bytes(value: Value) -> bytes:
    assert isinstance(value, bytes)
    return bytes(value)


def _give_bytes(value: object) -> Value:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise _wrong(value, "bytes")
    return bytes(value)


def _take_number(value: Value) -> int:
    assert isinstance(value, int)
    return int(value)


def _give_number(value: object) -> Value:
    if not isinstance(value, int):
        raise _wrong(value, "int")
    if not -(1 << 63) <= value < 1 << 63:
        raise WrongValue(f"{value!r:.80} does not fit in 64 bits")
    return int(value)


def _take_truth(value: Value) -> bool:
    return bool(value)


def _give_truth(value: object) -> Value:
    if not isinstance(value, bool):
        raise _wrong(value, "bool")
    return value


def _take_v4(value: Value) -> Address:
    assert isinstance(value, bytes)
    return ipaddress.IPv4Address(bytes(value))


def _take_v6(value: Value) -> Address:
    assert isinstance(value, bytes)
    return ipaddress.IPv6Address(bytes(value))


def _take_address(value: Value) -> Address:
    assert isinstance(value, bytes)
    return ipaddress.ip_address(bytes(value))


def _give_v4(value: object) -> Value:
    if not isinstance(value, ipaddress.IPv4Address):
        raise _wrong(value, "IPv4Address")
    return value.packed


def _give_v6(value: object) -> Value:
    if not isinstance(value, ipaddress.IPv6Address):
        raise _wrong(value, "IPv6Address")
    return value.packed


def _give_address(value: object) -> Value:
    if not isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        raise _wrong(value, "an address")
    return value.packed


def _take_object(value: Value) -> PythonValue:
    assert isinstance(value, bytes)
    found = json.loads(value)
    if not isinstance(found, dict):
        raise _wrong(found, "dict")
    return found


def _take_array(value: Value) -> PythonValue:
    assert isinstance(value, bytes)
    found = json.loads(value)
    if not isinstance(found, list):
        raise _wrong(found, "list")
    return found


def _give_json(value: object) -> Value:
    if not isinstance(value, dict | list):
        raise _wrong(value, "dict or list")
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogateescape")


# Arguments.

_TRUTHS: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _word(value: str | int | bytes) -> str:
    return value if isinstance(value, str) else text(value) if isinstance(value, bytes) else str(value)


def _parse_number(value: str | int | bytes) -> int:
    return int(value)


def _parse_truth(value: str | int | bytes) -> bool:
    found = _TRUTHS.get(_word(value).lower())
    if found is None:
        raise WrongValue(f"'{_word(value)}' is none of true, false, yes, no, on, off, 1, 0")
    return found


def _parse_fraction(value: str | int | bytes) -> float:
    try:
        return float(_word(value))
    except ValueError:
        raise WrongValue(f"'{_word(value)}' is not a number") from None


def _parse_address(value: str | int | bytes) -> Address:
    return ipaddress.ip_address(value)


def _parse_json(value: str | int | bytes) -> PythonValue:
    found = json.loads(_word(value))
    if not isinstance(found, dict | list):
        raise _wrong(found, "dict or list")
    return found


def _parse_bytes(value: str | int | bytes) -> bytes:
    return raw(value) if isinstance(value, str) else bytes(value) if isinstance(value, bytes) else b"%d" % value


STRING: Final = Kind("str", Type.STR, _take_text, _give_text, "string", _word)
BYTES: Final = Kind("bytes", Type.BIN, _take_bytes, _give_bytes, "string", _parse_bytes)
NUMBER: Final = Kind("int", Type.SINT, _take_number, _give_number, "integer", _parse_number)
TRUTH: Final = Kind("bool", Type.BOOL, _take_truth, _give_truth, "string", _parse_truth)
V4: Final = Kind("IPv4Address", Type.IPV4, _take_v4, _give_v4, "IPv4 address", _parse_address)
V6: Final = Kind("IPv6Address", Type.IPV6, _take_v6, _give_v6, "IPv6 address", _parse_address)
ADDRESS: Final = Kind("IPv4Address | IPv6Address", Type.ADDR, _take_address, _give_address, "string", _parse_address)
OBJECT: Final = Kind("dict", Type.STR, _take_object, _give_json, "string", _parse_json)
ARRAY: Final = Kind("list", Type.STR, _take_array, _give_json, "string", _parse_json)
# An argument alone: there are no samples with fractions.
FRACTION: Final = Kind("float", Type.ANY, _take_text, _give_text, "string", _parse_fraction)
_KINDS: Final[dict[object, Kind]] = {
    str: STRING,
    bytes: BYTES,
    int: NUMBER,
    bool: TRUTH,
    float: FRACTION,
    ipaddress.IPv4Address: V4,
    ipaddress.IPv6Address: V6,
    dict: OBJECT,
    list: ARRAY,
    Mapping: OBJECT,
}
KNOWN: Final = "str, bytes, int, bool, IPv4Address, IPv6Address, dict or list"


def kind_of(annotation: object, *, result: bool = False) -> Kind:
    """What an annotation stands for; `X | None` is X. Raises WrongAnnotation."""
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return kind_of(get_args(annotation)[0], result=result)
    if origin in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        if len(parts) == 1:
            return kind_of(parts[0], result=result)
        if set(parts) == {ipaddress.IPv4Address, ipaddress.IPv6Address}:
            return ADDRESS
    found = _KINDS.get(origin if origin is not None else annotation)
    if found is None or found is FRACTION and result:
        raise WrongAnnotation(f"is annotated as {shown(annotation)}, which no sample is: {KNOWN} are possible")
    return found


def shown(annotation: object) -> str:
    """As it is written."""
    if annotation is inspect.Parameter.empty:
        return "nothing"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


# Values whose type is not known before they are here: variables, samples by their text.


def plain(value: Value | None) -> PythonValue | None:
    """A variable's value as Python has it."""
    if isinstance(value, Packed):
        return ipaddress.ip_address(bytes(value))
    if isinstance(value, Binary):
        return bytes(value)
    return text(value) if isinstance(value, bytes) else value


def sample_of(kind: Type, value: Value | None) -> PythonValue | None:
    """A sample's value, of an expression of that type."""
    if not isinstance(value, bytes):
        return value
    if kind in (Type.ADDR, Type.IPV4, Type.IPV6):
        return ipaddress.ip_address(bytes(value))
    return bytes(value) if kind == Type.BIN else text(value)


def marked_value(value: object) -> Value:
    """What a variable keeps: its type can be told later. Raises WrongValue."""
    if isinstance(value, bool | int):
        return _give_truth(value) if isinstance(value, bool) else _give_number(value)
    if isinstance(value, str):
        return raw(value)
    if isinstance(value, bytes | bytearray):
        return Binary(value)
    if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return Packed(value.packed)
    if isinstance(value, dict | list):
        return _give_json(value)
    raise WrongValue(f"{type(value).__name__} is not what a variable can have: {KNOWN} are")
