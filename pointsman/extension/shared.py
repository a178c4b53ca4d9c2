"""What functions share with the rules of all processes: variables of the process, entries of maps.

    await pointsman.set_variable("proc.mode", "closed")     in async functions and tasks, which run in control
    await pointsman.set_map("/etc/users.map", "anna", "b")
    pointsman.variable("proc.mode")                         anywhere

A change is made in this process and in all lanes before the call returns. What runs in a lane sets variables of the
process through its transaction, and changes maps by rules (set-map).
"""

from collections.abc import Awaitable, Callable
from typing import Final

from pointsman.extension.values import PythonValue, marked_value, plain
from pointsman.extension.views import NotPossible, variable_named
from pointsman.sample.lists import list_name
from pointsman.sample.variables import PROCESS_VARIABLES, process_change
from pointsman.tables.changes import Change
from pointsman.tables.patterns import LISTS

Publish = Callable[[Change], Awaitable[None]]


class Publishing:
    """In control: how a change is made everywhere."""

    def __init__(self) -> None:
        self.publish: Publish | None = None


PUBLISHING: Final = Publishing()


def _key(name: str) -> bytes:
    variable = variable_named(name)
    if variable.scope != "proc":
        raise ValueError(f"{name!r}: only variables of the process are here, 'proc.<name>'")
    return variable.key


def variable(name: str, default: PythonValue | None = None) -> PythonValue | None:
    """A variable of the process."""
    found = plain(PROCESS_VARIABLES.get(_key(name)))
    return default if found is None else found


async def set_variable(name: str, value: PythonValue | None) -> None:
    """Give it a value, in all processes; None: it has none any more."""
    key = _key(name)
    await _publish(process_change(key, None if value is None else marked_value(value)))


async def set_map(file: str, key: str, value: str | None) -> None:
    """Give a key of a map a value, in all processes; None: take it out. LookupError: the configuration has no such
    map."""
    found = LISTS.by_name.get(list_name(file))
    if found is None:
        raise LookupError(f"no rule names the map {file!r}")
    if value is None:
        await _publish(["map", found.number, "drop", key])
    else:
        await _publish(["map", found.number, "replace", key, value])


async def _publish(change: Change) -> None:
    if PUBLISHING.publish is None:
        raise NotPossible("changes for all processes are made where async functions and tasks run")
    await PUBLISHING.publish(change)
