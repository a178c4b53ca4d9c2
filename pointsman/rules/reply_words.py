"""The words that describe an answer of our own: those of `return`, `deny` and `http-error` (manual 4.4, return).

[status <code>] [content-type <type>] [{default-errorfiles | errorfile <file> | errorfiles <name> | file <file> |
lf-file <file> | string <str> | lf-string <fmt>}] [hdr <name> <fmt>]*
"""

from dataclasses import dataclass, field
from typing import Final

from pointsman.config.acls import acls_of
from pointsman.config.action import RuleArgs
from pointsman.config.keyword import Args
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.words import Word
from pointsman.rules.headers import header_name
from pointsman.rules.pages import CODES, LARGEST, page_from_file
from pointsman.rules.reply import Reply
from pointsman.sample.format import Format, parse_format
from pointsman.sample.types import Where

_OWN: Final = {
    b"content-length": "it is that of the payload",
    b"transfer-encoding": "the payload's length is known",
    b"content-type": "'content-type' has a word of its own",
}
_PAGES: Final = ("default-errorfiles", "errorfile", "errorfiles")
_PAYLOADS: Final = ("default-errorfiles", "errorfile", "errorfiles", "file", "lf-file", "string", "lf-string")


@dataclass(slots=True)
class ReplyDescription:
    """What was described. One of `reply`, `section` (of http-errors) and `default` holds."""

    status: int
    reply: Reply | None = None
    section: Word | None = None
    default: bool = False
    at: Position | None = None


@dataclass(slots=True)
class _Words:
    status: int = 0
    status_at: Position | None = None
    status_word: str = ""
    content_type: str = ""
    payload: str = ""
    argument: Word | None = None
    headers: list[tuple[bytes, bytes | Format]] = field(default_factory=list)


def parse_answer(
    args: Args, where: Where, status: int, *, status_words: tuple[str, ...] = ("status",), default: bool = False
) -> ReplyDescription:
    """Read them all; `status` is the default one. `default`: without a payload the error pages answer (deny)."""
    words = _read(args, where, status_words)
    code = words.status or status
    at = words.status_at or args.at
    if not words.payload and default and not words.headers and words.status_word != status_words[0]:
        words.payload = "default-errorfiles"
    if words.payload in ("default-errorfiles", "errorfiles") and code not in CODES:
        raise ConfigError(
            f"status code '{code}' not handled by default with '{words.payload}' argument",
            at,
            "one of " + ", ".join(str(one) for one in CODES),
        )
    _ignored(args, words)
    if words.payload == "default-errorfiles":
        return ReplyDescription(code, default=True, at=at)
    if words.payload == "errorfiles":
        return ReplyDescription(code, section=words.argument, at=at)
    if words.payload == "errorfile":
        assert words.argument is not None
        return ReplyDescription(code, reply=page_from_file(words.argument.text, words.argument.at, code), at=at)
    return ReplyDescription(code, reply=_built(args, words, code, where), at=at)


def _read(args: Args, where: Where, status_words: tuple[str, ...]) -> _Words:
    words = _Words()
    while args.more() and args.peek() not in ("if", "unless"):
        word = args.word("<argument>")
        if word.text in status_words:
            words.status_at = args.here
            words.status_word = word.text
            words.status = args.integer("<code>", 200, 599)
        elif word.text == "content-type":
            words.content_type = args.take("<type>")
        elif word.text in _PAYLOADS:
            if words.payload:
                raise ConfigError(f"'{word.text}': another payload was given already ('{words.payload}')", word.at)
            words.payload = word.text
            if word.text != "default-errorfiles":
                words.argument = args.word(f"an argument of '{word.text}'")
        elif word.text == "hdr":
            at = args.here
            name = header_name(args)
            value = _format(args, args.word("<fmt>"), where)
            if name in _OWN:
                written = args.words[args.index - 2].text
                args.diagnostics.warning(f"header '{written}' always ignored by the http reply.", at, hint=_OWN[name])
            else:
                words.headers.append((name, value if value.constant is None else value.constant))
        else:
            raise args.wrong(
                word,
                f"'{args.keyword}': unknown argument '{word.text}'",
                (*status_words, "content-type", "hdr", *_PAYLOADS),
            )
    return words


def _format(args: Args, word: Word, where: Where) -> Format:
    if isinstance(args, RuleArgs):
        assert where == args.place
        return args.compiled(word)
    return parse_format(word, where, acls=acls_of(args.section))


def _ignored(args: Args, words: _Words) -> None:
    """Warn of what was said in vain, in HAProxy's words."""
    if words.content_type and not words.payload:
        args.diagnostics.warning(
            f"content-type '{words.content_type}' ignored by the http reply because neither "
            "errorfile nor payload defined.",
            args.at,
        )
    elif words.content_type and words.argument is None or words.content_type and words.payload in _PAGES:
        args.diagnostics.warning(
            f"content-type '{words.content_type}' ignored by the http reply when used with an errorfile.", args.at
        )
    if words.headers and words.payload in _PAGES:
        args.diagnostics.warning("hdr parameters ignored by the http reply when used with an errorfile.", args.at)


def _built(args: Args, words: _Words, code: int, where: Where) -> Reply:
    """An answer that is not an error file: status, fields, payload."""
    body: bytes | Format = b""
    argument = words.argument
    if argument is not None:
        content = argument.text.encode("utf-8", "surrogateescape")
        if words.payload in ("file", "lf-file"):
            content = _file(argument)
        if words.payload.startswith("lf-") and content:
            text = content.decode("utf-8", "surrogateescape")
            compiled = _format(args, Word(text, argument.at), where)
            body = compiled if compiled.constant is None else compiled.constant
        else:
            body = content
        if content and code in (204, 304):
            raise ConfigError(f"No body expected for {code} responses.", argument.at)
        if content and not words.content_type:
            raise ConfigError(
                f"a content-type must be defined with '{words.payload}' argument", argument.at, "content-type <type>"
            )
        if not content and words.content_type:
            args.diagnostics.warning("content-type ignored: the payload is empty", argument.at)
    fields = [*words.headers, (b"content-length", b"")]
    if words.content_type and body:
        fields.append((b"content-type", words.content_type.encode("utf-8", "surrogateescape")))
    return Reply(code, fields, body)


def _file(word: Word) -> bytes:
    try:
        with open(word.text, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"unable to read file '{word.text}': {error.strerror}", word.at) from error
    if len(data) > LARGEST:
        raise ConfigError(f"file '{word.text}' is larger than {LARGEST} bytes", word.at)
    return data
