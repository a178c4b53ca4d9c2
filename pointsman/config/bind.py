"""`bind` lines: where a frontend listens, and the parameters of its sockets (manual 4.2 "bind", 5.1)."""

import grp
import pwd
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from pointsman.config.addresses import expand, parse_addresses
from pointsman.config.keyword import Args, keyword
from pointsman.config.parameters import Others, Parameter, Words, read_parameters
from pointsman.config.setting import In, Section, Setting
from pointsman.core.address import AddressSpec
from pointsman.core.diagnostics import ConfigError
from pointsman.core.registry import Registry
from pointsman.core.words import Word
from pointsman.tls.options import BindTls

NO_TLS: Final = BindTls()
PROTOCOLS: Final = "h1, h2 or none"
UNUSABLE: Final = "{title} : MUX protocol '{proto}' is not usable"  # in its mode


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketOwner:
    """Rights of a UNIX socket; None: as the system makes it."""

    mode: int | None = None
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, slots=True)
class Lanes:
    """A part of a thread set (see threads.py). `group`: 0 if the numbers are those of the whole process."""

    group: int
    numbers: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BindParameters:
    """What the words behind the address say (manual 5.1). 0 or "": not said."""

    name: str = ""
    id: int = 0
    maxconn: int = 0  # of each socket
    backlog: int = 0
    interface: str = ""
    v4v6: bool = False
    v6only: bool = False  # prevails over v4v6
    defer_accept: bool = False
    tfo: bool = False
    transparent: bool = False
    accept_proxy: bool = False
    netscaler_magic: int = 0  # accept-netscaler-cip
    save_syn: int = 0  # tcp-ss
    mss: int = 0  # negative: reduce the advertised one by so much
    user_timeout: int = 0  # ms, TCP_USER_TIMEOUT
    owner: SocketOwner = SocketOwner()
    level: str = "operator"  # user, operator, admin; of the runtime API only
    severity_output: str = "none"  # none, number, string; of the runtime API only
    lanes: tuple[Lanes, ...] = ()  # thread; none: all accept
    expose_listeners: bool = False  # expose-fd listeners; of the runtime API only
    tls: BindTls = NO_TLS
    proto: str = ""  # h1, h2, none: what is spoken; "": HTTP/1 until ALPN or the first bytes say otherwise
    idle_ping: int = 0  # ms after which a silent client of HTTP/2 is asked whether it is there; 0: never
    # How connections are made: bind_connections.py.
    guid_prefix: str = ""
    namespace: str = ""
    congestion: str = ""  # cc
    password: str = ""  # tcp-md5sig


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind(Setting):
    """One line: all its sockets have the same parameters."""

    addresses: tuple[AddressSpec, ...]
    parameters: BindParameters
    text: str  # the address as it was written
    many: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UnixBind(Setting):
    """`unix-bind`: what UNIX sockets of bind lines have where the line says nothing else (manual 3.1)."""

    prefix: str = ""
    owner: SocketOwner = SocketOwner()


BIND_WORDS: Registry[Parameter[BindParameters]] = Registry("bind parameter")

BIND_TLS: dict[str, int] = {}  # words that mean nothing without `ssl`, with their numbers of values: see tls_bind.py
BIND_OTHERS = Others(
    kind="bind",
    manual="5.1",
    encrypts=("ssl",),
    tls=BIND_TLS,
    hints={"label": 1, "nice": 1},
    coming={
        "ca-sign-file": 1,
        "ca-sign-pass": 1,
        "ech": 1,
        "generate-certificates": 0,
        "npn": 1,
        "quic-cc-algo": 1,
        "quic-force-retry": 0,
        "quic-socket": 1,
    },
)

Parse = Callable[[Words, BindParameters], BindParameters]


def bind_word(name: str, values: int = 1) -> Callable[[Parse], Parse]:
    """Register a word of bind lines."""

    def record(parse: Parse) -> Parse:
        BIND_WORDS.add(name, Parameter(name, parse, values))
        return parse

    return record


@bind_word("accept-proxy", values=0)
def accept_proxy(words: Words, bind: BindParameters) -> BindParameters:
    """accept-proxy: each connection begins with a PROXY protocol header, version 1 or 2."""
    return replace(bind, accept_proxy=True)


@bind_word("accept-netscaler-cip")
def accept_netscaler(words: Words, bind: BindParameters) -> BindParameters:
    """accept-netscaler-cip <magic number>: each connection begins with a header of NetScaler's Client IP insertion."""
    return replace(bind, netscaler_magic=words.integer(1, (1 << 32) - 1))


@bind_word("backlog")
def backlog(words: Words, bind: BindParameters) -> BindParameters:
    """backlog <backlog>: of listen(2); 0: that of the frontend."""
    return replace(bind, backlog=words.integer(0, (1 << 31) - 1))


@bind_word("defer-accept", values=0)
def defer_accept(words: Words, bind: BindParameters) -> BindParameters:
    """defer-accept: accept a connection once it has sent something."""
    return replace(bind, defer_accept=True)


@bind_word("expose-fd")
def expose_fd(words: Words, bind: BindParameters) -> BindParameters:
    """expose-fd listeners: a new process may fetch the listening sockets here ("-x")."""
    words.choice(("listeners",), "missing fd type")
    return replace(bind, expose_listeners=True)


@bind_word("gid")
def gid(words: Words, bind: BindParameters) -> BindParameters:
    """gid <gid>: the group of a UNIX socket, by number."""
    return replace(bind, owner=replace(bind.owner, gid=words.integer(0, (1 << 32) - 2)))


@bind_word("group")
def group(words: Words, bind: BindParameters) -> BindParameters:
    """group <group>: the group of a UNIX socket, by name."""
    word = words.value("missing group name", "<group>")
    number = group_number(word.text)
    if number is None:
        raise words.wrong(f"unknown group name '{word.text}'", word)
    return replace(bind, owner=replace(bind.owner, gid=number))


@bind_word("idle-ping")
def idle_ping(words: Words, bind: BindParameters) -> BindParameters:
    """idle-ping <delay>: how often a silent client of HTTP/2 is asked whether it is still there (PING)."""
    return replace(bind, idle_ping=words.time("expects an argument"))


@bind_word("id")
def identifier(words: Words, bind: BindParameters) -> BindParameters:
    """id <id>: the number of the socket in statistics; the line must then have one socket only."""
    number = words.integer(-(1 << 31), (1 << 31) - 1, "expects an integer argument")
    if number <= 0:
        raise words.wrong("custom id has to be > 0")
    return replace(bind, id=number)


@bind_word("interface")
def interface(words: Words, bind: BindParameters) -> BindParameters:
    """interface <interface>: only packets that this network interface receives."""
    return replace(bind, interface=words.value("missing interface name", "<interface>").text)


@bind_word("level")
def level(words: Words, bind: BindParameters) -> BindParameters:
    """level user|operator|admin: what commands of the runtime API may do."""
    return replace(bind, level=words.choice(("user", "operator", "admin"), "missing level"))


@bind_word("maxconn")
def maxconn(words: Words, bind: BindParameters) -> BindParameters:
    """maxconn <maxconn>: concurrent connections of each socket; 0: as many as the frontend."""
    return replace(bind, maxconn=words.integer(0, (1 << 31) - 1))


@bind_word("mode")
def mode(words: Words, bind: BindParameters) -> BindParameters:
    """mode <mode>: octal access rights of a UNIX socket."""
    return replace(bind, owner=replace(bind.owner, mode=octal(words)))


@bind_word("mss")
def mss(words: Words, bind: BindParameters) -> BindParameters:
    """mss <maxseg>: the maximum segment size to announce; negative: by how much to reduce it."""
    size = words.integer(-65535, 65535, "missing MSS value")
    if size == 0:
        raise words.wrong("expects an MSS with and absolute value between 1 and 65535")
    return replace(bind, mss=size)


@bind_word("name")
def name(words: Words, bind: BindParameters) -> BindParameters:
    """name <name>: of the sockets, in statistics."""
    word = words.value("missing name", "<name>")
    try:
        word.text.encode()  # it is shown in texts
    except UnicodeEncodeError:
        raise words.wrong("cannot take bytes that are not UTF-8", word) from None
    return replace(bind, name=word.text)


@bind_word("proto")
def proto(words: Words, bind: BindParameters) -> BindParameters:
    """proto h1|h2|none: what is spoken, whatever ALPN or the first bytes say; qmux and quic are not built yet."""
    return replace(bind, proto=check_proto(words, True).text)


@bind_word("severity-output")
def severity_output(words: Words, bind: BindParameters) -> BindParameters:
    """severity-output none|number|string: what precedes messages of the runtime API."""
    return replace(bind, severity_output=words.choice(("none", "number", "string"), "missing severity format"))


@bind_word("tcp-ss")
def tcp_save_syn(words: Words, bind: BindParameters) -> BindParameters:
    """tcp-ss <mode>: the kernel keeps each client's SYN for fc_saved_syn; 1: from its IP header on, 2: from Ethernet's,
    0: it does not. UNIX sockets have none."""
    return replace(bind, save_syn=words.integer(0, 2, "missing TCP Save SYN value"))


@bind_word("tcp-ut")
def tcp_ut(words: Words, bind: BindParameters) -> BindParameters:
    """tcp-ut <delay>: close when data stays unacknowledged for so long (TCP_USER_TIMEOUT)."""
    return replace(bind, user_timeout=words.time("missing TCP User Timeout value"))


@bind_word("tfo", values=0)
def tfo(words: Words, bind: BindParameters) -> BindParameters:
    """tfo: TCP Fast Open."""
    return replace(bind, tfo=True)


@bind_word("transparent", values=0)
def transparent(words: Words, bind: BindParameters) -> BindParameters:
    """transparent: bind addresses that are not the machine's own (IP_TRANSPARENT)."""
    return replace(bind, transparent=True)


@bind_word("uid")
def uid(words: Words, bind: BindParameters) -> BindParameters:
    """uid <uid>: the owner of a UNIX socket, by number."""
    return replace(bind, owner=replace(bind.owner, uid=words.integer(0, (1 << 32) - 2)))


@bind_word("user")
def user(words: Words, bind: BindParameters) -> BindParameters:
    """user <user>: the owner of a UNIX socket, by name."""
    word = words.value("missing user name", "<user>")
    number = user_number(word.text)
    if number is None:
        raise words.wrong(f"unknown user name '{word.text}'", word)
    return replace(bind, owner=replace(bind.owner, uid=number))


@bind_word("v4v6", values=0)
def v4v6(words: Words, bind: BindParameters) -> BindParameters:
    """v4v6: "::" takes IPv4 too."""
    return replace(bind, v4v6=True)


@bind_word("v6only", values=0)
def v6only(words: Words, bind: BindParameters) -> BindParameters:
    """v6only: "::" takes IPv6 alone."""
    return replace(bind, v6only=True)


def check_proto(words: Words, built: bool, manual: str = "5.1") -> Word:
    """The next word: h1 or h2 of HTTP, none of TCP; the others come later; `built`: h2 is."""
    word = words.value("missing value", PROTOCOLS)
    if word.text in ("qmux", "quic", "fcgi", "spop") or word.text == "h2" and not built:
        raise words.wrong(f"protocol '{word.text}' is not built yet (manual {manual})", word)
    if word.text not in ("h1", "h2", "none"):
        raise words.wrong(f"unknown MUX protocol '{word.text}'", word, PROTOCOLS)
    return word


def fits(proto: str, http: bool) -> bool:
    """Whether what `proto` names can be spoken in that mode."""
    return not proto or (proto != "none") == http


def octal(words: Words) -> int:
    word = words.value("missing or invalid mode '' (octal integer expected)", "<mode>")
    if not word.text or word.text.strip("01234567") or len(word.text) > 5:
        raise words.wrong(f"missing or invalid mode '{word.text}' (octal integer expected)", word)
    return int(word.text, 8)


def user_number(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def group_number(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


@keyword("bind", In.FRONT | In.PEERS, "4.2")
def bind(args: Args) -> Bind:
    """bind <address>[, ...] [parameters]: where the frontend listens."""
    if not args.more():
        raise ConfigError(
            "'bind' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments.", args.here
        )
    address = expand(args.word("<address>"), args.configuration.environment)
    defaults = args.configuration.main.one(UnixBind) or UnixBind()
    addresses: list[AddressSpec] = []
    for spec in parse_addresses(address, default_port=None, listening=True):
        if spec.datagram:
            raise ConfigError(f"'bind' : dgram-type address not acceptable in '{address.text}'", address.at)
        if spec.kind == "unix" and defaults.prefix:
            spec = replace(spec, host=defaults.prefix + spec.host)
        addresses.append(spec)
    words = Words(args, f"'bind {address.text}' in section '{(args.section.kind.name or '').lower()}'")
    parameters = read_parameters(words, BIND_WORDS, BIND_OTHERS, BindParameters(owner=defaults.owner))
    line = Bind(addresses=tuple(addresses), parameters=parameters, text=address.text, at=args.at)
    _check_id(words, line, args.section)
    return line


class _Numbered(dict[int, Bind]):
    """The lines of a section that say an id, by it."""


def _check_id(words: Words, line: Bind, section: Section) -> None:
    number = line.parameters.id
    if not number:
        return
    if len(line.addresses) > 1:
        raise ConfigError(f"{words.said} : 'id' can only be used with a single socket", line.at)
    numbered = section.tables.setdefault(_Numbered, _Numbered())
    assert isinstance(numbered, _Numbered)
    other = numbered.setdefault(number, line)
    if other is not line:
        raise ConfigError(
            f"{words.said} : 'id' : custom id {number} already used at {other.at} ('bind {other.text}')", line.at
        )


def socket_ids(binds: Iterable[Bind]) -> list[int]:
    """The numbers of all sockets of a frontend, in order: those that are said, else the lowest free ones from 1 on."""
    lines = list(binds)
    taken = {line.parameters.id for line in lines}
    numbers: list[int] = []
    free = 1
    for line in lines:
        for _ in line.addresses:
            if line.parameters.id:
                numbers.append(line.parameters.id)
                continue
            while free in taken:
                free += 1
            taken.add(free)
            numbers.append(free)
    return numbers
