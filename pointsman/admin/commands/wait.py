"""wait (management manual 9.3): for a time, or until something can be removed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from pointsman.admin.command import INFO, Call, CommandError, command
from pointsman.admin.commands.added_backends import backend_in_use, backend_obstacle, wanted_backend
from pointsman.admin.commands.added_servers import in_use, obstacle, turned
from pointsman.admin.commands.console import span
from pointsman.admin.lookup import wanted_server

LOOK: Final = 0.02  # s between two looks
USAGE: Final = (
    "Usage: wait {-h|<delay>} [condition [args...]]\n"
    "  - <delay> is the longest time to wait: milliseconds, or with one of the units us, ms, s, m, h, d\n"
    "  - <condition> ends it earlier:\n"
)


@dataclass(frozen=True, slots=True)
class Awaited:
    """`met` says whether it is so; CommandError: it never will be. `missing`: what is said without an argument."""

    usage: str
    missing: str
    met: Callable[[Call], bool]


CONDITIONS: Final[dict[str, Awaited]] = {}


def condition(name: str, usage: str, missing: str) -> Callable[[Callable[[Call], bool]], Callable[[Call], bool]]:
    """Register what `wait <delay> <name>` waits for. Its argument is the third word."""

    def record(met: Callable[[Call], bool]) -> Callable[[Call], bool]:
        if name in CONDITIONS:
            raise RuntimeError(f"'wait {name}' is registered twice")
        CONDITIONS[name] = Awaited(usage, missing, met)
        return met

    return record


@condition("srv-removable", "srv-removable <px>/<sv>: the server can be deleted", "Missing server name (<px>/<sv>).")
def server_removable(call: Call) -> bool:
    """It is in maintenance, nothing refers to it, and it has no connection any more."""
    server = wanted_server(call, 2)[1]
    reason = obstacle(call, server)
    if reason:
        raise CommandError(reason)
    return not in_use(server)


@condition("be-removable", "be-removable <px>: the backend can be deleted", "Missing backend name (<px>).")
def backend_removable(call: Call) -> bool:
    """It is not published, nothing refers to it, and it has neither servers nor streams."""
    back = wanted_backend(call, 2)
    reason = backend_obstacle(call, back)
    if reason:
        raise CommandError(reason)
    return not backend_in_use(back)


@command("wait", "wait {-h|<delay>} [cond [args...]]", "wait for a time or a condition before the next command")
def wait(call: Call) -> str | Awaitable[str]:
    """wait <delay> [<condition> [<args>...]]: in milliseconds, or with a unit (us, ms, s, m, h, d)."""
    if "-h" in call.words[:2] or not call.words:
        return _usage()
    delay = span(call.word(0), "ms")
    if delay is None:
        raise CommandError("Invalid duration.")
    if not call.word(1):
        return _pause(delay)
    wanted = CONDITIONS.get(call.word(1))
    if wanted is None:
        raise CommandError(_usage())
    if not call.word(2):
        raise CommandError(wanted.missing)
    return _until(call, wanted, delay)


def _usage() -> str:
    return USAGE + "".join(f"    - {one.usage}\n" for one in CONDITIONS.values())


async def _pause(delay: float) -> str:
    await asyncio.sleep(delay / 1000)
    raise CommandError("Done.", INFO)


async def _until(call: Call, wanted: Awaited, delay: float) -> str:
    """Looked at again and again: what it depends on are cells that lanes change without a word."""
    loop = asyncio.get_running_loop()
    end = loop.time() + delay / 1000
    while True:
        try:
            if wanted.met(call):
                await turned(call)
            if wanted.met(call):
                raise CommandError("Done.", INFO)
        except CommandError as error:
            if error.severity == INFO:
                raise
            raise CommandError(f"Failed.\n{error}") from None
        left = end - loop.time()
        if left <= 0:
            raise CommandError("Wait delay expired.")
        await asyncio.sleep(min(LOOK, left))
