"""Values of samples, as people write them."""

import ipaddress
from typing import Final

from pointsman.sample.trace import AclRecord, SampleRecord
from pointsman.sample.types import Binary, Type, Value

_ADDRESSES: Final = (Type.ADDR, Type.IPV4, Type.IPV6)


def plain(value: Value | None, kind: Type = Type.ANY) -> str | None:
    """Without quotes: for JSON. Bytes that are none of UTF-8 become "\\xff"."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if kind in _ADDRESSES and len(value) in (4, 16):
        return str(ipaddress.ip_address(bytes(value)))
    if kind == Type.BIN or isinstance(value, Binary):
        return value.hex()
    return value.decode("utf-8", "backslashreplace")


def quoted(value: Value | None, kind: Type = Type.ANY) -> str:
    """As a line of an explanation has it: text in quotes, so that its ends are seen."""
    text = plain(value, kind)
    if text is None:
        return "(none)"
    if isinstance(value, bool | int) or kind in _ADDRESSES or kind in (Type.METH, Type.BIN):
        return text or '""'
    return f'"{text}"'


def type_of(record: AclRecord, value: Value | None) -> Type:
    """The type of one of its values."""
    for sample in record.samples:
        if sample.value == value:
            return sample.type
    return Type.ANY


def steps_of(sample: SampleRecord) -> list[tuple[str, str]]:
    """What was fetched, and what each converter has made of it, each with where that comes from."""
    if not sample.converters:
        return [("", quoted(sample.value, sample.type))]
    found = [("", quoted(sample.fetched))]
    for number, one in enumerate(sample.converters):
        last = number == len(sample.converters) - 1
        source = one.name
        if one.entry is not None:
            source += f" ({one.entry.file}:{one.entry.line})" if one.entry.line else " (added at run time)"
        found.append((source, quoted(one.value, sample.type if last else Type.ANY)))
    return found
