"""The keywords that say what a line looks like (manual 4.2): formats, tags, host names, unique identifiers.

`log-format` and the options httplog, tcplog and httpslog are one setting: the later wins. Which tags a format may use
depends on the proxy's mode, which may be said later: build.py looks when the section is whole.
"""

from dataclasses import dataclass
from typing import ClassVar, TypeVar

from pointsman.config.acls import acls_of
from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Setting
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word
from pointsman.sample.format import Format, parse_format
from pointsman.sample.types import Where


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFormat(Setting):
    """How lines of streams look. `kind`: "log-format" or the option's words, as "httplog clf"."""

    kind: str
    format: Format | None = None  # what log-format says
    word: Word | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFormat(Setting):
    """error-log-format: how lines of failed streams look."""

    format: Format
    word: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class StructuredFormat(Setting):
    """log-format-sd: the structured data of RFC 5424."""

    format: Format
    word: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTag(Setting):
    """log-tag: the program's name in a line's header."""

    text: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SendHostname(Setting):
    """log-send-hostname. An empty text: the name of this host."""

    text: bytes
    from_defaults: ClassVar[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueIdFormat(Setting):
    """unique-id-format: what %ID and the header of unique-id-header are made of."""

    format: Format
    word: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueIdHeader(Setting):
    """unique-id-header: the header, in lower case, in which servers get the identifier."""

    name: bytes


def _ignored(args: Args) -> bool:
    """A backend never logs streams: HAProxy warns, and so does this."""
    if args.section.kind != In.BACKEND:
        return False
    args.diagnostics.warning(
        f"backend '{args.section.name}' : '{args.keyword}' directive is ignored in backends.", args.at
    )
    return True


F = TypeVar("F", LineFormat, ErrorFormat)


def _said_once(args: Args, setting: F) -> F:
    """In one defaults section a second format is probably a mistake; in a frontend it overrides on purpose."""
    before = args.section.latest.get((type(setting), setting.key())) if args.section.kind == In.DEFAULTS else None
    if isinstance(before, LineFormat | ErrorFormat):
        args.diagnostics.warning(
            f"{_words_of(setting)} overrides previous {_words_of(before)} in 'defaults' section.",
            args.at,
            hint=f"the previous one is at {before.at}",
        )
    return setting


def _words_of(setting: LineFormat | ErrorFormat) -> str:
    """What its line begins with."""
    if isinstance(setting, ErrorFormat):
        return "'error-log-format'"
    return f"'{setting.kind}'" if setting.kind == "log-format" else f"'option {setting.kind}'"


def _one_format(args: Args, where: Where) -> tuple[Word, Format]:
    """The only argument of a keyword: a log-format."""
    if not args.more():
        raise ConfigError(f"{args.keyword} expects an argument.", args.here, "<fmt>")
    word = args.word("<fmt>")
    if args.more():
        raise ConfigError(
            f"{args.keyword} expects only one argument, don't forget to escape spaces!",
            args.here,
            "one argument, best in quotes",
        )
    return word, parse_format(word, where, merge_spaces=True, acls=acls_of(args.section))


@keyword("log-format", In.ANY_PROXY, "4.2")
def log_format(args: Args) -> LineFormat | None:
    """log-format <fmt>: the line of a stream (manual 4.2 and 8.2.6)."""
    word, compiled = _one_format(args, Where.LOG)
    return (
        None
        if _ignored(args)
        else _said_once(args, LineFormat(at=args.at, kind="log-format", format=compiled, word=word))
    )


@keyword("error-log-format", In.ANY_PROXY, "4.2")
def error_log_format(args: Args) -> ErrorFormat | None:
    """error-log-format <fmt>: the line of a stream that failed, and of a connection that never became one
    (manual 4.2)."""
    word, compiled = _one_format(args, Where.LOG)
    return None if _ignored(args) else _said_once(args, ErrorFormat(at=args.at, format=compiled, word=word))


@keyword("log-format-sd", In.ANY_PROXY, "4.2")
def log_format_sd(args: Args) -> StructuredFormat | None:
    """log-format-sd <fmt>: structured data for targets with "format rfc5424" (manual 4.2)."""
    word, compiled = _one_format(args, Where.LOG)
    return None if _ignored(args) else StructuredFormat(at=args.at, format=compiled, word=word)


def _clf(args: Args, name: str) -> LineFormat | None:
    kind = name
    if args.more():
        word = args.word("clf")
        if word.text != "clf":
            raise args.wrong(word, f"keyword '{name}' only supports option 'clf'.", ("clf",))
        kind += " clf"
    args.end()
    return None if _ignored(args) else _said_once(args, LineFormat(at=args.at, kind=kind))


@keyword("option httplog", In.ANY_PROXY, "4.2")
def option_httplog(args: Args) -> LineFormat | None:
    """option httplog [clf]: the HTTP format, or the common log format (manual 8.2.3)."""
    return _clf(args, "httplog")


@keyword("option tcplog", In.ANY_PROXY, "4.2")
def option_tcplog(args: Args) -> LineFormat | None:
    """option tcplog [clf]: the TCP format (manual 8.2.2)."""
    return _clf(args, "tcplog")


@keyword("option httpslog", In.ANY_PROXY, "4.2")
def option_httpslog(args: Args) -> LineFormat | None:
    """option httpslog: the HTTP format and what is known of TLS (manual 8.2.4)."""
    args.end()
    return None if _ignored(args) else _said_once(args, LineFormat(at=args.at, kind="httpslog"))


@keyword("log-tag", In.GLOBAL | In.ANY_PROXY, "4.2")
def log_tag(args: Args) -> LogTag:
    """log-tag <string>: the program's name in the header of lines (manual 4.2 and 3.1)."""
    if not args.peek():
        raise ConfigError("'log-tag' expects a tag for use in syslog.", args.here, "<string>")
    text = args.take("<string>")
    args.end()
    return LogTag(at=args.at, text=text.encode("utf-8", "surrogateescape"))


@keyword("log-send-hostname", In.GLOBAL, "3.1")
def log_send_hostname(args: Args) -> SendHostname:
    """log-send-hostname [<string>]: this name, or the host's, in the header of lines (manual 3.1)."""
    text = args.take("<string>") if args.more() else ""
    args.end()
    return SendHostname(at=args.at, text=text.encode("utf-8", "surrogateescape"))


@keyword("unique-id-format", In.ANY_PROXY, "4.2")
def unique_id_format(args: Args) -> UniqueIdFormat:
    """unique-id-format <fmt>: an identifier of each request (manual 4.2)."""
    word, compiled = _one_format(args, Where.HTTP_REQ)
    return UniqueIdFormat(at=args.at, format=compiled, word=word)


@keyword("unique-id-header", In.DEFAULTS | In.FRONT, "4.2")
def unique_id_header(args: Args) -> UniqueIdHeader:
    """unique-id-header <name>: send the identifier to the server (manual 4.2)."""
    if not args.peek():
        raise ConfigError("unique-id-header expects an argument.", args.here, "<name>")
    name = args.take("<name>")
    args.end()
    return UniqueIdHeader(at=args.at, name=name.lower().encode("utf-8", "surrogateescape"))
