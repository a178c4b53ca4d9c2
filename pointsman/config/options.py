"""`option` lines that switch something on or off, and those with arguments that no other package owns (manual 4.2).

What an option sets stands beside its parser: the name of an attribute of live frontends or backends
(stream/proxies.py). So a new one takes two places:

    on or off         a row in OPTIONS, and the attribute, False where the option is off
    with arguments    a setting with @sets and its parser, and the attribute, with the value of an option not said

assemble/options.py copies all of them, by one loop; who needs one somewhere else asks the section (`option`, or
`section.one`). A row without an attribute is

    a hint      tuning, or a repair for what does not exist here: accepted with a notice, for it changes nothing
    asked for   by assemble, where something else than an attribute comes of it

The options of logs and health checks are registered by those packages. Options that are in neither are not built yet;
the loader says so.
"""

import ipaddress
from dataclasses import dataclass

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Section, Setting, sets
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word


@dataclass(frozen=True, slots=True)
class Switch:
    """An option that is on or off. `front`, `back`: the attribute of a frontend and of a backend that holds it; behind
    "not " the one that holds the contrary."""

    where: In
    front: str = ""
    back: str = ""
    http: bool = False  # it means something in mode http alone (manual 4.2)
    hint: bool = False


CLIENT = In.DEFAULTS | In.FRONT
SERVER = In.DEFAULTS | In.BACK

UNSAFE_REQUESTS = "accept-unsafe-violations-in-http-request"
UNSAFE_RESPONSES = "accept-unsafe-violations-in-http-response"
OPTIONS: dict[str, Switch] = {
    UNSAFE_REQUESTS: Switch(CLIENT, front="unsafe", http=True),
    UNSAFE_RESPONSES: Switch(SERVER, back="unsafe", http=True),
    "abortonclose": Switch(In.ANY_PROXY, front="abort_on_close", back="abort_on_close"),
    "allbackups": Switch(SERVER, back="all_backups"),
    "checkcache": Switch(SERVER, http=True),
    "clitcpka": Switch(CLIENT),
    "contstats": Switch(CLIENT, front="continuous"),
    "disable-h2-upgrade": Switch(CLIENT, front="not upgrades_h2", http=True),
    "dontlog-normal": Switch(CLIENT, front="not log_normal"),
    "dontlognull": Switch(CLIENT, front="not log_null"),
    "h1-case-adjust-bogus-client": Switch(CLIENT, front="respells", http=True),
    "h1-case-adjust-bogus-server": Switch(SERVER, back="respells", http=True),
    "http-buffer-request": Switch(In.ANY_PROXY, front="buffers", back="buffers", http=True),
    "http-drop-request-trailers": Switch(SERVER, back="drop_trailers", http=True),
    "http-drop-response-trailers": Switch(CLIENT, front="drop_trailers", http=True),
    "http-ignore-probes": Switch(CLIENT, front="ignore_probes", http=True),
    "http-no-delay": Switch(In.ANY_PROXY, http=True, hint=True),  # nothing is ever delayed to fill a segment
    "http-pretend-keepalive": Switch(SERVER, back="pretend_keepalive", http=True),
    "http-use-proxy-header": Switch(CLIENT, front="is_proxy", http=True),
    "idle-close-on-response": Switch(CLIENT, front="close_idle_on_response", http=True),
    "independent-streams": Switch(In.ANY_PROXY, front="independent", back="independent"),
    "log-separate-errors": Switch(CLIENT),
    "logasap": Switch(CLIENT, front="log_asap"),
    "nolinger": Switch(In.ANY_PROXY, back="no_linger"),
    "persist": Switch(SERVER, back="persist"),
    "pointsman-strict": Switch(CLIENT, front="strict"),  # ours: refuse what RFC 9112 calls an error; HAProxy is lax
    "prefer-last-server": Switch(SERVER, back="prefer_last_server", http=True),
    "socket-stats": Switch(CLIENT, front="socket_stats"),
    "srvtcpka": Switch(SERVER),
    "tcp-smart-accept": Switch(CLIENT, hint=True),
    "tcp-smart-connect": Switch(SERVER, hint=True),
}
HINT_OPTIONS: frozenset[str] = frozenset(
    {
        *(name for name, switch in OPTIONS.items() if switch.hint),
        "splice-auto",
        "splice-request",
        "splice-response",
        "use-small-buffers",
    }
)
# Those that mean something in mode http alone: the rows above that say so, and those with arguments.
HTTP_ONLY: frozenset[str] = frozenset(
    {
        *(name for name, switch in OPTIONS.items() if switch.http),
        "forwarded",
        "forwardfor",
        "http-keep-alive",
        "http-restrict-req-hdr-names",
        "http-server-close",
        "httpclose",
        "originalto",
    }
)
MODES: dict[str, str] = {"http-keep-alive": "keep-alive", "http-server-close": "server-close", "httpclose": "close"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option(Setting):
    """An option that is on, off (`no`), or as if never said (`default`: None)."""

    name: str
    on: bool | None

    def key(self) -> object:
        return self.name


def option(section: Section, name: str, otherwise: bool = False) -> bool:
    """Whether an option holds in a section; `otherwise` where nothing is said about it."""
    assert name in OPTIONS or name == "redispatch"
    found = section.one(Option, name)
    return otherwise if found is None or found.on is None else found.on


def _parse_option(args: Args) -> Option | None:
    """option <name>: with `no` in front, off; with `default`, as if it had not been said."""
    name = args.words[args.index - 1].text
    args.end()
    if OPTIONS[name].hint:
        if not args.negated and not args.reset:
            args.diagnostics.notice(
                f"'option {name}' tunes what does not exist here and has no effect (manual 4.2)", args.at
            )
        return None
    return Option(name=name, on=None if args.reset else not args.negated, at=args.at)


for _name, _switch in OPTIONS.items():
    keyword(f"option {_name}", _switch.where, "4.2", negatable=True)(_parse_option)


OLD_SPELLINGS = {"accept-invalid-http-request": UNSAFE_REQUESTS, "accept-invalid-http-response": UNSAFE_RESPONSES}


def _parse_old_spelling(args: Args) -> Option:
    """option accept-invalid-http-request, accept-invalid-http-response: deprecated names; a warning."""
    name = args.words[args.index - 1].text
    args.end()
    args.diagnostics.warning(
        f"option '{name}' is deprecated. please use 'option {OLD_SPELLINGS[name]}' if absolutely needed.", args.at
    )
    return Option(name=OLD_SPELLINGS[name], on=None if args.reset else not args.negated, at=args.at)


for _name, _new in OLD_SPELLINGS.items():
    keyword(f"option {_name}", OPTIONS[_new].where, "4.2", negatable=True)(_parse_old_spelling)


def _parse_splice(args: Args) -> None:
    """option splice-auto, splice-request, splice-response: what they permit is done by itself; a notice."""
    name = args.words[args.index - 1].text
    args.end()
    if not args.negated and not args.reset:
        args.diagnostics.notice(
            f"'option {name}' has no effect: large payload is spliced without it, unless "
            "'nosplice' says no (manual 4.2)",
            args.at,
        )


for _name in ("splice-auto", "splice-request", "splice-response"):
    keyword(f"option {_name}", In.ANY_PROXY, "4.2", negatable=True)(_parse_splice)


@keyword("option use-small-buffers", SERVER, "4.2", negatable=True)
def use_small_buffers(args: Args) -> None:
    """option use-small-buffers [queue|l7-retries|check]*: memory is not taken in buffers here; a notice."""
    while args.more():
        args.choice("<place>", ("queue", "l7-retries", "check"))
    args.diagnostics.notice(
        "'option use-small-buffers' tunes what does not exist here and has no effect (manual 4.2)", args.at
    )


@keyword("option tcpka", In.ANY_PROXY, "4.2")
def tcpka(args: Args) -> list[Option]:
    """option tcpka: clitcpka and srvtcpka, as far as the section has these sides."""
    args.end()
    names = [name for name in ("clitcpka", "srvtcpka") if args.section.kind & OPTIONS[name].where]
    return [Option(name=name, on=True, at=args.at) for name in names]


@sets(front="mode", back="mode")
@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionMode(Setting):
    """What becomes of connections between two requests: keep-alive, server-close or close (manual 4, the table).

    Of a frontend's and a backend's mode, close prevails, then server-close.
    """

    mode: str


def _parse_mode(args: Args) -> ConnectionMode | None:
    """option http-keep-alive, http-server-close, httpclose: each replaces the others; `no` takes back its own only."""
    mode = MODES[args.words[args.index - 1].text]
    args.end()
    if args.negated or args.reset:
        current = args.section.one(ConnectionMode)
        return ConnectionMode(mode="keep-alive", at=args.at) if current is not None and current.mode == mode else None
    return ConnectionMode(mode=mode, at=args.at)


for _name in MODES:
    keyword(f"option {_name}", In.ANY_PROXY, "4.2", negatable=True)(_parse_mode)


def connection_mode(front: Section, back: Section | None = None) -> str:
    """The mode of exchanges between a frontend and a backend: "keep-alive", "server-close" or "close"."""
    modes = {
        found.mode
        for section in (front, back)
        if section is not None and (found := section.one(ConnectionMode)) is not None
    }
    return "close" if "close" in modes else "server-close" if "server-close" in modes else "keep-alive"


@sets(back="redispatch")
@dataclass(frozen=True, slots=True, kw_only=True)
class Redispatch(Setting):
    """On which retries another server is chosen: n > 0 every nth, n < 0 the nth before the last; 0 none (manual 4.2).

    Only said where `option redispatch` is on; without it retries stay with the server, as 0.
    """

    interval: int

    def live(self) -> object:
        return self.interval


@keyword("option redispatch", SERVER, "4.2", negatable=True)
def redispatch(args: Args) -> Redispatch:
    """option redispatch [<interval>]: a retry may go to another server; by default the last one (-1)."""
    if args.negated or args.reset:
        args.end()
        return Redispatch(interval=0, at=args.at)
    interval = args.integer("<interval>", -(1 << 31), (1 << 31) - 1) if args.more() else -1
    args.end()
    return Redispatch(interval=interval, at=args.at)


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@sets(front="forwardfor", back="forwardfor")
@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardForSetting(Setting):
    """`option forwardfor`: name the client to the server. The backend's header prevails over the frontend's; where one
    of both has no if_none, the header is added always."""

    header: bytes  # in lower case; b"": not said, which means x-forwarded-for
    excluded: Network | None = None  # no header for these clients
    if_none: bool = False  # only where the request has none


@sets(front="originalto", back="originalto")
@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalToSetting(Setting):
    """`option originalto`: name the address that the client connected to (X-Original-To)."""

    header: bytes  # in lower case; b"": not said, which means x-original-to
    excluded: Network | None = None  # no header for these destinations


@keyword("option forwardfor", In.ANY_PROXY, "4.2")
def forwardfor(args: Args) -> ForwardForSetting:
    """option forwardfor [except <network>] [header <name>] [if-none]"""
    header, excluded, if_none = _header_words(args, ("except", "header", "if-none"), "'except', 'header' and 'if-none'")
    return ForwardForSetting(header=header, excluded=excluded, if_none=if_none, at=args.at)


@keyword("option originalto", In.ANY_PROXY, "4.2")
def originalto(args: Args) -> OriginalToSetting:
    """option originalto [except <network>] [header <name>]"""
    header, excluded, _ = _header_words(args, ("except", "header"), "'except' and 'header'")
    return OriginalToSetting(header=header, excluded=excluded, at=args.at)


def _header_words(args: Args, names: tuple[str, ...], listed: str) -> tuple[bytes, Network | None, bool]:
    header, excluded, if_none = b"", None, False
    while args.more():
        word = args.word("an argument")
        if word.text not in names:
            raise args.wrong(word, f"'{args.keyword}' only supports optional values: {listed}.", names)
        if word.text == "if-none":
            if_none = True
        elif not args.more():
            what = "<address>[/mask]" if word.text == "except" else "<header_name>"
            raise ConfigError(f"'{args.keyword} {word.text}' expects {what} as argument.", args.here, what)
        elif word.text == "except":
            excluded = _network(args, args.word("<network>"))
        else:
            header = args.take("<name>").lower().encode("utf-8", "surrogateescape")
    return header, excluded, if_none


def _network(args: Args, word: Word) -> Network:
    try:
        return ipaddress.ip_network(word.text, strict=False)
    except ValueError:
        raise ConfigError(
            f"'{args.keyword} except' expects <address>[/mask] as argument.",
            word.at,
            "an address, or a network such as 10.0.0.0/8",
        ) from None


@sets(front="header_names", back="header_names")
@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictHeaderNames(Setting):
    """What to do about request header names with other characters than letters, digits and '-': preserve, delete,
    reject."""

    policy: str


@keyword("option http-restrict-req-hdr-names", In.ANY_PROXY, "4.2")
def restrict_header_names(args: Args) -> RestrictHeaderNames:
    """option http-restrict-req-hdr-names preserve|delete|reject"""
    if not args.more():
        raise ConfigError(
            "missing parameter. option 'http-restrict-req-hdr-names' expects 'preserve', 'reject' or 'delete' option.",
            args.here,
        )
    policy = args.choice("<policy>", ("preserve", "delete", "reject"))
    args.end()
    return RestrictHeaderNames(policy=policy, at=args.at)
