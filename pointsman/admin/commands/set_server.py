"""Commands that change servers: state, weight, maxconn (management manual 9.3)."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from pointsman.admin.addresses import begin_checks, health_of
from pointsman.admin.command import ADMIN, Call, CommandError, RunCommand, command
from pointsman.admin.lookup import wanted_server
from pointsman.server.checks.health import Health
from pointsman.server.server import FORCED_MAINT, RUNNING, STOPPED, STOPPING
from pointsman.server.server_messages import ServerMessages
from pointsman.server.weights import said_maxconn, said_weight

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
    return health_of(server) or Health(back.backend, server, back.tell)


def to_maintenance(call: Call) -> None:
    """No traffic and no checks. Whoever waits for it chooses again."""
    _health(call).to_maintenance(call.view.now)
    call.view.settle()


def to_drain(call: Call) -> None:
    """No new work, but what persists; checks go on."""
    _health(call).to_drain(call.view.now)
    call.view.settle()


def to_ready(call: Call) -> None:
    """Neither maintenance nor drain."""
    health = _health(call)
    added = health.server.generation and health.server.admin & FORCED_MAINT
    health.to_ready(call.view.now)
    if added:  # it was never checked, and need not wait for an interval to pass
        begin_checks(health.server)
    call.view.settle()


# Health.

_STATES: Final = {"up": RUNNING, "stopping": STOPPING, "down": STOPPED}


@part("health")
def _set_health(call: Call) -> str:
    """set server <backend>/<server> health [ up | stopping | down ]"""
    state = _STATES.get(call.word(2))
    if state is None:
        raise CommandError("'set server <srv> health' expects 'up', 'stopping', or 'down'.")
    if wanted_server(call)[1].tracks is not None:
        raise CommandError("cannot change health on a tracking server.")
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
    begin_checks(server)
    return ""


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
    try:
        weight = said_weight(text, server, back.backend.static_weights)
    except ValueError as error:
        raise CommandError(str(error)) from None
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
    try:
        server.maxconn = said_maxconn(call.word(1))
    except ValueError as error:
        raise CommandError(str(error)) from None
    back.backend.changed(server)
    call.view.settle()
    return ""
