"""Commands about streams: show sess, shutdown session, shutdown sessions server (management manual 9.3).

A stream is a line of words, or in the extended form a dozen lines, in the fields of HAProxy 3.5. What only its
insides have (flags of its buffers, its tasks' calls) is zero or nil here; what it has no field for stands at the end of
the line: what the stream does (`state`), and its bytes in both directions. Connections to stats sockets are streams
too, of the frontend GLOBAL.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pointsman.admin.command import ADMIN, EVERY, LANES, OPERATOR, Call, CommandError, command
from pointsman.admin.lookup import wanted_server
from pointsman.admin.view import ConsoleView, address_text, source_text
from pointsman.config.keyword import parse_time
from pointsman.core.address import AF_INET, AF_INET6
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.words import Word
from pointsman.log.dates import local_date
from pointsman.net.clock import wall_ms
from pointsman.net.timers import NEVER
from pointsman.proto.h2 import LARGEST
from pointsman.sample.context import StreamsFacts
from pointsman.server.backend import LiveServer
from pointsman.stream.connections import ClientConnection, client_connections
from pointsman.stream.exchange import Exchange
from pointsman.stream.h2facts import H2Facts
from pointsman.stream.http import HttpStream
from pointsman.stream.phases import CONNECT, ENDED, FORWARD, GATHER, HOLD, IDLE, LAST, PAUSE, QUEUE, SENT, TUNNEL

_STEPS: Final = {
    IDLE: 0x52,
    QUEUE: 0x51,
    PAUSE: 0x43,
    CONNECT: 0x43,
    SENT: 0x48,
    FORWARD: 0x44,
    LAST: 0x4C,
    TUNNEL: 0x44,
    GATHER: 0x43,  # as the peer program: whose rules wait
    HOLD: 0x43,
}
_NAMES: Final = {
    QUEUE: "queue",
    PAUSE: "pause",
    CONNECT: "connect",
    SENT: "answer",
    FORWARD: "forward",
    LAST: "last",
    TUNNEL: "tunnel",
    IDLE: "request",
    GATHER: "gather",
    HOLD: "hold",
}
_SIDES: Final = {IDLE: (0, "INI"), QUEUE: (2, "QUE"), PAUSE: (3, "TAR"), CONNECT: (5, "CON")}  # of the server's side
_OPEN: Final = (8, "EST")
_METHODS: Final = ("OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT")  # by their numbers
_STREAM_STATES: Final = {  # of HTTP/2: the other end has ended it, and ours has
    (False, False): "OPN",
    (True, False): "HCR",
    (False, True): "HCL",
    (True, True): "CLO",
}
_LATE: Final = 2_000  # ms behind its deadline: something should have happened to it
_HELP: Final = """\
Usage: show sess [<id> | all | help] [<options>*]
Lists streams. What is listed:
   <id>         this stream (0x...), in the extended form
   all          all that match, in the extended form
   help         this page
   susp         only those whose time is up and that are still there
Options:
   show-uri     with the request line
   older <age>  only those that are older, in seconds
   server <b/s> only those of this server
   backend <b>  only those of this backend
   frontend <f> only those of this frontend
"""


def _connections(call: Call) -> Iterator[ClientConnection]:
    """Clients' connections, in the order of their descriptors."""
    for connection in client_connections(call.view.reactor):
        if all(stream.phase != ENDED for stream in connection.streams()):
            yield connection


def _identity(call: Call, one: object) -> str:
    """A number of a stream, unique in its generation: lanes, forked from one image, may use the same addresses."""
    return f"{call.view.process.arena.lane + 1 << 48 | id(one):#x}"


def _family(family: int) -> str:
    return {AF_INET: "tcpv4", AF_INET6: "tcpv6"}.get(family, "unix_stream")


# What is shown of a stream.


@dataclass(slots=True)
class _Seen:
    """A stream as it is now. Times in ms; `left`, `connecting` -1: for ever."""

    identity: str
    number: int
    family: int
    source: str
    frontend: str = "GLOBAL"
    frontend_number: int = 0
    http: bool = False
    listener_number: int = 0
    destination: str = ""
    backend: str = ""
    backend_number: int = -1
    server: str = ""
    server_number: int = -1
    server_address: str = ""
    local: str = ""
    accepted: int = 0  # the wall clock
    age: int = 0
    left: int = -1
    phase: int = TUNNEL
    retries: int = 0
    fd: int = -1
    server_fd: int = -1
    received: int = 0
    sent: int = 0
    status: int = -1
    request_line: str = ""
    streams: tuple[str, ...] = ()  # lines about the stream and the connection, where that speaks HTTP/2
    server_streams: tuple[str, ...] = ()

    @property
    def rest(self) -> int:
        """What is left of its time."""
        return max(0, self.left) if self.left != -1 else -1

    @property
    def rests(self) -> tuple[int, int]:
        """The same for what is awaited from the client, and from the server."""
        return (-1, self.rest) if self.phase in (CONNECT, SENT, FORWARD) else (self.rest, -1)

    @property
    def method(self) -> int:
        word = self.request_line.partition(" ")[0]
        return _METHODS.index(word) if word in _METHODS else len(_METHODS)


def _of_connection(call: Call, connection: ClientConnection, stream: Exchange) -> _Seen:
    record, context = stream.record, stream.context
    now = call.view.now
    session = connection.of_session()
    due = connection.until()
    real = session.source
    source = real if stream.phase == IDLE else context.source  # what set-src wrote holds for an exchange
    seen = _Seen(
        _identity(call, connection.named(stream)),
        record.number,
        real.family,
        source_text(source, session.bind_state.number),
        stream.frontend.name.decode(),
        stream.frontend.number,
        stream.frontend.http,
        session.bind_state.number,
        source_text(session.destination, session.bind_state.number),
        accepted=record.accept_date,
        age=max(0, now - record.accepted),
        left=-1 if due == NEVER else due - now,
        phase=stream.phase,
        retries=record.retries,
        fd=connection.descriptor(),
        received=record.uploaded,
        sent=record.sent,
        status=record.status,
        request_line=record.request_line.decode("latin-1"),
    )
    if stream.backend is not None:
        seen.backend, seen.backend_number = stream.backend.name.decode(), stream.backend.number
    if stream.server is not None:
        seen.server, seen.server_number = stream.server.name.decode(), stream.server.number
        seen.server_address = address_text(stream.server)
    seen.streams = _of_http2(session.streams, context.client_stream)
    back = stream.connection
    if back is not None:
        place = stream.place if isinstance(stream, HttpStream) else None
        seen.server_streams = _of_http2(back.streams, place.number() if place is not None else 0)
        seen.server_fd = back.wire.fd
        seen.local = source_text(back.local, 0) if back.local is not None else ""
    elif stream.dialling is not None:
        seen.server_fd = stream.dialling.wire.fd
    return seen


def _of_http2(facts: StreamsFacts | None, number: int) -> tuple[str, ...]:
    """A stream of HTTP/2 and its connection, in the extended form; nothing of other connections."""
    if not isinstance(facts, H2Facts):
        return ()
    endpoint = facts.endpoint
    stream = endpoint.streams.get(number)
    shown = "h2s=(nil)"
    if stream is not None:
        state = _STREAM_STATES[stream.ended, stream.shut]
        shown += f" h2s.id={number} .st={state} .flg=0x0000 .rxwin={stream.grant} .rxbuf.c=0 .t={stream.held} .h=0"
    highest = endpoint.next - 2 if endpoint.client else endpoint.last
    last = -1 if endpoint.limit == LARGEST else endpoint.limit
    count = len(endpoint.streams)
    connection = (
        f" h2c=(nil) h2c.st0={'FRH' if endpoint.greeted else 'PRF'} .err={endpoint.code} .maxid={highest} "
        f".lastid={last} .flg=0x0000 .nbst={count} .nbsc={count} .nbrcv={endpoint.receiving} "
        f".glitches={endpoint.budget.glitches}"
    )
    return f"    {shown}", f"    {connection}"


def _of_console(call: Call, console: ConsoleView) -> _Seen:
    now = call.view.now
    return _Seen(
        _identity(call, console),
        console.number,
        console.family,
        console.source,
        listener_number=console.listener_number,
        destination=f"unix:{console.listener_number}" if console.family == socket.AF_UNIX else "",
        accepted=wall_ms() - (now - console.began),
        age=now - console.began,
        left=console.patience.timeout,
        fd=console.fd,
    )


def _seconds(milliseconds: int) -> str:
    """ "" for ever."""
    return "" if milliseconds < 0 else f"{milliseconds // 1000}s"


def _long(milliseconds: int) -> str:
    return _seconds(milliseconds) or "<NEVER>"


def _line(call: Call, one: _Seen, uri: bool) -> str:
    """The short form: a line."""
    lane = call.view.process.arena.lane + 1
    left = one.rest
    client_left, server_left = one.rests
    line = (
        f"{one.identity}: proto={_family(one.family)} src={one.source} fe={one.frontend} "
        f"be={one.backend or '<NONE>'} srv={one.server or '<none>'} ts=00 epoch=0 age={one.age // 1000}s calls=1 "
        f"rate=0 cpu=0 lat=0 rq[f=0h,i=0,an=00h,ax=] rp[f=0h,i=0,an=00h,ax=] "
        f"scf=[8,0h,fd={lane}/{one.fd},rex={_seconds(client_left)},wex=] "
        f"scb=[{_SIDES.get(one.phase, _OPEN)[0]},0h,fd={lane}/{one.server_fd},rex={_seconds(server_left)},wex=] "
        f"exp={_seconds(left)} rc={one.retries} c_exp={_seconds(left) if one.phase == CONNECT else ''}"
    )
    if one.frontend_number:
        line += f" state={_NAMES.get(one.phase, '-')} bin={one.received} bout={one.sent}"
    return line + f' uri="{one.request_line}"' * (uri and bool(one.request_line)) + "\n"


def _block(call: Call, one: _Seen, uri: bool) -> str:
    """The extended form: what belongs to a stream is indented."""
    lane = call.view.process.arena.lane + 1
    lines = [*_whose(one, lane)]
    if one.http and one.request_line:
        request, response = _progress(one)
        lines.append(
            f"txn=(nil) flags=0x0 meth={one.method} status={one.status} req.st={request} rsp.st={response} "
            "req.f=0x00 rsp.f=0x00"
        )
        if uri:
            lines.append(f'uri="{one.request_line}"')
    client_left, server_left = one.rests
    plain = "H1" if one.http else "PASS"
    lines += [
        _side(one, "scf", "EST", one.received, one.sent, client_left),
        *one.streams,
        f"    co0=(nil) ctrl={_family(one.family)} xprt=RAW mux={'H2' if one.streams else plain} target=LISTENER:(nil)",
        _descriptor(lane, one.fd),
    ]
    if one.frontend_number:
        lines.append(_side(one, "scb", _SIDES.get(one.phase, _OPEN)[1], one.sent, one.received, server_left))
    else:
        lines += [
            "scb=(nil) flags=0x00000000 ioto=0s state=EST endp=APPCTX,(nil),0x0 sub=0 in=0 out=0 rex=<NEVER> "
            "wex=<NEVER> rto=<NEVER> wto=<NEVER>",
            f"    app1=(nil) st0=0 st1=0 applet=<CLI> tid={lane - 1} nice=0 calls=1 rate=0",
        ]
    if one.server_fd >= 0:
        mux = "H2" if one.server_streams else plain
        lines += [
            *one.server_streams,
            f"    co1=(nil) ctrl=tcpv4 xprt=RAW mux={mux} target=SERVER:(nil)",
            _descriptor(lane, one.server_fd),
        ]
    for name in ("req", "res"):
        lines += [f"{name}=(nil) (f=0x0 an=0x0 tofwd=0)", "    an_exp=<NEVER> buf=(nil) data=(nil) o=0 p=0 i=0 size=0"]
    date = local_date(one.accepted).decode()
    head = f"{one.identity}: [{date}000] id={one.number} proto={_family(one.family)} source={one.source}\n"
    return head + "".join(f"  {line}\n" for line in lines)


def _whose(one: _Seen, lane: int) -> Iterator[str]:
    """The lines about client, frontend, backend and server."""
    mode = "http" if one.http else "tcp"
    connecting = one.rest if one.phase == CONNECT else -1
    yield (
        f"flags=0x0, conn_retries={one.retries}, conn_exp={_long(connecting)} conn_et=0x000 srv_conn=(nil), "
        f"pend_pos=(nil) waiting={int(one.phase == QUEUE)} epoch=0"
    )
    yield "p_con=0 p_stc=0 p_req=0 p_res=0 p_prp=0"
    yield (
        f"frontend={one.frontend} (id={one.frontend_number} mode={mode}), listener=? (id={one.listener_number}) "
        f"addr={one.destination or '?'}"
    )
    local = f" addr={one.local}" if one.local else ""
    yield f"backend={one.backend or '<NONE>'} (id={one.backend_number} mode={mode if one.backend else '-'}){local}"
    there = f" addr={one.server_address}" if one.server else ""
    yield f"server={one.server or '<NONE>'} (id={one.server_number}){there}"
    yield (
        f"task=(nil) (state=0x00 nice=0 calls=1 rate=0 exp={_long(one.rest)} tid={lane - 1}(1/{lane - 1}) "
        f"age={one.age // 1000}s)"
    )


def _side(one: _Seen, name: str, state: str, received: int, sent: int, left: int) -> str:
    return (
        f"{name}=(nil) flags=0x00000000 ioto={_long(one.rest)} state={state} endp=CONN,(nil),0x0 sub=0 "
        f"in={received} out={sent} rex={_long(left)} wex=<NEVER> rto={_long(left)} wto=<NEVER>"
    )


def _descriptor(lane: int, fd: int) -> str:
    return f"    flags=0x00000000 fd={lane}/{fd} fd.state=0 updt=0 fd.tmask={1 << lane - 1:#x}"


def _progress(one: _Seen) -> tuple[str, str]:
    """How far request and response are."""
    if one.phase == IDLE:
        return "MSG_RQBEFORE", "MSG_RPBEFORE"
    response = {FORWARD: "MSG_DATA", LAST: "MSG_DONE", TUNNEL: "MSG_TUNNEL"}.get(one.phase, "MSG_RPBEFORE")
    return "MSG_TUNNEL" if one.phase == TUNNEL else "MSG_DONE", response


# Which are shown.


@dataclass(slots=True)
class _Wish:
    identity: str = ""
    extended: bool = False
    suspicious: bool = False
    uri: bool = False
    older: int = -1  # ms
    frontend: str = ""
    backend: str = ""
    server: LiveServer | None = None

    def admits(self, one: _Seen) -> bool:
        if self.identity:
            return one.identity == self.identity
        if self.suspicious and not (one.left != -1 and one.left < -_LATE):
            return False
        return one.age > self.older and self.frontend in ("", one.frontend) and self.backend in ("", one.backend)


def _age(text: str) -> int:
    """In seconds, or with a unit; in ms."""
    if not text:
        raise CommandError("Expects a minimum age (in seconds by default).")
    try:
        return parse_time(Word(text, Position("cli", 1, 1, len(text), text)), "s")
    except ConfigError:
        raise CommandError("Invalid age.") from None


def _wish(call: Call) -> _Wish:
    wish = _Wish()
    words = list(call.words)
    if words and words[0].startswith("0x"):
        wish.identity = words.pop(0)
        wish.extended = wish.uri = True
    elif words[:1] == ["all"]:
        wish.extended = True
        del words[0]
    while words:
        word = words.pop(0)
        if word == "show-uri":
            wish.uri = True
        elif word == "susp":
            wish.suspicious = True
        elif word in ("older", "frontend", "backend", "server"):
            _filter(call, wish, word, words.pop(0) if words else "")
        else:
            raise CommandError(f"Unsupported option '{word}', try 'help' for more info.")
    return wish


def _filter(call: Call, wish: _Wish, word: str, value: str) -> None:
    if word == "older":
        wish.older = _age(value)
    elif word == "frontend":
        if not value:
            raise CommandError("Missing frontend name.")
        proxy = next(
            (
                proxy
                for proxy in call.view.proxies
                if proxy.front is not None and value in (proxy.name, f"#{proxy.number}")
            ),
            None,
        )
        if proxy is None:
            raise CommandError("No such frontend.")
        wish.frontend = proxy.name
    elif word == "backend":
        if not value:
            raise CommandError("Missing backend name.")
        proxy = call.view.back(value)
        if proxy is None:
            raise CommandError("No such backend.")
        wish.backend = proxy.name
    else:
        if not value:
            raise CommandError("Missing server name (<backend>/<server>).")
        wish.server = wanted_server(Call(call.view, call.gauge, call.terminal, [value]))[1]


def _seen(call: Call, wish: _Wish) -> Iterator[_Seen]:
    for connection in _connections(call):
        resting = None if connection.streams() else connection.shown()
        for stream in [resting] if resting is not None else connection.streams():
            if wish.server is None or stream.server is wish.server:
                yield _of_connection(call, connection, stream)
    if wish.server is None:
        for console in call.view.consoles:
            yield _of_console(call, console)


@command("show sess help", "show sess help", "show what 'show sess' knows", level=OPERATOR)
def show_sess_help(call: Call) -> str:
    """Its arguments."""
    return _HELP


@command("show sess", "show sess [help|<id>|all] [opts...]", "list the streams", level=OPERATOR, everywhere=EVERY)
def show_sess(call: Call) -> str:
    """show sess [<id> | all] [susp] [show-uri] [older <age>] [backend <b>] [frontend <f>] [server <b/s>]"""
    wish = _wish(call)
    show = _block if wish.extended else _line
    text = "".join(show(call, one, wish.uri) for one in _seen(call, wish) if wish.admits(one))
    if wish.identity and not text:
        raise CommandError("Session not found.")
    return text


# Ending them.


def _kill(stream: Exchange) -> None:
    """End it at once; the log shows K (manual 8.5)."""
    stream.blame(0x4B, _STEPS.get(stream.phase, 0x2D))
    stream.abandon()


@command("shutdown session", "shutdown session [id]", "end a stream", level=ADMIN, everywhere=LANES)
def shutdown_session(call: Call) -> str:
    """<id>: what `show sess` lists."""
    if not call.word(0):
        raise CommandError("Session pointer expected (use 'show sess').")
    for connection in _connections(call):
        found = [one for one in connection.streams() if _identity(call, connection.named(one)) == call.word(0)]
        if found or not connection.streams() and _identity(call, connection) == call.word(0):
            stream = found[0] if found else connection.wake()
            if stream is not None:
                _kill(stream)
            call.view.settle()
            return ""
    raise CommandError("No such session (use 'show sess').")


@command(
    "shutdown sessions server",
    "shutdown sessions server <bk>/<srv>",
    "end all streams of a server",
    level=ADMIN,
    everywhere=LANES,
)
def shutdown_sessions(call: Call) -> str:
    """shutdown sessions server <backend>/<server>"""
    server: LiveServer = wanted_server(call)[1]
    for connection in _connections(call):
        for stream in connection.streams():
            if stream.server is server:
                _kill(stream)
    call.view.settle()
    return ""
