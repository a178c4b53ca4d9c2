"""What `global` says of TLS for all `bind` and all `server` lines (manual 3.1 `ssl-default-*`, `ssl-server-verify`,
`ssl-security-level`), and how that adds up with what a line says.

The models are those of the lines: who builds something asks bind_defaults() and server_defaults(), and puts the line
over it with `over` (tls/options.py). Versions add up in a way of their own: spoken().
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from pointsman.config import tls_bind, tls_server
from pointsman.config.command_line import CommandLine
from pointsman.config.keyword import Args, keyword
from pointsman.config.parameters import Words
from pointsman.config.setting import Configuration, In, Setting
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position
from pointsman.core.registry import nearest
from pointsman.tls.contexts import LOWEST
from pointsman.tls.options import VERSIONS, BindTls, ServerTls, TlsOptions, over


@dataclass(frozen=True, slots=True, kw_only=True)
class BindDefaults(Setting):
    """ssl-default-bind-*: all that was said so far."""

    tls: BindTls


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerDefaults(Setting):
    """ssl-default-server-* and ssl-server-verify: all that was said so far."""

    tls: ServerTls


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityLevel(Setting):
    """ssl-security-level."""

    level: int


def bind_defaults(configuration: Configuration) -> BindTls:
    """What holds for all bind lines where they say nothing."""
    said = configuration.main.one(BindDefaults)
    return replace(said.tls if said is not None else BindTls(), security_level=_security_level(configuration))


def server_defaults(configuration: Configuration) -> ServerTls:
    """What holds for all server lines where they say nothing; `verify` is always said."""
    said = configuration.main.one(ServerDefaults)
    tls = said.tls if said is not None else ServerTls()
    command_line = configuration.main.one(CommandLine)
    verify = "required" if command_line is None or command_line.verify_servers else "none"
    return replace(tls, verify=tls.verify or verify, security_level=_security_level(configuration))


def _security_level(configuration: Configuration) -> int | None:
    said = configuration.main.one(SecurityLevel)
    return None if said is None else said.level


def spoken(
    default: TlsOptions, said: TlsOptions, subject: str, at: Position | None, diagnostics: Diagnostics, of: str = ""
) -> tuple[str, str]:
    """The oldest and the newest version of a line, `subject` in warnings, which begin with `of`.

    If none is left, the oldest is above the newest.
    ssl-min-ver and ssl-max-ver (and force-*) hold, from the line or else from the defaults; where neither says any,
    versions from LOWEST on, without those that the line or the defaults take out.
    """
    both = over(default, replace(said, without=None))
    without = (default.without or frozenset()) | (said.without or frozenset())
    place = at or Position("", 0)
    if both.min_version is None and both.max_version is None:
        left = [name for name in VERSIONS[VERSIONS.index(LOWEST) :] if name not in without]
        return (left[0], left[-1]) if left else (VERSIONS[-1], VERSIONS[0])
    if without:
        diagnostics.warning(
            f"{of}no-sslv3/no-tlsv1x are ignored for {subject}. Use only 'ssl-min-ver' and 'ssl-max-ver' to fix.", place
        )
    high = both.max_version or VERSIONS[-1]
    low = both.min_version or LOWEST
    if both.min_version is None and VERSIONS.index(high) < VERSIONS.index(LOWEST):
        diagnostics.warning(
            f"{of}Ambiguous configuration for {subject}: the ssl-min-ver value is not configured and the ssl-max-ver "
            f"value is lower than the default ssl-min-ver value ({LOWEST}). Setting the ssl-min-ver to {high}. Use "
            "'ssl-min-ver' to fix this.",
            place,
        )
        low = high
    return low, high


def _text(args: Args, what: str) -> str:
    """The one word behind a keyword."""
    if not args.more():
        raise ConfigError(f"global statement '{args.keyword}' expects {what} as an argument.", args.here, what)
    return args.take(what)


_TEXTS: Final = {  # keywords, by what follows ssl-default-bind- and ssl-default-server-
    "ciphers": ("ciphers", "a cipher suite", "ciphers of TLS 1.2 and before, in OpenSSL's words"),
    "ciphersuites": ("ciphersuites", "a cipher suite", "ciphers of TLS 1.3, in OpenSSL's words"),
    "curves": ("curves", "a curves suite", "groups for the exchange of keys, with colons between them"),
    "sigalgs": ("sigalgs", "signature algorithms", "with which algorithms this side's certificates may sign"),
    "client-sigalgs": ("client_sigalgs", "signature algorithms", "with which algorithms clients' ones may sign"),
}
BIND_KEYWORDS: Final = (
    "ssl-default-bind-ciphers",
    "ssl-default-bind-ciphersuites",
    "ssl-default-bind-client-sigalgs",
    "ssl-default-bind-curves",
    "ssl-default-bind-sigalgs",
)
SERVER_KEYWORDS: Final = (
    "ssl-default-server-ciphers",
    "ssl-default-server-ciphersuites",
    "ssl-default-server-client-sigalgs",
    "ssl-default-server-curves",
    "ssl-default-server-sigalgs",
)


S = TypeVar("S", bound=TlsOptions)


def _with_text(tls: S, attribute: str, text: str) -> S:
    """The same, with one of _TEXTS changed."""
    said = {name: text if name == attribute else getattr(tls, name) for name, *_ in _TEXTS.values()}
    return replace(
        tls,
        ciphers=said["ciphers"],
        ciphersuites=said["ciphersuites"],
        curves=said["curves"],
        sigalgs=said["sigalgs"],
        client_sigalgs=said["client_sigalgs"],
    )


def _bind_text(attribute: str, what: str) -> Callable[[Args], BindDefaults]:
    def parse(args: Args) -> BindDefaults:
        before = args.section.one(BindDefaults)
        tls = before.tls if before is not None else BindTls()
        return BindDefaults(tls=_with_text(tls, attribute, _text(args, what)), at=args.at)

    return parse


def _server_text(attribute: str, what: str) -> Callable[[Args], ServerDefaults]:
    def parse(args: Args) -> ServerDefaults:
        return ServerDefaults(tls=_with_text(_servers(args), attribute, _text(args, what)), at=args.at)

    return parse


def _servers(args: Args) -> ServerTls:
    before = args.section.one(ServerDefaults)
    return before.tls if before is not None else ServerTls()


for _names, _side, _made in ((BIND_KEYWORDS, "bind", _bind_text), (SERVER_KEYWORDS, "server", _server_text)):
    for _name in _names:
        _last = _name.removeprefix(f"ssl-default-{_side}-")
        _attribute, _what, _about = _TEXTS[_last]
        _parse = _made(_attribute, _what)
        _parse.__doc__ = f"{_name} <{_last}>: {_about}, where a {_side} line says nothing."
        keyword(_name, In.GLOBAL, "3.1")(_parse)


def _options(args: Args) -> Words:
    """The words behind an ssl-default-*-options keyword, of which there has to be one."""
    if not args.more():
        raise ConfigError(
            f"global statement '{args.keyword}' expects an option as an argument.", args.here, "an option (manual 5.1)"
        )
    return Words(args, f"global statement '{args.keyword}'")


def _unknown(words: Words, names: list[str]) -> ConfigError:
    near = nearest(words.word.text, names)
    return ConfigError(
        f"unknown option '{words.word.text}' on {words.said}.",
        words.word.at,
        "one of " + ", ".join(names),
        f"did you mean '{near}'?" if near else "",
    )


@keyword("ssl-default-bind-options", In.GLOBAL, "3.1")
def ssl_default_bind_options(args: Args) -> BindDefaults:
    """ssl-default-bind-options <option>...: versions, tickets, strict-sni and prefer-client-ciphers of bind lines."""
    before = args.section.one(BindDefaults)
    tls = before.tls if before is not None else BindTls()
    words = _options(args)
    while args.more():
        words.word = args.word("an option")
        found = tls_bind.DEFAULT_WORDS.get(words.word.text)
        if found is None:
            raise _unknown(words, list(tls_bind.DEFAULT_WORDS))
        tls = found.parse(words, tls)
    return BindDefaults(tls=tls, at=args.at)


@keyword("ssl-default-server-options", In.GLOBAL, "3.1")
def ssl_default_server_options(args: Args) -> ServerDefaults:
    """ssl-default-server-options <option>...: versions, tickets and renegotiation of server lines."""
    tls = _servers(args)
    words = _options(args)
    while args.more():
        words.word = args.word("an option")
        found = tls_server.DEFAULT_WORDS.get(words.word.text)
        if found is None:
            raise _unknown(words, list(tls_server.DEFAULT_WORDS))
        tls = found.parse(words, tls)
    return ServerDefaults(tls=tls, at=args.at)


@keyword("ssl-server-verify", In.GLOBAL, "3.1")
def ssl_server_verify(args: Args) -> ServerDefaults:
    """ssl-server-verify none|required: whether servers' certificates are verified where their line does not say it."""
    word = args.word("'none' or 'required' as argument.")
    if word.text not in ("none", "required"):
        raise args.wrong(
            word, "'ssl-server-verify' expects 'none' or 'required' as argument.", (), "'none' or 'required'"
        )
    return ServerDefaults(tls=replace(_servers(args), verify=word.text), at=args.at)


@keyword("ssl-security-level", In.GLOBAL, "3.1")
def ssl_security_level(args: Args) -> SecurityLevel:
    """ssl-security-level <number>: OpenSSL's level of security (0 to 5) for all contexts."""
    if not args.more():
        raise ConfigError("'ssl-security-level' : missing value", args.here, "a number from 0 to 5")
    word = args.word("<number>")
    if not (word.text.isascii() and word.text.removeprefix("-").isdigit()):
        raise args.wrong(word, f"'ssl-security-level' : expects an integer argument, found '{word.text}'")
    if word.text not in ("0", "1", "2", "3", "4", "5"):
        raise args.wrong(word, "'ssl-security-level' : expects a value between 0 and 5")
    return SecurityLevel(level=int(word.text), at=args.at)
