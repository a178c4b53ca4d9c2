"""Changes of what is no cell: what all processes of a generation do in the same order.

A change is a list of plain values; its first word names the kind of thing that is changed, and a Follower of that kind
knows how to make the change, and how to say in few changes what the present state is:

    ["map", ...] entries of maps and ACLs     ["var", ...] variables of the process     ["server", ...] their addresses
    ["tickets", ...] keys of TLS tickets     ["command", ...] what a lane carries out

With one process a change is made at once. With several, control makes all changes: what a lane wants (an action such as
set-map) is proposed to it, put in order, and comes back to all lanes (admin/links.py); a change that came from the
runtime socket has reached all lanes before it is answered.

Explanations and tests run rules without making what these want changed: `CHANGES.gathered()` takes the place of the way
to control for as long as they run.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from pointsman.tables.patterns import LISTS, PatternEntry, PatternError, PatternList

Plain = str | int | bool | None | list["Plain"]
Change = list[Plain]


class Follower:
    """Base: one kind of thing that can be changed."""

    def apply(self, change: Change) -> None:
        """Make a change. PatternError: it cannot be made here, and so nowhere."""
        raise NotImplementedError

    def snapshot(self) -> list[Change]:
        """Changes that make a fresh process what this one is."""
        raise NotImplementedError

    def keep(self) -> Callable[[], None]:
        """What puts back, when it is called, what traffic changes by itself before anything is proposed."""
        return _nothing


def _nothing() -> None:
    """Traffic changes nothing by itself."""


class Changes:
    """What this process follows, and where its own wishes go."""

    def __init__(self) -> None:
        self.followers: dict[str, Follower] = {}
        self.watchers: list[Callable[[str], None]] = []  # told the kind of each change that was made
        self.outbox: Callable[[Change], None] | None = (
            None  # with several lanes: the way to control, and in control to all
        )

    def apply(self, change: Change) -> None:
        """Make it here. PatternError: it is impossible."""
        kind = text(change, 0)
        self.followers[kind].apply(change)
        for watcher in self.watchers:
            watcher(kind)

    def propose(self, change: Change) -> None:
        """For traffic: make a change wherever it has to be made. What is impossible is forgotten."""
        if self.outbox is not None:
            self.outbox(change)
            return
        try:
            self.apply(change)
        except PatternError:
            return

    @contextmanager
    def gathered(self) -> Iterator[list[Change]]:
        """Rules that run in this block change nothing that outlives it. What they want changed is gathered, in its
        order.

        A variable of the process has its new value until the block ends, as it has at once in traffic. Lists of
        patterns stay as they are: a rule finds a change that one before it has made no sooner than with several lanes,
        where control makes it a moment later. What is impossible is gathered too. No traffic may be served meanwhile:
        the block neither waits nor yields to a loop.
        """
        found: list[Change] = []
        outbox, self.outbox = self.outbox, found.append
        put_back = [follower.keep() for follower in self.followers.values()]
        try:
            yield found
        finally:
            self.outbox = outbox
            for undo in put_back:
                undo()

    def snapshot(self) -> list[Change]:
        return [change for follower in self.followers.values() for change in follower.snapshot()]


def text(change: Change, index: int) -> str:
    value = change[index]
    assert isinstance(value, str)
    return value


def number(change: Change, index: int) -> int:
    value = change[index]
    assert isinstance(value, int)
    return value


def optional(value: Plain) -> str | None:
    assert value is None or isinstance(value, str)
    return value


class MapFollower(Follower):
    """Entries of lists of patterns:

        map <list> add <version> [[key, value] ...]     map <list> set|replace <key> <value>     map <list> del <key>
        map <list> clear <version>     map <list> prepare     map <list> commit <version>
        map <list> restore <current> <next> <issued> [[number, key, value, version] ...]

    set changes entries that are there, and del deletes them; for traffic replace adds an entry if there is none, and
    drop (with a key) never takes a key for a number.
    """

    def apply(self, change: Change) -> None:
        found = LISTS.find(f"#{number(change, 1)}")
        if found is None:
            raise PatternError("Unknown map identifier. Please use #<id> or <file>.")
        verb = text(change, 2)
        if verb == "add":
            _add_all(found, number(change, 3), change[4])
        elif verb == "set":
            found.set(text(change, 3), text(change, 4))
        elif verb == "replace":
            _replace(found, text(change, 3), optional(change[4]))
        elif verb == "del":
            found.delete(text(change, 3))
        elif verb == "drop":
            for entry in found.same(text(change, 3)):
                found.delete(f"#{entry.identity:#x}")
        elif verb == "clear":
            found.clear(number(change, 3))
        elif verb == "prepare":
            found.prepare()
        elif verb == "commit":
            found.commit(number(change, 3))
        else:
            assert verb == "restore"
            _restore(found, change)

    def snapshot(self) -> list[Change]:
        return [saved(one) for one in LISTS.references if one.changed]


def _add_all(found: PatternList, version: int, pairs: Plain) -> None:
    """All or nothing."""
    assert isinstance(pairs, list)
    wanted = found.version(version)
    new: list[tuple[str, str | None]] = []
    for pair in pairs:
        assert isinstance(pair, list)
        new.append((text(pair, 0), optional(pair[1])))
    for key, value in new:
        found.check(key, value)
    for key, value in new:
        found.add(key, value, wanted)


def _replace(found: PatternList, key: str, value: str | None) -> None:
    """By key alone: what traffic sends is no number of an entry, whatever it looks like."""
    same = found.same(key)
    if not same:
        found.add(key, value)
    elif value is not None and any(entry.value != value for entry in same):
        for entry in list(same):
            found.set(f"#{entry.identity:#x}", value)


def saved(one: PatternList) -> Change:
    """What makes it again what it is now."""
    entries: list[Plain] = []
    for group in one.versions.values():
        entries += [_entry(entry) for entry in group.values()]
    return ["map", one.number, "restore", one.current, one.next, one.issued, entries]


def _entry(entry: PatternEntry) -> Plain:
    return [entry.identity, entry.key, entry.value, entry.version]


def _restore(found: PatternList, change: Change) -> None:
    entries: list[tuple[int, str, str | None, int]] = []
    saved = change[6]
    assert isinstance(saved, list)
    for one in saved:
        assert isinstance(one, list)
        entries.append((number(one, 0), text(one, 1), optional(one[2]), number(one, 3)))
    found.restore(number(change, 3), number(change, 4), number(change, 5), entries)


CHANGES: Final = Changes()
CHANGES.followers["map"] = MapFollower()
