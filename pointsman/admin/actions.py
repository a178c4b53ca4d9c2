"""The forms of the statistics page: thirteen actions on chosen servers of a backend (manual 4.2, stats admin).

    s=<server> (any number of them)   action=<one of page.ACTIONS>   b=<backend>

In any order; of several backends or actions the last one holds. Each action is a runtime command, so that it is in
force in all lanes, is told in the log, and answers as that does. enable, disable, start and stop are older spellings.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final

from pointsman.admin.command import CommandError, find
from pointsman.admin.console import RuntimeConnection
from pointsman.admin.gauge import Gauge
from pointsman.admin.view import View
from pointsman.server.backend import LiveServer
from pointsman.server.server import DRAIN, FORCED_MAINT


class ActionResult(Enum):
    """As HAProxy's redirections name it."""

    DONE = "DONE"
    NONE = "NONE"
    PART = "PART"
    ERRP = "ERRP"
    EXCD = "EXCD"
    DENY = "DENY"


# The runtime command of an action; {} is backend/server.
COMMANDS: Final = {
    "ready": "set server {} state ready",
    "drain": "set server {} state drain",
    "maint": "set server {} state maint",
    "dhlth": "disable health {}",
    "ehlth": "enable health {}",
    "hrunn": "set server {} health up",
    "hnolb": "set server {} health stopping",
    "hdown": "set server {} health down",
    "dagent": "disable agent {}",
    "eagent": "enable agent {}",
    "arunn": "set server {} agent up",
    "adown": "set server {} agent down",
    "shutdown": "shutdown sessions server {}",
    "disable": "set server {} state maint",
    "enable": "set server {} state ready",
    "stop": "set server {} state drain",
    "start": "set server {} state ready",
}

# Where an action would change nothing: true, then it is left out.
IDLE: Final[dict[str, Callable[[LiveServer], bool]]] = {
    "disable": lambda server: bool(server.admin & FORCED_MAINT),
    "enable": lambda server: not server.admin & FORCED_MAINT,
    "stop": lambda server: bool(server.admin & DRAIN),
    "start": lambda server: not server.admin & DRAIN,
    "dhlth": lambda server: not server.checked,
    "ehlth": lambda server: not server.checked,
    "dagent": lambda server: not server.agent or server.agent_paused,
    "eagent": lambda server: not server.agent or not server.agent_paused,
    "arunn": lambda server: not server.agent or server.agent_paused,
    "adown": lambda server: not server.agent or server.agent_paused,
}


class _Actor(RuntimeConnection):
    """A console whose complaints are raised."""

    def _complaint(self, error: CommandError) -> str:
        raise error


async def carry_out(view: View, gauge: Gauge, scope: tuple[str, ...], form: list[tuple[str, str]]) -> ActionResult:
    """`scope`: the proxies that may be changed; empty: all."""
    names = [value for name, value in form if name == "s"]
    action = next((value for name, value in reversed(form) if name == "action"), None)
    backend = next((value for name, value in reversed(form) if name == "b"), None)
    if action is not None and action not in COMMANDS:
        return ActionResult.ERRP
    proxy = next((one for one in view.proxies if one.back is not None and one.name == backend), None)
    if backend is not None and (proxy is None or proxy.back is None):
        return ActionResult.ERRP
    if action is None or proxy is None or proxy.back is None or not names:
        return ActionResult.NONE
    if scope and proxy.name not in scope:
        return ActionResult.DENY
    done = failed = 0
    for name in names:
        server = proxy.back.backend.find(name.encode("utf-8", "surrogateescape"))
        if server is None:
            failed += 1
        elif action not in IDLE or not IDLE[action](server):
            done += await _act(view, gauge, action, f"{proxy.name}/{name}")
    if failed:
        return ActionResult.PART if done else ActionResult.ERRP
    return ActionResult.DONE if done else ActionResult.NONE


async def _act(view: View, gauge: Gauge, action: str, target: str) -> int:
    """1, or 0 where there is nothing to change, as with agents of a server that has none."""
    actor = _Actor(view, gauge, "admin", "none", 10_000)
    words = [word.format(target) for word in COMMANDS[action].split()]
    if find(words) is None:
        return 0
    try:
        await actor.answer(words)
    except CommandError:
        return 0
    return 1
