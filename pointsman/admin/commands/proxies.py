"""Commands about frontends, the process's limits, and streams (management manual 9.3)."""
from collections.abc import Callable, Iterator
from typing import Final

from pointsman.admin.command import ADMIN, CHANGE, LANES, OPERATOR, Call, CommandError, command
from pointsman.admin.lookup import wanted_frontend, wanted_server, whole_number
from pointsman.core.address import AF_INET, AF_INET6, NetAddress
from pointsman.listener.listener import CLOSED, PAUSED
from pointsman.server.backend import LiveServer
from pointsman.stream.acceptor import STOPPED_TEXT
from pointsman.stream.exchange import ANSWER, CONNECT, ENDED, FORWARD, IDLE, LAST, PAUSE, QUEUE, TUNNEL
from pointsman.stream.h1front import H1Front
from pointsman.stream.http import HttpStream
from pointsman.stream.tcp import TcpFront, TcpStream

WARNING: Final = 4  # a level of syslog
RATE_LIMITS: Final = {
    "connections global": "the connections of a second", "sessions global": "the sessions of a second",
    "ssl-sessions global": "the TLS sessions of a second",
    "http-compression global": "what compression gives in a second, in kB"}

Front = H1Front | TcpFront


def _told(text: str) -> Callable[[Call], None]:
    """Once a frontend has changed in all lanes: say so. `text` has a place for its name."""
    def tell(call: Call) -> None:
        front = wanted_frontend(call)
        front.tell(WARNING, text.encode() % front.frontend.name)
    return tell


@command("disable frontend", "disable frontend <frontend>", "stop accepting, until it is enabled again",
         level=ADMIN, everywhere=CHANGE, after=_told("Paused frontend %b."))
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


@command("enable frontend", "enable frontend <frontend>", "accept again",
         level=ADMIN, everywhere=CHANGE, after=_told("Resumed frontend %b."))
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


@command("shutdown frontend", "shutdown frontend <frontend>", "stop a frontend for good",
         level=ADMIN, everywhere=CHANGE, after=_tell_end)
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
    call.view.room.wake(front.frontend.waiting)
    call.view.room.arena.ring_others()
    call.view.settle()
    return ""


@command("set maxconn global", "set maxconn global <value>", "change the process's maxconn", level=ADMIN)
def set_maxconn_global(call: Call) -> str:
    """set maxconn global <maxconn>: up to what it was at the start, which zero restores."""
    value = whole_number(call.word(0), "Expects an integer value.")
    if not 0 <= value <= call.view.limit:
        raise CommandError("Value out of range.")
    call.view.room.limit = value or call.view.limit
    call.view.room.wake(call.view.room.waiting)
    call.view.room.arena.ring_others()
    call.view.settle()
    return ""


@command("set rate-limit", "set rate-limit <setting> <value>", "change a limit per second", level=ADMIN)
def set_rate_limit(call: Call) -> str:
    """set rate-limit {connections|sessions|ssl-sessions|http-compression} global <value>: zero takes it away.

    The last two are kept and shown; there is no TLS and no compression yet that they could limit.
    """
    room, view = call.view.room, call.view
    name = " ".join(call.words[:2])
    if name not in RATE_LIMITS:
        raise CommandError("'set rate-limit' only supports :\n" + "".join(
            f"   - '{one}' to limit {what}\n" for one, what in RATE_LIMITS.items()))
    value = whole_number(call.word(2), "Expects an integer value.")
    if value < 0:
        raise CommandError("Value out of range.")
    if name == "connections global":
        room.connection_rate.limit = value
    elif name == "sessions global":
        room.session_rate.limit = value
    elif name == "ssl-sessions global":
        view.ssl_rate_limit = value
    else:
        view.compression_rate_limit = value * 1024
    return ""


# Streams.

_STEPS: Final = {IDLE: 0x52, QUEUE: 0x51, PAUSE: 0x43, CONNECT: 0x43, ANSWER: 0x48, FORWARD: 0x44, LAST: 0x4C,
                 TUNNEL: 0x44}
_NAMES: Final = {QUEUE: "queue", PAUSE: "pause", CONNECT: "connect", ANSWER: "answer", FORWARD: "forward", LAST: "last",
                 TUNNEL: "tunnel", IDLE: "request"}
_FILTERS: Final = ("backend", "frontend", "older", "server")


def _fronts(call: Call) -> Iterator[Front]:
    """Client connections, in the order of their descriptors."""
    for channel in list(call.view.reactor.channels):
        if isinstance(channel, H1Front | TcpFront) and (channel.stream is None or channel.stream.phase != ENDED):
            yield channel


def _stream(front: Front) -> HttpStream | TcpStream:
    """Its stream; of a connection that rests, one as the next request will find it."""
    if isinstance(front, H1Front):
        return front.stream or front.revived()
    return front.stream


def _identity(front: Front) -> str:
    """Of a stream, unique in its generation: lanes are forked from one image, so their addresses may be the same."""
    lane = front.frontend.program.room.arena.lane
    return f"{lane + 1 << 48 | id(front):#x}"


def _source(address: NetAddress) -> str:
    if address.family == AF_INET:
        return f"{address.text.decode()}:{address.port}"
    if address.family == AF_INET6:
        return f"[{address.text.decode()}]:{address.port}"
    return "unix:1"


def _family(address: NetAddress) -> str:
    return {AF_INET: "tcpv4", AF_INET6: "tcpv6"}.get(address.family, "unix_stream")


def _line(call: Call, front: Front, stream: HttpStream | TcpStream, uri: bool) -> str:
    """One stream: who, where to, how old, what it does."""
    record = stream.record
    backend = stream.backend.name.decode() if stream.backend is not None else "<NONE>"
    server = stream.server.name.decode() if stream.server is not None else "<none>"
    age = max(0, call.view.now - record.accepted) // 1000
    left = max(0, (front.until() if isinstance(front, H1Front) else front.deadline) - call.view.now) // 1000
    real = stream.context.real_source
    source = real if stream.phase == IDLE else stream.context.source  # what set-src wrote holds for an exchange
    line = (f"{_identity(front)}: proto={_family(real)} src={_source(source)} "
            f"fe={stream.frontend.name.decode()} be={backend} srv={server} age={age}s "
            f"state={_NAMES.get(stream.phase, '-')} bin={record.uploaded} bout={record.sent} "
            f"rc={record.retries} exp={left}s")
    return line + f' uri="{record.request_line.decode("latin-1")}"' if uri and record.request_line else line


def _matches(call: Call, stream: HttpStream | TcpStream, filters: dict[str, str]) -> bool:
    backend = stream.backend.name.decode() if stream.backend is not None else ""
    server = stream.server.name.decode() if stream.server is not None else ""
    checks = {"frontend": stream.frontend.name.decode(), "backend": backend, "server": f"{backend}/{server}"}
    if any(checks[name] != value for name, value in filters.items() if name in checks):
        return False
    older = filters.get("older")
    if older is None:
        return True
    return call.view.now - stream.record.accepted > 1000 * whole_number(older, "Missing or invalid age.")


@command("show sess", "show sess [<id>|all|help] [<options>*]", "list the streams", level=OPERATOR, everywhere=LANES)
def show_sess(call: Call) -> str:
    """show sess [<id> | all | help] [backend <b>] [frontend <f>] [older <age>] [server <b/s>] [show-uri]"""
    words = list(call.words)
    if words[:1] == ["help"]:
        return ("Usage: show sess [<id> | all | help] [backend <b>] [frontend <f>] [older <age>] [server <b/s>] "
                "[show-uri]\n")
    wanted = ""
    filters: dict[str, str] = {}
    uri = False
    while words:
        word = words.pop(0)
        if word in _FILTERS and words:
            filters[word] = words.pop(0)
        elif word == "show-uri":
            uri = True
        elif word.startswith("0x"):
            wanted = word
        elif word != "all":
            raise CommandError(f"Unsupported option '{word}', try 'help'.")
    lines: list[str] = []
    for front in _fronts(call):
        if not wanted or _identity(front) == wanted:
            stream = _stream(front)
            if _matches(call, stream, filters):
                lines.append(_line(call, front, stream, uri or bool(wanted)) + "\n")
    return "".join(lines)


def _kill(front: Front) -> None:
    """End a stream at once; the log shows K (manual 8.5)."""
    stream = front.wake() if isinstance(front, H1Front) else front.stream
    stream.blame(0x4B, _STEPS.get(stream.phase, 0x2D))
    stream.abandon()


@command("shutdown session", "shutdown session <id>", "end a stream",
         level=ADMIN, everywhere=LANES)
def shutdown_session(call: Call) -> str:
    """<id>: what `show sess` lists."""
    for front in _fronts(call):
        if _identity(front) == call.word(0):
            _kill(front)
            call.view.settle()
            return ""
    raise CommandError("No such session (use 'show sess').")


@command("shutdown sessions server", "shutdown sessions server <bk>/<srv>", "end all streams of a server",
         level=ADMIN, everywhere=LANES)
def shutdown_sessions(call: Call) -> str:
    server: LiveServer = wanted_server(call)[1]
    for front in _fronts(call):
        if front.stream is not None and front.stream.server is server:
            _kill(front)
    call.view.settle()
    return ""
