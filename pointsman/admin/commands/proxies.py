"""Commands about frontends and the process's limits (management manual 9.3)."""

from collections.abc import Callable
from typing import Final

from pointsman.admin.command import ADMIN, CHANGE, Call, CommandError, command
from pointsman.admin.lookup import wanted_frontend, whole_number
from pointsman.listener.listener import CLOSED, PAUSED
from pointsman.log.target import WARNING
from pointsman.stream.acceptor import STOPPED_TEXT

RATE_LIMITS: Final = {
    "connections global": "the connections of a second",
    "sessions global": "the sessions of a second",
    "ssl-sessions global": "the TLS sessions of a second",
    "http-compression global": "what compression gives in a second, in kB",
}


def _told(text: str) -> Callable[[Call], None]:
    """Once a frontend has changed in all lanes: say so. `text` has a place for its name."""

    def tell(call: Call) -> None:
        front = wanted_frontend(call)
        front.tell(WARNING, text.encode() % front.frontend.name)

    return tell


@command(
    "disable frontend",
    "disable frontend <frontend>",
    "stop accepting, until it is enabled again",
    level=ADMIN,
    everywhere=CHANGE,
    after=_told("Paused frontend %b."),
)
def disable_frontend(call: Call) -> str:
    """Its sockets do not listen any more, connections go on."""
    front = wanted_frontend(call)
    if front.stopped:
        raise CommandError("Frontend was previously shut down, cannot disable.")
    if all(listener.state in (PAUSED, CLOSED) for listener in front.listeners):
        raise CommandError("All sockets are already disabled.")
    for listener in front.listeners:
        listener.pause()
    call.view.settle()
    return ""


@command(
    "enable frontend",
    "enable frontend <frontend>",
    "accept again",
    level=ADMIN,
    everywhere=CHANGE,
    after=_told("Resumed frontend %b."),
)
def enable_frontend(call: Call) -> str:
    """After `disable frontend`."""
    front = wanted_frontend(call)
    if front.stopped:
        raise CommandError("Frontend was previously shut down, cannot enable.")
    paused = [listener for listener in front.listeners if listener.state == PAUSED]
    if not paused:
        raise CommandError("All sockets are already enabled.")
    if not all([listener.resume() for listener in paused]):
        raise CommandError("Failed to resume frontend, check logs for precise cause (port conflict?).")
    call.view.settle()
    return ""


def _tell_end(call: Call) -> None:
    """Counts are those of the proxy, its backend side included where it has one."""
    front = wanted_frontend(call)
    proxy = next(proxy for proxy in call.view.proxies if proxy.front is front)
    back = proxy.back.backend.counters.totals.sessions if proxy.back is not None else 0
    front.tell(WARNING, STOPPED_TEXT % (front.frontend.name, front.frontend.counters.totals.connections, back))


@command(
    "shutdown frontend",
    "shutdown frontend <frontend>",
    "stop a frontend for good",
    level=ADMIN,
    everywhere=CHANGE,
    after=_tell_end,
)
def shutdown_frontend(call: Call) -> str:
    """Its addresses are free for others; connections go on."""
    front = wanted_frontend(call)
    if front.stopped and all(listener.state == CLOSED for listener in front.listeners):
        raise CommandError("Frontend was already shut down.")
    for listener in front.listeners:
        if listener.state == PAUSED:
            listener.resume()
        listener.end()
    front.stop()
    call.view.settle()
    return ""


# Limits.


@command("set maxconn frontend", "set maxconn frontend <frontend> <value>", "change a frontend's maxconn", level=ADMIN)
def set_maxconn_frontend(call: Call) -> str:
    """set maxconn frontend <frontend> <value>"""
    front = wanted_frontend(call)
    value = whole_number(call.word(1), "Integer value expected.")
    if value < 0:
        raise CommandError("Value out of range.")
    front.frontend.limit = value
    call.view.process.wake(front.frontend.waiting)
    call.view.process.arena.ring_others()
    call.view.settle()
    return ""


@command("set maxconn global", "set maxconn global <value>", "change the process's maxconn", level=ADMIN)
def set_maxconn_global(call: Call) -> str:
    """set maxconn global <maxconn>: up to what it was at the start, which zero restores."""
    value = whole_number(call.word(0), "Expects an integer value.")
    if not 0 <= value <= call.view.limit:
        raise CommandError("Value out of range.")
    call.view.process.limit = value or call.view.limit
    call.view.process.wake(call.view.process.waiting)
    call.view.process.arena.ring_others()
    call.view.settle()
    return ""


@command("set rate-limit", "set rate-limit <setting> <value>", "change a limit per second", level=ADMIN)
def set_rate_limit(call: Call) -> str:
    """set rate-limit {connections|sessions|ssl-sessions|http-compression} global <value>: zero takes it away.

    The last one is kept and shown; there is no compression yet that it could limit.
    """
    process, view = call.view.process, call.view
    name = " ".join(call.words[:2])
    if name not in RATE_LIMITS:
        raise CommandError(
            "'set rate-limit' only supports :\n"
            + "".join(f"   - '{one}' to limit {what}\n" for one, what in RATE_LIMITS.items())
        )
    value = whole_number(call.word(2), "Expects an integer value.")
    if value < 0:
        raise CommandError("Value out of range.")
    if name == "connections global":
        process.connection_rate.limit = value
    elif name == "sessions global":
        process.session_rate.limit = value
    elif name == "ssl-sessions global":
        process.tls.counters.rate.limit = value
    else:
        view.compression_rate_limit = value * 1024
    return ""
