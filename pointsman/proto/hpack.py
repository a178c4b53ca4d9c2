"""HPACK (RFC 7541): a decoder with a memory, and an encoder without a state.

A `Decoder` is one direction of one connection. Its table is a state that connections share (hpack_memory.py), until
what has entered it is its own: a secret, or what no other connection has sent. From then on it changes entries in
place, and remembers only blocks that leave the table as it is, for itself. The last such block is known without a look
into any dictionary: clients that repeat themselves are the common case.

The limit on what a block decodes to stands here, as one octet may mean a field of a table's size. Behind the limit
fields are counted, not kept, but the table is kept right: a refused head must not spoil the next one. Who goes far
beyond it (`bound`) loses the connection.

The encoder never touches the peer's table: what it makes of a field is the same for all connections, and is remembered
with the field. It leaves strings as they are: the Huffman code would save a quarter of the bytes (RFC 7541 C.5 and C.6)
and cost a look at each of them, where now there is one copy.
"""

from typing import Final

from mypy_extensions import i64

from pointsman.proto.hpack_huffman import huffman
from pointsman.proto.hpack_memory import (
    ENTERED,
    ENTRY,
    INITIAL,
    LONGEST,
    QUOTA,
    SECRET,
    SHARED,
    Block,
    Shared,
    State,
    Step,
    step_cost,
)
from pointsman.proto.hpack_tables import STATIC
from pointsman.proto.message import BLANK, KINDS, MALFORMED, PLAIN, PSEUDO, Field
from pointsman.proto.tokens import CLEAN, TOKEN

__all__ = ["SIZE_UPDATE_0", "Block", "Decoder", "HpackError", "coded", "coded_pair"]

SIZE_UPDATE_0: Final = b"\x20"  # the table may hold nothing from now on (RFC 7541 6.3)

_STATICS: Final = 61  # entries of the static table
_FIRST_SECRET: Final = 23  # the lowest index of one of SECRET: authorization
_UPDATES: Final = 2  # at most, at the beginning of a block: the smallest size, and the last (RFC 7541 4.2)
_SHIFTS: Final = 21  # an integer has four octets more than its first at most: 28 bits
_LAST: Final = 8192  # bytes of a block that is remembered as the last one
_OWN_BLOCKS: Final = 8  # remembered by a connection for itself
_OWN_ROOM: Final = 8192  # bytes
# A name is a token in lower case (RFC 9113 8.2.1, RFC 9110 5.1): all else becomes another byte.
_NAMES: Final = bytes([c if c in TOKEN and not 0x41 <= c <= 0x5A else c ^ 1 for c in range(256)])


class HpackError(Exception):
    """A block that cannot be decoded: the connection is at its end (COMPRESSION_ERROR, RFC 9113 4.3)."""


def _kind(name: bytes) -> int:
    kind = KINDS.get(name, PLAIN)
    if not kind and (not name or name.translate(_NAMES) != name):
        rest = name[1:]
        kind = PSEUDO if name[:1] == b":" and rest and rest.translate(_NAMES) == rest else MALFORMED
    return kind


def _field(name: bytes, value: bytes, kind: int) -> Field:
    """A field that was received, judged by itself; `kind`: its name's."""
    if value and (value[0] in BLANK or value[-1] in BLANK or value.translate(CLEAN) != value):
        kind = MALFORMED
    return Field(name, value, kind)


_STATIC_FIELDS: Final[list[Field]] = [_field(name, value, _kind(name)) for name, value in STATIC]
_OWN: Final = State([], 0, INITIAL, 0)  # stands for a table that is its connection's own; nothing is entered in it
_OWN.shared = False


class Decoder:
    """`table_size`: what our SETTINGS say; `limit`: the size of a block, as `Block.size` counts it, beyond which fields
    are not kept."""

    def __init__(self, table_size: int, limit: int, shared: Shared = SHARED) -> None:
        self.limit = limit
        self.bound = 1 << 60  # bytes of a list, the same way, that is not even worth to be decoded
        self.largest = max(table_size, INITIAL)  # that a size update may ask for; the peer may not know ours yet
        self.awaited = -1  # a size update to this or less must come: the table has become smaller
        self.shared = shared
        self.state = shared.steps.root
        self.entries = self.state.entries  # these three are the state's; of _OWN, this connection's
        self.size = 0
        self.room = INITIAL
        self.last = b""  # the last block, if it has left the table as it was
        self.known: Block | None = None
        self.own: dict[bytes, Block] = {}  # more such blocks, that nobody else may see
        self.own_bytes = 0
        self.serial = 0  # what its marks are told apart by; 0: it has none yet
        self.blocks = QUOTA  # that may be offered to all, and
        self.literals = QUOTA
        self.at: i64 = 0  # in the block, while it is decoded
        self.end: i64 = 0  # of the string that begins there
        self.first = -1  # size update in it; -1: there is none
        self.most = 0  # that one says
        self.changed = False  # the table, by it
        self.secret = False

    def settle(self, table_size: int) -> None:
        """The peer has acknowledged SETTINGS with this size. Where its table is larger, its next block has to begin
        with a size update (RFC 7541 4.2)."""
        self.largest = table_size
        if table_size < self.room and not 0 <= self.awaited <= table_size:
            self.awaited = table_size
            self.forget()

    def decode(self, block: bytes) -> Block:
        """The same object for the same bytes in the same state of the table. HpackError."""
        if block == self.last:
            known = self.known
            if known is not None:
                return known
        step = self.state.seen.get(block)
        if step is not None and self._may_take(step):
            step.used = True
            known = step.block
            if step.state is not self.state:
                self._follow(step.state)
            else:
                self.last = block
                self.known = known
            return known
        if self.own:
            known = self.own.get(block)
            if known is not None:
                self.last = block
                self.known = known
                return known
        return self._decoded(block)

    def _may_take(self, step: Step) -> bool:
        """What another connection has made of this block is right for this one: it is within our SETTINGS and limit."""
        if step.largest > self.largest or step.block.size > self.limit:
            return False
        if self.awaited >= 0:
            if not 0 <= step.first <= self.awaited:
                return False
            self.awaited = -1
        return True

    def _follow(self, state: State) -> None:
        self.state = state
        self.entries = state.entries
        self.size = state.size
        self.room = state.room
        self.forget()

    def forget(self) -> None:
        """Drops what is remembered of this connection's blocks, but for its table: that is another one now, or the
        connection has been idle for a while."""
        self.last = b""
        self.known = None
        if self.own:
            self.own.clear()
            self.own_bytes = 0

    def _decoded(self, block: bytes) -> Block:
        fields: list[Field] = []
        self.at = 0
        self.changed = self.secret = False
        self._size_updates(block)
        own = self.state is _OWN
        at: i64 = self.at
        end: i64 = len(block)
        limit: i64 = self.limit
        total: i64 = 0
        while at < end:
            octet: i64 = block[at]
            if octet >= 0x80:
                at += 1
                index: i64 = octet & 127
                if index == 127:
                    self.at = at
                    index = self._integer(block, 127)
                    at = self.at
                one = self._entry(index)
                if index >= _FIRST_SECRET and (own or index <= _STATICS) and one.name in SECRET:
                    self.secret = True
            elif 0x20 <= octet < 0x40:
                raise HpackError("a size update that is not at the beginning of its block")
            else:
                self.at = at
                one = self._literal(block, octet)
                at = self.at
            total += len(one.name) + len(one.value) + ENTRY
            if total <= limit:
                fields.append(one)
            elif total > self.bound:
                raise HpackError("a header list that is far too large")
        made = Block(fields, total, total > limit, self.secret)
        self._remember(block, made)
        return made

    def _entry(self, index: i64) -> Field:
        """By index, of one of the tables (RFC 7541 2.3.3)."""
        if index <= _STATICS:
            if not index:
                raise HpackError("index 0")
            return _STATIC_FIELDS[index - 1]
        entries = self.entries
        place: i64 = len(entries) + _STATICS - index
        if place < 0:
            raise HpackError("no entry has this index")
        return entries[place]

    def _literal(self, block: bytes, octet: i64) -> Field:
        """RFC 7541 6.2."""
        start: i64 = self.at
        self.at = start + 1
        indexed = octet >= 0x40
        mask: i64 = 63 if indexed else 15
        index: i64 = octet & mask
        if index == mask:
            index = self._integer(block, mask)
        coded_name = False
        name_start: i64 = 0
        name_end: i64 = 0
        if not index:
            coded_name = self._string(block)
            name_start, name_end = self.at, self.end
            self.at = name_end
        coded_value = self._string(block)
        value_start: i64 = self.at
        end: i64 = self.end
        self.at = end
        raw = b""
        if indexed and index <= _STATICS and end - start <= LONGEST:
            raw = block[start:end]
            known = self.shared.literals.get(raw)
            if known is not None:
                self._insert(known)
                return known
        value = self._text(block[value_start:end], coded_value)
        if index:
            named = self._entry(index)
            name = named.name
            one = _field(name, value, named.kind if index <= _STATICS else _kind(name))
        else:
            name = self._text(block[name_start:name_end], coded_name)
            one = _field(name, value, _kind(name))
        if name in SECRET:
            self.secret = True
        elif raw and self.literals > 0:
            self.literals -= ENTERED if self.shared.literals.offer(raw, one) else 1
        if indexed:
            self._insert(one)
        elif octet & 0x10:
            self.secret = True
            one.coded = _literal_of(name, value, True)  # who hands it on must say so too (RFC 7541 6.2.3)
        return one

    def _integer(self, block: bytes, value: i64) -> i64:
        """What follows a prefix that is all ones (RFC 7541 5.1)."""
        at: i64 = self.at
        end: i64 = len(block)
        shift: i64 = 0
        while True:
            if at >= end or shift > _SHIFTS:
                raise HpackError("an integer that is cut off, or too long")
            octet: i64 = block[at]
            at += 1
            value += (octet & 127) << shift
            shift += 7
            if octet < 128:
                self.at = at
                return value

    def _string(self, block: bytes) -> bool:
        """Finds where a string begins and ends (RFC 7541 5.2): `at`, `end`. True: it is in the Huffman code."""
        at: i64 = self.at
        if at >= len(block):
            raise HpackError("a string is missing")
        octet: i64 = block[at]
        at += 1
        self.at = at
        size: i64 = octet & 127
        if size == 127:
            size = self._integer(block, 127)
            at = self.at
        self.end = at + size
        if self.end > len(block):
            raise HpackError("a string that is cut off")
        return octet >= 128

    def _text(self, data: bytes, coded: bool) -> bytes:
        if not coded:
            return data
        text = huffman(data)
        if text is None:
            raise HpackError("not the Huffman code")
        return text

    def _size_updates(self, block: bytes) -> None:
        """At the beginning of a block (RFC 7541 4.2)."""
        updates = 0
        self.first, self.most = -1, 0
        while self.at < len(block) and 0x20 <= block[self.at] < 0x40:
            size = block[self.at] & 31
            self.at += 1
            if size == 31:
                size = self._integer(block, 31)
            updates += 1
            if size > self.largest or updates > _UPDATES:
                raise HpackError("a size update beyond what SETTINGS allow, or too many")
            if self.awaited >= 0:
                if size > self.awaited:
                    raise HpackError("a size update that does not say the smallest size")
                self.awaited = -1
            if updates == 1:
                self.first = size
            self.most = max(self.most, size)
            if size != self.room:
                self._own_table()
                self.room = size
                self._evict()
        if self.awaited >= 0:
            raise HpackError("SETTINGS have made the table smaller, and no size update says so")

    def _own_table(self) -> None:
        """The entries are going to change: these must be no others'."""
        if not self.changed:
            self.changed = True
            if self.state is not _OWN:
                self.entries = self.entries[:]

    def _insert(self, one: Field) -> None:
        """RFC 7541 4.4: what is larger than the whole table empties it."""
        self._own_table()
        self.entries.append(one)
        self.size += len(one.name) + len(one.value) + ENTRY
        if self.size > self.room:
            self._evict()

    def _evict(self) -> None:
        entries, size = self.entries, self.size
        gone = 0
        while size > self.room:
            one = entries[gone]
            size -= len(one.name) + len(one.value) + ENTRY
            gone += 1
        if gone:
            del entries[:gone]
            self.size = size

    def _remember(self, raw: bytes, block: Block) -> None:
        """Makes the table that the block has left the one to go on with."""
        before = self.state
        small = len(raw) <= LONGEST and not block.over
        if before.shared and small and not block.secret and self.blocks > 0:
            self.blocks -= 1
            steps = self.shared.steps
            cost = step_cost(raw, block, len(self.entries) if self.changed else 0)
            if steps.wants(before, raw, cost) and raw not in before.seen:
                self.blocks -= ENTERED
                after = steps.state(self.entries, self.size, self.room) if self.changed else before
                steps.enter(before, raw, Step(block, after, self.first, self.most, cost))
                if self.changed:
                    self._follow(after)
                    return
        if self.changed:
            self.state = _OWN
            self.forget()
            return
        if len(raw) <= _LAST and not block.over:
            self.last = raw
            self.known = block
        if small:
            self._keep(raw, block)

    def _keep(self, raw: bytes, block: Block) -> None:
        """Remembers, on second sight, what leaves the table as it is, for this connection."""
        if not self.serial:
            self.serial = self.shared.steps.serial()
        if not self.shared.own.again(hash(raw) ^ self.serial):
            return
        cost = len(raw) + block.size
        if len(self.own) >= _OWN_BLOCKS or self.own_bytes + cost > _OWN_ROOM:
            self.own.clear()
            self.own_bytes = 0
        if cost <= _OWN_ROOM:
            self.own[raw] = block
            self.own_bytes += cost


def _number(value: int, mask: int, first: int) -> bytes:
    """RFC 7541 5.1; `first`: the bits before the prefix."""
    if value < mask:
        return bytes((first | value,))
    octets = [first | mask]
    value -= mask
    while value >= 128:
        octets.append(value & 127 | 128)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def _indexed() -> tuple[dict[bytes, dict[bytes, bytes]], dict[bytes, bytes], dict[bytes, bytes]]:
    """What the static table is good for: whole fields, by name and value; names, for both kinds of literal."""
    whole: dict[bytes, dict[bytes, bytes]] = {}
    names: dict[bytes, bytes] = {}
    secret_names: dict[bytes, bytes] = {}
    for i in range(len(STATIC)):
        name, value = STATIC[i]
        whole.setdefault(name, {}).setdefault(value, _number(i + 1, 127, 0x80))
        names.setdefault(name, _number(i + 1, 15, 0))
        secret_names.setdefault(name, _number(i + 1, 15, 0x10))
    return whole, names, secret_names


_found = _indexed()
_WHOLE: Final[dict[bytes, dict[bytes, bytes]]] = _found[0]
_NAME: Final[dict[bytes, bytes]] = _found[1]
_SECRET_NAME: Final[dict[bytes, bytes]] = _found[2]
_LENGTHS: Final[list[bytes]] = [_number(size, 127, 0) for size in range(512)]


def _length(size: int) -> bytes:
    return _LENGTHS[size] if size < 512 else _number(size, 127, 0)


def _literal_of(name: bytes, value: bytes, never: bool) -> bytes:
    """Without indexing; `never`: nobody on the way may index it (RFC 7541 6.2.2, 6.2.3)."""
    start = _SECRET_NAME.get(name) if never else _NAME.get(name)
    if start is None:
        start = b"".join((b"\x10" if never else b"\0", _length(len(name)), name))
    return b"".join((start, _length(len(value)), value))


def coded(one: Field) -> bytes:
    """The field as it goes out: an index of the static table, or a literal; it remembers that."""
    found = one.coded
    if not found:
        found = one.coded = coded_pair(one.name, one.value)
    return found


def coded_pair(name: bytes, value: bytes) -> bytes:
    """The same for what is no Field: pseudo-fields. Nobody may index secrets (RFC 7541 7.1.3)."""
    values = _WHOLE.get(name)
    if values is not None:
        found = values.get(value)
        if found is not None:
            return found
    return _literal_of(name, value, name in SECRET)
