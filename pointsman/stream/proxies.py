"""Live frontends and backends: what the streams of one proxy share. Built by assemble.py, never changed by a stream
but for counters and gauges."""

from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.core.address import NetAddress
from pointsman.core.arena import Arena
from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.log.logger import Logger
from pointsman.proto.h2_options import H2Options
from pointsman.proto.hpack import Block
from pointsman.proto.memory import Memory
from pointsman.proto.message import Field, Head, Request, field
from pointsman.proto.weight import Buffer, least_to_weigh, weight
from pointsman.rules.captures import Captures
from pointsman.rules.forwarded import Forwarded
from pointsman.rules.plan import Step
from pointsman.rules.reply import Reply
from pointsman.sample.condition import Condition
from pointsman.sample.context import Context, Session
from pointsman.sample.format import Format
from pointsman.sample.tap import tapped
from pointsman.sample.trace import RouteRecord
from pointsman.server.algorithm import Algorithm
from pointsman.server.backend import Backend, LiveServer, Remembered
from pointsman.stream.acceptor import Acceptor, ProcessState
from pointsman.stream.checkcache import CacheCheck
from pointsman.stream.cookies import PersistenceCookie
from pointsman.stream.glitches import Glitches
from pointsman.stream.header_names import PRESERVE
from pointsman.stream.protocols import ClientProtocol
from pointsman.stream.ring import Ring
from pointsman.stream.stick_rules import StickRule

FOREVER: Final = 1 << 40  # ms: a timeout that is not set
NOTED: Final = 500  # ms between two notes of the last session, which is shown in seconds

KEEP_ALIVE: Final = 0  # option http-keep-alive, the default
SERVER_CLOSE: Final = 1  # option http-server-close
CLOSE: Final = 2  # option httpclose

LINES: Final = 8192  # header lines that a process remembers, of each direction
LINE_ROOM: Final = 2 << 20  # bytes of them
LONGEST_LINE: Final = 1024


class Route:
    """A use_backend rule: a backend known at start-up, or a name that is computed."""

    def __init__(
        self,
        condition: Condition | None,
        negated: bool,
        target: "BackendProxy | None",
        name: Format | None,
        at: Position = NOWHERE,
    ) -> None:
        self.at = at
        self.condition = condition
        self.negated = negated
        self.target = target
        self.name = name
        self.asks = condition.reads if condition is not None else 0

    def holds(self, context: Context) -> bool:
        """Its condition, noted as asked."""
        condition = self.condition
        if condition is None:
            return True
        context.asked |= self.asks
        return condition.test(context) != self.negated

    def explain(self, context: Context) -> RouteRecord:
        """Whether it holds and what it names, and why."""
        return _explained(self.at, self.condition, self.negated, self.target, self.name, context)


class Routes:
    """A list of routes, looked up (routing.py)."""

    def first(self, context: Context) -> Route | None:
        """The first rule that holds."""
        raise NotImplementedError


class Plan:
    """What a proxy decides of an exchange, in its order (decision.py). Made when it is first asked."""


class ServerRoute:
    """A use-server rule: a server known at start-up, or a name that is computed."""

    def __init__(
        self,
        condition: Condition | None,
        negated: bool,
        target: LiveServer | None,
        name: Format | None,
        at: Position = NOWHERE,
    ) -> None:
        self.at = at
        self.condition = condition
        self.negated = negated
        self.target = target
        self.name = name

    def explain(self, context: Context) -> RouteRecord:
        """Whether it holds and what it names, and why. Whether that server is up is another question."""
        return _explained(self.at, self.condition, self.negated, self.target, self.name, context)


PLAIN: Final = 0  # what force-persist and ignore-persist say of an exchange: nothing
FORCED: Final = 1  # a server that persistence names is used though it is down, and never left for another one
IGNORED: Final = 2  # no server is used because persistence names it


class PersistRule:
    """A force-persist or ignore-persist rule. `says`: FORCED or IGNORED."""

    def __init__(self, says: int, condition: Condition, negated: bool, at: Position = NOWHERE) -> None:
        self.says = says
        self.condition = condition
        self.negated = negated
        self.at = at
        self.asks = condition.reads

    def holds(self, context: Context) -> bool:
        """Its condition, noted as asked."""
        context.asked |= self.asks
        return self.condition.test(context) != self.negated

    def explain(self, context: Context) -> RouteRecord:
        """Whether it holds, and why."""
        return _explained(self.at, self.condition, self.negated, None, None, context)


def _explained(
    at: Position,
    condition: Condition | None,
    negated: bool,
    target: "BackendProxy | LiveServer | None",
    name: Format | None,
    context: Context,
) -> RouteRecord:
    record = None if condition is None else condition.explain(context)
    if record is not None and record.verdict == negated:
        return RouteRecord(at, record, negated, False)
    if name is None:
        return RouteRecord(at, record, negated, True, (), b"" if target is None else target.name)
    with tapped(name.expressions, at) as samples:
        found = name.render(context)
    return RouteRecord(at, record, negated, True, tuple(samples), found)


@mypyc_attr(allow_interpreted_subclasses=True)
class Service:
    """Something that answers requests inside the proxy: the statistics page, monitor-uri."""

    def wants_body(self, context: Context) -> bool:
        """The request is for it, and its body has to be here before it can answer."""
        return False

    def answer(self, context: Context) -> Reply | None:
        """The answer, or None where the request is not for it."""
        raise NotImplementedError


class ForwardFor:
    """option forwardfor (manual 4.2): `networks` are (packed network, prefix length) that are left out."""

    def __init__(self, header: bytes, if_none: bool, networks: list[tuple[bytes, int]]) -> None:
        self.header = header
        self.if_none = if_none
        self.networks = networks
        self.made = field(header, b"")  # the last one: fields are never changed

    def excepts(self, address: NetAddress) -> bool:
        packed = address.packed
        for network, length in self.networks:
            if len(network) == len(packed):
                shift = len(packed) * 8 - length
                if int.from_bytes(packed, "big") >> shift == int.from_bytes(network, "big") >> shift:
                    return True
        return False


class Program:
    """What all streams of a process share: limits, gauges, date."""

    def __init__(self, process: ProcessState) -> None:
        self.process = process  # counts of connections, the process's limits
        self.date_offset = 0  # wall clock minus monotonic, ms; looked at once a second
        self.field_limit = 100  # tune.http.maxhdr, less one for the request line
        self.set_buffer(16_384, 1_024)
        self.lax = 0  # bits of what heads may have (proto/h1.py)
        self.glitches: Glitches | None = None  # nobody asks for them
        self.h2_front = H2Options()  # of connections of clients that speak HTTP/2
        self.h2_back = H2Options()  # of those to servers
        self.h2_glitches: Glitches | None = None  # no threshold is set for connections of HTTP/2
        self.ring: Ring | None = None  # of the last decisions; None: they are not kept (told.py)
        self.remembers = True  # what repeats: lines, shapes, outcomes
        self.request_lines: Memory[Field] = Memory(LINES, LINE_ROOM, LONGEST_LINE)
        self.response_lines: Memory[Field] = Memory(LINES, LINE_ROOM, LONGEST_LINE)

    def set_buffer(self, size: int, reserve: int) -> None:
        """tune.bufsize and tune.maxrewrite, once `field_limit` is known."""
        self.buffer = Buffer(size, reserve)
        self.head_limit = size - reserve  # bytes of a head, and its weight
        self.weighs_from = least_to_weigh(self.head_limit, self.field_limit)  # a smaller head is within the limit

    def too_heavy(self, head: Head, size: int) -> bool:
        """It has `size` bytes on the wire, and takes more of a buffer than a head may."""
        return size > self.weighs_from and weight(head) > self.head_limit

    def forget(self) -> None:
        """Remember nothing at all, from now on."""
        self.remembers = False
        self.request_lines = Memory(0, 0, 0)
        self.response_lines = Memory(0, 0, 0)

    @property
    def requests(self) -> int:
        """HTTP requests of all lanes since start (CumReq)."""
        return self.process.counters.totals.requests


class Frontend(Acceptor):
    def __init__(self, program: Program, name: str, number: int, http: bool) -> None:
        super().__init__(name, number, http, program.process.arena)
        self.belong_to(program.process)
        self.program = program
        self.tcp_connection: list[Step] = []
        self.tcp_session: list[Step] = []
        self.tcp_content: list[Step] = []
        self.inspect_delay = 0  # ms for which content rules wait for bytes
        self.peeks = False  # in TCP mode: rules or routes ask for HTTP in the client's bytes
        self.http_request: list[Step] = []
        self.http_response: list[Step] = []
        self.http_after_response: list[Step] = []
        self.captures: Captures | None = None
        self.use_backend: list[Route] = []
        self.model: Request | None = None  # the last one that a new connection began with: for its shape
        self.first_block = b""  # its bytes
        self.forced_switches: list[Route] = []  # force-be-switch: rules without a target
        self.routes: Routes | None = None  # a table of these, made when it is first asked
        self.default_backend: BackendProxy | None = None
        self.default_at = NOWHERE  # the line that names it, or the listen section that it is a part of
        self.twin: BackendProxy | None = None  # the backend of the same listen section: it counts all bytes
        self.backends: dict[bytes, BackendProxy] = {}  # all of them, for names that are computed
        self.monitor: Service | None = None
        self.services: list[Service] = []
        self.socket_stats = False  # option socket-stats: bytes are counted by listener too
        self.watched = False  # that, or decisions are kept: somebody looks at the end of each exchange
        self.continuous = False  # option contstats: exchanges are counted once a second, as they go
        self.pages: dict[int, Reply] = {}
        self.logger: Logger | None = None
        self.log_null = True  # not option dontlognull
        self.log_normal = True  # not option dontlog-normal
        self.log_asap = False
        self.ignore_probes = False
        self.client = FOREVER  # timeouts, ms
        self.client_fin = FOREVER
        self.http_request_time = FOREVER
        self.keep_alive = FOREVER
        self.tarpit = 0  # ms
        self.buffers = False  # option http-buffer-request
        self.mode = KEEP_ALIVE
        self.header_names = PRESERVE  # option http-restrict-req-hdr-names
        self.forwardfor: ForwardFor | None = None
        self.originalto: ForwardFor | None = None
        self.unique_id: Format | None = None
        self.unique_id_header = b""
        self.strict = False  # option pointsman-strict
        self.unsafe = False  # option accept-unsafe-violations-in-http-request
        self.upgrades_h2 = True  # not option disable-h2-upgrade: clients may begin with the preface of HTTP/2
        self.independent = False  # option independent-streams
        self.close_idle_on_response = False
        self.abort_on_close = http  # of clients whose request waits before a backend is chosen
        self.drop_trailers = False  # option http-drop-response-trailers
        self.most_own = 5  # max-session-srv-conns: idle connections to servers that are kept for one client
        self.respells = False  # option h1-case-adjust-bogus-client
        self.spellings: dict[bytes, bytes] | None = None  # of names of fields, where its clients want them so
        self.early_data = False  # a client has sent some: requests of such are told servers (entries.py)
        self.kept: Remembered | None = None  # the last outcome (stream/outcome.py)
        self.h2_block: Block | None = None  # the last request that a new connection of HTTP/2 began with
        self.h2_kept: Remembered | None = None  # the last outcome of such
        self.plan: Plan | None = None
        self.places: dict[str, Position] = {}  # of what is in the plan and does not know its place itself
        self.protocols: list[ClientProtocol] = []  # that its clients of HTTP/1 may begin with instead

    def lets_in_session(self, session: Session) -> bool:
        """Ask the tcp-request session rules about a connection whose handshakes are over. False: it is to be closed."""
        return True

    def watch(self) -> None:
        """Once it is known who looks at the end of its exchanges, and when that changes."""
        self.watched = self.socket_stats or self.program.ring is not None

    def note_session(self, now: int) -> None:
        """It has a session more (monotonic ms)."""
        if now - self.noted >= NOTED:
            self.noted = now
            self.counters.last_session = now


class BackendProxy(Backend):
    def __init__(self, name: str, number: int, http: bool, algorithm: Algorithm, arena: Arena | None = None) -> None:
        super().__init__(name, number, http, algorithm, arena)
        self.published = True  # rules that name it count (be-unpublished, unpublish backend)
        self.tcp_content: list[Step] = []
        self.inspect_delay = 0  # ms for which content rules wait for bytes
        self.peeks = False  # in TCP mode: rules or routes ask for HTTP in the client's bytes
        self.tcp_response: list[Step] = []
        self.response_delay = 0
        self.http_request: list[Step] = []
        self.http_response: list[Step] = []
        self.http_after_response: list[Step] = []
        self.use_server: list[ServerRoute] = []
        self.cookie: PersistenceCookie | None = None
        self.persist = False  # option persist
        self.persists_by_bytes = False  # persistence looks at what has come of a TCP connection, without waiting for it
        self.rdp_cookie = b""  # persist rdp-cookie: its name
        self.stick_rules: list[StickRule] = []
        self.persist_rules: list[PersistRule] = []  # force-persist, ignore-persist
        self.services: list[Service] = []
        self.pages: dict[int, Reply] = {}
        self.connect = FOREVER  # timeouts, ms
        self.queue_time = FOREVER
        self.server_time = FOREVER
        self.server_fin = FOREVER
        self.tarpit = 0
        self.request_time = 0  # timeout http-request of a backend that waits for bodies; 0: timeout client
        self.buffers = False
        self.tunnel = 0  # 0: none, the two others hold
        self.retries = 3
        self.retry_connections = True  # retry-on conn-failure
        self.retry_empty = False  # retry-on empty-response, and so on
        self.retry_junk = False
        self.retry_timeouts = False
        self.retry_statuses: frozenset[int] = frozenset()
        self.retry_refused = False  # retry-on 0rtt-rejected
        self.retries_requests = False  # one of those that need the request again
        self.redispatch = 0  # 0: no; n: every n-th retry; -1: the last one only
        self.mode = KEEP_ALIVE
        self.header_names = PRESERVE  # option http-restrict-req-hdr-names
        self.forwardfor: ForwardFor | None = None
        self.originalto: ForwardFor | None = None
        self.forwarded: Forwarded | None = None  # option forwarded
        self.unsafe = False  # option accept-unsafe-violations-in-http-response
        self.abort_on_close = http  # 3.5: the default of HTTP backends
        self.no_linger = False
        self.pretend_keepalive = False
        self.prefer_last_server = False
        self.independent = False  # option independent-streams
        self.drop_trailers = False  # option http-drop-request-trailers
        self.name_header = b""  # http-send-name-header
        self.respells = False  # option h1-case-adjust-bogus-server
        self.cache_check: CacheCheck | None = None  # option checkcache
        self.keep_alive_queue = -1  # max-keep-alive-queue; -1: no limit
        self.plan: Plan | None = None
        self.places: dict[str, Position] = {}  # of what is in the plan and does not know its place itself

    def honours(self, server: LiveServer, persistence: int) -> bool:
        """Whether an exchange may go to a server that use-server or persistence names: if that is up, whether or not
        it gets new work (drained ones do not); one that is down under option persist and force-persist (manual 4.2)."""
        return server.up or self.persist or persistence == FORCED
