"""What connections of HTTP/2 share of their header blocks: blocks that were decoded before, and literals.

Blocks. A dynamic table that several connections have had alike is a `State`, a value that is never changed. What a
block makes of it is a `Step`, remembered in the state by the block's very bytes, so that connections of one kind of
client, which all begin at `root` and send the same, walk the same steps and decode nothing. A hit is an earlier
decoding of the same bytes in the same state, so it can never mean anything else.

Literals. A literal that the client's encoder wants in the table, with a name that no dynamic table is needed for, means
the same on every connection: such literals are remembered as fields by their bytes, which makes a first block cheap
that has a path or a cookie of its own beside a browser's usual fields.

- No secrets: a block with one (SECRET, or a field that may never be indexed) is not remembered here, and neither is its
  literal; a state behind one that has entered the table is its connection's own (hpack.py). So neither memory nor time
  tells one connection of another's.
- Entered on second sight: a first sight leaves only a hash (`Marks`). What never repeats costs no room.
- Bounded in number and bytes, and what is used is not pushed out: where the room is taken, nothing new comes in.
  Room is made by time alone: what nobody has used for a period goes (`age`). So a hostile client can take the room that
  is free, at worst, and others decode what they send, as without a memory; what good clients share stays, however many
  blocks come. A connection has a QUOTA for its life, so that to take the room needs hundreds of connections.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.proto.message import Field

# Never remembered beyond their connection.
SECRET: Final = frozenset((b"cookie", b"set-cookie", b"authorization", b"proxy-authorization"))
INITIAL: Final = 4096  # bytes of a table before anybody says otherwise (RFC 9113 6.5.2)
ENTRY: Final = 32  # what RFC 7541 4.1 adds to name and value

LONGEST: Final = 1024  # bytes of a block or literal that is remembered
QUOTA: Final = 256  # blocks, and literals, that a connection may offer in its life
ENTERED: Final = 8  # one that is remembered counts so many times more
PERIOD: Final = 10_000  # ms
_STEPS: Final = 4096
_STEPS_ROOM: Final = 8 << 20  # bytes
_LITERALS: Final = 2048
_LITERALS_ROOM: Final = 1 << 20  # bytes
_MARKS: Final = 4096
_STEP_OVERHEAD: Final = 700  # bytes of objects about a step
_LITERAL_OVERHEAD: Final = 300


class Marks:
    """Hashes of what was seen, not long ago."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def again(self, mark: int) -> bool:
        """It was seen before; else it is from now on."""
        seen = self.seen
        if mark in seen:
            return True
        if len(seen) >= _MARKS:
            seen.clear()
        seen.add(mark)
        return False


@mypyc_attr(free_list_len=1)
class Block:
    """What a header block says. Others may see the same object: none of it may be changed but `known`."""

    def __init__(self, fields: list[Field], size: int, over: bool, secret: bool) -> None:
        self.fields = fields  # as far as they are within the limit
        self.size = size  # of all of them: names, values, and 32 each (RFC 9113 6.5.2)
        self.over = over  # that is more than the limit
        self.secret = secret
        self.known: object = None  # for h2_fields.py: what it has made of this block


class State:
    """A dynamic table, the oldest entry first. `room`: the size that its encoder has set."""

    def __init__(self, entries: list[Field], size: int, room: int, serial: int) -> None:
        self.entries = entries
        self.size = size
        self.room = room
        self.serial = serial
        self.seen: dict[bytes, Step] = {}
        self.shared = True  # False: nothing is entered, as no new connection will come here


class Step:
    """What a block makes of a state: `state` is where it leads, the same one if it changes nothing."""

    def __init__(self, block: Block, state: State, first: int, largest: int, cost: int) -> None:
        self.block = block
        self.state = state
        self.first = first  # size update that is in the block; -1: there is none
        self.largest = largest  # of them
        self.cost = cost
        self.used = True  # since the last look at it


class StepMemory:
    """Bounded by `most` steps and `room` bytes."""

    def __init__(self, most: int = _STEPS, room: int = _STEPS_ROOM) -> None:
        self.root = State([], 0, INITIAL, 1)
        self.most = most
        self.room = room
        self.steps = 0
        self.bytes = 0
        self.serials = 1
        self.marks = Marks()

    def serial(self) -> int:
        """A number that hashes are told apart by, of equal bytes in different states."""
        self.serials += 1
        return self.serials * 0x9E3779B1 & 0xFFFFFFFFFFF

    def wants(self, state: State, raw: bytes, cost: int) -> bool:
        """This is its second sight, and there is room."""
        again = self.marks.again(hash(raw) ^ state.serial)
        return again and self.steps < self.most and self.bytes + cost <= self.room

    def state(self, entries: list[Field], size: int, room: int) -> State:
        """A new one, to which a step leads."""
        return State(entries, size, room, self.serial())

    def enter(self, state: State, raw: bytes, step: Step) -> None:
        state.seen[raw] = step
        self.steps += 1
        self.bytes += step.cost

    def sweep(self) -> None:
        """Forgets the steps that were not used since the last time, nor any that are reached by them."""
        found: list[State] = [self.root]
        parents = 0
        while parents < len(found):
            state = found[parents]
            parents += 1
            for step in state.seen.values():
                if step.state is not state:
                    found.append(step.state)
        for state in reversed(found):  # what a step leads to comes before it
            idle: list[bytes] = []
            for raw, step in state.seen.items():
                if not step.used and (step.state is state or not step.state.seen):
                    idle.append(raw)
                step.used = False
            for raw in idle:
                step = state.seen.pop(raw)
                self.steps -= 1
                self.bytes -= step.cost
                if step.state is not state:
                    step.state.shared = False


class LiteralMemory:
    """Two generations: a hit in the old one puts it into the young one, and `turn` drops the old one. Bounded by `most`
    literals and `room` bytes in both together; what is in both counts once."""

    def __init__(self, most: int = _LITERALS, room: int = _LITERALS_ROOM) -> None:
        self.young: dict[bytes, Field] = {}
        self.old: dict[bytes, Field] = {}
        self.most = most
        self.room = room
        self.count = 0
        self.bytes = 0
        self.young_bytes = 0
        self.marks = Marks()

    def get(self, raw: bytes) -> Field | None:
        found = self.young.get(raw)
        if found is None:
            found = self.old.get(raw)
            if found is not None:
                self.young[raw] = found
                self.young_bytes += _literal_cost(raw, found)
        return found

    def offer(self, raw: bytes, one: Field) -> bool:
        """Remembers it, if it was offered before and there is room."""
        if not self.marks.again(hash(raw)):
            return False
        cost = _literal_cost(raw, one)
        if self.count >= self.most or self.bytes + cost > self.room:
            return False
        self.young[raw] = one
        self.young_bytes += cost
        self.count += 1
        self.bytes += cost
        return True

    def turn(self) -> None:
        self.old = self.young
        self.young = {}
        self.count = len(self.old)
        self.bytes = self.young_bytes
        self.young_bytes = 0


def _literal_cost(raw: bytes, one: Field) -> int:
    # Twice, as the field's lines may be remembered with it (`wire`, `coded`).
    return _LITERAL_OVERHEAD + len(raw) + 2 * (len(one.name) + len(one.value))


def step_cost(raw: bytes, block: Block, entries: int) -> int:
    """Bytes that a step keeps alive, at most: twice the fields, as above and for what h2_fields.py makes of them."""
    return _STEP_OVERHEAD + len(raw) + 2 * block.size + 8 * entries


class Shared:
    """What the connections of a lane share."""

    def __init__(self) -> None:
        self.steps = StepMemory()
        self.literals = LiteralMemory()
        self.own = Marks()  # of what connections remember for themselves, each with its serial
        self.turned = 0  # monotonic ms

    def age(self, now: int) -> None:
        """Called about once a second; `now` in monotonic ms."""
        if now - self.turned >= PERIOD:
            self.turned = now
            self.steps.sweep()
            self.literals.turn()


SHARED: Final = Shared()
