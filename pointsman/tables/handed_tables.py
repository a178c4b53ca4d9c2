"""Stick tables outlive a reload: their slabs lie in files in memory, which the next generation goes on with.

Where a table is the same in both, lanes that end and lanes that begin work on the same entries: no limit begins anew,
and what ends in the old generation is counted down in the new one. Where its line has changed, the entries are copied
before the new generation begins, each data type that both have; what the old one counts afterwards is its own. A table
whose keys are of another type begins empty. No `peers` section is needed for any of this.

    slab | what lies in it, as JSON (ABOUT bytes)
"""

import json
import os
from typing import Final

from pointsman.core.handed import Handed, is_memory_file, memory_file
from pointsman.core.slabs import Busy, Slab
from pointsman.net.clock import monotonic_ms
from pointsman.tables.stick_table import StickTable
from pointsman.tables.stick_types import BY_NAME, Field, KeyType, Stored, lay_out

ABOUT: Final = 8192  # bytes behind the slab
_ATTEMPTS: Final = 100  # of 10 ms, to have a lock that the former generation has


class HandedTable(Handed):
    """The memory of one table."""

    def __init__(self, table: StickTable) -> None:
        super().__init__("table:" + table.name)
        self.table = table

    def hand_on(self) -> None:
        if self.fd < 0:
            self._lay_down()

    def adopt(self, fd: int) -> bool:
        table = self.table
        if self.fd >= 0:
            return False
        about = _about(table)
        size = table.slab_size()
        if is_memory_file(fd, size + ABOUT) and os.pread(fd, ABOUT, size) == about and table.fits(fd):
            self.fd = fd
            table.lie_in(fd)
            return True
        former = _Former.found(fd)
        if former is not None and former.type == table.options.type:
            self._lay_down()
            former.give(fd, table)
        return False

    def _lay_down(self) -> None:
        """Put the table, which is empty as yet, into a file in memory. Where there is none it stays where it is, and
        ends with this generation."""
        about = _about(self.table)
        try:
            fd = memory_file("stick-table", self.table.slab_size() + ABOUT)
            os.pwrite(fd, about, self.table.slab_size())
        except OSError:
            return
        self.fd = fd
        self.table.lie_in(fd)


def _about(table: StickTable) -> bytes:
    """What lies in its slab."""
    options = table.options
    said = {
        "type": options.type.name,
        "key_size": options.key_size,
        "size": options.size,
        "slots": table.slots,
        "factor": options.rates_factor,
        "store": [(one.type.name, one.count, one.period) for one in options.store],
    }
    return json.dumps(said).encode().ljust(ABOUT)


class _Former:
    """A table of the former generation, as its memory describes it."""

    def __init__(self, said: dict[str, object]) -> None:
        store = said["store"]
        assert isinstance(store, list)
        self.type = KeyType[str(said["type"])]
        self.key_size, self.size = _number(said["key_size"]), _number(said["size"])
        self.slots, self.factor = _number(said["slots"]), _number(said["factor"])
        self.fields, self.data_size = lay_out(
            [Stored(BY_NAME[str(name)], _number(count), _number(period)) for name, count, period in store]
        )

    @classmethod
    def found(cls, fd: int) -> "_Former | None":
        """None: it is no such memory, or of another version of this program."""
        try:
            about = os.pread(fd, ABOUT, max(os.fstat(fd).st_size - ABOUT, 0))
            said = json.loads(about)
            return cls(said) if isinstance(said, dict) else None
        except (OSError, ValueError, KeyError, TypeError, AssertionError):
            return None

    def give(self, fd: int, table: StickTable) -> None:
        """All entries whose time is not up, with what both tables store alike."""
        if not Slab.fits(fd, self.size, self.key_size, self.data_size, self.slots):
            return
        slab = Slab(self.size, self.key_size, self.data_size, self.slots, fd)
        same = [
            (field, other)
            for name, field in self.fields.items()
            if (other := table.fields.get(name)) is not None and self._alike(name, field, other, table)
        ]
        now = monotonic_ms()
        cursor, attempts = 0, _ATTEMPTS
        while attempts:
            try:
                cursor, entries = slab.items(cursor)
            except Busy:  # the former generation is at work in it, or hangs
                attempts -= 1
                continue
            for _, key, expiry, _, data, _ in entries:
                if not expiry or expiry > now:
                    table.take_over(key, expiry - now if expiry else 0, now, [_cut(data, *one) for one in same])
            if not cursor:
                return

    def _alike(self, name: str, field: Field, other: Field, table: StickTable) -> bool:
        counts_blocks = name.startswith("bytes_") and name.endswith("_rate")
        return field.stored.period == other.stored.period and not (counts_blocks and self.factor != table.factor)


def _cut(data: bytes, field: Field, other: Field) -> tuple[int, bytes]:
    """The elements that both have: where they go, and they."""
    length = field.width * min(field.stored.count, other.stored.count)
    return other.offset, data[field.offset : field.offset + length]


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("no number")
    return value
