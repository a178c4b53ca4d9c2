"""One exchange in which each thing that may decide something can be changed alone: what declarations of reads and
writes (sample/types.py) are proved with.

    exchange(phase)   an exchange in which everything has a value of its own
    still()           a process whose clock, chance, lists and variables are known
    VARIANTS          single changes of it, each with the bit of Reads that it belongs to
    look(context)     all that it holds, as plain values by path
    belongs(path)     the bit of Reads of what stands there

Every attribute of a context, of its record and of heads has a line in one of the tables here, which says to what it
belongs and how long it lasts. Who adds an attribute adds a line: test_lifetimes.py finds those that have none.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Final
from unittest import mock

import pointsman.keywords
from pointsman.balance.roundrobin import RoundRobin
from pointsman.core.address import UNIX_ADDRESS, NetAddress, net_address
from pointsman.core.columns import CURRENT
from pointsman.core.diagnostics import Position
from pointsman.core.tcp_info import Measured
from pointsman.core.tls import MISSING, Connection
from pointsman.core.words import Word
from pointsman.listener.sockets import TCP_SAVE_SYN
from pointsman.proto.message import Head, Request, Response, field
from pointsman.sample.context import (
    Context,
    ListenerFacts,
    Names,
    ProcessFacts,
    ProxyFacts,
    ServerFacts,
    Session,
    StreamsFacts,
)
from pointsman.sample.fetch.lane import THIS_LANE
from pointsman.sample.hints import Hints
from pointsman.sample.limits import Limits
from pointsman.sample.record import Record
from pointsman.sample.types import Reads
from pointsman.sample.users import USERLISTS, UserList
from pointsman.sample.variables import PROCESS_VARIABLES
from pointsman.server.backend import Backend, LiveServer
from pointsman.server.dial import Dial
from pointsman.server.queue import QueueWaiter
from pointsman.server.server import FORCED_MAINT, Server
from pointsman.tables.patterns import LISTS
from pointsman.tables.stick_tables import TABLES
from support import tables_stand
from support.hello import RDP, WHOLE, client_hello
from support.tls_pairs import pair

assert pointsman.keywords

# Maps by the kinds of their keys and of their values, with their one entry; and a list of keys alone, as ACLs have.
MAPS: Final[dict[str, tuple[str, str]]] = {
    f"virt@{kind}-to-{gives}": (key, value)
    for kind, key in (("text", "one"), ("number", "12"), ("address", "192.0.2.9"))
    for gives, value in (("number", "1"), ("address", "192.0.2.1"))
}
KEYS: Final = "virt@keys"
USERS: Final = "contract"
TRACKS: Final = 3  # counters of the exchange, which track the client in the tables t and a (tables_stand.py)
TRACKS_ARRAYS: Final = 4
PROCESS_VARIABLE: Final = b"proc.contract"


class Life(Enum):
    """How long an attribute of a context keeps its value."""

    CONNECTION = 1  # Context.reset leaves it as it is
    EXCHANGE = 2  # reset makes it what a new context has
    REAL = 3  # reset gives back what the connection really has
    OTHER = 4  # neither: the line says who sets it before anybody asks


@dataclass(frozen=True)
class Facts:
    """Of an attribute. `own`: bookkeeping of the evaluation itself, which any action may touch."""

    belongs: Reads
    life: Life = Life.EXCHANGE
    own: bool = False
    why: str = ""


_CONNECTION: Final = Facts(Reads.CONNECTION, Life.CONNECTION)
_MOVING: Final = Facts(Reads.MOVING)
_ITSELF: Final = Facts(Reads.NOTHING, own=True)

CONTEXT: Final[dict[str, Facts]] = {
    "frontend": _CONNECTION,
    "session": _CONNECTION,  # the same one; what is in it: SESSION
    "listener": _CONNECTION,
    "source": Facts(Reads.SOURCE, Life.REAL),  # its port belongs to the connection
    "destination": Facts(Reads.CONNECTION, Life.REAL),
    "request": Facts(Reads.REQUEST_LINE),
    "response": Facts(Reads.RESPONSE_LINE),
    "backend": _MOVING,
    "server": _MOVING,
    "server_source": _MOVING,
    "server_address": _MOVING,
    "server_tls": _MOVING,
    "server_measured": _MOVING,
    "server_fault": _MOVING,
    "server_streams": _MOVING,
    "server_stream": _MOVING,
    "server_reset": _MOVING,
    "client_reset": _MOVING,
    "client_stream": _MOVING,
    "server_mark": _MOVING,
    "server_tos": _MOVING,
    "reused": _MOVING,
    "record": Facts(Reads.MOVING, Life.OTHER, why="Record.reset"),
    "unique_id": _MOVING,
    "date_offset": Facts(Reads.MOVING, Life.OTHER, why="the clock of the process"),
    "now": Facts(Reads.MOVING, Life.OTHER, why="the clock of the process"),
    "request_captures": _MOVING,
    "response_captures": _MOVING,
    "request_capture_sizes": _CONNECTION,
    "response_capture_sizes": _CONNECTION,
    "variables": _MOVING,
    "parent": Facts(Reads.MOVING, Life.CONNECTION),  # whoever starts a stream from inside says so, once
    "server_glitches": Facts(Reads.MOVING, Life.OTHER, why="begin_sending; without a server connection nobody is told"),
    "charge": Facts(Reads.MOVING, Life.OTHER, why="variable_limits.exchange_over"),
    "responding": _MOVING,
    "body": Facts(Reads.BODY),
    "no_retry": _MOVING,
    "hints": _MOVING,
    "limits": _MOVING,
    "asked": _ITSELF,
    "answer": _ITSELF,
    "buffer": _CONNECTION,
    "room": Facts(Reads.NOTHING, Life.OTHER, own=True, why="reset: what the buffer has in reserve"),
    "waiting": _ITSELF,
    "may_wait": Facts(Reads.NOTHING, Life.OTHER, own=True, why="run_steps, for each list"),
    "need": Facts(Reads.NOTHING, Life.OTHER, own=True, why="take_need"),
    "answers": _MOVING,
    "noted": _ITSELF,
    "redone": _ITSELF,
    "last_rule": _MOVING,
    "decided_by": Facts(Reads.NOTHING, Life.OTHER, own=True, why="emptied by who keeps it (stream/ring.py)"),
    "waiting_rule": _MOVING,
    "tracked": Facts(Reads.MOVING, Life.OTHER, why="tracking.exchange_over"),
    "request_bytes": _MOVING,
    "response_bytes": _MOVING,
    "more": Facts(Reads.MOVING, Life.OTHER, why="who has content rules run"),
    "unparsed": Facts(Reads.NOTHING, Life.OTHER, own=True, why="run_content's caller, for each list"),
    "incomplete": Facts(Reads.NOTHING, Life.OTHER, own=True, why="run_content, for each rule"),
    "lenient": Facts(Reads.NOTHING, Life.OTHER, own=True, why="run_steps: the beginning of each list"),
}
_OF_CONNECTION: Final = Facts(Reads.MOVING, Life.CONNECTION)
SESSION: Final[dict[str, Facts]] = {  # no reset ever touches it
    **dict.fromkeys(("listener", "source", "destination", "real_source", "real_destination"), _CONNECTION),
    **dict.fromkeys(("tls", "told", "tlvs", "expects", "major"), _CONNECTION),
    **dict.fromkeys(("accepted", "accept_date", "ready", "variables", "charge", "glitches"), _OF_CONNECTION),
    **dict.fromkeys(
        ("fault", "tls_fault", "early", "tracked", "descriptor", "syn", "streams", "begun"), _OF_CONNECTION
    ),
}
_AT_THE_END: Final = Facts(Reads.MOVING, Life.OTHER, why="Exchange: when the line is written")
RECORD: Final[dict[str, Facts]] = {
    "accepted": _OF_CONNECTION,
    "accept_date": _OF_CONNECTION,
    "handshake": _OF_CONNECTION,
    "begun": Facts(Reads.MOVING, Life.OTHER, why="first_byte"),
    **dict.fromkeys(("head", "queued", "connected", "answered", "ended", "status", "received"), _MOVING),
    **dict.fromkeys(("uploaded", "grown", "sent", "cause", "step", "cookie_request", "cookie_response"), _MOVING),
    **dict.fromkeys(("retries", "redispatched", "server_queue", "backend_queue", "server_connections"), _MOVING),
    "counted": Facts(Reads.MOVING, Life.OTHER, why="Exchange: None once the exchange was counted"),
    **dict.fromkeys(("process_connections", "frontend_connections", "backend_connections"), _AT_THE_END),
    "request_line": Facts(Reads.REQUEST_LINE),
    **dict.fromkeys(("number", "complete", "stand_in", "level", "origin"), _MOVING),
    "first": Facts(Reads.MOVING, Life.OTHER, why="reset: no longer the first one"),
    "request_cookie": _MOVING,
    "response_cookie": _MOVING,
}
_PLAIN: Final = frozenset((int, bool, bytes, str))
_NAMED: Final = (ProxyFacts, ServerFacts, ListenerFacts)
LINE: Final = frozenset(
    {"method", "uri", "minor", "line", "received", "version", "odd", "status", "reason", "digits"}
)  # of a head; all else is its block
_ADDRESSES: Final = frozenset(
    {
        *("source", "destination", "session.source", "session.destination", "session.real_source"),
        *("session.real_destination", "server_source", "server_address"),
    }
)


def names_of(thing: object) -> list[str]:
    """The names of its attributes; a compiled class keeps them with itself."""
    found = getattr(thing, "__dict__", None)
    if found:
        return sorted(found)
    names: set[str] = set()
    for one in type(thing).__mro__:
        names.update(getattr(one, "__mypyc_attrs__", ()))
    return sorted(names - {"__dict__"})


def belongs(path: str) -> Reads:
    """The bit of Reads of what stands at a path of look(); NOTHING: the evaluation's own."""
    first, _, rest = path.partition(".")
    if first in ("request", "response") and rest:
        on_request = first == "request"
        if rest.partition("[")[0] in LINE:
            return Reads.REQUEST_LINE if on_request else Reads.RESPONSE_LINE
        return Reads.HEADER_BLOCK if on_request else Reads.RESPONSE_BLOCK
    if first == "session" and rest:
        return SESSION[rest.partition(".")[0]].belongs
    if first == "record" and rest:
        return RECORD[rest].belongs
    if first == "source" and rest == "port":
        return Reads.CONNECTION
    if first in ("process", "list", "users", "table"):
        return Reads.MOVING
    return CONTEXT[first].belongs


def look(context: Context) -> dict[str, object]:
    """All that an exchange holds, and what of the process expressions ask for."""
    found: dict[str, object] = {}
    session = context.session
    values = {name: getattr(context, name) for name in names_of(context)}
    values.update((f"session.{name}", getattr(session, name)) for name in names_of(session))
    for name, value in values.items():
        if type(value) in _PLAIN:
            found[name] = value
        elif name in _ADDRESSES:
            found[name] = None if value is None else (value.family, value.packed, value.text)
            found[f"{name}.port"] = None if value is None else value.port
        elif isinstance(value, Record):
            found.update((f"record.{one}", getattr(value, one)) for one in names_of(value))
        elif isinstance(value, Head):
            found[name] = True
            _look_at_head(name, value, found)
        elif isinstance(value, _NAMED):
            found[name] = value.name
        elif isinstance(value, Session):
            found[name] = True
        elif name in ("tracked", "session.tracked") and value is not None:
            found[name] = [(one.index, one.table.name, one.table.key(one.ref)) for one in value]
        elif isinstance(value, dict | list):
            found[name] = value.copy()
        elif isinstance(value, Hints):
            found[name] = [[(one.name, one.value) for one in made] for made in value.responses]
        elif name == "limits":
            limits = value or Limits()
            found[name] = True
            told = [limits.retries, limits.priority_class, limits.priority_offset, *limits.times]
            found.update((f"limits.{number}", one) for number, one in enumerate(told))
        else:
            found[name] = value
    found["process"] = PROCESS_VARIABLES.copy()
    for known in LISTS.references:
        found[f"list.{known.number}"] = [(entry.key, entry.value) for entry in known.entries()]
    found.update(tables_stand.shown())
    return found


def _look_at_head(name: str, head: Head, found: dict[str, object]) -> None:
    for one in names_of(head):
        value = getattr(head, one)
        if one == "fields":
            found[f"{name}.fields"] = [(made.name, made.value) for made in value]
            for made in value:  # and each for itself, so that one can change without the others
                same = found.setdefault(f"{name}.fields[{made.name.decode()}]", [])
                assert isinstance(same, list)
                same.append(made.value)
        elif one not in ("lines", "values", "shape"):  # what is remembered of them
            found[f"{name}.{one}"] = value


class Phase(Enum):
    """What there is of an exchange."""

    REQUEST = 1  # its head
    RESPONSE = 2  # a server, and the head of its response
    OWN = 3  # the response is our own, and no server was chosen; the request's body has no known length


def exchange(phase: Phase) -> Context:
    """An exchange in which everything has a value of its own."""
    names = Names()
    frontend = ProxyFacts("front", 2, True)
    frontend.default_backend_name = b"back"
    frontend.names = names
    frontend.secures = True
    frontend.is_proxy = True
    frontend.limits.times = [1000, 2000, 3000, 4000, 5000, 6000]
    backend = Backend("back", 3, True, RoundRobin())
    for number, weight in enumerate((7, 3), 1):
        server = LiveServer(f"s{number}", number, backend, Dial(), weight)
        server.maxconn = 9
        server.maxqueue = 4
        backend.servers.append(server)
    backend.limits.times = [1100, 2100, 3100, 4100, 5100, 6100]
    backend.limits.retries = 3
    backend.refresh()
    names.frontends = {b"front": frontend}
    names.backends = {b"back": backend}
    names.process = ProxyFacts("", 0, False).counters
    names.facts = ProcessFacts()
    listener = ListenerFacts("web", 4)
    session = Session(listener)
    session.source, session.destination = net_address("192.0.2.7", 40000), net_address("192.0.2.1", 80)
    session.real_source, session.real_destination = session.source, session.destination
    session.accepted, session.accept_date, session.ready = 1000, 1_700_000_000_123, 1002
    session.variables = {b"sess.one": b"4"}
    session.tls = _tls("usual")[0]
    ctx = Context(frontend, session)
    ctx.request = _request()
    ctx.body = b"p=one&q=two"
    record = ctx.record
    record.request_line = ctx.request.line
    record.accepted, record.handshake, record.begun, record.head = 1000, 1002, 1005, 1009
    record.uploaded, record.number = 120, 17
    ctx.now = 1100
    ctx.unique_id = b"id-1"
    ctx.request_captures, ctx.request_capture_sizes = [b"captured"], [40]
    ctx.response_captures, ctx.response_capture_sizes = [b""], [40]
    ctx.variables = {b"txn.one": b"1", b"req.one": b"2", b"res.one": b"3", b"txn.n": 5, b"txn.key": b"c2VjcmV0"}
    tables_stand.track(ctx, TRACKS, "t", tables_stand.CLIENT)
    tables_stand.track(ctx, TRACKS_ARRAYS, "a", tables_stand.CLIENT)
    if phase is Phase.OWN:
        ctx.request.fields = [one for one in ctx.request.fields if one.name != b"content-length"]
        ctx.request.length, ctx.request.chunked = -1, True
    if phase is not Phase.REQUEST:
        _answer(ctx, backend, phase)
    return ctx


@cache
def tcp_connection() -> tuple[socket.socket, socket.socket]:
    """Both ends of one, ours with the packet by which it was opened."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 1)
        server.listen()
        far = socket.create_connection(server.getsockname())
        return server.accept()[0], far


def _tcp_of_client(ctx: Context) -> None:
    ctx.session.descriptor = tcp_connection()[0].fileno()


def _tcp_of_server(ctx: Context) -> None:
    ctx.server_measured = Measured(tcp_connection()[1].fileno())


def _tls(name: str) -> tuple[Connection | None, Connection | None]:
    """The ends of a TLS connection, ours towards a client and ours towards a server."""
    return (None, None) if MISSING or not name else pair(name)


def _fields(head: Head, *lines: str) -> None:
    for line in lines:
        name, _, value = line.partition(": ")
        head.fields.append(field(name.encode(), value.encode()))


def _request() -> Request:
    request = Request()
    request.method, request.uri, request.minor = b"PUT", b"/dir/file;s=1?a=1&b=2", 1
    request.line = b"PUT /dir/file;s=1?a=1&b=2 HTTP/1.1"
    _fields(request, "host: a.example", "x-a: one,two", "x-n: 12", "x-ip: 192.0.2.9", "cookie: c=1; n=2")
    _fields(request, "authorization: Basic dXNlcjpzZWNyZXQ=", "x-token: Bearer abc", "content-length: 11")
    request.host, request.length = b"a.example", 11
    return request


def _answer(ctx: Context, backend: Backend, phase: Phase) -> None:
    response = Response()
    response.status, response.reason, response.minor = 200, b"OK", 1
    _fields(response, "x-a: three,four", "x-n: 13", "x-ip: 192.0.2.10", "set-cookie: c=3; path=/", "set-cookie: n=4")
    ctx.response = response
    ctx.record.status = 200
    ctx.response_captures = [b"kept"]
    ctx.backend = backend
    ctx.responding = True
    if phase is Phase.OWN:
        return
    response.line = b"HTTP/1.1 200 OK"
    ctx.server = backend.servers[0]
    ctx.server_source, ctx.server_address = net_address("192.0.2.1", 50000), net_address("192.0.2.80", 8080)
    ctx.server_tls = _tls("usual")[1]
    record = ctx.record
    record.queued, record.connected, record.answered, record.sent, record.grown = 1010, 1020, 1030, 500, 10


NOW: Final = 1_700_000_000_000_000_000  # of the clock, in ns


class World:
    """What of the process decides something: the clock, chance, variables, lists, users, the lane."""

    def __init__(self) -> None:
        LISTS.reset()
        USERLISTS[USERS] = UserList(USERS)
        self.fill()

    def fill(self) -> None:
        """A configuration was read, which has begun with new lists."""
        for name in MAPS:
            if name not in LISTS.by_name:
                LISTS.new(name, True)
        if KEYS not in LISTS.by_name:
            LISTS.new(KEYS, False)
        tables_stand.declare()
        self.fresh()

    def fresh(self, now: int = NOW, noise: int = 3) -> None:
        """As it is before each question."""
        self.now = now
        self.noise = noise
        PROCESS_VARIABLES.clear()
        PROCESS_VARIABLES[PROCESS_VARIABLE] = b"5"
        for name, known in LISTS.by_name.items():
            wanted: tuple[str, str | None] = MAPS.get(name, ("one", None))
            if [(entry.key, entry.value) for entry in known.entries()] != [wanted]:
                known.clear()
                known.add(*wanted)
        USERLISTS[USERS].declare(b"user", b"secret", False, frozenset((b"g1",)))
        THIS_LANE.be(0, 0)
        tables_stand.fill(1000)


@contextmanager
def still() -> Iterator[World]:
    """Time and chance stand still, and the process holds what is known; all is as it was behind it."""
    process, accounts = PROCESS_VARIABLES.copy(), USERLISTS.copy()
    lane, group = THIS_LANE.lane, THIS_LANE.group
    world = World()
    with (
        mock.patch.object(time, "time_ns", lambda: world.now),
        mock.patch.object(random, "randrange", lambda above: world.noise % above),
        mock.patch.object(os, "urandom", lambda size: bytes((world.noise,)) * size),
        mock.patch.object(os, "getpid", lambda: world.noise),
    ):
        try:
            yield world
        finally:
            PROCESS_VARIABLES.clear()
            PROCESS_VARIABLES.update(process)
            USERLISTS.clear()
            USERLISTS.update(accounts)
            THIS_LANE.be(lane, group)
            LISTS.reset()
            TABLES.reset()


@dataclass(frozen=True)
class Variant:
    """One change. `now`, `noise`: other values of what stands still."""

    name: str
    belongs: Reads
    change: Callable[[Context], None]
    now: int = NOW
    noise: int = 3

    def exchange(self, world: World, phase: Phase) -> Context:
        """An exchange that differs in this alone."""
        world.fresh(self.now, self.noise)
        ctx = exchange(phase)
        self.change(ctx)
        return ctx


def _moved(address: NetAddress, host: str, port: int) -> NetAddress:
    return net_address(host or address.text.decode(), port or address.port)


def _address(name: str, host: str, port: int) -> Callable[[Context], None]:
    def change(ctx: Context) -> None:
        owner: Context | Session = ctx.session if name.startswith("session.") else ctx
        old = getattr(owner, name.removeprefix("session."))
        if old is not None:
            setattr(owner, name.removeprefix("session."), _moved(old, host, port))

    return change


def _uri(uri: bytes, method: bytes = b"PUT", minor: int = 1) -> Callable[[Context], None]:
    def change(ctx: Context) -> None:
        request = ctx.request
        assert request is not None
        request.method, request.uri, request.minor = method, uri, minor
        request.line = ctx.record.request_line = b"%b %b HTTP/1.%d" % (method, uri, minor)

    return change


def _field(on_request: bool, name: str, value: str | None) -> Callable[[Context], None]:
    """Another value of a field, or none of it; of one that is not there, one more."""

    def change(ctx: Context) -> None:
        head: Head | None = ctx.request if on_request else ctx.response
        if head is None:
            return
        wanted = name.encode()
        others = [one for one in head.fields if one.name != wanted]
        place = min([at for at, one in enumerate(head.fields) if one.name == wanted], default=len(others))
        head.fields = others if value is None else [*others[:place], field(wanted, value.encode()), *others[place:]]
        if on_request and name == "content-length":
            head.length = int(value or -1)
        if on_request and name == "host" and isinstance(head, Request):
            head.host = value.encode() if value is not None else None

    return change


def _response(**changes: object) -> Callable[[Context], None]:
    def change(ctx: Context) -> None:
        if ctx.response is not None:
            for name, value in changes.items():
                setattr(ctx.response, name, value)

    return change


def _set(**changes: object) -> Callable[[Context], None]:
    def change(ctx: Context) -> None:
        for name, value in changes.items():
            setattr(ctx, name, value)

    return change


def _of_session(**changes: object) -> Callable[[Context], None]:
    def change(ctx: Context) -> None:
        for name, value in changes.items():
            setattr(ctx.session, name, value)

    return change


def _client_tls(name: str) -> Callable[[Context], None]:
    return _of_session(tls=_tls(name)[0])


def _server_tls(name: str) -> Callable[[Context], None]:
    def change(ctx: Context) -> None:
        if ctx.server_tls is not None:
            ctx.server_tls = _tls(name)[1]

    return change


def _session_variable(ctx: Context) -> None:
    ctx.session.variables = {b"sess.one": b"another"}


def _mark(name: str, value: object) -> Callable[[Context], None]:
    def change(ctx: Context) -> None:
        setattr(ctx.record, name, value)

    return change


def _listener(number: int, name: str, proxied: bool) -> Callable[[Context], None]:
    def change(ctx: Context) -> None:
        ctx.listener = ctx.session.listener = ListenerFacts(name, number)
        ctx.listener.proxied = proxied

    return change


class _BusyListener(ListenerFacts):
    """A socket by which some have come."""

    @property
    def connections(self) -> int:
        return 7


def _busy(ctx: Context) -> None:
    ctx.listener = _BusyListener("web", 4)


def _stopping(ctx: Context) -> None:
    names = ctx.frontend.names
    assert names is not None and names.facts is not None
    names.facts.stopping = True


def _no_frontends(ctx: Context) -> None:
    names = ctx.frontend.names
    assert names is not None
    names.frontends = {}


def _frontend(name: str, number: int, http: bool, default: bytes) -> Callable[[Context], None]:
    def change(ctx: Context) -> None:
        made = ProxyFacts(name, number, http)
        made.names = ctx.frontend.names
        made.secures = True
        made.default_backend_name = default
        ctx.frontend = made

    return change


def _backend(change_it: Callable[[Backend], None]) -> Callable[[Context], None]:
    def change(ctx: Context) -> None:
        names = ctx.frontend.names
        assert names is not None
        found = names.backends[b"back"]
        assert isinstance(found, Backend)
        change_it(found)

    return change


def _server(**changes: object) -> Callable[[Context], None]:
    def change_it(backend: Backend) -> None:
        for name, value in changes.items():
            setattr(backend.servers[0], name, value)
        backend.refresh()

    return _backend(change_it)


def _other_backend(ctx: Context) -> None:
    ctx.backend = Backend("other", 8, False, RoundRobin())


def _other_server(ctx: Context) -> None:
    if ctx.server is not None:
        ctx.server = ServerFacts("elsewhere", 9)


def _limits(ctx: Context) -> None:
    limits = ctx.limits = Limits()
    limits.times = [1200, 2200, 3200, 4200, 5200, 6200]
    limits.retries = 7
    limits.priority_class, limits.priority_offset = 8, 9


class SomeStreams(StreamsFacts):
    def __init__(self, opened: int, limit: int) -> None:
        self.opened = opened
        self.limit = limit

    def open_streams(self) -> int:
        return self.opened

    def streams_limit(self) -> int:
        return self.limit


def _streams_of_client(ctx: Context) -> None:
    ctx.session.streams = SomeStreams(3, 100)


def _streams_of_server(ctx: Context) -> None:
    ctx.server_streams = SomeStreams(5, 50)


def _no_server(ctx: Context) -> None:
    ctx.server = None


class _Waiting(QueueWaiter):
    """A stream in a queue."""

    def grant(self, server: Server) -> None:
        raise AssertionError("nobody is let in")

    def requeue(self) -> None:
        raise AssertionError("nobody is sent away")


def _queue_up(backend: Backend) -> None:
    for queue in (backend.queue, backend.servers[0].queue):
        waiter = _Waiting()
        waiter.arrival = len(queue.waiters) + 1
        queue.enter(waiter)


def _count(ctx: Context) -> None:
    """What counters of proxies, servers and the process say."""
    names = ctx.frontend.names
    assert names is not None and names.process is not None
    backend = names.backends[b"back"]
    assert isinstance(backend, Backend)
    for one in (ctx.frontend.counters, backend.counters, backend.servers[0].counters, names.process):
        one.current += 5
        one.sessions += 4
        one.requests += 4
        one.connections += 4
        one.log_lines += 1
    assert names.process.total(CURRENT) > 0


def _unix(ctx: Context) -> None:
    ctx.destination = ctx.session.source = ctx.session.destination = UNIX_ADDRESS
    ctx.session.real_source = ctx.session.real_destination = UNIX_ADDRESS


def _lane(_: Context) -> None:
    THIS_LANE.be(3, 1)


def _variables(ctx: Context) -> None:
    ctx.variables.update({b"txn.one": b"another", b"txn.n": 2, b"txn.key": b"YW5vdGhlcg=="})


def _variable(store: str, key: bytes) -> Callable[[Context], None]:
    def change(ctx: Context) -> None:
        getattr(ctx, store)[key] = b"another"

    return change


def _process_variable(_: Context) -> None:
    PROCESS_VARIABLES[PROCESS_VARIABLE] = b"another"


def _capture(store: str) -> Callable[[Context], None]:
    def change(ctx: Context) -> None:
        getattr(ctx, store)[0] = b"another"

    return change


def _lists(_: Context) -> None:
    for name, (key, value) in MAPS.items():
        LISTS.by_name[name].set(key, value + "7")
    LISTS.by_name[KEYS].add("another", None)


def _no_entries(_: Context) -> None:
    for known in LISTS.by_name.values():
        known.clear()


def _tables(ctx: Context) -> None:
    """Other values."""
    tables_stand.fill(1050, 2)
    ctx.tracked = None
    for index, name in ((TRACKS, "t"), (TRACKS, "t"), (TRACKS_ARRAYS, "a")):
        tables_stand.track(ctx, index, name, tables_stand.CLIENT)


def _empty_tables(_: Context) -> None:
    tables_stand.empty()


def _tracks(ctx: Context) -> None:
    for index in range(3):
        tables_stand.track(ctx, index, "t", tables_stand.OTHER)
    tables_stand.track(ctx, TRACKS_ARRAYS, "a", tables_stand.OTHER)


def _users(_: Context) -> None:
    USERLISTS[USERS].declare(b"user", b"another", False, frozenset())


_REQUEST_FIELDS: Final = (
    ("host", "b.example"),
    ("x-a", "five,six"),
    ("x-n", "77"),
    ("x-ip", "198.51.100.9"),
    ("cookie", "c=8; n=9; more=1"),
    ("authorization", "Basic dXNlcjp3cm9uZw=="),
    ("authorization", "Basic b3RoZXI6c2VjcmV0"),
    ("authorization", "Bearer abc"),
    ("authorization", None),
    ("x-token", "Bearer def"),
    ("content-length", "12"),
    ("content-length", None),
    ("another", "1"),
)
_RESPONSE_FIELDS: Final = (
    ("x-a", "five,six"),
    ("x-n", "77"),
    ("x-ip", "198.51.100.9"),
    ("set-cookie", "c=8"),
    ("set-cookie", "n=9"),
    ("another", "1"),
)
_MARKS: Final = (
    "accepted",
    "handshake",
    "begun",
    "head",
    "queued",
    "connected",
    "answered",
    "ended",
    "status",
    "received",
)
_COUNTS: Final = (
    *("accept_date", "uploaded", "grown", "sent", "retries", "server_connections", "server_queue", "backend_queue"),
    *("process_connections", "frontend_connections", "backend_connections", "number", "level"),
)
_TLS: Final = (
    "another",
    "self-signed",
    "without",
    "refused",
    "resumed",
    "early",
    "early, under way",
    "",
)  # other connections (tls_pairs.py)
VARIANTS: Final[tuple[Variant, ...]] = (
    Variant("the client", Reads.SOURCE, _address("source", "198.51.100.3", 0)),
    Variant("a client here", Reads.SOURCE, _address("source", "127.0.0.1", 0)),
    Variant("a client of IPv6", Reads.SOURCE, _address("source", "2001:db8::7", 0)),
    Variant("the client's port", Reads.CONNECTION, _address("source", "", 41000)),
    Variant("our address", Reads.CONNECTION, _address("destination", "198.51.100.1", 0)),
    Variant("our port", Reads.CONNECTION, _address("destination", "", 81)),
    Variant("the real client", Reads.CONNECTION, _address("session.real_source", "198.51.100.3", 0)),
    Variant("the real client here", Reads.CONNECTION, _address("session.real_source", "127.0.0.1", 0)),
    Variant("the real client's port", Reads.CONNECTION, _address("session.real_source", "", 41000)),
    Variant("our real address", Reads.CONNECTION, _address("session.destination", "198.51.100.1", 0)),
    Variant("the client is this machine", Reads.CONNECTION, _address("session.real_destination", "192.0.2.7", 0)),
    Variant("we are at home", Reads.CONNECTION, _address("destination", "127.0.0.1", 0)),
    Variant("we are at home indeed", Reads.CONNECTION, _address("session.destination", "127.0.0.1", 0)),
    Variant("our real port", Reads.CONNECTION, _address("session.destination", "", 81)),
    Variant("a client of a UNIX socket", Reads.SOURCE, _set(source=UNIX_ADDRESS)),
    Variant("a UNIX socket", Reads.CONNECTION, _unix),
    Variant("the listener", Reads.CONNECTION, _listener(5, "other", False)),
    Variant("PROXY protocol", Reads.CONNECTION, _listener(4, "web", True)),
    Variant("TLVs of a PROXY header", Reads.CONNECTION, _of_session(tlvs=[(2, b"a.b"), (5, b"id"), (0xE0, b"x")])),
    Variant("the frontend", Reads.CONNECTION, _frontend("other", 7, True, b"back")),
    Variant("the frontend's mode", Reads.CONNECTION, _frontend("front", 2, False, b"back")),
    Variant("the default backend", Reads.CONNECTION, _frontend("front", 2, True, b"other")),
    *(Variant(f"TLS: {name or 'none'}", Reads.CONNECTION, _client_tls(name)) for name in _TLS),
    Variant("slots", Reads.CONNECTION, _set(request_capture_sizes=[2], response_capture_sizes=[2])),
    Variant("the lane", Reads.CONNECTION, _lane),
    Variant("the method", Reads.REQUEST_LINE, _uri(b"/dir/file;s=1?a=1&b=2", b"GET")),
    Variant("the version", Reads.REQUEST_LINE, _uri(b"/dir/file;s=1?a=1&b=2", minor=0)),
    Variant("the path", Reads.REQUEST_LINE, _uri(b"/other;s=2?a=1&b=2")),
    Variant("the query", Reads.REQUEST_LINE, _uri(b"/dir/file;s=1?a=7&b=8")),
    Variant("an odd path", Reads.REQUEST_LINE, _uri(b"/dir//./%6eile;s=1?b=2&a=1")),
    Variant("an absolute URI", Reads.REQUEST_LINE, _uri(b"http://192.0.2.33:88/dir/file;s=1?a=1&b=2")),
    *(Variant(f"{name}: {value}", Reads.HEADER_BLOCK, _field(True, name, value)) for name, value in _REQUEST_FIELDS),
    Variant("the status", Reads.RESPONSE_LINE, _response(status=404, reason=b"Not Found")),
    Variant("no body by the status", Reads.RESPONSE_LINE, _response(status=204, empty=True)),
    Variant("no body by a length", Reads.RESPONSE_BLOCK, _response(length=0, empty=True)),
    Variant("the response's version", Reads.RESPONSE_LINE, _response(minor=0)),
    Variant("no line of a server", Reads.RESPONSE_LINE, _response(line=b"")),
    *(
        Variant(f"of the response {name}: {value}", Reads.RESPONSE_BLOCK, _field(False, name, value))
        for name, value in _RESPONSE_FIELDS
    ),
    Variant("the body", Reads.BODY, _set(body=b"p=three&r=four&more")),
    Variant("the time", Reads.MOVING, _set(), now=1_800_000_000_000_123_000),
    Variant("chance", Reads.MOVING, _set(), noise=77),
    Variant("the clock", Reads.MOVING, _set(now=2222)),
    Variant("the clock's distance", Reads.MOVING, _set(date_offset=5)),
    *(Variant(f"the mark {name}", Reads.MOVING, _mark(name, 1500)) for name in _MARKS),
    *(Variant(f"the count {name}", Reads.MOVING, _mark(name, 3)) for name in _COUNTS),
    *(Variant(f"the letter {name}", Reads.MOVING, _mark(name, 0x58)) for name in ("cause", "step")),
    *(
        Variant(f"the cookie's {name}", Reads.MOVING, _mark(name, 0x58))
        for name in ("cookie_request", "cookie_response")
    ),
    *(
        Variant(f"the captured {name}", Reads.MOVING, _mark(name, b"c=1"))
        for name in ("request_cookie", "response_cookie")
    ),
    *(Variant(name, Reads.MOVING, _mark(name, value)) for name, value in (("redispatched", True), ("first", False))),
    *(Variant(name, Reads.MOVING, _mark(name, value)) for name, value in (("complete", False), ("origin", b"x"))),
    Variant("stand_in", Reads.MOVING, _mark("stand_in", b"<STATS>")),
    Variant("the identifier", Reads.MOVING, _set(unique_id=b"id-2")),
    Variant("a captured field", Reads.MOVING, _capture("request_captures")),
    Variant("a captured field of the response", Reads.MOVING, _capture("response_captures")),
    Variant("other values in tables", Reads.MOVING, _tables),
    Variant("no entries in tables", Reads.MOVING, _empty_tables),
    Variant("more is tracked", Reads.MOVING, _tracks),
    Variant("variables of the exchange", Reads.MOVING, _variables),
    Variant("a variable of the request", Reads.MOVING, _variable("variables", b"req.one")),
    Variant("a variable of the response", Reads.MOVING, _variable("variables", b"res.one")),
    Variant("a variable of the session", Reads.MOVING, _session_variable),
    Variant("a variable of the process", Reads.MOVING, _process_variable),
    Variant("the other direction", Reads.MOVING, _set(responding=True)),
    Variant("what the kernel knows of the client", Reads.MOVING, _tcp_of_client),
    Variant("what the kernel knows of the server", Reads.MOVING, _tcp_of_server),
    Variant("a hello of the client", Reads.MOVING, _set(request_bytes=client_hello(extensions=WHOLE))),
    Variant("a client of RDP", Reads.MOVING, _set(request_bytes=RDP)),
    Variant("a hello of the server", Reads.MOVING, _set(response_bytes=b"\x16\3\3\0\4\2\0\0\0")),
    Variant("bytes that may become more", Reads.MOVING, _set(request_bytes=b"\x16", more=True)),
    Variant("no retry", Reads.MOVING, _set(no_retry=True)),
    Variant("its limits", Reads.MOVING, _limits),
    Variant("the backend", Reads.MOVING, _other_backend),
    Variant("the server", Reads.MOVING, _other_server),
    Variant("no server", Reads.MOVING, _no_server),
    Variant("a used connection", Reads.MOVING, _set(reused=True)),
    Variant("our end of the server's connection", Reads.MOVING, _address("server_source", "198.51.100.1", 0)),
    Variant("our port towards the server", Reads.MOVING, _address("server_source", "", 51000)),
    Variant("the server's address", Reads.MOVING, _address("server_address", "198.51.100.80", 0)),
    Variant("the server's port", Reads.MOVING, _address("server_address", "", 81)),
    *(Variant(f"the server's TLS: {name or 'none'}", Reads.MOVING, _server_tls(name)) for name in _TLS),
    Variant("a failure of the server's connection", Reads.MOVING, _set(server_fault=46)),
    Variant("a failure of the client's connection", Reads.MOVING, _of_session(fault=34, tls_fault=167772353)),
    Variant("the client's version of HTTP", Reads.CONNECTION, _of_session(major=2)),
    Variant("streams of the client's connection", Reads.MOVING, _streams_of_client),
    Variant("streams of the server's connection", Reads.MOVING, _streams_of_server),
    Variant("the client's stream", Reads.MOVING, _set(client_stream=7, client_reset=8)),
    Variant("the server's stream", Reads.MOVING, _set(server_stream=9, server_reset=11)),
    Variant("oddities", Reads.MOVING, _set(server_glitches=6)),
    Variant("oddities of the client", Reads.MOVING, _of_session(glitches=4)),
    Variant("the times of the session", Reads.MOVING, _of_session(accepted=900, accept_date=77_000, ready=950)),
    Variant("counters", Reads.MOVING, _count),
    Variant("connections of the socket", Reads.MOVING, _busy),
    Variant("other frontends", Reads.MOVING, _no_frontends),
    Variant("a soft stop", Reads.MOVING, _stopping),
    Variant("a rule that has ended a list", Reads.MOVING, _set(last_rule=Position("a.cfg", 7))),
    Variant("a rule that waits", Reads.MOVING, _set(waiting_rule=Position("a.cfg", 8))),
    Variant("a server in maintenance", Reads.MOVING, _server(admin=FORCED_MAINT)),
    Variant("a server's weight", Reads.MOVING, _server(weight=5)),
    Variant("a server's first weight", Reads.MOVING, _server(initial_weight=5)),
    Variant("a server's limit", Reads.MOVING, _server(maxconn=2)),
    Variant("queues", Reads.MOVING, _backend(_queue_up)),
    Variant("lists", Reads.MOVING, _lists),
    Variant("empty lists", Reads.MOVING, _no_entries),
    Variant("users", Reads.MOVING, _users),
)


def covered(reads: int) -> int:
    """The bits that a declaration speaks for (sample/types.py): a connection has one client, and what moves is asked
    anew each time, so that it may look at the connection besides."""
    if reads & Reads.MOVING:
        reads |= int(Reads.CONNECTION)
    return reads | int(Reads.SOURCE) if reads & Reads.CONNECTION else reads


def word(text: str) -> Word:
    return Word(text, Position("test.cfg", 1, 1, len(text), text))
