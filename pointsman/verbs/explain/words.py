"""How values are written in explanations."""

from pointsman.core.address import from_packed
from pointsman.sample.types import Packed, Value


def shown(data: bytes) -> str:
    """Bytes of a protocol as text: what is no UTF-8, and what would spoil a terminal, as \\xNN."""
    text = data.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)


UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"))


def time_text(milliseconds: int) -> str:
    """In the largest unit that is exact: "30s", "1500ms"."""
    for size, unit in UNITS:
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def value_text(value: Value) -> str:
    """A sample, a variable."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Packed) and len(value) in (4, 16):
        return shown(from_packed(bytes(value), 0).text)
    return str(value) if isinstance(value, int) else shown(value)
