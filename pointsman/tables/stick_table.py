"""A stick table: keys, and what is counted of each (manual 11). All lanes share it; its entries live in a slab.

An entry is referred to by a number (`ref`), 0 is none. A ref may be kept: one whose entry has gone answers nothing. Who
keeps one across events pins it, so that the entry stays: `track` and `leave` do, and count who is there.

Keys are bytes as stick_types.KeyType says; sample/table_key.py makes them of samples. Times are monotonic ms. Where the
slab's lock cannot be had, an entry is not found, and changes are lost: traffic goes on without the table.
"""

from typing import Final

from pointsman.tables.interim_slab import Slab
from pointsman.tables.stick_options import StickTableOptions
from pointsman.tables.stick_types import Field, Kind, Stored, element, lay_out

# What happens to a tracked entry, and the types that count it.
CONNECTION: Final = ("conn_cnt", "conn_rate")
SESSION: Final = ("sess_cnt", "sess_rate")
REQUEST: Final = ("http_req_cnt", "http_req_rate")
ERROR: Final = ("http_err_cnt", "http_err_rate")
FAILURE: Final = ("http_fail_cnt", "http_fail_rate")
GLITCH: Final = ("glitch_cnt", "glitch_rate")
BYTES_IN: Final = ("bytes_in_cnt", "bytes_in_rate")
BYTES_OUT: Final = ("bytes_out_cnt", "bytes_out_rate")


class StickTable:
    def __init__(self, options: StickTableOptions, slots: int = 1, fd: int = -1) -> None:
        self.options = options
        self.name = options.name
        self.expire = options.expire
        self.evict = not options.nopurge
        self.fields, size = lay_out(options.store)
        self.slab = Slab(options.size, options.key_size, size, slots, fd)

    # Entries.

    def find(self, key: bytes, now: int) -> int:
        """Without touching it; 0: there is none."""
        return self.slab.find(key, now)

    def enter(self, key: bytes, now: int) -> int:
        """Found or made, and touched. 0: there is no room."""
        return self.slab.enter(key, now, self.expire, self.evict)

    def touch(self, ref: int, now: int) -> None:
        self.slab.touch(ref, now, self.expire)

    def track(self, key: bytes, now: int) -> int:
        """`enter`, and pin: a tracker has come. What that counts is the caller's to say. 0: there is no room."""
        ref = self.enter(key, now)
        return ref if ref and self.slab.pin(ref) else 0

    def leave(self, ref: int, now: int) -> None:
        """A tracker has left."""
        self.slab.touch(ref, now, self.expire)
        self.slab.unpin(ref)

    # All of them, for commands.

    def entries(self, cursor: int) -> tuple[int, list[int]]:
        """Some refs, and the cursor to go on with; 0 is the beginning, and the end. What is there all the time comes
        exactly once."""
        return self.slab.items(cursor)

    def key(self, ref: int) -> bytes:
        return self.slab.key(ref)

    def left(self, ref: int, now: int) -> int:
        """How long it will be there, in ms; 0: for ever."""
        return max(0, self.slab.expiry(ref) - now) if self.expire else 0

    def trackers(self, ref: int) -> int:
        """How many have it pinned; -1: it has gone."""
        return self.slab.pins(ref)

    def remove(self, ref: int) -> bool:
        """False: somebody tracks it, or it has gone."""
        return self.slab.remove(ref)

    @property
    def used(self) -> int:
        """How many entries there are."""
        return self.slab.used

    # Values.

    def stores(self, name: str, index: int = 0) -> tuple[Field, int] | None:
        """The field of a type, and the offset of its element; None: it is not stored. Asked once, at start-up."""
        return element(self.fields, name, index)

    def value(self, ref: int, field: Field, offset: int, now: int) -> int:
        """What it is now; of a rate: events in its period. -1: the entry has gone."""
        kind = field.stored.type.kind
        if kind == Kind.RATE:
            return self.slab.rate(ref, offset, field.stored.period, now)
        found = self.slab.read(ref, offset, field.width)
        if kind == Kind.GAUGE and found >= 0:
            return found + self.slab.current(ref)
        return found

    def server_key(self, value: int) -> str:
        """The name behind a value of Kind.NAME; "-": none."""
        return "-"

    def set(self, ref: int, field: Field, offset: int, value: int, now: int) -> None:
        """Of a rate: so many events now, and none before."""
        if field.stored.type.kind == Kind.RATE:
            for place, one in enumerate((now, value, 0)):
                self.slab.store(ref, offset + 4 * place, 4, one)
        else:
            self.slab.store(ref, offset, field.width, value)

    def add(self, ref: int, field: Field, offset: int, amount: int, now: int) -> int:
        """Count; the value behind it. -1: the entry has gone."""
        if field.stored.type.kind == Kind.RATE:
            self.slab.add_rate(ref, offset, field.stored.period, amount, now)
            return self.slab.rate(ref, offset, field.stored.period, now)
        return self.slab.add(ref, offset, field.width, amount)

    def count(self, ref: int, event: tuple[str, str], amount: int, now: int) -> None:
        """One of the events above, as far as this table counts it."""
        for name in event:
            found = self.fields.get(name)
            if found is not None:
                self.add(ref, found, found.offset, amount, now)


def stored(name: str, options: StickTableOptions) -> Stored | None:
    """What a line says of a type."""
    for one in options.store:
        if one.type.name == name:
            return one
    return None
