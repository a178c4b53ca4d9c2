"""What a stick table can keep with each key: the data types of `store` (manual 11.1), and where they lie in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Kind(IntEnum):
    """How a value is kept: 32 bits, 64 bits, a rate over a period (12 bytes), a gauge, or the name of a server."""

    COUNT = 0
    WIDE = 1
    RATE = 2
    GAUGE = 3  # what all processes hold, each in a cell of its own beside the data (core/slabs.py)
    NAME = 4


@dataclass(frozen=True, slots=True)
class DataType:
    """`period`, `array`: the arguments that it takes, `gpc_rate(<nb>,<period>)` both; `automatic`: rules that need it
    have it stored, whether it is named or not."""

    name: str
    number: int  # its place in an entry, and on the wire between peers
    kind: Kind
    period: bool = False
    array: bool = False
    automatic: bool = False


_C, _W, _R = Kind.COUNT, Kind.WIDE, Kind.RATE

DATA_TYPES: Final = (
    DataType("server_id", 0, _C, automatic=True),
    DataType("gpt0", 1, _C),
    DataType("gpc0", 2, _C),
    DataType("gpc0_rate", 3, _R, period=True),
    DataType("conn_cnt", 4, _C),
    DataType("conn_rate", 5, _R, period=True),
    DataType("conn_cur", 6, Kind.GAUGE),
    DataType("sess_cnt", 7, _C),
    DataType("sess_rate", 8, _R, period=True),
    DataType("http_req_cnt", 9, _C),
    DataType("http_req_rate", 10, _R, period=True),
    DataType("http_err_cnt", 11, _C),
    DataType("http_err_rate", 12, _R, period=True),
    DataType("bytes_in_cnt", 13, _W),
    DataType("bytes_in_rate", 14, _R, period=True),
    DataType("bytes_out_cnt", 15, _W),
    DataType("bytes_out_rate", 16, _R, period=True),
    DataType("gpc1", 17, _C),
    DataType("gpc1_rate", 18, _R, period=True),
    DataType("server_key", 19, Kind.NAME, automatic=True),
    DataType("http_fail_cnt", 20, _C),
    DataType("http_fail_rate", 21, _R, period=True),
    DataType("gpt", 22, _C, array=True),
    DataType("gpc", 23, _C, array=True),
    DataType("gpc_rate", 24, _R, period=True, array=True),
    DataType("glitch_cnt", 25, _C),
    DataType("glitch_rate", 26, _R, period=True),
)
BY_NAME: Final = {one.name: one for one in DATA_TYPES}
MOST_ELEMENTS: Final = 100  # of an array
BYTES: Final = {Kind.COUNT: 4, Kind.WIDE: 8, Kind.RATE: 12, Kind.GAUGE: 0, Kind.NAME: 4}

_FIRST_OF: Final = {  # what the older names mean where an array is stored instead
    "gpc0": ("gpc", 0),
    "gpc1": ("gpc", 1),
    "gpc0_rate": ("gpc_rate", 0),
    "gpc1_rate": ("gpc_rate", 1),
    "gpt0": ("gpt", 0),
}


@dataclass(frozen=True, slots=True)
class Stored:
    """One type that a table keeps. `count`: elements of an array, else 1; `period`: ms of a rate, else 0."""

    type: DataType
    count: int = 1
    period: int = 0


@dataclass(frozen=True, slots=True)
class Field:
    """Where a type lies in an entry's data: `offset` of its first element, in bytes."""

    stored: Stored
    offset: int

    @property
    def width(self) -> int:
        """Bytes of one element."""
        return BYTES[self.stored.type.kind]


def lay_out(store: Sequence[Stored]) -> tuple[dict[str, Field], int]:
    """Fields by name, in the order of the types' numbers, and how many bytes they take. What takes 64 bits comes first,
    so that nothing stands across two cells."""
    places: dict[str, int] = {}
    size = 0
    for wide in (True, False):
        for one in store:
            if (one.type.kind == Kind.WIDE) == wide:
                places[one.type.name] = size
                size += BYTES[one.type.kind] * one.count
    ordered = sorted(store, key=lambda one: one.type.number)
    return {one.type.name: Field(one, places[one.type.name]) for one in ordered}, size


def element(fields: dict[str, Field], name: str, index: int = 0) -> tuple[Field, int] | None:
    """The field of that name, and the offset of its element. Where an array is stored, the older names (gpc0, gpt0...)
    mean its first elements. None: nothing of that kind is stored."""
    found = fields.get(name)
    if found is None:
        array, place = _FIRST_OF.get(name, ("", 0))
        found = fields.get(array)
        index += place
    if found is None or not 0 <= index < found.stored.count:
        return None
    return found, found.offset + index * found.width


class KeyType(IntEnum):
    """The types of keys (manual 11.1, `type`). Their bytes: 4, 16, 4 (in network order), up to `len`, exactly `len`."""

    IPV4 = 0
    IPV6 = 1
    INTEGER = 2
    STRING = 3
    BINARY = 4
