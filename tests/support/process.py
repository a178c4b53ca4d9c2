"""What a process has only once. A test begins with it as it is where no configuration has been read yet: variables of
the process, lists, notes of what is asked for. No test passes, or fails, by what another one has left.

A new place of that kind is entered in PLACES. What modules hold besides are tables, which nothing changes, and memories
of what follows from nothing but the question. Numbers that only grow (core/epoch.py, those of names in log/tags.py) go
on: remembered texts and decisions stand on them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Final

import pointsman.keywords  # noqa: F401 (what modules register as they are imported belongs to each process)

PLACES: Final = {
    "pointsman.core.diagnostics": ("STARTUP",),
    "pointsman.core.registry": ("_LOADED",),
    "pointsman.core.wishes": ("WISHES",),
    "pointsman.extension.calls": ("CALLS",),
    "pointsman.extension.remote": ("OPEN",),
    "pointsman.extension.reports": ("REPORTS",),
    "pointsman.log.tags": ("LOG_LIMITS",),
    "pointsman.log.events": ("STDERR",),
    "pointsman.resolve.resolution": ("RESOLVERS",),
    "pointsman.sample.acl": ("CRITERIA",),  # one that is known makes no wishes any more
    "pointsman.sample.converter.token_keys": ("CERTIFICATES",),
    "pointsman.sample.fetch.lane": ("THIS_LANE",),
    "pointsman.sample.passwords": ("PASSWORDS",),
    "pointsman.sample.users": ("USERLISTS",),
    "pointsman.sample.variable_limits": ("VARIABLE_LIMITS",),
    "pointsman.sample.variables": ("PROCESS_VARIABLES",),
    "pointsman.stream.phases": ("FOLLOWERS",),
    "pointsman.tables.changes": ("CHANGES",),
    "pointsman.tables.patterns": ("LISTS",),
    "pointsman.tables.server_keys": ("SERVER_KEYS",),
    "pointsman.tables.stick_tables": ("TABLES",),
}
_OWN: Final = "pointsman."


def attributes(thing: object) -> Iterator[tuple[str, object]]:
    """Of an instance of one of our classes, compiled or not."""
    if type(thing).__module__.startswith(_OWN):
        for name in {*getattr(type(thing), "__mypyc_attrs__", ()), *getattr(thing, "__dict__", ())}:
            if hasattr(thing, name):
                yield name, getattr(thing, name)


def kept(thing: object) -> Callable[[], None]:
    """Makes it again what it is now, in place: whoever has imported it has that very object."""
    found = dict(attributes(thing))
    items = list(thing.items()) if isinstance(thing, dict) else []
    elements = list(thing) if isinstance(thing, list | set) else []
    inner = [kept(one) for one in (*found.values(), *(value for _, value in items), *elements)]

    def put_back() -> None:
        for name, value in found.items():
            setattr(thing, name, value)
        if isinstance(thing, dict):
            thing.clear()
            thing.update(items)
        elif isinstance(thing, list):
            thing[:] = elements
        elif isinstance(thing, set):
            thing.clear()
            thing.update(elements)
        for one in inner:
            one()

    return put_back


_BEGINNING: Final = [kept(getattr(import_module(module), name)) for module, names in PLACES.items() for name in names]


def begin() -> None:
    """From here on the process is as if it had just been started."""
    for put_back in _BEGINNING:
        put_back()


def descriptors() -> set[str]:
    """What this process has open, each with its number. Asked twice, what is new can be told.

    Counts cannot be compared: the collector of cycles closes what earlier tests have left whenever it likes.
    """
    found: set[str] = set()
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the folder's own
            found.add(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")
    return found
