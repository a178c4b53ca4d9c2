"""Commands that change servers: state, weight, maxconn (management manual 9.3)."""
from collections.abc import Awaitable, Callable
from typing import Final

from pointsman.admin.command import ADMIN, Call, CommandError, Run, command
from pointsman.admin.lookup import wanted_server
from pointsman.admin.view import BackSide
from pointsman.server.backend import LiveServer
from pointsman.server.server import DRAIN, MAINT

HEAVIEST: Final = 256
ALERT: Final = 1  # levels of syslog
NOTICE: Final = 5

_PARTS: Final[dict[str, Run]] = {}


def part(name: str) -> Callable[[Run], Run]:
    """Register what `set server <backend>/<server> <name>` does."""
    def record(change: Run) -> Run:
        if name in _PARTS:
            raise RuntimeError(f"'set server {name}' is registered twice")
        _PARTS[name] = change
        return change
    return record


@command("set server", "set server <bk>/<srv> [opts]", "change a server's state, weight or address", level=ADMIN)
def set_server(call: Call) -> str | Awaitable[str]:
    """set server <backend>/<server> state|weight|addr|check-addr|check-port|fqdn ..."""
    wanted_server(call)
    change = _PARTS.get(call.word(1))
    if change is None:
        raise CommandError("usage: set server <backend>/<server> " + " | ".join(sorted(_PARTS)))
    return change(call)


# States.

@part("state")
def _set_state(call: Call) -> str:
    """set server <backend>/<server> state [ ready | drain | maint ]"""
    back, server = wanted_server(call)
    state = call.word(2)
    if state == "maint":
        to_maintenance(call, back, server)
    elif state == "drain":
        to_drain(call, back, server)
    elif state == "ready":
        to_ready(call, back, server)
    else:
        raise CommandError("'set server <srv> state' expects 'ready', 'drain' and 'maint'.")
    return ""


@command("disable server", "disable server <bk>/<srv>", "put a server into maintenance", level=ADMIN)
def disable_server(call: Call) -> str:
    to_maintenance(call, *wanted_server(call))
    return ""


@command("enable server", "enable server <bk>/<srv>", "end a server's maintenance", level=ADMIN)
def enable_server(call: Call) -> str:
    back, server = wanted_server(call)
    if server.admin & MAINT:
        _leave_maintenance(call, back, server)
    return ""


def to_maintenance(call: Call, back: BackSide, server: LiveServer) -> None:
    """No traffic and no checks. Whoever waits for it chooses again."""
    if server.admin & MAINT:
        return
    requeued = server.queued
    sessions = server.connections
    alive = bool(back.backend.usable)
    server.admin |= MAINT
    server.admin &= ~DRAIN
    _changed(call, back, server)
    _say(call, back, ALERT, f"Server {_name(server)} is going DOWN for maintenance. {_left(back, 'left')} {sessions} "
                            f"sessions active, {requeued} requeued, {len(back.backend.queue)} remaining in queue.")
    _tell_if_empty(call, back, alive)


def to_drain(call: Call, back: BackSide, server: LiveServer) -> None:
    """No new work, but what persists; checks go on."""
    if server.admin & MAINT:
        server.admin |= DRAIN
        _leave_maintenance(call, back, server)
        return
    if server.admin & DRAIN:
        return
    requeued = server.queued
    alive = bool(back.backend.usable)
    server.admin |= DRAIN
    _changed(call, back, server)
    _say(call, back, NOTICE, f"Server {_name(server)} enters drain state. {_left(back, 'online')} {requeued} sessions "
                             f"requeued, {len(back.backend.queue)} total in queue.")
    _tell_if_empty(call, back, alive)


def to_ready(call: Call, back: BackSide, server: LiveServer) -> None:
    """As the checks say: neither maintenance nor drain."""
    drained = bool(server.admin & DRAIN)
    server.admin &= ~DRAIN
    if server.admin & MAINT:
        _leave_maintenance(call, back, server)
    elif drained:
        _changed(call, back, server)
        _say(call, back, NOTICE, f"Server {_name(server)} is {'UP' if server.up else 'DOWN'} (leaving forced drain).")


def _leave_maintenance(call: Call, back: BackSide, server: LiveServer) -> None:
    server.admin &= ~MAINT
    _changed(call, back, server)
    mode = "DRAIN" if server.admin & DRAIN else "READY"
    _say(call, back, NOTICE, f"Server {_name(server)} is {'UP' if server.up else 'DOWN'}/{mode} "
                             "(leaving forced maintenance).")


def _changed(call: Call, back: BackSide, server: LiveServer) -> None:
    server.last_change = call.view.now
    back.backend.changed(server)
    call.view.settle()


def _name(server: LiveServer) -> str:
    return server.route.decode()


def _left(back: BackSide, word: str) -> str:
    usable = [server for server in back.backend.servers if server.usable]
    active = sum(1 for server in usable if not server.backup)
    return f"{active} active and {len(usable) - active} backup servers {word}."


def _say(call: Call, back: BackSide, level: int, text: str) -> None:
    """A line in the backend's log, or in the process's."""
    logger = back.logger or call.view.logger
    if logger is not None:
        logger.event(level, text.encode())


def _tell_if_empty(call: Call, back: BackSide, alive: bool) -> None:
    if alive and not back.backend.usable:
        _say(call, back, 0, f"backend {back.backend.name.decode()} has no server available!")


# Weights.

@command("get weight", "get weight <bk>/<srv>", "show a server's weight")
def get_weight(call: Call) -> str:
    """The present one and the configured one."""
    server = wanted_server(call)[1]
    return f"{server.weight} (initial {server.initial_weight})\n"


@command("set weight", "set weight <bk>/<srv> <weight>[%]", "change a server's weight", level=ADMIN)
def set_weight(call: Call) -> str:
    """set weight <backend>/<server> <weight>[%]: absolute, or relative to the configured one."""
    _change_weight(call, call.word(1))
    return ""


@part("weight")
def _set_weight(call: Call) -> str:
    """set server <backend>/<server> weight <weight>[%]"""
    _change_weight(call, call.word(2))
    return ""


def _change_weight(call: Call, text: str) -> None:
    back, server = wanted_server(call)
    if not text:
        raise CommandError("Require <weight> or <weight%>.")
    relative = text.endswith("%")
    digits = text.removesuffix("%")
    number = digits.removeprefix("-")
    if not number[:1].isdigit():
        raise CommandError("Empty weight string empty or preceded by garbage")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise CommandError("Trailing garbage in weight string")
    weight = int(digits)
    if relative:
        if weight < 0:
            raise CommandError("Relative weight must be positive.")
        weight = min(HEAVIEST, server.initial_weight * weight // 100)
    elif not 0 <= weight <= HEAVIEST:
        raise CommandError("Absolute weight can only be between 0 and 256 inclusive.")
    if back.static and weight not in (0, server.initial_weight):
        raise CommandError("Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.")
    server.weight = weight
    back.backend.changed(server)
    call.view.settle()


# Limits.

@command("set maxconn server", "set maxconn server <bk>/<srv> <value>", "change a server's maxconn", level=ADMIN)
def set_maxconn_server(call: Call) -> str:
    """set maxconn server <backend>/<server> <value>: zero takes the limit away."""
    back, server = wanted_server(call)
    text = call.word(1)
    if not text:
        raise CommandError("Require <maxconn>.")
    if not text[:1].isascii() or not text[:1].isdigit():
        raise CommandError("maxconn string empty or preceded by garbage")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise CommandError("Trailing garbage in maxconn string")
    server.maxconn = int(text)
    back.backend.changed(server)
    call.view.settle()
    return ""
