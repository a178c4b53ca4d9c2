"""The words of `server` and `default-server` lines (manual 5.2), one small function each."""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pointsman.config.addresses import expand, parse_addresses, resolve
from pointsman.config.bind import check_proto
from pointsman.config.keyword import parse_time, warn_if_small
from pointsman.config.parameters import Others, Parameter, Words
from pointsman.config.source_address import SourceAddress
from pointsman.core.address import AddressSpec, is_ip
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.registry import Registry
from pointsman.core.words import Word
from pointsman.sample.expression import Expression
from pointsman.sample.format import Format
from pointsman.tls.options import ServerTls

BIGGEST = (1 << 31) - 1
LONGEST_GUID = 127
NO_TLS = ServerTls()
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyTlv:
    """A TLV of PROXY headers (set-proxy-v2-tlv-fmt)."""

    kind: int
    format: Format


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParameters:
    """What the words of a server line say, default-server lines included. Times are milliseconds."""

    weight: int = 1  # 0 to 256
    cookie: bytes = b""  # what names it in persistence cookies; b"": not said
    maxconn: int = 0  # 0: no limit
    backup: bool = False
    sticks: bool = True  # stick tables may learn it: without non-stick
    disabled: bool = False  # starts in maintenance
    check: bool = False
    interval: int = 2000  # inter
    fast_interval: int = 0  # fastinter; 0: as inter
    down_interval: int = 0  # downinter; 0: as inter
    rise: int = 2
    fall: int = 3
    check_port: int = 0  # 0: the server's
    check_address: str = ""  # IP address; "": the server's
    check_send_proxy: bool = False  # also where port or addr differ from the server's
    init_state: str = "none"  # fully-up, up, down, fully-down, none
    slowstart: int = 0
    send_proxy: int = 0  # versions of the PROXY protocol that are asked for, 1 and 2, as bits: 2 is what counts
    proxy_options: frozenset[str] = frozenset()  # what version 2 tells; `ssl` beside whatever is about certificates
    proxy_tlvs: tuple[ProxyTlv, ...] = ()  # and of our own
    id: int = 0  # 0: not said
    guid: str = ""
    hash_key: str = "id"  # id, id32, guid, addr, addr-port
    init_addr: tuple[str, ...] = ()  # methods and IP addresses in the order to try; (): not said
    source: SourceAddress | None = None  # None: as the backend says
    tfo: bool = False
    user_timeout: int = 0  # tcp-ut
    pool_purge_delay: int = 5000
    pool_max_conn: int = -1  # -1: no limit
    pool_low_conn: int = 0
    max_reuse: int = -1  # -1: no limit
    tls: ServerTls = NO_TLS
    proto: str = ""  # h1, h2, none: what is spoken; "": HTTP/1, or what ALPN has found
    ws: str = "auto"  # h1, h2: what WebSockets are spoken on; auto: what else is
    idle_ping: int = 0  # ms after which a silent connection of HTTP/2 is asked whether it is there; 0: never
    sni: Expression | None = None  # the name in the hello; None: not said
    # Of servers that are known by a name (config/server_names.py).
    resolvers: str = ""  # the section that is asked; "": none is
    resolve_prefer: int = 6  # a family, 4 or 6
    resolve_networks: tuple[Network, ...] = ()  # the best first
    resolve_duplicates: bool = False  # allow-dup-ip
    resolve_ignore_weight: bool = False  # of SRV records
    # How it is watched beside its checks, and what its changes bring (server_observation.py).
    ends_sessions: bool = False  # on-marked-down shutdown-sessions
    ends_backups: bool = False  # on-marked-up shutdown-backup-sessions
    # Limits and queues (server_limits.py).
    minconn: int = 0  # what it takes at least; 0: not said
    maxqueue: int = 0  # how many may wait for it; 0: no limit
    strict_maxconn: bool = False  # it has no more connections than maxconn, idle ones included
    # Of checks (server_checks.py).
    socks4: AddressSpec | None = None  # what connections to it go by
    check_via_socks4: bool = False  # and its checks
    check_reuse_pool: bool = False  # HTTP checks take over the connection of the one before
    check_pool_name: str = ""  # check-pool-conn-name
    check_proto: str = ""  # h1, h2, none; "": not said
    check_proto_at: Position | None = None  # where it was
    # How connections are made: server_connections.py.
    redirect: str = ""  # redir
    agent_check: bool = False
    agent_port: int = 0
    agent_address: str = ""  # IP address; "": the server's
    agent_interval: int = 2000  # agent-inter
    agent_send: bytes = b""
    observe: int = 0  # the layer that traffic is looked at, 4 or 7; 0: it is not
    error_limit: int = 10  # errors in a row
    on_error: str = "fail-check"  # what they bring
    track: str = ""  # [<backend>/]<server> whose state is its own; "": it has its own
    # Named checks: server_healthcheck.py.
    healthcheck: str = ""  # the name of a section; "": the backend's checks
    healthcheck_at: Position | None = None  # where it was said
    pool_name: Expression | None = None  # pool-conn-name
    namespace: str = ""
    congestion: str = ""  # cc
    password: str = ""  # tcp-md5sig


SERVER_WORDS: Registry[Parameter[ServerParameters]] = Registry("server parameter")

SERVER_OTHERS = Others(
    kind="server",
    manual="5.2",
    encrypts=(),
    tls={},
    hints={"log-bufsize": 1, "log-proto": 1},
    coming={
        "npn": 1,
        "quic-cc-algo": 1,
    },
)

Parse = Callable[[Words, ServerParameters], ServerParameters]


def server_word(name: str, values: int = 1, argued: bool = False) -> Callable[[Parse], Parse]:
    """Register a word of server and default-server lines."""

    def record(parse: Parse) -> Parse:
        SERVER_WORDS.add(name, Parameter(name, parse, values, argued))
        return parse

    return record


def flag(name: str, change: Parse) -> None:
    """A word without values."""
    SERVER_WORDS.add(name, Parameter(name, change, 0))


flag("backup", lambda words, server: replace(server, backup=True))
flag("check", lambda words, server: replace(server, check=True))
flag("check-send-proxy", lambda words, server: replace(server, check_send_proxy=True))
flag("disabled", lambda words, server: replace(server, disabled=True))
flag("enabled", lambda words, server: replace(server, disabled=False))
flag("no-backup", lambda words, server: replace(server, backup=False))
flag("no-check", lambda words, server: replace(server, check=False))
flag("no-check-send-proxy", lambda words, server: replace(server, check_send_proxy=False))
flag("non-stick", lambda words, server: replace(server, sticks=False))
flag("no-tfo", lambda words, server: replace(server, tfo=False))
flag("stick", lambda words, server: replace(server, sticks=True))
flag("tfo", lambda words, server: replace(server, tfo=True))


@server_word("addr")
def addr(words: Words, server: ServerParameters) -> ServerParameters:
    """addr <ipv4|ipv6>: check at another address; a port behind it counts as `port`."""
    word = words.value("expects <ipv4|ipv6> as argument", "<ipv4|ipv6>")
    host, port = read_check_address(word, words.args.configuration.environment, f"{words.said} : 'addr'")
    return replace(server, check_address=host, check_port=port or server.check_port)


@server_word("cookie")
def cookie(words: Words, server: ServerParameters) -> ServerParameters:
    """cookie <value>: what names the server in the persistence cookie of its backend."""
    text = words.value("expects <value> as argument.", "<value>").text
    return replace(server, cookie=text.encode("utf-8", "surrogateescape"))


@server_word("downinter")
def downinter(words: Words, server: ServerParameters) -> ServerParameters:
    """downinter <delay>: between checks of a server that is down."""
    return replace(server, down_interval=positive_time(words))


@server_word("fall")
def fall(words: Words, server: ServerParameters) -> ServerParameters:
    """fall <count>: failed checks in a row that take a server down."""
    return replace(server, fall=positive_count(words))


@server_word("fastinter")
def fastinter(words: Words, server: ServerParameters) -> ServerParameters:
    """fastinter <delay>: between checks of a server whose state is about to change."""
    return replace(server, fast_interval=positive_time(words))


@server_word("guid")
def guid(words: Words, server: ServerParameters) -> ServerParameters:
    """guid <string>: a name that no other object of the configuration has."""
    return replace(server, guid=check_guid(words.value("expects a guid", "<string>")))


@server_word("hash-key")
def hash_key(words: Words, server: ServerParameters) -> ServerParameters:
    """hash-key id|id32|guid|addr|addr-port: what places the server on the consistent hash."""
    return replace(server, hash_key=words.choice(("id", "id32", "guid", "addr", "addr-port"), "expects a key"))


@server_word("id")
def identifier(words: Words, server: ServerParameters) -> ServerParameters:
    """id <value>: the number of the server, for statistics and consistent hashes."""
    number = words.integer(-BIGGEST, BIGGEST, "expects an integer argument")
    if number <= 0:
        raise words.wrong("custom id has to be > 0")
    return replace(server, id=number)


@server_word("idle-ping")
def idle_ping(words: Words, server: ServerParameters) -> ServerParameters:
    """idle-ping <delay>: how often a silent connection of HTTP/2 is asked whether the server is still there (PING)."""
    return replace(server, idle_ping=words.time("expects an argument"))


@server_word("init-state")
def init_state(words: Words, server: ServerParameters) -> ServerParameters:
    """init-state fully-up|up|down|fully-down|none: before the first check."""
    return replace(server, init_state=words.choice(("fully-up", "up", "down", "fully-down", "none")))


@server_word("inter")
def inter(words: Words, server: ServerParameters) -> ServerParameters:
    """inter <delay>: between two checks."""
    return replace(server, interval=positive_time(words))


@server_word("max-reuse")
def max_reuse(words: Words, server: ServerParameters) -> ServerParameters:
    """max-reuse <count>: how often a connection is used again; -1: no limit."""
    return replace(server, max_reuse=words.integer(-1, BIGGEST, "expects <value> as argument"))


@server_word("maxconn")
def maxconn(words: Words, server: ServerParameters) -> ServerParameters:
    """maxconn <maxconn>: concurrent connections (HTTP: requests); the rest waits in the queue."""
    return replace(server, maxconn=words.integer(0, BIGGEST))


@server_word("pool-low-conn")
def pool_low_conn(words: Words, server: ServerParameters) -> ServerParameters:
    """pool-low-conn <max>: idle connections below which a lane takes none of another lane; here none ever does."""
    words.args.diagnostics.notice(
        "'pool-low-conn' tunes what does not exist here and has no effect (manual 5.2)", words.word.at
    )
    return replace(server, pool_low_conn=words.integer(0, BIGGEST, "expects <value> as argument"))


@server_word("pool-max-conn")
def pool_max_conn(words: Words, server: ServerParameters) -> ServerParameters:
    """pool-max-conn <max>: idle connections to keep; -1: no limit, 0: none."""
    number = words.integer(-BIGGEST, BIGGEST, "expects <value> as argument")
    if number < -1:
        raise words.wrong("must be >= -1")
    return replace(server, pool_max_conn=number)


@server_word("pool-purge-delay")
def pool_purge_delay(words: Words, server: ServerParameters) -> ServerParameters:
    """pool-purge-delay <delay>: each time, half of the idle connections are closed; 0: none is kept."""
    return replace(server, pool_purge_delay=words.time("expects <value> as argument"))


@server_word("port")
def port(words: Words, server: ServerParameters) -> ServerParameters:
    """port <port>: check at another port."""
    return replace(server, check_port=words.integer(0, 65535, "expects a port number as argument"))


@server_word("proto")
def proto(words: Words, server: ServerParameters) -> ServerParameters:
    """proto h1|h2|none: what is spoken, whatever ALPN finds; qmux, quic, fcgi and spop are not built yet."""
    return replace(server, proto=check_proto(words, True, "5.2").text)


@server_word("rise")
def rise(words: Words, server: ServerParameters) -> ServerParameters:
    """rise <count>: passed checks in a row that bring a server up."""
    return replace(server, rise=positive_count(words))


@server_word("slowstart")
def slowstart(words: Words, server: ServerParameters) -> ServerParameters:
    """slowstart <time>: how long weight and maxconn grow after the server comes back."""
    return replace(server, slowstart=words.time())


@server_word("tcp-ut")
def tcp_ut(words: Words, server: ServerParameters) -> ServerParameters:
    """tcp-ut <delay>: close when data stays unacknowledged for so long (TCP_USER_TIMEOUT)."""
    return replace(server, user_timeout=words.time("expects a positive delay in milliseconds"))


@server_word("weight")
def weight(words: Words, server: ServerParameters) -> ServerParameters:
    """weight <weight>: 0 to 256, its share of the load; 0: only what persists."""
    return replace(server, weight=words.integer(0, 256))


def positive_time(words: Words) -> int:
    """The next word as a time that is not 0, in milliseconds."""
    word = words.value(f"'{words.word.text}' expects a delay as argument.", "a time")
    milliseconds = parse_time(word, "ms", words.args.diagnostics)
    name = words.said.rpartition("/")[2].strip("'")  # "'server b/s'", or "'default-server'"
    warn_if_small(word, milliseconds, f"{words.word.text} {word.text}", f"server '{name}'", words.args.diagnostics)
    if milliseconds == 0:
        raise words.wrong(f"invalid value 0 for argument '{words.word.text}'")
    return milliseconds


def positive_count(words: Words) -> int:
    """The next word as a number above 0."""
    number = words.integer(-BIGGEST, BIGGEST)
    if number <= 0:
        raise words.wrong("has to be > 0")
    return number


def read_check_address(word: Word, variables: Mapping[str, str], said: str) -> tuple[str, int]:
    """Where to check instead: a literal address, or a host name that resolves now; without (0) or with a port.

    Host "": the server's own, where only a port is written. `said` begins each error.
    """
    try:
        word = expand(word, variables)
        if is_ip(word.text):
            return word.text, 0
        spec = parse_addresses(word, default_port=None, listening=False)[0]
    except ConfigError as error:
        finding = error.finding
        raise ConfigError(f"{said} : {finding.message}", finding.position, finding.expected, finding.hint) from None
    host = spec.host if not spec.host or is_ip(spec.host) else resolve(spec.host, spec.family) or ""
    if spec.kind != "inet" or spec.port_offset or spec.datagram or (spec.host and not host):
        what = "port offset not permitted here in" if spec.port_offset else f"invalid address: '{spec.host}' in"
        raise ConfigError(f"{said} : {what} '{word.text}'", word.at, "<ipv4|ipv6>[:<port>]")
    return "" if host in ("0.0.0.0", "::") else host, spec.port or 0


def check_guid(word: Word, said: str = "guid") -> str:
    """A globally unique name (manual 4.2 "guid"): up to 127 letters, digits, '.', ':', '-', '_'."""
    text = word.text
    if not text or len(text) > LONGEST_GUID or not text.isascii() or not text.translate(GUID_MARKS).isalnum():
        raise ConfigError(
            f"'{said}': invalid value '{text}'", word.at, "up to 127 letters, digits, '.', ':', '-' and '_'"
        )
    return text


GUID_MARKS = str.maketrans(".:-_", "0000")
