"""The context of an expression: a request-like object that rules, fetches and log tags read.

It never holds a connection or a descriptor, so an explanation can fill one for a request that never had a socket.
Live proxies and servers are seen through the two small base classes below.
"""

from typing import Final

from mypy_extensions import i64, mypyc_attr

from pointsman.core.address import UNIX_ADDRESS, NetAddress
from pointsman.core.arena import Arena
from pointsman.core.columns import CURRENT
from pointsman.core.counters import Counters
from pointsman.core.diagnostics import Position
from pointsman.core.h2_cells import H2Cells
from pointsman.core.tcp_info import Measured
from pointsman.core.tls import Connection
from pointsman.proto.message import Request, Response
from pointsman.proto.weight import ENDLESS, Buffer
from pointsman.sample.hints import Hints
from pointsman.sample.limits import Limits
from pointsman.sample.need import Need
from pointsman.sample.record import Record
from pointsman.sample.types import Value
from pointsman.tables.tracked import Tracked


@mypyc_attr(allow_interpreted_subclasses=True)
class ProcessFacts:
    """What expressions know of the process; its live state extends it."""

    def __init__(self) -> None:
        self.stopping = False  # a soft stop was asked for
        self.started = 0  # monotonic ms


class Names:
    """The live proxies of a process by name, for expressions that ask about another one. assemble fills it."""

    def __init__(self) -> None:
        self.frontends: dict[bytes, ProxyFacts] = {}
        self.backends: dict[bytes, ProxyFacts] = {}
        self.process: Counters | None = None  # of the process as a whole
        self.facts: ProcessFacts | None = None


EXPECTS_PROXY: Final = 1  # bits of Session.expects: a PROXY header
EXPECTS_NETSCALER: Final = 2  # a header of NetScaler's

Variables = dict[bytes, Value | None]  # None: it is there, but not set


@mypyc_attr(allow_interpreted_subclasses=True)
class ProxyFacts:
    """What expressions know of a frontend or backend; live proxies extend it."""

    def __init__(self, name: str, number: int, http: bool, arena: Arena | None = None) -> None:
        self.name = name.encode("utf-8", "surrogateescape")  # a refused name may be any bytes
        self.spot: i64 = -1  # its name's number for log lines; -1: none yet
        self.transport_spot: i64 = -1  # and as %ft has it; -1: none yet, or not the same for all of its connections
        self.secures = False  # some of its connections speak TLS
        self.number = number  # `id`, by default its position from 2 on (frontends and backends count together)
        self.http = http
        self.default_backend_name = b""  # what default_backend names; b"": nothing
        self.is_proxy = False  # option http-use-proxy-header: of requests to a proxy it asks in a proxy's fields
        self.limits = Limits()  # what it says of timeouts and retries
        self.counters = Counters(arena)
        self.step = self.counters.step  # what every exchange calls, without a look-up each time
        self.climb = self.counters.climb
        self.tally = self.counters.tally
        self.total = self.counters.total
        self.h2 = H2Cells(arena)  # what is counted of its connections of HTTP/2
        self.noted = 0  # when this lane last said that it had a session (monotonic ms)
        self.names: Names | None = None  # all proxies

    @property
    def connections(self) -> int:
        """Current streams (backend) or client connections (frontend) of all lanes."""
        return self.total(CURRENT)

    @property
    def log_lines(self) -> int:
        """Lines of its streams so far (%lc)."""
        return self.counters.totals.log_lines


@mypyc_attr(allow_interpreted_subclasses=True)
class ServerFacts:
    """What expressions know of a server; live servers extend it."""

    def __init__(self, name: str, number: int, arena: Arena | None = None) -> None:
        self.name = name.encode()
        self.spot: i64 = -1  # its name's number for log lines; -1: none yet
        self.number = number
        self.counters = Counters(arena)
        self.step = self.counters.step  # what every exchange calls, without a look-up each time
        self.conclude = self.counters.conclude
        self.total = self.counters.total
        self.noted = 0  # when this lane last said that it had a session (monotonic ms)

    @property
    def connections(self) -> int:
        """Current streams of all lanes."""
        return self.total(CURRENT)

    @connections.setter
    def connections(self, count: int) -> None:
        """For a single process, as tests are: lanes use counters.enter() and leave()."""
        self.counters.current += count - self.counters.held


@mypyc_attr(allow_interpreted_subclasses=True)
class ListenerFacts:
    """What expressions know of a bind line's socket."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name.encode()  # `name`, or b""
        self.number = number
        self.proxied = False  # each of its connections begins with a PROXY protocol header

    def rewrite_failed(self) -> None:
        """Count that (option socket-stats)."""

    @property
    def connections(self) -> int:
        """Open connections of all lanes that came by this socket."""
        return 0


@mypyc_attr(allow_interpreted_subclasses=True)
class StreamsFacts:
    """What expressions know of a connection that carries several streams at once, of a client or to a server."""

    def open_streams(self) -> int:
        raise NotImplementedError

    def streams_limit(self) -> int:
        """How many there may be at once: what clients are told, and what the server has told."""
        raise NotImplementedError

    def moved(self, up: int, down: int) -> None:
        """An exchange of it is over, and so many bytes are counted for it."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Session:
    """One client connection, as far as rules and log lines can ask about it. Its exchanges share it."""

    def __init__(self, listener: ListenerFacts) -> None:
        self.listener = listener
        self.source: NetAddress = UNIX_ADDRESS  # of the client, as the connection or its PROXY header says
        self.destination: NetAddress = UNIX_ADDRESS
        self.real_source: NetAddress = UNIX_ADDRESS  # of the connection itself, whatever a header says
        self.real_destination: NetAddress = UNIX_ADDRESS
        self.accepted = 0  # monotonic ms
        self.accept_date = 0  # the wall clock then, ms
        self.ready = 0  # its PROXY header is read (monotonic ms)
        self.variables: Variables = {}  # its own (manual 2.8, sess)
        self.charge = 0  # what these take, where that is limited (variable_limits.py)
        self.glitches = 0  # what was odd in its requests so far; see WISHES.glitches
        self.major = 1  # the version of HTTP that its connection speaks, if it speaks HTTP
        self.begun = 0  # exchanges of HTTP/1 behind the first one
        self.streams: StreamsFacts | None = None  # it carries several exchanges at once; None: one at a time
        self.tls: Connection | None = None  # of the client's connection, once its handshake is over, or early data came
        self.tlvs: list[tuple[int, bytes]] | None = None  # of its PROXY header; see WISHES.proxy_tlvs
        self.told: dict[int, tuple[bytes, bytes]] | None = None  # of it in PROXY headers (outgoing_header.py)
        self.fault = 0  # what the client's connection has failed of, by core/connection_faults.py (fc_err)
        self.tls_fault = 0  # and the number that OpenSSL has for it
        self.descriptor = -1  # of the client's connection, as long as that is open
        self.syn: bytes | None = None  # by which it was opened, once somebody has asked for it (fc_saved_syn)
        self.expects = 0  # what is to come before the client's first byte: tcp-request connection rules say so
        self.early: Request | None = None  # the last one that came as early data, and that nothing has held back
        self.tracked: list[Tracked] | None = None  # entries of stick tables, until it ends (sample/tracking.py)


class CheckSession(Session):
    """What stands for a client's connection in a health check. The variables of the scope check are those of the
    context (manual 2.8), as a check has one of its own."""

    def __init__(self) -> None:
        super().__init__(ListenerFacts("", 0))
        self.body = b""  # what is here of a response's body


@mypyc_attr(allow_interpreted_subclasses=True)
class Noted:
    """Something that rules found or did, which moves, and which can be found or done again for the same request."""

    def again(self, ctx: "Context") -> bool:
        """Do it. False: it is not what it was, so that the request has to be decided anew."""
        raise NotImplementedError


NOBODY: Final = 0  # what has named a server before the algorithm was asked: nothing
BY_USE_SERVER: Final = 1
BY_COOKIE: Final = 2
BY_RDP_COOKIE: Final = 3
BY_STICK: Final = 4


class DecidedBy:
    """What has decided about an exchange, while decisions are kept (stream/told.py). Who keeps it empties it."""

    def __init__(self) -> None:
        self.route: Position | None = None  # the use_backend rule that has held
        self.named_by = NOBODY
        self.ended_by: Position | None = None  # the rule whose verdict has ended the exchange


@mypyc_attr(free_list_len=1)
class Context:
    """All that can be asked about one exchange."""

    def __init__(self, frontend: ProxyFacts, session: Session) -> None:
        self.frontend = frontend
        self.session = session
        self.listener = session.listener
        self.source = session.source  # of the client, until rules say something else
        self.destination = session.destination
        self.request: Request | None = None
        self.response: Response | None = None
        self.parent: Context | None = None  # of the stream that has started this one, and waits for it (manual 2.8)
        self.backend: ProxyFacts | None = None
        self.server: ServerFacts | None = None
        self.server_source: NetAddress | None = None  # our own end of the server connection (%bi:%bp)
        self.server_address: NetAddress | None = None  # its far end (%si:%sp)
        self.server_tls: Connection | None = None  # of the server's connection; see WISHES.server_tls
        self.server_mark = -1  # of its packets; -1: nobody has said anything (set-bc-mark)
        self.server_tos = -1
        self.server_measured: Measured | None = None  # the server's connection; see WISHES.measured
        self.server_streams: StreamsFacts | None = None  # the server's connection speaks HTTP/2
        self.server_stream = 0  # the number of its stream; of HTTP/1 exchanges before; see WISHES.sending
        self.server_reset = -1  # the code by which the server has reset its stream; -1: it has not
        self.client_stream = 0  # the number of the client's stream; of HTTP/1 exchanges before
        self.client_reset = -1  # the code by which the client has reset its stream; -1: it has not
        self.server_fault = 0  # what its last connection has failed of, by core/connection_faults.py (bc_err)
        self.reused = False  # the server connection had carried exchanges before; see WISHES.sending
        self.record = Record()
        self.record.accepted = session.accepted
        self.record.accept_date = session.accept_date
        self.record.handshake = self.record.begun = session.ready
        self.unique_id = b""
        self.date_offset = 0  # wall-clock ms minus monotonic ms
        self.now = 0  # monotonic ms
        self.request_captures: list[bytes] = []
        self.response_captures: list[bytes] = []
        self.request_capture_sizes: list[int] = []  # the most bytes that a slot keeps
        self.response_capture_sizes: list[int] = []
        self.variables: Variables = {}  # of scopes txn, req and res (manual 2.8)
        self.server_glitches = 0  # of the server's connection so far; see WISHES.glitches
        self.charge = 0  # what `variables` take, where that is limited (variable_limits.py)
        self.responding = False  # a server was tried, or the answer is ours: no more variables of the request
        self.body = b""  # what is here of the request's body
        self.no_retry = False  # disable-l7-retry: the request is not sent a second time once a server had it
        self.hints: Hints | None = None  # early-hint: what the client has to be told before anything else
        self.limits: Limits | None = None  # what rules have said of timeouts and retries for this exchange
        self.asked = 0  # bits of Reads: of all that has decided something (rules/plan.py)
        self.answer: object = None  # what a rule decided to answer (rules.reply.Reply); read by the stream
        self.buffer: Buffer = ENDLESS
        self.room = ENDLESS.reserve  # what rewrites may add before the head has to be weighed (rules/room.py)
        self.waiting = 0  # what a body takes of the buffer that the head is in
        self.lenient = False  # strict-mode off, until the end of the list of rules
        self.may_wait = False  # who evaluates would wait for a need (sample/need.py)
        self.need: Need | None = None  # what could not be told yet; taken by who evaluates
        self.noted: list[Noted] | None = None  # what its rules found in tables, and wrote there (rules/plan.py)
        self.redone: list[Noted] | None = None  # of it, what was found and done once more already; the first one last
        self.answers: list[Need] = []  # those that have been waited for in this exchange, with what they brought
        self.tracked: list[Tracked] | None = None  # entries of stick tables, until the exchange ends (tracking.py)
        self.request_bytes = b""  # what is here of the client's bytes and not forwarded, where content rules look at it
        self.response_bytes = b""  # the same of the server's
        self.more = False  # layer 4 content rules look at bytes to which more may come
        self.last_rule: Position | None = None  # the last one that has ended its list; see WISHES.verdicts
        self.waiting_rule: Position | None = None  # the one that waits, or waited when the exchange ended
        self.decided_by: DecidedBy | None = None  # None: decisions are not kept, or nothing is known of this one
        self.unparsed = False  # these are no whole head of HTTP yet, and such rules wait for one (rules/peek.py)
        self.incomplete = False  # what a fetch said may change with these: set by fetches, read by such rules alone

    def reset(self) -> None:
        """For the next exchange of the same connection: whatever is not the connection's own is as it was made. The
        record has a `reset` of its own. How long each attribute lasts stands in tests/support/contract.py."""
        self.source = self.session.source  # as they were before set-src and set-dst
        self.destination = self.session.destination
        self.request = None
        self.response = None
        self.backend = None
        self.server = None
        self.server_source = None
        self.server_address = None
        self.server_tls = None
        self.server_mark = self.server_tos = -1
        self.server_measured = None
        self.server_streams = None
        self.server_stream = 0
        self.server_reset = self.client_reset = -1
        self.client_stream = 0
        self.server_fault = 0
        self.reused = False
        self.unique_id = b""
        if self.request_captures:
            self.request_captures = []
        if self.response_captures:
            self.response_captures = []
        if self.variables:
            self.variables = {}
        self.responding = False
        self.body = b""
        self.no_retry = False
        self.hints = None
        self.limits = None
        self.asked = 0
        self.answer = None
        self.room = self.buffer.reserve
        self.waiting = 0
        if self.request_bytes:
            self.request_bytes = b""
        if self.response_bytes:
            self.response_bytes = b""
        if self.answers:
            self.answers = []
        if self.noted is not None:
            self.noted = None
        if self.redone is not None:
            self.redone = None
        if self.last_rule is not None:
            self.last_rule = None
        if self.waiting_rule is not None:
            self.waiting_rule = None

    def answer_to(self, key: bytes) -> Need | None:
        """The need of this key that has been waited for in this exchange; its state says how that ended."""
        for need in self.answers:
            if need.key == key:
                return need
        return None
