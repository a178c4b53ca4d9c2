"""Commands that change servers: state, weight, maxconn (management manual 9.3)."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from pointsman.admin.addresses import checker_of
from pointsman.admin.command import ADMIN, Call, CommandError, RunCommand, command
from pointsman.admin.lookup import wanted_server
from pointsman.server.checks.health import Health
from pointsman.server.server import DRAIN, FORCED_MAINT, RUNNING, STOPPED, STOPPING
from pointsman.server.server_messages import ServerMessages

HEAVIEST: Final = 256

_PARTS: Final[dict[str, RunCommand]] = {}


def part(name: str) -> Callable[[RunCommand], RunCommand]:
    """Register what `set server <backend>/<server> <name>` does."""

    def record(change: RunCommand) -> RunCommand:
        if name in _PARTS:
            raise RuntimeError(f"'set server {name}' is registered twice")
        _PARTS[name] = change
        return change

    return record


@command("set server", "set server <bk>/<srv> [opts]", "change a server's state, weight or address", level=ADMIN)
def set_server(call: Call) -> str | Awaitable[str] | Iterator[str]:
    """set server <backend>/<server> state|weight|health|addr|check-addr|check-port|fqdn|ssl|agent ..."""
    wanted_server(call)
    change = _PARTS.get(call.word(1))
    if change is None:
        raise CommandError("usage: set server <backend>/<server> " + " | ".join(sorted(_PARTS)))
    return change(call)


# States.


@part("state")
def _set_state(call: Call) -> str:
    """set server <backend>/<server> state [ ready | drain | maint ]"""
    state = call.word(2)
    if state == "maint":
        to_maintenance(call)
    elif state == "drain":
        to_drain(call)
    elif state == "ready":
        to_ready(call)
    else:
        raise CommandError("'set server <srv> state' expects 'ready', 'drain' and 'maint'.")
    return ""


@command("disable server", "disable server <bk>/<srv>", "put a server into maintenance", level=ADMIN)
def disable_server(call: Call) -> str:
    to_maintenance(call)
    return ""


@command("enable server", "enable server <bk>/<srv>", "end a server's maintenance", level=ADMIN)
def enable_server(call: Call) -> str:
    """As `set server ... state ready`: a drain ends, too."""
    to_ready(call)
    return ""


def _health(call: Call) -> Health:
    """The health of the server that a command names, checked or not."""
    back, server = wanted_server(call)
    checker = checker_of(server)
    return checker.health if checker is not None else Health(back.backend, server, back.tell)


def to_maintenance(call: Call) -> None:
    """No traffic and no checks. Whoever waits for it chooses again."""
    health = _health(call)
    if not health.server.admin & FORCED_MAINT:
        health.enter_maintenance(call.view.now)
        call.view.settle()


def to_drain(call: Call) -> None:
    """No new work, but what persists; checks go on."""
    health = _health(call)
    if health.server.admin & FORCED_MAINT:
        health.leave_maintenance(call.view.now, drain=True)
    elif not health.server.admin & DRAIN:
        health.enter_drain()
    call.view.settle()


def to_ready(call: Call) -> None:
    """Neither maintenance nor drain."""
    health = _health(call)
    if health.server.admin & FORCED_MAINT:
        health.leave_maintenance(call.view.now)
    elif health.server.admin & DRAIN:
        health.leave_drain()
    call.view.settle()


# Health.

_STATES: Final = {"up": RUNNING, "stopping": STOPPING, "down": STOPPED}


@part("health")
def _set_health(call: Call) -> str:
    """set server <backend>/<server> health [ up | stopping | down ]"""
    state = _STATES.get(call.word(2))
    if state is None:
        raise CommandError("'set server <srv> health' expects 'up', 'stopping', or 'down'.")
    _health(call).force(state, call.view.now)
    call.view.settle()
    return ""


@command("disable health", "disable health <bk>/<srv>", "stop a server's health checks for a while", level=ADMIN)
def disable_health(call: Call) -> str:
    """The server keeps the state it has; without checks that is what it was up to now."""
    server = wanted_server(call)[1]
    if server.checked:
        server.check_paused = True
    return ""


@command("enable health", "enable health <bk>/<srv>", "go on with a server's health checks", level=ADMIN)
def enable_health(call: Call) -> str:
    """After `disable health`."""
    server = wanted_server(call)[1]
    if not server.checked:
        raise CommandError("Health check was not configured on this server, cannot enable.")
    server.check_paused = False
    return ""


# Agents: no server has one yet.


@command("disable agent", "disable agent <bk>/<srv>", "stop a server's agent checks for a while", level=ADMIN)
def disable_agent(call: Call) -> str:
    """There is none to be stopped."""
    wanted_server(call)
    return ""


@command("enable agent", "enable agent <bk>/<srv>", "go on with a server's agent checks", level=ADMIN)
def enable_agent(call: Call) -> str:
    """Complains: there is none."""
    wanted_server(call)
    raise CommandError("Agent was not configured on this server, cannot enable.")


@part("agent")
def _set_agent(call: Call) -> str:
    """set server <backend>/<server> agent [ up | down ]"""
    raise CommandError("agent checks are not enabled on this server.")


@part("agent-addr")
def _set_agent_address(call: Call) -> str:
    """set server <backend>/<server> agent-addr <addr> [port <port>]"""
    raise CommandError("agent checks are not enabled on this server")


@part("agent-port")
def _set_agent_port(call: Call) -> str:
    """set server <backend>/<server> agent-port <port>"""
    raise CommandError("agent checks are not enabled on this server")


@part("agent-send")
def _set_agent_text(call: Call) -> str:
    """set server <backend>/<server> agent-send <value>"""
    raise CommandError("agent checks are not enabled on this server.")


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
    messages = ServerMessages(back.backend, back.tell)
    alive = messages.alive
    server.weight = weight
    back.backend.changed(server)
    call.view.settle()
    messages.tell_if_empty(alive)


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
