"""`option` lines that switch something on or off, and those with arguments that no other package owns (manual 4.2).

The table says of each option where it may stand, and whether it is

    BUILT  a setting that the traffic obeys
    HINT   tuning, or a repair for what does not exist here: accepted with a notice, for it changes nothing

The options of logs and health checks are registered by those packages. Options that are in neither are not built yet;
the loader says so.
"""

import ipaddress
from dataclasses import dataclass
from enum import Enum

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word


class OptionKind(Enum):
    BUILT = 1
    HINT = 2


CLIENT = In.DEFAULTS | In.FRONT
SERVER = In.DEFAULTS | In.BACK

UNSAFE_REQUESTS = "accept-unsafe-violations-in-http-request"
UNSAFE_RESPONSES = "accept-unsafe-violations-in-http-response"
OPTIONS: dict[str, tuple[OptionKind, In]] = {
    UNSAFE_REQUESTS: (OptionKind.BUILT, CLIENT),
    UNSAFE_RESPONSES: (OptionKind.BUILT, SERVER),
    "abortonclose": (OptionKind.BUILT, In.ANY_PROXY),
    "allbackups": (OptionKind.BUILT, SERVER),
    "checkcache": (OptionKind.BUILT, SERVER),
    "clitcpka": (OptionKind.BUILT, CLIENT),
    "contstats": (OptionKind.BUILT, CLIENT),
    "disable-h2-upgrade": (OptionKind.HINT, CLIENT),
    "dontlog-normal": (OptionKind.BUILT, CLIENT),
    "dontlognull": (OptionKind.BUILT, CLIENT),
    "http-buffer-request": (OptionKind.BUILT, In.ANY_PROXY),
    "http-drop-request-trailers": (OptionKind.BUILT, SERVER),
    "http-drop-response-trailers": (OptionKind.BUILT, CLIENT),
    "http-ignore-probes": (OptionKind.BUILT, CLIENT),
    "http-no-delay": (OptionKind.HINT, In.ANY_PROXY),  # nothing is ever delayed to fill a segment
    "http-pretend-keepalive": (OptionKind.BUILT, SERVER),
    "idle-close-on-response": (OptionKind.BUILT, CLIENT),
    "independent-streams": (OptionKind.BUILT, In.ANY_PROXY),
    "log-separate-errors": (OptionKind.BUILT, CLIENT),
    "logasap": (OptionKind.BUILT, CLIENT),
    "nolinger": (OptionKind.BUILT, In.ANY_PROXY),
    "persist": (OptionKind.HINT, SERVER),  # of cookies, which are not built yet
    "pointsman-strict": (OptionKind.BUILT, CLIENT),  # ours: refuse what RFC 9112 calls an error, where HAProxy is lax
    "prefer-last-server": (OptionKind.BUILT, SERVER),
    "socket-stats": (OptionKind.BUILT, CLIENT),
    "srvtcpka": (OptionKind.BUILT, SERVER),
    "tcp-smart-accept": (OptionKind.HINT, CLIENT),
    "tcp-smart-connect": (OptionKind.HINT, SERVER),
}
HINT_OPTIONS: frozenset[str] = frozenset(
    {
        *(name for name, (kind, _) in OPTIONS.items() if kind is OptionKind.HINT),
        "splice-auto",
        "splice-request",
        "splice-response",
        "use-small-buffers",
    }
)
# Options that mean something in mode http alone (manual 4.2).
HTTP_ONLY: frozenset[str] = frozenset(
    {
        "accept-unsafe-violations-in-http-request",
        "accept-unsafe-violations-in-http-response",
        "checkcache",
        "disable-h2-upgrade",
        "forwarded",
        "forwardfor",
        "http-buffer-request",
        "http-drop-request-trailers",
        "http-drop-response-trailers",
        "http-ignore-probes",
        "http-keep-alive",
        "http-no-delay",
        "http-pretend-keepalive",
        "http-restrict-req-hdr-names",
        "http-server-close",
        "http-use-proxy-header",
        "httpclose",
        "idle-close-on-response",
        "originalto",
        "prefer-last-server",
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
    if OPTIONS[name][0] is OptionKind.HINT:
        if not args.negated and not args.reset:
            args.diagnostics.notice(
                f"'option {name}' tunes what does not exist here and has no effect (manual 4.2)", args.at
            )
        return None
    return Option(name=name, on=None if args.reset else not args.negated, at=args.at)


for _name, (_kind, _where) in OPTIONS.items():
    keyword(f"option {_name}", _where, "4.2", negatable=True)(_parse_option)


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
    keyword(f"option {_name}", OPTIONS[_new][1], "4.2", negatable=True)(_parse_old_spelling)


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
    names = [name for name in ("clitcpka", "srvtcpka") if args.section.kind & OPTIONS[name][1]]
    return [Option(name=name, on=True, at=args.at) for name in names]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Redispatch(Setting):
    """On which retries another server is chosen: n > 0 every nth, n < 0 the nth before the last; 0 none (manual 4.2).

    Only said where `option redispatch` is on; without it retries stay with the server, as 0.
    """

    interval: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardForSetting(Setting):
    """`option forwardfor`: name the client to the server. The backend's header prevails over the frontend's; where one
    of both has no if_none, the header is added always."""

    header: bytes  # in lower case; b"": not said, which means x-forwarded-for
    excluded: Network | None = None  # no header for these clients
    if_none: bool = False  # only where the request has none


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
