"""Keywords of proxies that say one thing each (manual 4.2): mode, limits, names, retries, reuse, source address."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pointsman.config.keyword import Args, keyword
from pointsman.config.parameters import Words
from pointsman.config.server_words import check_guid
from pointsman.config.setting import In, Section, Setting
from pointsman.config.source_address import SourceAddress, read_source
from pointsman.core.diagnostics import ConfigError

FRONT = In.DEFAULTS | In.FRONT
BACK = In.DEFAULTS | In.BACK
BIGGEST = (1 << 31) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode(Setting):
    """`mode`: "tcp" or "http"; without one it is tcp, but see the kinder readings of DESIGN."""

    mode: str


@keyword("mode", In.ANY_PROXY, "4.2")
def mode(args: Args) -> Mode:
    """mode tcp|http: log, spop and haterm are not built yet."""
    word = args.word("<mode>") if args.more() else None
    text = word.text if word is not None else ""
    at = word.at if word is not None else args.here
    if text in ("log", "spop", "haterm"):
        raise ConfigError(f"'mode {text}' is not built yet", at, "tcp or http", "manual 4.2 describes it")
    if text == "health":
        raise ConfigError(
            "'mode health' doesn't exist anymore. Please use 'http-request return status 200' instead.", at
        )
    if text not in ("tcp", "http"):
        raise ConfigError(f"unknown proxy mode '{text}'.", at, "tcp or http")
    args.end()
    return Mode(mode=text, at=args.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyNumber(Setting):
    """A keyword with a number: see `number` for the names and what they mean."""

    name: str
    value: int

    def key(self) -> object:
        return self.name


# name: where, lowest and highest value, what HAProxy says where the number is missing
NUMBERS: dict[str, tuple[In, int, int, str]] = {
    "backlog": (FRONT, 0, BIGGEST, "expects an integer argument."),  # 0: as maxconn
    "clitcpka-cnt": (FRONT, 0, BIGGEST, "expects an integer value"),
    "fullconn": (BACK, 0, BIGGEST, "expects an integer argument."),  # 0: a tenth of the frontends' maxconn
    "max-keep-alive-queue": (BACK, -1, BIGGEST, "expects an integer value (or -1 to disable)"),
    "max-session-srv-conns": (FRONT, 0, BIGGEST, "expects a number. Got no argument"),
    "maxconn": (FRONT, 0, BIGGEST, "expects an integer argument."),  # 0: as global
    "rate-limit sessions": (FRONT, 0, BIGGEST, "expects an integer value (in sessions/second)"),
    "retries": (BACK, 0, BIGGEST, "expects an integer argument (dispatch counts for one)."),
    "srvtcpka-cnt": (BACK, 0, BIGGEST, "expects an integer value"),
}
# keywords with a time that counts in seconds; the setting is in seconds too, as the socket options are
SECONDS: dict[str, In] = {
    "clitcpka-idle": FRONT,
    "clitcpka-intvl": FRONT,
    "srvtcpka-idle": BACK,
    "srvtcpka-intvl": BACK,
}
OTHERWISE = {"max-keep-alive-queue": -1, "max-session-srv-conns": 5, "retries": 3}


def number(section: Section, name: str) -> int:
    """The number of a keyword that holds in a section, or its default (0 for most: none, or no limit)."""
    assert name in NUMBERS or name in SECONDS
    found = section.one(ProxyNumber, name)
    return OTHERWISE.get(name, 0) if found is None else found.value


def _number_parser(name: str) -> Callable[[Args], ProxyNumber]:
    _, low, high, missing = NUMBERS[name]

    def parse(args: Args) -> ProxyNumber:
        if not args.more():
            raise ConfigError(f"'{name}' {missing}", args.here, f"a number from {low} to {high}")
        value = args.integer("<number>", low, high)
        args.end()
        return ProxyNumber(name=name, value=value, at=args.at)

    parse.__doc__ = f"{name} <number>, from {low} on"
    return parse


def _seconds_parser(name: str) -> Callable[[Args], ProxyNumber]:
    def parse(args: Args) -> ProxyNumber:
        milliseconds = args.time("<timeout>", "s")
        args.end()
        return ProxyNumber(name=name, value=-(-milliseconds // 1000), at=args.at)

    parse.__doc__ = f"{name} <timeout>, in seconds by default"
    return parse


for _name in NUMBERS:
    keyword(_name, NUMBERS[_name][0], "4.2")(_number_parser(_name))
for _name, _where in SECONDS.items():
    keyword(_name, _where, "4.2")(_seconds_parser(_name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity(Setting):
    """`id <value>`: the number of the proxy in statistics."""

    number: int


@keyword("id", In.PROXY, "4.2")
def identity(args: Args) -> Identity:
    """id <value>: the number of the proxy; unique."""
    if not args.more():
        raise ConfigError("'id' expects an integer argument.", args.here, "<value>")
    word = args.words[args.index]
    value = args.integer("<value>", -BIGGEST, BIGGEST)
    if value <= 0:
        raise ConfigError("custom id has to be > 0.", word.at)
    for other in args.configuration.proxies:
        found = other.one(Identity)
        if found is not None and found.number == value and other is not args.section:
            raise ConfigError(
                f"custom id {value} for proxy {args.section.name} already used by proxy {other.name} "
                f"(declared at {other.at}).",
                word.at,
            )
    args.end()
    return Identity(number=value, at=args.at)


def proxy_ids(proxies: Iterable[Section]) -> list[int]:
    """The number of each proxy: the one that is said, else the lowest free one from 2 on (manual 4.2 "id")."""
    sections = list(proxies)
    said = [section.one(Identity) for section in sections]
    taken = {found.number for found in said if found is not None}
    numbers: list[int] = []
    free = 2
    for found in said:
        if found is not None:
            numbers.append(found.number)
            continue
        while free in taken:
            free += 1
        taken.add(free)
        numbers.append(free)
    return numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Description(Setting):
    """`description`: what a proxy is for, on the statistics page."""

    text: str


@keyword("description", In.PROXY, "4.2")
def description(args: Args) -> Description:
    """description <string>: all words of the line."""
    if not args.more():
        raise ConfigError("'description' expects a string argument.", args.here, "<string>")
    return Description(text=" ".join(word.text for word in args.rest()), at=args.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guid(Setting):
    """`guid`: a name that no other object of the configuration has."""

    text: str


@keyword("guid", In.PROXY, "4.2")
def guid(args: Args) -> Guid:
    """guid <string>: up to 127 letters, digits, '.', ':', '-', '_'."""
    text = check_guid(args.word("<string>"))
    args.end()
    return Guid(text=text, at=args.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disabled(Setting):
    """`disabled` (on) and `enabled` (off): a proxy that is there but neither listens, checks nor takes traffic."""

    on: bool


@keyword("disabled", In.ANY_PROXY | In.PEERS, "4.2")
def disabled(args: Args) -> Disabled:
    """disabled: the proxy is stopped from the start."""
    args.end()
    return Disabled(on=True, at=args.at)


@keyword("enabled", In.ANY_PROXY | In.PEERS, "4.2")
def enabled(args: Args) -> Disabled:
    """enabled: undo `disabled` of the defaults."""
    args.end()
    return Disabled(on=False, at=args.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReuse(Setting):
    """`http-reuse`: who may use an idle server connection: "never", "safe" (the default), "aggressive", "always"."""

    policy: str


@keyword("http-reuse", BACK, "4.2")
def http_reuse(args: Args) -> HttpReuse:
    """http-reuse never|safe|aggressive|always"""
    names = ("never", "safe", "aggressive", "always")
    if args.peek() not in names:
        raise ConfigError(
            "'http-reuse' only supports 'never', 'safe', 'aggressive', 'always'.",
            args.here,
            "one of " + ", ".join(names),
        )
    policy = args.take("<policy>")
    args.end()
    return HttpReuse(policy=policy, at=args.at)


RETRY_STATUS = ("401", "403", "404", "408", "421", "425", "429", "500", "501", "502", "503", "504")
RETRY_WORDS = (
    "all-retryable-errors",
    "conn-failure",
    "empty-response",
    "junk-response",
    "response-timeout",
    "0rtt-rejected",
    "none",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOn(Setting):
    """`retry-on`: what is tried again."""

    reasons: frozenset[str]  # words and statuses; all-retryable-errors is spelled out


ALL_RETRYABLE = frozenset(
    ("conn-failure", "empty-response", "junk-response", "response-timeout", "0rtt-rejected", "500", "502", "503", "504")
)


@keyword("retry-on", BACK, "4.2")
def retry_on(args: Args) -> RetryOn:
    """retry-on <reason> ...: none, conn-failure (the default), empty-response, junk-response, response-timeout,
    0rtt-rejected, statuses, all-retryable-errors."""
    if not args.more():
        raise ConfigError("'retry-on' needs at least one keyword to specify when to retry", args.here)
    words = args.rest()
    reasons: set[str] = set()
    for word in words:
        if word.text not in RETRY_WORDS and word.text not in RETRY_STATUS:
            raise args.wrong(word, f"'retry-on': unknown keyword '{word.text}'", (*RETRY_WORDS, *RETRY_STATUS))
        if word.text == "none" and len(words) > 1:
            raise ConfigError("'retry-on' 'none' keyworld only usable alone", word.at)
        reasons |= ALL_RETRYABLE if word.text == "all-retryable-errors" else {word.text}
    return RetryOn(reasons=frozenset(reasons), at=args.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSetting(Setting):
    """`source`: where connections to the backend's servers come from, unless a server line says otherwise."""

    source: SourceAddress


@keyword("source", BACK, "4.2")
def source(args: Args) -> SourceSetting:
    """source <addr>[:<port>] [usesrc <whose>] [interface <name>]: our own end of connections to servers."""
    if not args.more():
        raise ConfigError(
            "'source' expects <addr>[:<port>], and optionally 'usesrc' <addr>, and 'interface' <name>.",
            args.here,
            "<addr>[:<port>]",
        )
    words = Words(args, "'source'")
    words.word = args.word("<addr>")
    found = read_source(words, words.word, ranges=False)
    if args.more():
        raise ConfigError("'source' only supports optional keywords 'interface' and 'usesrc'.", args.here)
    return SourceSetting(source=found, at=args.at)
