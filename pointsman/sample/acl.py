"""ACLs: named tests of samples against patterns (manual 7.1).

    acl static path_beg -i /static /img
    ^   ^      ^        ^  ^
    |   name   |        |  patterns
    |          |        flags
    |          criterion: a fetch with converters, or a derivative of one (path_beg = path -m beg)

A line is compiled to an Acl; several lines with one name are OR'd. What an Acl was made from stays readable
(expression, method, patterns), so that a table of many ACLs of one shape can be built and decisions can be explained.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from mypy_extensions import i64

from pointsman.core.diagnostics import ConfigError, Finding, Position, Severity
from pointsman.core.registry import nearest
from pointsman.core.vocabulary import unknown
from pointsman.core.words import Word
from pointsman.proto.message import Head
from pointsman.sample.acl_lists import File, Patterns
from pointsman.sample.arguments import AclScope, inside
from pointsman.sample.casts import Cast, same
from pointsman.sample.context import Context
from pointsman.sample.expression import EXPRESSION_NAME, Expression, join_words, parse_expression
from pointsman.sample.head import COMMA, split_list
from pointsman.sample.lists import find_list
from pointsman.sample.made import MADE
from pointsman.sample.matcher import Converted, Matcher
from pointsman.sample.pattern import (
    DEFAULTS,
    METHOD_NAME,
    METHODS,
    OPERATORS,
    VERSIONS,
    Comparison,
    Method,
    Pattern,
    find_matching_cast,
    find_method,
)
from pointsman.sample.registry import FETCHES
from pointsman.sample.source import NO_LINES, SPLIT, WHOLE, Pure, Source, through, turned
from pointsman.sample.tap import tapped
from pointsman.sample.trace import AclRecord
from pointsman.sample.types import OF_REQUEST, OF_RESPONSE, Type, Value, Where

ACL_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]+", re.ASCII)
SUFFIXES: Final = ("beg", "dir", "dom", "end", "len", "reg", "sub")
# Names that take all suffixes, and the fetch they stand for; the others that HAProxy knows stand below.
FAMILIES: Final = {
    "base": "base",
    "cook": "req.cook",
    "hdr": "req.hdr",
    "path": "path",
    "scook": "res.cook",
    "shdr": "res.hdr",
    "url": "url",
    "urlp": "urlp",
}
DERIVATIVES: Final[dict[str, tuple[str, str]]] = {
    **{f"{name}_{suffix}": (real, suffix) for name, real in FAMILIES.items() for suffix in SUFFIXES},
    **{name: (real, "str") for name, real in FAMILIES.items() if name != real},
    "ssl_fc_sni_end": ("ssl_fc_sni", "end"),
    "ssl_fc_sni_reg": ("ssl_fc_sni", "reg"),
    "http_auth_group": ("http_auth_group", "str"),
    "payload": ("req.payload", "bin"),
    "payload_lv": ("req.payload_lv", "bin"),
    "req_rdp_cookie": ("req.rdp_cookie", "str"),
    "req_rdp_cookie_cnt": ("req.rdp_cookie_cnt", "int"),
    "req.ssl_ver": ("req.ssl_ver", "version"),
    "req_ssl_ver": ("req.ssl_ver", "version"),
}
# What "-dKacl" lists: all short criteria, also those that are no more than the fetch itself.
SHORT: Final[dict[str, tuple[str, str]]] = {
    **{name: (real, "str") for name, real in FAMILIES.items()},
    **DERIVATIVES,
    "method": ("method", "str"),
    "req.ssl_ver": ("req.ssl_ver", "int"),
    "req_ssl_sni": ("req.ssl_sni", "str"),
    "req_ssl_ver": ("req.ssl_ver", "int"),
    "req_ver": ("req.ver", "str"),
    "resp_ver": ("res.ver", "str"),
}

PREDEFINED: Final = {  # manual 7.4
    "FALSE": "always_false",
    "TRUE": "always_true",
    "HTTP": "req.proto_http",
    "HTTP_1.0": "req.ver 1.0",
    "HTTP_1.1": "req.ver 1.1",
    "HTTP_2.0": "req.ver 2.0",
    "HTTP_3.0": "req.ver 3.0",
    "HTTP_CONTENT": "req.hdr_val(content-length) gt 0",
    "HTTP_URL_ABS": "url_reg ^[^/:]*://",
    "HTTP_URL_SLASH": "url_beg /",
    "HTTP_URL_STAR": "url *",
    "LOCALHOST": "src 127.0.0.1/8 ::1",
    "METH_CONNECT": "method CONNECT",
    "METH_DELETE": "method DELETE",
    "METH_GET": "method GET HEAD",
    "METH_HEAD": "method HEAD",
    "METH_OPTIONS": "method OPTIONS",
    "METH_POST": "method POST",
    "METH_PUT": "method PUT",
    "METH_TRACE": "method TRACE",
    "RDP_COOKIE": "req.rdp_cookie_cnt gt 0",
    "REQ_CONTENT": "req.len gt 0",
    "WAIT_END": "wait_end",
}

NO_PATTERN: Final = (
    "no pattern to match against were provided, so this ACL will never match. If this is what you "
    "intended, please add '--' to get rid of this warning. If you intended to match only for "
    "existence, please use '-m found'. If you wanted to force an int to match as a bool, please use "
    "'-m bool'."
)


_REPEATING: Final = int(OF_REQUEST | OF_RESPONSE)
# What criteria say, by their text: only of those whose meaning depends on nothing but the text (Expression.timeless).
CRITERIA: Final[dict[str, tuple[Expression, Method | None]]] = {}
MOST_KEPT: Final = 1000


class Acl:
    """One line of an ACL. `test(ctx)` is all that is needed at run time.

    For who remembers results: `reads` says what it depends on, besides its lists, which may change while running
    (`version` counts that, and core/epoch.py that of all); `moving`: nothing of it can be remembered. `header`: it is
    decided line by line, true if `holds_line` is for the value of one field of that name; None: it is not so.
    """

    def __init__(self, expression: Expression, method: Method, patterns: Patterns, cast: Cast, criterion: Word) -> None:
        self.expression = expression
        self.criterion = criterion
        self.method = method.name
        self.nocase = patterns.nocase
        self.identity = 0  # -u: for the runtime socket
        self.findings: Sequence[Finding] = ()
        self.lists = patterns
        self.reads = expression.reads
        self.where = int(expression.where)
        self.moving = self.reads & ~_REPEATING != 0
        self.version = 0
        self.cast: Cast | None = None if cast is same else cast
        self.matcher: Matcher = patterns.matcher
        if self.cast is not None or patterns.version:
            self.take(patterns.matcher, patterns.version)
        patterns.take = self.take
        source = expression.source
        self.source: Source = source
        self._many = expression.many
        self._steps = len(expression.steps) > 0
        self.steps: list[Pure] = [step for step in expression.steps if isinstance(step, Pure)]
        self.header: bytes | None = None
        self._lines: i64 = source.lines
        self._on_request = source.on_request
        if source.lines != NO_LINES and len(self.steps) == len(expression.steps):
            self.header = source.header

    @property
    def patterns(self) -> list[str]:
        """As they were written."""
        return self.lists.texts

    def take(self, matcher: Matcher, version: int) -> None:
        """The patterns of now."""
        self.matcher = matcher if self.cast is None else Converted(self.cast, matcher)
        self.version = version

    def test(self, ctx: Context) -> bool:
        """Whether any value of the sample matches any pattern."""
        header = self.header
        if header is not None:
            return self._test_lines(ctx, header)
        if self._many:
            for one in self.expression.values(ctx):
                if self.matcher.test(one):
                    return True
            return False
        value = self.source.get(ctx)
        if value is None:
            return False
        if self._steps:
            value = through(self.expression.steps, ctx, value)
            if value is None:
                return False
        return self.matcher.test(value)

    def _test_lines(self, ctx: Context, header: bytes) -> bool:
        head: Head | None = ctx.request if self._on_request else ctx.response
        if head is not None:
            for field in head.fields:
                if field.name == header and self.holds_line(field.value):
                    return True
        return False

    def holds_line(self, value: bytes) -> bool:
        """Whether one line's value alone makes it true; for those with a `header`."""
        lines = self._lines
        if lines == WHOLE or lines == SPLIT and COMMA not in value:
            return self.match(value)
        parts = list[Value](split_list(value)) if lines == SPLIT else self.source.of_line(value)
        for part in parts:
            if self.match(part):
                return True
        return False

    def match(self, value: Value) -> bool:
        """One value of the fetch, through converters that look at nothing else, against the patterns."""
        if self._steps:
            found = turned(self.steps, value)
            return found is not None and self.matcher.test(found)
        return self.matcher.test(value)

    def explain(self, ctx: Context, name: str) -> AclRecord:
        """What `test` says, and why; `name`: that of the ACL it is a line of."""
        expression, at = self.expression, self.criterion.at
        values: list[Value] = []
        with tapped([expression], at) as samples:
            if self.header is not None or self._many:
                values = expression.values(ctx)
            else:
                one = expression.get(ctx)
                if one is not None:
                    values.append(one)
        verdict, matched, pattern = False, None, None
        for value in values:
            if self.matcher.test(value):
                entry = self.lists.find(value if self.cast is None else self.cast(value))
                pattern = None if entry is None else self.lists.record(entry)
                verdict, matched = True, value
                break
        return AclRecord(at, name, expression.text, self.method, tuple(samples), verdict, matched, pattern)


class AnyOf:
    """The lines of a named ACL."""

    def __init__(self, acls: list[Acl]) -> None:
        self.acls = acls

    def test(self, ctx: Context) -> bool:
        for acl in self.acls:
            if acl.test(ctx):
                return True
        return False


class AclTable(AclScope):
    """The named ACLs of a section. `findings` are warnings about them, for whoever keeps the diagnostics."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, list[Acl]] = {}
        self.findings: list[Finding] = []
        self.entered = 0  # lines of the section itself that it knows

    def declare(self, words: Sequence[Word]) -> Acl:
        """Enter what an `acl` line says behind the keyword. ConfigError at what is wrong, which is not entered."""
        if len(words) < 2:
            at = words[-1].at if words else Position("", 0)
            raise ConfigError("'acl' expects a name and a criterion", at, "<aclname> <criterion> [flags] [<value>] ...")
        name = words[0]
        if not ACL_NAME.fullmatch(name.text):
            raise ConfigError(
                f"invalid character in ACL name '{name.text}'", name.at, "letters, digits, '-', '_', '.', ':'"
            )
        if name.text.lower() == "or":
            raise ConfigError(
                "acl name 'or' will never match. 'or' is used to express a logical disjunction within a condition.",
                name.at,
                "another name",
            )
        acl = parse_acl(words[1:], self)
        self.findings += acl.findings
        self.enter(words, acl)
        return acl

    def enter(self, words: Sequence[Word], acl: Acl | None) -> None:
        """A line of the section, in its turn; `acl` is None where it was wrong: its name is known nevertheless."""
        self.entered += 1
        if words:
            lines = self.lines.setdefault(words[0].text, [])
            if acl is not None:
                lines.append(acl)

    def find(self, name: str, at: Position) -> tuple[Callable[[Context], bool], int] | None:
        lines = self.lines.get(name)
        if lines is None:
            one = predefined(name, at)
            if one is None:
                return None
            lines = [one]
        reads = 0
        for line in lines:
            reads |= line.reads
        return (lines[0].test if len(lines) == 1 else AnyOf(list(lines)).test), reads

    def get(self, name: str) -> list[Acl] | None:
        """The lines of an ACL; None: it was not declared here."""
        return self.lines.get(name)

    def nearest(self, name: str) -> str | None:
        return nearest(name, self.lines)


def parse_acl(words: Sequence[Word], acls: AclScope | None = None) -> Acl:
    """Criterion, flags and patterns: an `acl` line without its name, or what stands between braces."""
    used = 1
    while used < len(words) and (words[used - 1].text.endswith(",") or words[used].text.startswith(",")):
        used += 1  # "path, lower" is one criterion
    criterion = join_words(words[:used])
    expression, implied = _parse_criterion(criterion, acls)
    flags = _Flags(words[used:])
    flags.run()
    method = find_method(flags.method.text, flags.method.at) if flags.method is not None else implied
    if method is None:
        method = _default(expression, criterion)
    cast = find_matching_cast(method, expression.type)
    if cast is None:
        raise ConfigError(
            f"matching method '{method.name}' cannot be used with fetch keyword '{expression.text}'",
            (flags.method or criterion).at,
        )
    patterns = flags.all_patterns(method.name in ("int", "len"))
    line = patterns if method.patterns else []
    lists = Patterns(method, line, flags.files, criterion, flags.identity, flags.nocase, flags.resolve)
    acl = Acl(expression, method, lists, cast, criterion)
    acl.identity = flags.identity
    if MADE.wanted:
        MADE.acls.append(acl)
    if method.patterns and not patterns and not flags.ended and not flags.files:
        message = f"parsing acl keyword '{criterion.text}' : {NO_PATTERN}"
        acl.findings = [Finding(Severity.WARNING, message, criterion.at)]
    return acl


def predefined(name: str, place: Position | Word) -> Acl | None:
    """One of the ACLs that every section has without declaring it (manual 7.4); None: there is none of that name."""
    text = PREDEFINED.get(name)
    if text is None:
        return None
    at = place.at if isinstance(place, Word) else place
    return parse_acl([Word(part, at) for part in text.split(" ")])


def _parse_criterion(word: Word, acls: AclScope | None) -> tuple[Expression, Method | None]:
    """The expression, and the method that a derivative implies if no converter follows it."""
    known = CRITERIA.get(word.text)
    if known is not None:
        return known
    made = _read_criterion(word, acls)
    if made[0].timeless and len(CRITERIA) < MOST_KEPT:
        CRITERIA[word.text] = made
    return made


def _read_criterion(word: Word, acls: AclScope | None) -> tuple[Expression, Method | None]:
    found = EXPRESSION_NAME.match(word.text)
    name = found.group() if found else ""
    derivative = DERIVATIVES.get(name)
    if derivative is None:
        if name and name not in FETCHES:
            raise unknown("fetch", name, inside(word, 0, len(name)), [*FETCHES, *SHORT])
        return parse_expression(word, Where.EVERYWHERE, acls), None
    real, suffix = derivative
    text = real + word.text[len(name) :]
    expression = parse_expression(Word(text, word.at), Where.EVERYWHERE, acls)
    expression.text = word.text
    method = VERSIONS if suffix == "version" else METHODS[suffix]
    return expression, None if expression.converters else method


def _default(expression: Expression, criterion: Word) -> Method:
    if expression.type == Type.METH:
        return METHOD_NAME
    name = DEFAULTS.get(expression.type)
    if name is None:
        raise ConfigError(
            "matching method must be specified first (using '-m') when using a sample fetch of this type "
            f"('{criterion.text}')",
            criterion.at,
            "-m and one of " + ", ".join(METHODS),
        )
    return METHODS[name]


class _Flags:
    """The words behind a criterion: flags, then patterns."""

    def __init__(self, words: Sequence[Word]) -> None:
        self.words = words
        self.index = 0
        self.method: Word | None = None
        self.nocase = False
        self.resolve = True
        self.identity = 0
        self.ended = False  # "--" has ended the flags
        self.map = False
        self.files: list[File] = []

    def run(self) -> None:
        """Take the flags."""
        while self.index < len(self.words):
            word = self.words[self.index]
            if not word.text.startswith("-"):
                return
            self.index += 1
            if word.text == "--":
                self.ended = True
                return
            self._flag(word)

    def _flag(self, word: Word) -> None:
        if word.text == "-i":
            self.nocase = True
        elif word.text == "-n":
            self.resolve = False
        elif word.text == "-M":
            self.map = True
        elif word.text == "-m":
            if self.method is not None:
                raise ConfigError("only one explicit matching method can be specified", word.at)
            self.method = self._argument(word, "a matching method")
            if self.files:
                raise ConfigError(
                    "'-m' must only be specified before patterns and files in parsing ACL expression", word.at
                )
        elif word.text == "-u":
            identity = self._argument(word, "a number")
            if not (identity.text.isascii() and identity.text.isdigit()):
                raise ConfigError(f"'{identity.text}' is not a valid unique id", identity.at, "a number")
            self.identity = int(identity.text)
        elif word.text == "-f":
            name = self._argument(word, "a file")
            self.files.append(File(find_list(name.text, self.map, name.at), self.nocase, self.resolve))
        else:
            raise ConfigError(
                f"'{word.text}' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'",
                word.at,
                "one of -f, -i, -m, -M, -n, -u, --",
            )

    def _argument(self, flag: Word, expected: str) -> Word:
        if self.index >= len(self.words):
            raise ConfigError(f"'{flag.text}' expects {expected}", flag.at, expected)
        self.index += 1
        return self.words[self.index - 1]

    def all_patterns(self, numbers: bool) -> list[Pattern]:
        """The patterns that stand on the line; an operator holds for the numbers behind it."""
        found: list[Pattern] = []
        operator = "eq"
        for word in self.words[self.index :]:
            if numbers and word.text in OPERATORS:
                operator = word.text
                continue
            found.append(Pattern(word.text, word) if operator == "eq" else Comparison(word.text, word, operator))
        return found
