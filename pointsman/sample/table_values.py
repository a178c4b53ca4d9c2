"""What fetches and converters ask of stick tables (manual 7.3.1 and 7.3.3): which entry, and what of it.

    sc0_conn_cnt, sc_conn_cnt(<ctr>)      OfCounter: the entry that a counter tracks, or its key in another table
    src_conn_cnt                          OfSource: the entry of the client's address
    <key>,table_conn_cnt                  OfKey: the entry of what comes in

An Operation is what is done with it: a value is read, counted or cleared. Where nothing is tracked, or the table does
not store what is asked, there is no sample. An entry that is not there is worth 0; one that would be counted or cleared
is made, by OfSource and OfKey.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.sample.context import Context
from pointsman.sample.source import ConverterStep, Source
from pointsman.sample.table_key import KeyMaker, key_maker
from pointsman.sample.tracking import tracked
from pointsman.sample.types import Binary, Packed, Type, Value
from pointsman.tables.stick_table import BLOCKS, PINS, StickTable
from pointsman.tables.stick_tables import TableReference
from pointsman.tables.stick_types import KeyType

_INTEGER: Final = int(KeyType.INTEGER)
_BINARY: Final = int(KeyType.BINARY)
_STRING: Final = int(KeyType.STRING)


@mypyc_attr(allow_interpreted_subclasses=True)
class Operation:
    """What is done with an entry. `makes`: one that is not there is made for it."""

    makes = False

    def of_entry(self, table: StickTable, ref: int, now: int) -> Value | None:
        """What is asked. None: it is not stored, or the entry has gone."""
        raise NotImplementedError

    def of_key(self, table: StickTable, key: bytes, now: int) -> Value | None:
        """The same of the entry of a key, by default found or made first."""
        if self.makes:
            ref = table.enter(key, now)
            return self.of_entry(table, ref, now) if ref else None
        ref = table.find(key, now)
        return self.of_entry(table, ref, now) if ref else self.absent()

    def absent(self) -> Value | None:
        """What is said where there is no entry."""
        return 0


class Read(Operation):
    """The value of a type; `shift`: without so many of its lowest bits."""

    def __init__(self, name: str, element: int = 0, shift: int = 0) -> None:
        self.name = name
        self.element = element
        self.shift = shift
        self.table: StickTable | None = None  # the one that was asked last, and what asks it
        self.what = b""
        self.factor = 1

    def learn(self, table: StickTable) -> None:
        self.table = table
        self.what = table.reading(self.name, self.element)
        self.factor = table.factor if self.name in BLOCKS else 1

    def of_entry(self, table: StickTable, ref: int, now: int) -> Value | None:
        if table is not self.table:
            self.learn(table)
        if not self.what:
            return None
        found = table.read(ref, self.what, now)
        return None if found < 0 else (found >> self.shift) * self.factor

    def of_key(self, table: StickTable, key: bytes, now: int) -> Value | None:
        """In one call."""
        if table is not self.table:
            self.learn(table)
        if not self.what:  # then it matters whether the entry is there
            return None if table.find(key, now) else 0
        found = table.find_read(key, self.what, now)
        return 0 if found < 0 else (found >> self.shift) * self.factor


class Count(Operation):
    """One more of a counter, and of its rate where there is one; the value behind it. 0 if it is not stored."""

    makes = True

    def __init__(self, name: str, rate: str, element: int = 0) -> None:
        self.name = name
        self.rate = rate
        self.element = element
        self.table: StickTable | None = None
        self.program = b""
        self.what = b""

    def of_entry(self, table: StickTable, ref: int, now: int) -> Value | None:
        if table is not self.table:
            self.table = table
            self.what = table.reading(self.name, self.element)
            self.program = table.counting(self.name, self.element)
            if self.rate:
                self.program += table.counting(self.rate, self.element)
        if not self.what:
            if self.program:
                table.run(ref, self.program, now)
            return self.unstored()
        found = table.run_read(ref, self.program, self.what, now)
        return None if found < 0 else found

    def unstored(self) -> Value | None:
        return 0


class CountConnection(Count):
    """src_updt_conn_cnt, which must be stored."""

    def unstored(self) -> Value | None:
        return None


class Clear(Read):
    """The value before it is cleared."""

    makes = True

    def __init__(self, name: str, element: int = 0) -> None:
        super().__init__(name, element)
        self.program = b""

    def learn(self, table: StickTable) -> None:
        super().learn(table)
        self.program = table.setting(self.name, self.element)

    def of_entry(self, table: StickTable, ref: int, now: int) -> Value | None:
        found = super().of_entry(table, ref, now)
        if found:
            table.run(ref, self.program, now, 0)
        return found

    def of_key(self, table: StickTable, key: bytes, now: int) -> Value | None:
        ref = table.enter(key, now)
        return self.of_entry(table, ref, now) if ref else None


class Trackers(Operation):
    """How many track it."""

    def of_entry(self, table: StickTable, ref: int, now: int) -> Value | None:
        found = table.read(ref, PINS, now)
        return None if found < 0 else found


class Present(Operation):
    """Whether there is an entry."""

    def of_entry(self, table: StickTable, ref: int, now: int) -> Value | None:
        return True

    def absent(self) -> Value | None:
        return False


class Left(Operation):
    """After how many ms its time is up, or since when it was not touched (`idle`). `otherwise`: where there is none."""

    def __init__(self, idle: bool, otherwise: int | None) -> None:
        self.idle = idle
        self.otherwise = otherwise

    def of_entry(self, table: StickTable, ref: int, now: int) -> Value | None:
        left = table.left(ref, now)
        return table.expire - left if self.idle else left

    def absent(self) -> Value | None:
        return self.otherwise


class OfCounter(Source):
    """Of what a counter tracks; `reference`: of its key in another table."""

    def __init__(self, index: int, operation: Operation, reference: TableReference | None) -> None:
        self.many = False
        self.index = index
        self.operation = operation
        self.reference = reference

    def get(self, ctx: Context) -> Value | None:
        found = tracked(ctx, self.index)
        if found is None:
            return None
        reference = self.reference
        if reference is not None and reference.table is not found.table:
            return self._elsewhere(found.table, found.ref, reference.table, ctx.now)
        return self.operation.of_entry(found.table, found.ref, ctx.now)

    def _elsewhere(self, table: StickTable, ref: int, other: StickTable | None, now: int) -> Value | None:
        """Nothing is made there. No sample in a table of another type."""
        if other is None or other.options.type != table.options.type:
            return None
        there = other.find(fitted(table.key(ref), other), now)
        if not there:
            return self.operation.absent()
        if self.operation.makes:
            other.touch(there, now)
        return self.operation.of_entry(other, there, now)


class IsTracked(Source):
    """Whether a counter tracks anything; `reference`: in a table of that type."""

    def __init__(self, index: int, reference: TableReference | None) -> None:
        self.many = False
        self.index = index
        self.reference = reference

    def get(self, ctx: Context) -> Value | None:
        found = tracked(ctx, self.index)
        if found is None or self.reference is None:
            return found is not None
        table = self.reference.table
        return table is not None and table.options.type == found.table.options.type


class KeyOf(Source):
    """The key of what a counter tracks, with the type of its table."""

    def __init__(self, index: int) -> None:
        self.many = False
        self.index = index

    def get(self, ctx: Context) -> Value | None:
        found = tracked(ctx, self.index)
        if found is None:
            return None
        key = found.table.key(found.ref)
        kind = int(found.table.options.type)
        if kind == _INTEGER:
            return int.from_bytes(key, "big")
        if kind == _STRING:
            return key
        return Binary(key) if kind == _BINARY else Packed(key)


class Keyed:
    """Keys of a table that is known once all sections were read, from samples of one type."""

    def __init__(self, reference: TableReference, kind: Type) -> None:
        self.reference = reference
        self.kind = kind
        self.maker: KeyMaker | None = None
        self.table: StickTable | None = None  # whose keys it makes

    def ask(self, operation: Operation, value: Value, now: int) -> Value | None:
        """An operation on the entry of a sample. None: it is no such key."""
        table = self.reference.table
        if table is None:
            return None
        maker = self.maker
        if maker is None or table is not self.table:
            maker = self.maker = key_maker(self.kind, table.options, when_met=True)
            self.table = table
            if maker is None:
                return None
        key = maker.key(value)
        return None if key is None else operation.of_key(table, key, now)


class OfSource(Source):
    """Of the client's address."""

    def __init__(self, operation: Operation, reference: TableReference) -> None:
        self.many = False
        self.operation = operation
        self.keyed = Keyed(reference, Type.ADDR)

    def get(self, ctx: Context) -> Value | None:
        address = ctx.source.packed
        return self.keyed.ask(self.operation, address, ctx.now) if address else None


class OfKey(ConverterStep):
    """Of what comes in."""

    def __init__(self, operation: Operation, reference: TableReference, kind: Type) -> None:
        self.operation = operation
        self.keyed = Keyed(reference, kind)

    def run(self, ctx: Context, value: Value) -> Value | None:
        return self.keyed.ask(self.operation, value, ctx.now)


class EntriesUsed(Source):
    """How many entries a table has, or could still have."""

    def __init__(self, reference: TableReference, available: bool) -> None:
        self.many = False
        self.reference = reference
        self.available = available

    def get(self, ctx: Context) -> Value | None:
        table = self.reference.table
        if table is None:
            return None
        return table.options.size - table.used if self.available else table.used


def fitted(key: bytes, table: StickTable) -> bytes:
    """The key of another table of the same type."""
    kind = int(table.options.type)
    size = table.options.key_size
    if kind == _STRING:
        return key[:size]
    return key[:size].ljust(size, b"\0") if kind == _BINARY else key
