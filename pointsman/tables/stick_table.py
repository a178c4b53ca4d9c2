"""A stick table: keys, and what is counted of each (manual 11). All lanes share it; its entries live in a slab.

An entry is referred to by a number (`ref`), 0 is none. A ref may be kept: one whose entry has gone answers nothing. Who
keeps one across events pins it, so that the entry stays: `track` and `leave` do, and count who is there.

What an event changes of an entry is a program of the slab (`core/slab_program.py`), made with the table, so that an
event is one call under one lock. Keys are bytes as stick_types.KeyType says; sample/table_key.py makes them of samples.
Times are monotonic ms. Where the slab's lock cannot be had, an entry is not found, and changes are lost: traffic goes
on without the table.
"""

from typing import Final

from pointsman.core.slab_program import (
    ADD1_32,
    ADD_32,
    ADD_64,
    CURRENT_DOWN,
    CURRENT_SET,
    CURRENT_UP,
    PIN,
    RATE,
    RATE1,
    RATE_SET,
    READ_32,
    READ_64,
    READ_CURRENT,
    READ_EXPIRY,
    READ_PINS,
    READ_RATE,
    SET_32,
    SET_64,
    TOUCH,
    UNPIN,
    op,
)
from pointsman.core.slabs import Busy, Slab
from pointsman.tables.server_keys import SERVER_KEYS
from pointsman.tables.stick_options import StickTableOptions
from pointsman.tables.stick_types import Field, Kind, element, lay_out

EXPIRES_AT_ONCE: Final = 64  # entries that are looked at under one lock
SHARED: Final = 1  # the process that owns the slot which those share that have none
PINS: Final = op(READ_PINS)  # reads how many track an entry
_EXPIRY: Final = op(READ_EXPIRY)


class StickTable:
    """`begin`, `begin_request`: what the beginning of tracking changes, of a connection and of a request; `end`: its
    end. `session`, `request`, `error`, `failure`, `glitch`: what one such event does; b"": nothing that is stored."""

    def __init__(self, options: StickTableOptions, slots: int = 1, fd: int = -1) -> None:
        self.options = options
        self.name = options.name
        self.expire = options.expire
        self.evict = not options.nopurge
        self.factor = options.rates_factor
        self.fields, self.data_size = lay_out(options.store)
        self.slots = slots
        self.slab = self._open(fd)
        self.owed: list[int] = []  # entries that trackers have left
        # What refers to an entry over time keeps it, and counts as current wherever conn_cur is stored.
        current = "conn_cur" in self.fields
        self.begin = op(PIN) + (op(CURRENT_UP) if current else b"") + self._one("conn_cnt", "conn_rate")
        self.session = self._one("sess_cnt", "sess_rate")
        self.request = self._one("http_req_cnt", "http_req_rate")
        self.begin_request = self.begin + self.request
        self.error = self._one("http_err_cnt", "http_err_rate")
        self.failure = self._one("http_fail_cnt", "http_fail_rate")
        self.glitch = self._many("glitch_cnt", "glitch_rate")
        self.end = (op(CURRENT_DOWN) if current else b"") + op(TOUCH, 0, self.expire) + op(UNPIN)
        self.received = self._many("bytes_in_cnt", "bytes_in_rate" if self.factor == 1 else "")
        self.sent = self._many("bytes_out_cnt", "bytes_out_rate" if self.factor == 1 else "")
        # Rates that count blocks of `factor` bytes; b"" where they count bytes, with the totals.
        self.received_blocks = self._many("bytes_in_rate") if self.factor > 1 else b""
        self.sent_blocks = self._many("bytes_out_rate") if self.factor > 1 else b""
        self.weighs = bool(self.received or self.sent or self.received_blocks or self.sent_blocks)

    def _one(self, *names: str) -> bytes:
        """One more of each that is stored."""
        fields = [self.fields[name] for name in names if name in self.fields]
        return b"".join([_counts(field, field.offset, True) for field in fields])

    def _many(self, *names: str) -> bytes:
        """`amount` more of each that is stored."""
        fields = [self.fields[name] for name in names if name in self.fields]
        return b"".join([_counts(field, field.offset, False) for field in fields])

    # Entries.

    def find(self, key: bytes, now: int) -> int:
        """Without touching it; 0: there is none."""
        try:
            return self.slab.find(key, now)
        except Busy:
            return 0

    def enter(self, key: bytes, now: int, program: bytes = b"", amount: int = 0) -> int:
        """Found or made, and touched; then the program is run on it. 0: there is no room."""
        try:
            return self.slab.enter(key, now, self.expire, self.evict, program, amount)
        except Busy:
            return 0

    def touch(self, ref: int, now: int) -> None:
        try:
            self.slab.touch(ref, now, self.expire)
        except Busy:
            return

    def track(self, key: bytes, now: int, with_request: bool = False) -> int:
        """A tracker has come: a connection, or a request, which is counted, too. 0: there is no room."""
        return self.enter(key, now, self.begin_request if with_request else self.begin)

    def leave(self, ref: int, now: int) -> None:
        """A tracker has left. Where the lock cannot be had, the entry is told later (`settle`): else the tracker would
        be counted as long as this process lives."""
        try:
            self.slab.apply(ref, self.end, 0, now)
        except Busy:
            self.owed.append(ref)

    def settle(self, now: int) -> None:
        """What could not be told when trackers left, once a second."""
        owed, self.owed = self.owed, []
        for ref in owed:
            self.leave(ref, now)

    # Its memory, before lanes are forked (handed_tables.py).

    def slab_size(self) -> int:
        """Bytes."""
        return Slab.size_for(self.options.size, self.options.key_size, self.data_size, self.slots)

    def fits(self, fd: int) -> bool:
        """That file in memory has a slab of just this layout."""
        return Slab.fits(fd, self.options.size, self.options.key_size, self.data_size, self.slots)

    def lie_in(self, fd: int) -> None:
        """Its entries are those of that file in memory from now on."""
        self.slab = self._open(fd)

    def _open(self, fd: int) -> Slab:
        """One slot is nobody's own: the process that never ends holds it."""
        slab = Slab(self.options.size, self.options.key_size, self.data_size, self.slots, fd)
        if self.slots > 1 and slab.slot_of(SHARED) < 0:
            slab.claim_slot(SHARED)
        return slab

    def take_over(self, key: bytes, left: int, now: int, parts: list[tuple[int, bytes]]) -> None:
        """An entry of a former table, with `left` ms to live (0: for ever): bytes of its data, and where they go."""
        ref = self.enter(key[: self.options.key_size], now)
        if ref:
            for offset, data in parts:
                self.slab.write(ref, offset, data)
            self.slab.touch(ref, now, min(left, self.expire) if left and self.expire else self.expire)

    # Processes.

    def enter_process(self, process: int) -> None:
        """This process has a slot of its own for what it pins; where there is none left, as several generations are
        still at work, it shares one, and what it had pinned is not taken out if it is killed."""
        try:
            self.slab.slot = self.slab.claim_slot(process)
        except (MemoryError, Busy):
            self.slab.slot = max(0, self.slab.slot_of(SHARED))

    def process_ended(self, process: int) -> None:
        """Its slot is given back, if it had one."""
        slot = self.slab.slot_of(process)
        if slot >= 0:
            try:
                self.slab.release_slot(slot, process)
            except Busy:
                return  # whoever claims a slot next takes those of processes that are dead

    def release_dead(self) -> None:
        """What processes had pinned that are dead by now is taken out, also those of the generation before."""
        try:
            self.slab.release_dead()
        except Busy:
            return

    def drop_expired(self, now: int) -> bool:
        """Drop some entries whose time is up. True: there may be more."""
        try:
            return self.expire > 0 and self.slab.expire(now, EXPIRES_AT_ONCE) >= EXPIRES_AT_ONCE
        except Busy:
            return False

    # All of them, for commands.

    def entries(self, cursor: int) -> tuple[int, list[int]]:
        """Some refs, and the cursor to go on with; 0 is the beginning, and the end. What is there all the time comes
        exactly once."""
        following, found = self.slab.items(cursor)
        return following, [one[0] for one in found]

    def key(self, ref: int) -> bytes:
        found = self.slab.entry(ref)
        return b"" if found is None else found[1]

    def left(self, ref: int, now: int) -> int:
        """How long it will be there, in ms; 0: for ever."""
        return max(0, self.read(ref, _EXPIRY, now) - now) if self.expire else 0

    def trackers(self, ref: int) -> int:
        """How many have it pinned; -1: it has gone."""
        return self.read(ref, PINS, 0)

    def remove(self, ref: int) -> bool:
        """False: somebody tracks it, or it has gone."""
        return self.slab.remove(ref)

    @property
    def used(self) -> int:
        """How many entries there are."""
        return self.slab.used

    # Programs, made at start-up: `counting` changes one element, `reading` asks for one.

    def run(self, ref: int, program: bytes, now: int, amount: int = 0) -> None:
        """Change an entry, if it is still there."""
        try:
            self.slab.apply(ref, program, amount, now)
        except Busy:
            return

    def run_read(self, ref: int, program: bytes, what: bytes, now: int, amount: int = 0) -> int:
        """The same, and a value behind it. -1: the entry has gone."""
        try:
            return self.slab.apply_read(ref, program, amount, now, what)
        except Busy:
            return -1

    def read(self, ref: int, what: bytes, now: int) -> int:
        """-1: the entry has gone."""
        try:
            return self.slab.read(ref, what, now)
        except Busy:
            return -1

    def find_read(self, key: bytes, what: bytes, now: int) -> int:
        """Of the entry of a key, which is not touched. -1: there is none."""
        try:
            return self.slab.find_read(key, what, now)
        except Busy:
            return -1

    def weigh(self, ref: int, received: int, sent: int, now: int) -> None:
        """So many bytes have come from the client, and gone to it."""
        if received:
            if self.received:
                self.run(ref, self.received, now, received)
            if self.received_blocks:
                self.run(ref, self.received_blocks, now, -(-received // self.factor))
        if sent:
            if self.sent:
                self.run(ref, self.sent, now, sent)
            if self.sent_blocks:
                self.run(ref, self.sent_blocks, now, -(-sent // self.factor))

    # Values.

    def stores(self, name: str, index: int = 0) -> tuple[Field, int] | None:
        """The field of a type, and the offset of its element; None: it is not stored. Asked once, at start-up."""
        return element(self.fields, name, index)

    def counting(self, name: str, index: int = 0) -> bytes:
        """What counts one more of a type; b"": it is not stored."""
        found = self.stores(name, index)
        return b"" if found is None else _counts(found[0], found[1], True)

    def adding(self, name: str, index: int = 0) -> bytes:
        """What counts `amount` of a type; b"": it is not stored."""
        found = self.stores(name, index)
        return b"" if found is None else _counts(found[0], found[1], False)

    def setting(self, name: str, index: int = 0) -> bytes:
        """What gives a type the value `amount`; b"": it is not stored."""
        found = self.stores(name, index)
        return b"" if found is None else _sets(found[0], found[1])

    def reading(self, name: str, index: int = 0) -> bytes:
        """What reads a type; b"": it is not stored."""
        found = self.stores(name, index)
        return b"" if found is None else _reads(found[0], found[1])

    def value(self, ref: int, field: Field, offset: int, now: int) -> int:
        """What it is now; of a rate: events in its period. -1: the entry has gone."""
        found = self.read(ref, _reads(field, offset), now)
        return found * self.factor if found > 0 and field.stored.type.name in BLOCKS else found

    def server_key(self, value: int) -> str:
        """The name behind a value of Kind.NAME; "-": none."""
        return SERVER_KEYS.text(value)

    def set(self, ref: int, field: Field, offset: int, value: int, now: int) -> None:
        """Of a rate: so many events now, and none before."""
        if field.stored.type.name in BLOCKS:
            value //= self.factor
        self.run(ref, _sets(field, offset), now, value)


BLOCKS: Final = ("bytes_in_rate", "bytes_out_rate")  # what counts blocks under brates-factor


def _counts(field: Field, offset: int, one: bool) -> bytes:
    kind = field.stored.type.kind
    if kind == Kind.RATE:
        return op(RATE1 if one else RATE, offset, field.stored.period)
    if kind == Kind.WIDE:
        return op(ADD_64, offset)
    return op(ADD1_32 if one else ADD_32, offset)


def _sets(field: Field, offset: int) -> bytes:
    kind = field.stored.type.kind
    if kind == Kind.RATE:
        return op(RATE_SET, offset, field.stored.period)
    if kind == Kind.GAUGE:
        return op(CURRENT_SET)
    return op(SET_64 if kind == Kind.WIDE else SET_32, offset)


def _reads(field: Field, offset: int) -> bytes:
    kind = field.stored.type.kind
    if kind == Kind.RATE:
        return op(READ_RATE, offset, field.stored.period)
    if kind == Kind.GAUGE:
        return op(READ_CURRENT)
    return op(READ_64 if kind == Kind.WIDE else READ_32, offset)
