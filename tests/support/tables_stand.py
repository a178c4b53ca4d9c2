"""Stick tables with known entries, for tests of what asks and changes them: `t` has every data type, `a` the arrays."""

from __future__ import annotations

from typing import Final

from pointsman.sample.context import Context
from pointsman.tables.stick_options import StickTableOptions
from pointsman.tables.stick_table import StickTable
from pointsman.tables.stick_tables import TABLES
from pointsman.tables.stick_types import BY_NAME, DATA_TYPES, KeyType, Kind, Stored
from pointsman.tables.tracked import Tracked
from support.slabs import memory_of

PERIOD: Final = 10_000  # ms, of all rates
EXPIRE: Final = 60_000
CLIENT: Final = bytes((192, 0, 2, 7))  # the address of the exchanges in contract.py
OTHER: Final = bytes((192, 0, 2, 8))
ALL: Final = tuple(Stored(one, 1, PERIOD if one.kind == Kind.RATE else 0) for one in DATA_TYPES if not one.array)
ARRAYS: Final = (Stored(BY_NAME["gpt"], 3), Stored(BY_NAME["gpc"], 3), Stored(BY_NAME["gpc_rate"], 3, PERIOD))
STORED: Final = {"t": ALL, "a": ARRAYS}
TABLES_OF_TESTS: Final = {
    name: StickTable(StickTableOptions(name=name, type=KeyType.IPV4, key_size=4, size=10, expire=EXPIRE, store=store))
    for name, store in STORED.items()
}
_FILLED: Final[dict[tuple[int, int], list[bytes]]] = {}  # the cells of these tables behind a call of `enter`


def declare() -> None:
    """A configuration was read: it has these tables as well, and who refers to them finds them."""
    for name, table in TABLES_OF_TESTS.items():
        TABLES.by_name[name] = table
    for reference in TABLES.references:
        if reference.name in TABLES_OF_TESTS:
            reference.table = TABLES_OF_TESTS[reference.name]


def fill(now: int, step: int = 1) -> None:
    """Entries as they are at first: each value is another one. `step`: another set of them."""
    if (now, step) in _FILLED:
        for table, cells in zip(TABLES_OF_TESTS.values(), _FILLED[now, step], strict=True):
            memory_of(table.slab).bytes[:] = cells
        return
    enter(now, step)
    _FILLED[now, step] = [bytes(memory_of(table.slab).bytes) for table in TABLES_OF_TESTS.values()]


def enter(now: int, step: int) -> None:
    """Each entry and each value, by what a table can do."""
    empty()
    for table in TABLES_OF_TESTS.values():
        for base, key in ((2000, CLIENT), (7000, OTHER)):
            ref = table.enter(key, now - 100 * step)
            for number, field in enumerate(table.fields.values()):
                for index in range(field.stored.count):
                    value = base * step + 100 * number + index
                    table.set(ref, field, field.offset + index * max(field.width, 1), value, now)


def empty() -> None:
    """No entry is there."""
    for table in TABLES_OF_TESTS.values():
        table.slab.clear(True)


def track(ctx: Context, index: int, name: str, key: bytes) -> None:
    """A counter of the exchange tracks the entry of a key."""
    table = TABLES_OF_TESTS[name]
    ref = table.track(key, ctx.now)
    ctx.tracked = [*(ctx.tracked or []), Tracked(index, table, ref)]


def shown() -> dict[str, object]:
    """What the tables hold."""
    found: dict[str, object] = {}
    for name, table in TABLES_OF_TESTS.items():
        entries = [table.slab.entry(ref) for ref in table.entries(0)[1]]
        found[f"table.{name}"] = sorted(one[1:] for one in entries if one is not None)
    return found
