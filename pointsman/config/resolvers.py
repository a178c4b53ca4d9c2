"""resolvers sections: who is asked about names, and for how long answers count (manual 5.3.2).

    resolvers <name>
        nameserver <name> <address>:<port>
        parse-resolv-conf
        resolve_retries <nb>
        accepted_payload_size <nb>
        timeout resolve|retry <time>
        hold nx|refused|timeout|valid|obsolete|other <period>

`resolver_options` gives each section as a whole, and the one named "default", which is made of /etc/resolv.conf where
no section has this name.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

from pointsman.config.addresses import check_fixed_port, connecting_address, numeric_host
from pointsman.config.keyword import Args, keyword, parse_time, warn_if_small
from pointsman.config.sections import checked_name
from pointsman.config.setting import Configuration, In, Section, Setting
from pointsman.core.address import AF_INET, AF_INET6, is_ip
from pointsman.core.diagnostics import NOWHERE, ConfigError, Diagnostics, Position
from pointsman.core.words import Word

DEFAULT: Final = "default"  # the section that is there in any case
RESOLV_CONF: Final = "/etc/resolv.conf"
DNS_PORT: Final = 53
SMALLEST_PAYLOAD: Final = 12  # bytes: a head
LARGEST_PAYLOAD: Final = 65_535
EVENTS: Final = ("nx", "refused", "timeout", "valid", "obsolete", "other")
STREAMS: Final = ("tcp", "tcp4", "tcp6", "stream+ip", "stream+ipv4", "stream+ipv6")  # prefixes that mean TCP
EXPECTED: Final = "<name> <address>:<port>"


@dataclass(frozen=True, slots=True, kw_only=True)
class NameServerLine(Setting):
    """A name server, of a `nameserver` line or of /etc/resolv.conf."""

    name: str
    host: str  # numeric
    port: int
    stream: bool = False  # asked by TCP
    most: int = 0  # connections at once (maxconn); 0: no limit
    source: tuple[str, int] | None = None  # of connections
    many: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLine(Setting):
    event: str
    milliseconds: int

    def key(self) -> object:
        return (HoldLine, self.event)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolversTimeout(Setting):
    event: str  # resolve or retry
    milliseconds: int

    def key(self) -> object:
        return (ResolversTimeout, self.event)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedPayload(Setting):
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveRetries(Setting):
    count: int


@dataclass(frozen=True, slots=True)
class Holds:
    """The `hold` lines of a section (ms). The defaults are the manual's."""

    nx: int = 30_000
    refused: int = 30_000
    timeout: int = 30_000
    other: int = 30_000
    valid: int = 10_000
    obsolete: int = 0

    def of(self, status: str) -> int:
        """For a status of a resolution."""
        named = {"nx": self.nx, "refused": self.refused, "timeout": self.timeout, "valid": self.valid}
        return named.get(status, self.other)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolversOptions:
    """A whole section. The defaults are the manual's."""

    name: str
    servers: tuple[NameServerLine, ...] = ()
    holds: Holds = field(default_factory=Holds)
    payload: int = 512  # bytes
    retries: int = 3
    resolve: int = 1_000  # ms
    retry: int = 1_000  # ms
    at: Position = NOWHERE


@keyword("nameserver", In.RESOLVERS, "5.3.2")
def nameserver(args: Args) -> NameServerLine:
    """nameserver <name> <address>:<port> [param*]: asked by UDP, or by TCP where the address begins with tcp@. Of the
    parameters `maxconn` and `source` are for TCP."""
    if len(args.words) - args.index < 2:
        raise ConfigError("'nameserver' expects <name> and <addr>[:<port>] as arguments.", args.here, EXPECTED)
    name = args.word("<name>")
    checked_name(name, "server name")
    _check_unique(args.section, name)
    said = f"'nameserver {name.text}'"
    word = args.word("<address>:<port>")
    host, port = _address(args, said, word, None)
    if word.text.partition("@")[0] in STREAMS:
        most, source = _parameters(args, said)
        return NameServerLine(name=name.text, host=host, port=port, stream=True, most=most, source=source, at=args.at)
    left = args.rest()
    if left:
        args.diagnostics.warning(
            f"{said} : parameter '{left[0].text}' is ignored, as this name server is asked by UDP",
            left[0].at,
            "end of line",
            "'tcp@' in front of the address makes it one that is asked by TCP",
        )
    return NameServerLine(name=name.text, host=host, port=port, at=args.at)


def _check_unique(section: Section, name: Word) -> None:
    for other in section.all(NameServerLine):
        if other.name == name.text:
            raise ConfigError(
                f"nameserver '{name.text}' has same name as another nameserver (declared at "
                f"{other.at.file}:{other.at.line}).",
                name.at,
                "a name that no other name server of the section has",
            )


def _address(args: Args, said: str, word: Word, default_port: int | None) -> tuple[str, int]:
    """A numeric host and a port. A host's name is looked up now."""
    address, spec = connecting_address(word, args.configuration.environment, said, default_port=default_port)
    if spec.kind != "inet":
        raise ConfigError(f"{said} : '{address.text}' is no address of the Internet", address.at, EXPECTED)
    check_fixed_port(address, spec, said)
    if spec.port is None:
        raise ConfigError(f"{said} : missing port specification in '{address.text}'", address.at, EXPECTED)
    return numeric_host(address, spec, said), spec.port


def _parameters(args: Args, said: str) -> tuple[int, tuple[str, int] | None]:
    """maxconn <n>, source <address>[:<port>]."""
    most, source = 0, None
    while args.more():
        word = args.word("")
        args.said = f"{said[1:-1]} {word.text}"
        if word.text == "maxconn":
            most = args.integer("<maxconn>", 0, 1_000_000)
        elif word.text == "source":
            source = _address(args, said, args.word("<address>[:<port>]"), 0)
        else:
            raise args.wrong(word, f"{said} : '{word.text}' is not supported by name servers", ("maxconn", "source"))
    return most, source


@dataclass(frozen=True, slots=True)
class ResolvConfLine:
    number: int
    address: str  # "": the line has none


def _lines(text: str) -> Iterator[ResolvConfLine]:
    """The `nameserver` lines of a resolv.conf."""
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if words[:1] == ["nameserver"]:
            yield ResolvConfLine(number, words[1] if len(words) > 1 else "")


def _numeric(address: str) -> str:
    """As it is for sockets; "": it is none."""
    host = "127.0.0.1" if address == "localhost" else address
    if is_ip(host):
        return host
    if host.replace(".", "").isdigit() and host.isascii():
        try:
            return socket.inet_ntoa(socket.inet_aton(host))
        except OSError:
            return ""
    plain, _, scope = host.partition("%")
    if scope and ":" in plain and is_ip(plain):
        try:
            socket.if_nametoindex(scope)
        except OSError:
            return ""
        return host
    return ""


def read_resolv_conf(text: str, section: Section, complaints: list[str]) -> list[NameServerLine]:
    """Its name servers, named by their addresses. Lines that name none go to `complaints`, a sentence each."""
    known = {line.name: line.at for line in section.all(NameServerLine)}
    found: list[NameServerLine] = []
    for line in _lines(text):
        at = Position(RESOLV_CONF, line.number)
        if not line.address:
            complaints.append(f"parsing [{RESOLV_CONF}:{line.number}] : nameserver line is missing address.")
            continue
        host = _numeric(line.address)
        if not host:
            complaints.append(
                f"parsing [{RESOLV_CONF}:{line.number}] : address '{line.address}' could not be recognized, nameserver "
                "will be excluded."
            )
            continue
        if line.address in known:
            first = known[line.address]
            complaints.append(
                f"Parsing [{RESOLV_CONF}:{line.number}] : generated name for {RESOLV_CONF} nameserver '{line.address}' "
                f"conflicts with another nameserver (declared at {first.file}:{first.line}), it appears to be a "
                "duplicate and will be excluded."
            )
            continue
        known[line.address] = at
        found.append(NameServerLine(name=line.address, host=host, port=DNS_PORT, at=at))
    return found


def _resolv_conf() -> str:
    """Raises OSError."""
    with open(RESOLV_CONF, encoding="utf-8", errors="replace") as file:
        return file.read()


@keyword("parse-resolv-conf", In.RESOLVERS, "5.3.2")
def parse_resolv_conf(args: Args) -> list[NameServerLine]:
    """parse-resolv-conf: the name servers of /etc/resolv.conf, as if a line named each of them here."""
    args.overlook()
    try:
        text = _resolv_conf()
    except OSError as error:
        raise ConfigError(f"failed to open {RESOLV_CONF}: {error.strerror}.", args.at) from None
    complaints: list[str] = []
    found = read_resolv_conf(text, args.section, complaints)
    for complaint in complaints:
        args.diagnostics.warning(complaint, args.at)
    return found


@keyword("accepted_payload_size", In.RESOLVERS, "5.3.2")
def accepted_payload_size(args: Args) -> AcceptedPayload:
    """accepted_payload_size <nb>: how many bytes a response may have; name servers are told."""
    if not args.more():
        raise ConfigError("'accepted_payload_size' expects <nb> as argument.", args.here, "<nb>")
    word = args.word("<nb>")
    digits = word.text
    if not (digits.isascii() and digits.isdigit() and SMALLEST_PAYLOAD <= int(digits[:9]) <= LARGEST_PAYLOAD):
        raise ConfigError(
            f"'accepted_payload_size' must be between {SMALLEST_PAYLOAD} and {LARGEST_PAYLOAD} inclusive (was "
            f"{word.text}).",
            word.at,
            f"a number from {SMALLEST_PAYLOAD} to {LARGEST_PAYLOAD}",
        )
    args.overlook()
    return AcceptedPayload(size=int(digits), at=args.at)


@keyword("resolve_retries", In.RESOLVERS, "5.3.2")
def resolve_retries(args: Args) -> ResolveRetries:
    """resolve_retries <nb>: so many queries are sent about a name before it is given up."""
    if not args.more():
        raise ConfigError("'resolve_retries' expects <nb> as argument.", args.here, "<nb>")
    count = args.integer("<nb>", 0, 1_000_000)
    args.overlook()
    return ResolveRetries(count=count, at=args.at)


@keyword("timeout resolve", In.RESOLVERS, "5.3.2")
def timeout_resolve(args: Args) -> ResolversTimeout:
    """timeout resolve <time>: from one resolution of a server's name to the next."""
    return _timeout(args, "resolve")


@keyword("timeout retry", In.RESOLVERS, "5.3.2")
def timeout_retry(args: Args) -> ResolversTimeout:
    """timeout retry <time>: from one query to the next while no valid response has come."""
    return _timeout(args, "retry")


def _timeout(args: Args, event: str) -> ResolversTimeout:
    if not args.more():
        raise ConfigError(f"'timeout {event}' expects <time> as argument.", args.here, "<time>")
    return ResolversTimeout(event=event, milliseconds=_time(args, f"timeout {event}"), at=args.at)


def _time(args: Args, said: str) -> int:
    word = args.word("<time>")
    milliseconds = parse_time(word, "ms", args.diagnostics)
    warn_if_small(word, milliseconds, f"{said} {word.text}", f"resolvers '{args.section.name}'", args.diagnostics)
    args.overlook()
    return milliseconds


@keyword("hold", In.RESOLVERS, "5.3.2")
def hold(args: Args) -> HoldLine:
    """hold <status> <period>: for how long after a valid response another status is overlooked; `valid`: how old an
    answer may be for do-resolve; `obsolete`: how long a record counts that is no longer among those of a response."""
    if len(args.words) - args.index < 2:
        raise ConfigError(
            "'hold' expects an <event> and a <time> as arguments. <event> can be either "
            + ", ".join(f"'{event}'" for event in EVENTS[:-1])
            + f", or '{EVENTS[-1]}'",
            args.here,
            "<status> <period>",
        )
    word = args.word("<status>")
    if word.text not in EVENTS:
        listed = ", ".join(f"'{event}'" for event in EVENTS[:-1])
        raise args.wrong(
            word, f"'hold' unknown <event>: '{word.text}', expects either {listed} or '{EVENTS[-1]}'.", EVENTS
        )
    return HoldLine(event=word.text, milliseconds=_time(args, f"hold {word.text}"), at=args.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedFamilies(Setting):
    """dns-accept-family. `auto`: IPv6 only where it has a route."""

    families: frozenset[int]  # 4, 6
    auto: bool


@keyword("dns-accept-family", In.GLOBAL, "3.1")
def dns_accept_family(args: Args) -> AcceptedFamilies:
    """dns-accept-family <family>[,...]: ipv4, ipv6, auto: of which kinds addresses are asked for and accepted."""
    word = args.word("<family>[,...]")
    families: set[int] = set()
    auto = False
    for name in word.text.split(","):
        if name not in ("ipv4", "ipv6", "auto"):
            raise args.wrong(
                Word(name, word.at),
                f"'dns-accept-family' expects a comma-delimited list of 'ipv4', 'ipv6' and 'auto' (got '{name}')",
                ("ipv4", "ipv6", "auto"),
            )
        auto = auto or name == "auto"
        families |= {"ipv4": {4}, "ipv6": {6}, "auto": {4, 6}}[name]
    return AcceptedFamilies(families=frozenset(families), auto=auto, at=args.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpClientResolvers(Setting):
    """httpclient.resolvers.*: how names of OCSP responders are resolved. The defaults are the manual's."""

    disabled: bool = False
    id: str = ""  # "": not said, "default"
    prefer: int = 6


def _client(args: Args) -> HttpClientResolvers:
    return replace(args.section.one(HttpClientResolvers) or HttpClientResolvers(), at=args.at)


@keyword("httpclient.resolvers.disabled", In.GLOBAL, "3.4")
def client_disabled(args: Args) -> HttpClientResolvers:
    """httpclient.resolvers.disabled <on|off>: names of OCSP responders are not resolved, and no section "default" is
    made."""
    word = args.peek()
    if not args.accept("on", "off"):
        raise ConfigError(f"'{args.keyword}' expects either 'on' or 'off' but got '{word}'.", args.here, "on or off")
    return replace(_client(args), disabled=word == "on")


@keyword("httpclient.resolvers.id", In.GLOBAL, "3.4")
def client_id(args: Args) -> HttpClientResolvers:
    """httpclient.resolvers.id <resolvers id>: the section that resolves names of OCSP responders."""
    return replace(_client(args), id=args.take("<resolvers id>"))


@keyword("httpclient.resolvers.prefer", In.GLOBAL, "3.4")
def client_prefer(args: Args) -> HttpClientResolvers:
    """httpclient.resolvers.prefer <ipv4|ipv6>: the preferred family of their addresses."""
    word = args.peek()
    if not args.accept("ipv4", "ipv6"):
        raise ConfigError(f"'{args.keyword}' expects 'ipv4' or 'ipv6' as argument.", args.here, "ipv4 or ipv6")
    return replace(_client(args), prefer=4 if word == "ipv4" else 6)


def http_client_resolvers(configuration: Configuration) -> HttpClientResolvers:
    return configuration.main.one(HttpClientResolvers) or HttpClientResolvers()


def resolver_options(configuration: Configuration, diagnostics: Diagnostics) -> list[ResolversOptions]:
    """All sections; the implicit one is the last. Its /etc/resolv.conf may be missing or wrong."""
    found = [_options(section) for section in configuration.resolvers.values()]
    wrong = {"nameserver", "parse-resolv-conf"} & configuration.failed  # that was said
    for one in found:
        if not one.servers and not wrong:
            diagnostics.warning(
                f"resolvers '{one.name}' [{one.at.file}:{one.at.line}] has no nameservers configured!",
                one.at,
                "a 'nameserver' line, or 'parse-resolv-conf'",
            )
    if DEFAULT not in configuration.resolvers and not http_client_resolvers(configuration).disabled:
        section = Section(In.RESOLVERS, DEFAULT, NOWHERE)
        try:
            servers = tuple(read_resolv_conf(_resolv_conf(), section, []))
        except OSError:
            servers = ()
        if servers:
            found.append(ResolversOptions(name=DEFAULT, servers=servers))
    return found


def _options(section: Section) -> ResolversOptions:
    holds = {event: section.one(HoldLine, (HoldLine, event)) for event in EVENTS}
    timeouts = {
        event: found.milliseconds
        for event in ("resolve", "retry")
        if (found := section.one(ResolversTimeout, (ResolversTimeout, event))) is not None
    }
    payload, retries = section.one(AcceptedPayload), section.one(ResolveRetries)
    plain = ResolversOptions(name="")
    return ResolversOptions(
        name=section.name,
        servers=tuple(section.all(NameServerLine)),
        holds=Holds(**{event: line.milliseconds for event, line in holds.items() if line is not None}),
        payload=plain.payload if payload is None else payload.size,
        retries=plain.retries if retries is None else retries.count,
        resolve=timeouts.get("resolve", plain.resolve),
        retry=timeouts.get("retry", plain.retry),
        at=section.at,
    )


def family_of(host: str) -> int:
    """AF_INET or AF_INET6 of a numeric host."""
    return AF_INET6 if ":" in host else AF_INET
