"""What decides the text of a log-format tag, as a small number: a line's pieces remember the bytes they made for it.

A tag registered with a key promises: the same key, the same text, whatever the flags of the item. `of(ctx)` is -1 where
a number cannot tell (a value that is too large, a captured cookie): the text is then made anew. Tags of one family
often stand together and change together, so that one table serves them all (piece_groups.py): their keys become one, in
a Chain. For those that stand in the usual formats a CommonChain knows a shorter way to the same number.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from mypy_extensions import i64

from pointsman.core.address import NetAddress
from pointsman.sample.context import Context

KEY_BITS: Final = 61  # the keys of several tags together have no more bits than a native number holds
SMALL: Final = 1024  # numbers below have their digits ready
DIGITS: Final = [b"%d" % number for number in range(SMALL)]


class Family(IntEnum):
    """Which tags can share a key. From SOURCE on a family has no number: its text is remembered with the one object (an
    address, a line) from which it is made."""

    NONE = 0
    NAMES = 1  # the names of frontend, backend and server
    TIMES = 2  # timers
    STATES = 3  # status, sizes, letters
    COUNTS = 4  # connections, queues, retries
    CAPTURES = 5  # captured headers, if there are none
    ACCEPT = 6  # the date of the accept: the key is a date in ms, only the last text is remembered
    REQUEST_DATE = 7  # the date of the request: its key is a date in ms as well
    SOURCE = 8  # addresses: the text is remembered with the address
    DESTINATION = 9
    SERVER_SOURCE = 10
    SERVER_ADDRESS = 11
    REQUEST_LINE = 12  # the last line is remembered


class Key:
    """What decides the text of one tag. `bits`: how many its number has at most."""

    def __init__(self, family: Family, bits: int = 0) -> None:
        self.family = int(family)
        self.bits = bits
        self.limit: i64 = (1 << bits) - 1

    def of(self, ctx: Context) -> i64:
        """0 to `limit`; -1: make the text anew."""
        return -1


class Text(Key):
    """A tag that is a text and always there: pieces ask it natively."""

    def value(self, ctx: Context) -> bytes:
        raise NotImplementedError

    def get(self, ctx: Context) -> bytes:
        return self.value(ctx)


class AddressKey(Key):
    """The key of a tag that shows an address, or its port."""

    def address(self, ctx: Context) -> NetAddress | None:
        raise NotImplementedError


def digits(number: i64) -> bytes:
    """A number in decimal digits."""
    if 0 <= number < SMALL:
        return DIGITS[number]
    whole: int = number  # formatted with less ado than a native one
    return b"%d" % whole


class Number(Key):
    """A tag whose text is a number, which is its key too."""

    def value(self, ctx: Context) -> i64:
        raise NotImplementedError

    def marked(self, ctx: Context) -> bool:
        """A "+" stands before it: there is more to come (option logasap), or it was redispatched (%rc). See Marked."""
        return False

    def of(self, ctx: Context) -> i64:
        value = self.value(ctx)
        if value < -1 or value >= self.limit:  # not in one comparison, which compiles to a longer way
            return -1
        return value + 1

    def get(self, ctx: Context) -> int | bytes:
        """The plain value of the tag."""
        value: int = self.value(ctx)
        return b"+%d" % value if self.marked(ctx) else value


class Marked(Number):
    """One that may have a "+" before it."""

    def of(self, ctx: Context) -> i64:
        if self.marked(ctx):
            return -1
        value = self.value(ctx)
        if value < -1 or value >= self.limit:  # not in one comparison, which compiles to a longer way
            return -1
        return value + 1


class Total(Marked):
    """A number that still grows while an exchange goes on."""

    def marked(self, ctx: Context) -> bool:
        return not ctx.record.complete


# Several keys as one.


class Link:
    """A list would look at the class of each key, each time."""

    def __init__(self, key: Key, behind: "Link | None") -> None:
        self.key = key
        self.bits: i64 = key.bits
        self.behind = behind


class Chain(Key):
    """Keys behind one another, the first one's number highest."""

    def __init__(self, keys: Sequence[Key]) -> None:
        super().__init__(Family(keys[0].family), sum([key.bits for key in keys]))
        self.keys = list(keys)
        self.links: Link | None = None
        for key in reversed(keys):
            self.links = Link(key, self.links)

    def of(self, ctx: Context) -> i64:
        return self.slowly(ctx)

    def slowly(self, ctx: Context) -> i64:
        whole: i64 = 0
        link = self.links
        while link is not None:
            number = link.key.of(ctx)
            if number < 0:
                return -1
            whole = whole << link.bits | number
            link = link.behind
        return whole


class CommonChain(Chain):
    """A chain that stands in many lines: `of` computes what slowly() says in one go, where all is as usual."""

    def __init__(self, keys: Sequence[Key]) -> None:
        super().__init__(keys)
        _RUNS.append(self)
        _RUNS.sort(key=_length, reverse=True)


_RUNS: Final[list[CommonChain]] = []


def _length(run: CommonChain) -> int:
    return len(run.keys)


def one_key(keys: Sequence[Key]) -> Key:
    """What decides texts that each of the keys decides a part of."""
    found: list[Key] = []
    at = 0
    while at < len(keys):
        for run in _RUNS:
            if _stands(run.keys, keys, at):
                found.append(run)
                at += len(run.keys)
                break
        else:
            found.append(keys[at])
            at += 1
    return found[0] if len(found) == 1 else Chain(found)


def _stands(wanted: Sequence[Key], keys: Sequence[Key], at: int) -> bool:
    if at + len(wanted) > len(keys):
        return False
    for number, key in enumerate(wanted):
        if keys[at + number] is not key:
            return False
    return True
