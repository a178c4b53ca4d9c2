"""Redirections: the action `redirect` and the proxy keyword of that name (manual 4.2)."""

from dataclasses import dataclass
from typing import Final

from pointsman.config.action import ANSWER, CONTINUE, HTTP_REQUEST, HTTP_RESPONSE, Action, RuleArgs, action
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word
from pointsman.rules.reply import MOVED, Reply
from pointsman.sample.context import Context
from pointsman.sample.format import Format
from pointsman.sample.types import Reads, Writes

KINDS: Final = ("location", "prefix", "scheme")
CODES: Final = tuple(MOVED)
_OPTIONS: Final = (
    "code",
    "drop-query",
    "append-slash",
    "ignore-empty",
    "keep-query",
    "set-cookie",
    "set-cookie-fmt",
    "clear-cookie",
)
_NOT_CACHED: Final = (302, 303, 307)


@dataclass
class RedirectWords:
    """What a redirect line says. `target` is a constant where no log-format was asked for."""

    kind: str = ""
    target: bytes | Format = b""
    code: int = 302
    drop_query: bool = False
    append_slash: bool = False
    ignore_empty: bool = False
    keep_query: bool = False
    cookie: bytes | Format | None = None


class Redirect(Action):
    def __init__(self, words: RedirectWords) -> None:
        super().__init__()
        self.kind = words.kind
        self.target = words.target
        self.code = words.code
        self.drop_query = words.drop_query
        self.append_slash = words.append_slash
        self.ignore_empty = words.ignore_empty
        self.keep_query = words.keep_query
        self.cookie = words.cookie

    def run(self, context: Context) -> int:
        target = self.target
        start = target if isinstance(target, bytes) else target.render_header(context)
        if self.kind == "location":
            if self.ignore_empty and not start:
                return CONTINUE
            location = self._kept(start, context) if self.keep_query else start
        else:
            location = self._rest(start, context)
        fields: list[tuple[bytes, bytes | Format]] = [(b"content-length", b""), (b"location", location)]
        if self.code in _NOT_CACHED:
            fields.append((b"cache-control", b"no-cache"))
        if self.cookie is not None:
            fields.append((b"set-cookie", self.cookie))
        reply = Reply(self.code, fields, b"", MOVED[self.code])
        context.answer = reply
        return ANSWER

    def _kept(self, location: bytes, context: Context) -> bytes:
        """The location with the request's query behind it."""
        request = context.request
        query = request.query if request is not None else None
        if not query:
            return location
        return location + (b"&" if location.find(b"?") >= 0 else b"?") + query

    def _rest(self, start: bytes, context: Context) -> bytes:
        """Prefix or scheme, then the request's path and query."""
        request = context.request
        if request is None:
            return start
        path = request.path
        query = request.query
        uri = path or b"/"
        if query is not None and not self.drop_query:
            uri += b"?" + query
        if self.append_slash and not uri.endswith(b"/"):
            uri += b"/"
        if self.kind == "scheme":
            return b"%b://%b%b" % (start, request.get(b"host") or b"", uri)
        return uri if start == b"/" else start + uri


def _reads(words: RedirectWords) -> Reads:
    """What a redirection is made of, beside its formats."""
    if words.kind == "scheme":
        return Reads.REQUEST_LINE | Reads.HEADER_BLOCK  # Host
    return Reads.REQUEST_LINE if words.kind == "prefix" or words.keep_query else Reads.NOTHING


def parse_words(args: RuleArgs, computed: bool) -> RedirectWords:
    """The words of a redirect; not `computed`: they are constants, as in the proxy keyword."""
    words = RedirectWords()
    while args.more() and args.peek() not in ("if", "unless"):
        word = args.word("<argument>")
        if word.text in KINDS:
            if args.rule_set == HTTP_RESPONSE and word.text != "location":
                raise ConfigError(f"'{args.keyword}': response only supports redirect type 'location'", word.at)
            words.kind = word.text
            words.target = _value(args, f"a value of '{word.text}'", computed)
        elif word.text == "code":
            words.code = _code(args)
        elif word.text == "drop-query":
            words.drop_query = True
        elif word.text == "append-slash":
            words.append_slash = True
        elif word.text == "ignore-empty":
            words.ignore_empty = True
        elif word.text == "keep-query":
            words.keep_query = True
        elif word.text in ("set-cookie", "set-cookie-fmt", "clear-cookie"):
            words.cookie = _cookie(args, word.text)
        else:
            raise args.wrong(word, f"'{args.keyword}': unrecognized parameter '{word.text}'", (*KINDS, *_OPTIONS))
    if not words.kind:
        raise ConfigError(
            f"'{args.keyword}': missing 'location', 'prefix' or 'scheme'",
            args.here,
            "location <loc>, prefix <pfx> or scheme <sch>",
        )
    args.only(reads=_reads(words))
    return words


def _code(args: RuleArgs) -> int:
    word = args.word("<code>")
    for code in CODES:
        if word.text == str(code):
            return code
    raise ConfigError(
        f"'{args.keyword}': unsupported HTTP code '{word.text}'",
        word.at,
        "one of " + ", ".join(str(code) for code in CODES),
    )


def _value(args: RuleArgs, expected: str, computed: bool) -> bytes | Format:
    if not computed:
        return args.word(expected).text.encode("utf-8", "surrogateescape")
    compiled = args.format(expected)
    return compiled if compiled.constant is None else compiled.constant


def _cookie(args: RuleArgs, kind: str) -> bytes | Format:
    word = args.word("NAME[=value]")
    text = word.text.encode("utf-8", "surrogateescape")
    if kind == "set-cookie":
        return text + b"; path=/;"
    if kind == "clear-cookie":
        return text + b"; path=/; Max-Age=0;"
    return args.compiled(Word(word.text + "; path=/;", word.at))


@action(
    "redirect",
    HTTP_REQUEST | HTTP_RESPONSE,
    "4.4",
    reads=Reads.REQUEST_LINE | Reads.HEADER_BLOCK,
    writes=Writes.NOTHING,
)
def parse_redirect(args: RuleArgs) -> Action:
    """redirect {location | prefix | scheme} <fmt> [code <code>] [options]: answer with a redirection."""
    made = Redirect(parse_words(args, True))
    made.final = not made.ignore_empty
    return made
