"""Reading the words that http-check and tcp-check rules share: connect, comment, expect (manual 4.2)."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pointsman.config.acls import acls_of
from pointsman.config.keyword import Args
from pointsman.config.parameters import Words
from pointsman.config.server_words import read_check_address
from pointsman.config.tls_values import protocols
from pointsman.core.diagnostics import ConfigError
from pointsman.core.tls import MISSING
from pointsman.core.words import Word
from pointsman.sample.arguments import encode
from pointsman.sample.expression import Expression, parse_expression
from pointsman.sample.format import Format, parse_format
from pointsman.sample.regex import compile_regex
from pointsman.sample.types import Type, Where
from pointsman.server.checks.steps import (
    BINARY,
    FHDR,
    HDR,
    RBINARY,
    RSTATUS,
    RSTRING,
    STATUS,
    STRING,
    CheckText,
    Connect,
    Expect,
    Match,
)

OK_STATUSES: Final = ("L4OK", "L6OK", "L7OK", "L7OKC")
ERROR_STATUSES: Final = ("L4CON", "L6RSP", "L7RSP", "L7STS", "L7OKC")
TIMEOUT_STATUSES: Final = ("L4TOUT", "L6TOUT", "L7TOUT")
SPOKEN: Final = {"http-check": "h1", "tcp-check": "none"}
METHODS: Final = ("str", "beg", "end", "sub", "reg")
CONNECTS: Final = (
    "'comment', 'port', 'addr', 'send-proxy', 'via-socks4', 'ssl', 'sni', 'alpn', 'linger', 'proto' or 'default'"
)


def form(args: Args, word: Word) -> Format:
    return parse_format(word, Where.CHECK, acls=acls_of(args.section))


def value(args: Args, name: str, what: str = "a string") -> Word:
    """The word behind `name`."""
    if not args.more():
        raise ConfigError(f"'{args.keyword}' : '{name}' expects {what} as argument.", args.here, what)
    return args.word(what)


def comment(args: Args) -> str:
    return value(args, "comment").text


def text(word: Word) -> CheckText:
    return CheckText(encode(word.text))


def binary(args: Args, word: Word) -> CheckText:
    """Hexadecimal digits, two a byte."""
    if len(word.text) % 2 or not re.fullmatch(r"[0-9A-Fa-f]*", word.text) or not word.text:
        raise ConfigError(
            f"'{args.keyword}' : '{word.text}' invalid binary string (an even number of hex digit is expected).",
            word.at,
            "hexadecimal digits, two for each byte",
        )
    return CheckText(bytes.fromhex(word.text))


def unexpected(args: Args, word: Word, names: str) -> ConfigError:
    return ConfigError(f"'{args.keyword}' : expects {names} but got '{word.text}' as argument.", word.at)


def read_connect(args: Args) -> Connect:
    """connect [default] [port <expr>] [addr <ip>] [send-proxy] [ssl] [sni <sni>] [alpn <alpn>] [linger]
    [comment <msg>]"""
    step = Connect(own=True)
    behind = 0  # the port behind the address
    while args.more():
        word = args.word("an argument")
        if word.text == "default":
            step = replace(step, own=False)
        elif word.text == "port":
            port, port_expression = _port(args)
            step = replace(step, port=port, port_expression=port_expression)
        elif word.text == "addr":
            address, behind = read_check_address(
                value(args, "addr", "an address"), args.configuration.environment, f"'{args.keyword}' : 'addr'"
            )
            step = replace(step, address=address)
        elif word.text == "send-proxy":
            step = replace(step, send_proxy=True)
        elif word.text == "via-socks4":
            step = replace(step, via_socks4=True)
        elif word.text == "linger":
            step = replace(step, linger=True)
        elif word.text == "comment":
            step = replace(step, comment=comment(args))
        elif word.text == "proto":
            step = replace(step, proto=_proto(args))
        elif word.text in ("ssl", "sni", "alpn"):
            step = _encrypted(args, word, step)
        else:
            raise unexpected(args, word, CONNECTS)
    return replace(step, port=step.port or behind)


def _encrypted(args: Args, word: Word, step: Connect) -> Connect:
    """ssl, sni <sni>, alpn <alpn>"""
    if word.text == "sni":
        return replace(step, sni=value(args, "sni").text)
    words = Words(args, f"'{args.keyword}'")
    words.word = word
    if word.text == "alpn":
        return replace(step, alpn=protocols(words, keep_http2=True))
    if MISSING:
        raise words.wrong(MISSING)
    return replace(step, ssl=True)


def _port(args: Args) -> tuple[int, Expression | None]:
    word = value(args, "port", "a port number or a sample expression")
    if word.text.isascii() and word.text.isdigit():
        if not 1 <= int(word.text) <= 65535:
            raise ConfigError(
                f"'{args.keyword}' : expects a valid TCP port (from range 1 to 65535) or a sample "
                f"expression, got {word.text}.",
                word.at,
            )
        return int(word.text), None
    expression = parse_expression(word, Where.CHECK, acls_of(args.section))
    if expression.cast_to(Type.SINT) is None:
        raise ConfigError(
            f"'{args.keyword}' : '{word.text}' cannot be a port", word.at, "an expression that yields a number"
        )
    return 0, expression


def _proto(args: Args) -> str:
    """proto h1|h2|none: it must be what checks of the kind may speak."""
    word = value(args, "proto", "a name")
    kind = args.keyword.partition(" ")[0]
    said = f"'{args.keyword}' : 'proto' :"
    if word.text in ("qmux", "quic", "fcgi", "spop"):
        raise ConfigError(f"{said} protocol '{word.text}' is not built yet (manual 4.2, {args.keyword})", word.at)
    if word.text not in ("h1", "h2", "none"):
        raise ConfigError(f"{said} unknown MUX protocol '{word.text}'.", word.at, SPOKEN[kind])
    if (word.text == "none") != (SPOKEN[kind] == "none"):
        raise ConfigError(f"{said} invalid MUX protocol '{word.text}' for {kind}.", word.at, SPOKEN[kind])
    return word.text


class ExpectWords:
    """What stands before the match: comment, min-recv, statuses, formats."""

    def __init__(self) -> None:
        self.comment = ""
        self.min_recv = -1
        self.ok_status = "L7OK"
        self.error_status = ""
        self.timeout_status = "L7TOUT"
        self.on_success: Format | None = None
        self.on_error: Format | None = None
        self.status_code: Expression | None = None
        self.inverse = False

    def read(self, args: Args, word: Word) -> bool:
        """Take an option of the rule; False: the word is none."""
        option = word.text
        if option == "comment":
            self.comment = comment(args)
        elif option == "min-recv":
            self.min_recv = _min_recv(args)
        elif option == "ok-status":
            self.ok_status = _status(args, option, OK_STATUSES)
        elif option == "error-status":
            self.error_status = _status(args, option, ERROR_STATUSES)
        elif option == "tout-status":
            self.timeout_status = _status(args, option, TIMEOUT_STATUSES)
        elif option == "on-success":
            self.on_success = form(args, value(args, option))
        elif option == "on-error":
            self.on_error = form(args, value(args, option))
        elif option == "status-code":
            self.status_code = _number(args)
        else:
            return False
        return True


def _min_recv(args: Args) -> int:
    word = value(args, "min-recv", "an integer")
    if not re.fullmatch(r"-1|[0-9]{1,9}", word.text):
        raise ConfigError(f"'{args.keyword}' : 'min-recv' expects -1 or an integer from 0 to INT_MAX.", word.at)
    return int(word.text)


def _status(args: Args, option: str, names: tuple[str, ...]) -> str:
    word = value(args, option)
    if word.text not in names:
        listed = ", ".join(f"'{name}'" for name in names[:-1]) + f" or '{names[-1]}'"
        raise ConfigError(f"'{args.keyword}' : '{option}' only supports {listed} status (got '{word.text}').", word.at)
    return word.text


def _number(args: Args) -> Expression:
    word = value(args, "status-code", "an expression")
    expression = parse_expression(word, Where.CHECK, acls_of(args.section))
    if expression.cast_to(Type.SINT) is None:
        args.diagnostics.warning(
            f"'{args.keyword}' : 'status-code' : '{word.text}' never becomes a number, so it changes nothing.",
            word.at,
            "an expression that yields a number",
        )
    return expression


def read_expect(args: Args, kinds: tuple[str, ...], forms: dict[str, str], names: str) -> Expect:
    """The whole of an expect rule. `kinds`: its matches; `forms`: the "-lf" ones and what they stand for."""
    words = ExpectWords()
    if not args.more():
        raise ConfigError(f"'{args.keyword}' : expects at least a matching pattern as arguments.", args.here, names)
    made: Expect | None = None
    while args.more():
        word = args.word("an argument")
        name = word.text
        if name.startswith("!") and made is None:
            words.inverse = not words.inverse
            name = name[1:]
            if not name:
                continue
        if made is None and (name in kinds or name in forms):
            made = _read_match(args, forms.get(name, name), name in forms, name)
        elif not words.read(args, word):
            raise ConfigError(f"'{args.keyword}' : 'only supports {names} but got '{word.text}' as argument.", word.at)
    if made is None:
        raise ConfigError(f"'{args.keyword}' : expects a matching pattern.", args.here, names)
    return Expect(
        kind=made.kind,
        inverse=words.inverse,
        ranges=made.ranges,
        regex=made.regex,
        text=made.text,
        name=made.name,
        value=made.value,
        min_recv=words.min_recv,
        ok_status=words.ok_status,
        error_status=words.error_status,
        timeout_status=words.timeout_status,
        on_success=words.on_success,
        on_error=words.on_error,
        status_code=words.status_code,
        comment=words.comment,
    )


def _read_match(args: Args, kind: str, log_format: bool, name: str) -> Expect:
    if kind in (HDR, FHDR):
        return _read_header(args, kind)
    word = value(args, name, "a <pattern>")
    if log_format:
        return Expect(kind=kind, text=CheckText(form=form(args, word), hexadecimal=kind == BINARY))
    if kind == STATUS:
        return Expect(kind=kind, ranges=_ranges(args, word))
    if kind in (RSTATUS, RSTRING, RBINARY):
        return Expect(kind=kind, regex=compile_regex(word.text, word.at, nocase=kind == RBINARY))
    return Expect(kind=kind, text=binary(args, word) if kind == BINARY else text(word))


def _ranges(args: Args, word: Word) -> tuple[tuple[int, int], ...]:
    """ "200,201,300-310"."""
    ranges: list[tuple[int, int]] = []
    for part in word.text.split(","):
        found = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", part)
        if found is None:
            wrong = re.search(r"[^0-9,-]", word.text)
            what = f"invalid character '{wrong.group()}' in" if wrong else "wrong format of"
            raise ConfigError(
                f"'{args.keyword}' : {what} the list of status codes.",
                word.at,
                "codes and ranges such as 200,201,300-310",
            )
        low = int(found.group(1))
        high = int(found.group(2) or low)
        if high < low:
            raise ConfigError(
                f"'{args.keyword}' : invalid range of status codes '{part}'.", word.at, "the smaller first"
            )
        ranges.append((low, high))
    return tuple(ranges)


def _read_header(args: Args, kind: str) -> Expect:
    name = _read_text_match(args, ("name", "name-lf"))
    if name is None:
        raise ConfigError(
            f"'{args.keyword}' : '{kind}' expects 'name' or 'name-lf' with a pattern.",
            args.here,
            f"{kind} name [-m <meth>] <name> [value [-m <meth>] <value>]",
        )
    return Expect(kind=kind, name=name, value=_read_text_match(args, ("value", "value-lf")))


def _read_text_match(args: Args, names: tuple[str, str]) -> Match | None:
    name = args.accept(*names)
    if not name:
        return None
    method = "str"
    if args.accept("-m"):
        method = args.choice("<method>", METHODS)
    word = value(args, name, "a string")
    if method == "reg":
        if name.endswith("-lf"):
            raise ConfigError(f"'{args.keyword}' : '{name}' : a log-format cannot be a regular expression.", word.at)
        return Match(method, CheckText(), compile_regex(word.text, word.at, nocase=names[0] == "name"))
    return Match(method, CheckText(form=form(args, word)) if name.endswith("-lf") else text(word))


Reader = Callable[[Args], Expect]
HTTP_KINDS: Final = (STATUS, RSTATUS, HDR, FHDR, STRING, RSTRING)
TCP_KINDS: Final = (STRING, RSTRING, BINARY, RBINARY)
