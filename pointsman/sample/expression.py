"""Expressions: a fetch and its converters, compiled once (manual 7.3).

    req.hdr(host),lower,field(1,:)

Parsing goes from left to right: each converter's input type is compared with what the part before it yields, and the
cast between them is inserted (casts.py). The result is a source, the steps behind it, and three ways of asking:

    get(ctx)        the value, in the expression's own type; None: no sample
    get_bytes(ctx)  the same as a string
    values(ctx)     all values, where the fetch has several (the values of a header); for ACLs
"""

import re
from collections.abc import Sequence
from typing import Final

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.vocabulary import unknown
from pointsman.core.wishes import WISHES
from pointsman.core.words import Word
from pointsman.sample.arguments import (
    NAMED,
    AclScope,
    Arguments,
    Reference,
    Signature,
    Spot,
    inside,
    split_arguments,
    type_arguments,
)
from pointsman.sample.casts import Cast, find_cast, same
from pointsman.sample.context import Context
from pointsman.sample.made import MADE
from pointsman.sample.need import WAITING_PLACE
from pointsman.sample.registry import CONVERTERS, FETCHES, Converter, Fetch
from pointsman.sample.source import Convert, ConverterStep, FunctionSource, Getter, Plain, Source, through
from pointsman.sample.types import OF_REQUEST, OF_RESPONSE, WAITED, Type, Value, Where

_REPEATING: Final = int(OF_REQUEST | OF_RESPONSE)
EXPRESSION_NAME: Final = re.compile(r"[A-Za-z0-9_.:+-]*", re.ASCII)


class Expression:
    """A compiled expression. `get`, `get_bytes` and `values` are called with the context of an exchange."""

    def __init__(
        self, text: str, kind: Type, reads: int, where: Where, source: Source, steps: list[ConverterStep]
    ) -> None:
        self.text = text
        self.type = kind
        self.reads = reads
        self.where = where  # where its fetch has something to tell
        self.http = False  # it asks about HTTP messages
        self.timeless = False  # its text says all: neither its place, its section nor other settings matter
        self.source = source
        self.steps = steps
        self.many = source.many  # values() may give more than one
        self.references: list[Reference] = []
        self.key = text  # equal for expressions that yield the same
        self.fetch = ""  # names, for explanations and for tables of conditions
        self.arguments: list[str] = []
        self.converters: list[str] = []
        cast = find_cast(kind, Type.STR)
        self._to_text: Cast | None = None if cast is None or cast is same else cast

    @property
    def constant(self) -> bool:
        """Whether the expression always yields the same value."""
        return self.reads == 0

    def get(self, ctx: Context) -> Value | None:
        """The value, in the expression's own type; None: no sample."""
        value = self.source.get(ctx)
        if value is None or not self.steps:
            return value
        return through(self.steps, ctx, value)

    def get_bytes(self, ctx: Context) -> bytes | None:
        """The sample, cast to a string."""
        value = self.source.get(ctx)
        if value is None:
            return None
        if self.steps:
            value = through(self.steps, ctx, value)
            if value is None:
                return None
        cast = self._to_text
        if cast is not None:
            value = cast(value)
        assert value is None or isinstance(value, bytes)
        return value

    def values(self, ctx: Context) -> list[Value]:
        """All values, where the fetch has several (the values of a header); for ACLs."""
        found = self.source.values(ctx)
        return self._converted(ctx, found) if self.steps else found

    def _converted(self, ctx: Context, values: list[Value]) -> list[Value]:
        found: list[Value] = []
        for before in values:
            value = through(self.steps, ctx, before)
            if value is not None:
                found.append(value)
        return found

    def cast_to(self, kind: Type) -> Getter | None:
        """The getter with its value cast to another type; None: that cannot be."""
        cast = find_cast(self.type, kind)
        if cast is None or cast is same:
            return None if cast is None else self.get
        return _then(self.get, cast)


def parse_expression(word: Word, where: Where, acls: AclScope | None = None) -> Expression:
    """The expression that is the whole of a word. `acls`: those that the fetch `acl` may name.

    ConfigError at what is wrong.
    """
    expression, end = parse_at(word, 0, where, acls)
    if end < len(word.text):
        rest = word.text[end:]
        raise ConfigError(
            f"unexpected '{rest}' after '{word.text[:end]}'",
            inside(word, end, len(rest)),
            "',' and a converter, or the end",
        )
    return expression


def parse_words(words: Sequence[Word], where: Where, acls: AclScope | None = None) -> tuple[Expression, int]:
    """The expression at the beginning of some words, and how many of them it takes.

    Converters may stand in words of their own behind the fetch, with or without a comma (manual 7.3.1).
    """
    used = 1
    while used < len(words):
        name = _name(words[used].text, 0)
        behind = words[used].text[len(name) : len(name) + 1]
        separate = name in CONVERTERS and behind in ("", "(", ",")
        if not separate and not words[used - 1].text.endswith(","):
            break
        used += 1
    return parse_expression(join_words(words[:used]), where, acls), used


def join_words(words: Sequence[Word]) -> Word:
    """Words that make one expression, with commas between them."""
    if len(words) == 1:
        return words[0]
    text = ",".join(word.text.strip(",") for word in words) + ("," if words[-1].text.endswith(",") else "")
    first, last = words[0].at, words[-1].at
    length = last.column + last.length - first.column
    return Word(text, Position(first.file, first.line, first.column, length, first.text))


def parse_at(word: Word, start: int, where: Where, acls: AclScope | None = None) -> tuple[Expression, int]:
    """The expression that begins at an index of a word, and the index behind it."""
    name, arguments, texts, index, entry = _parse_fetch(word, start, where)
    arguments.acls = acls
    made = entry.make(arguments)
    source: Source = made if isinstance(made, Source) else FunctionSource(made)
    kind = entry.type
    reads = int(entry.reads) | arguments.reads
    references = _references(entry.signature, arguments)
    names: list[str] = []
    steps: list[ConverterStep] = []
    while word.text[index : index + 1] == ",":
        while word.text[index : index + 1] == ",":  # empty ones are skipped, as HAProxy does
            index += 1
        converter, converted, index = _parse_converter(word, index)
        converted.acls = acls
        cast, step, kind = _join(converter, converted, kind)
        if cast is not same:
            steps.append(Plain(cast))
        steps.append(step if isinstance(step, ConverterStep) else Plain(step))
        reads |= int(converter.reads) | converted.reads
        references += _references(converter.signature, converted)
        names.append(converter.name)
    expression = Expression(word.text[start:index], kind, reads, entry.where, source, steps)
    expression.http = entry.http
    expression.references = references
    expression.fetch, expression.arguments, expression.converters = name, texts, names
    if reads & WAITED and where != Where.EVERYWHERE:  # an ACL's place is that of the condition that names it
        check_waiting(expression.text, reads, inside(word, start, index - start))
    expression.timeless = not names and not arguments.reads and _is_timeless(int(entry.reads), entry.signature)
    if MADE.wanted:
        MADE.expressions.append(expression)
    return expression, index


def check_waiting(text: str, reads: int, at: Position) -> None:
    """Raises ConfigError for what must be waited for where nobody waits."""
    if reads & WAITED and not WAITING_PLACE.here:
        raise ConfigError(
            f"'{text}' asks an async function, which cannot be waited for here",
            at,
            "a condition of an http-request or http-response rule; there and in tcp-request content rules: set-var, "
            "do-resolve, words of Python actions. A variable that set-var has set can be asked for anywhere",
        )


def _is_timeless(reads: int, shape: Signature) -> bool:
    """Whether a fetch that reads so much by itself asks the heads or the connection alone, with arguments that are no
    names of others: not `acl`, `var`, `env` and their like, which depend on the section or on other settings."""
    if reads == 0 or reads & ~_REPEATING != 0:
        return False
    for kind in shape.kinds:
        if kind not in ("string", "integer"):
            return False
    return True


def _parse_fetch(word: Word, start: int, where: Where) -> tuple[str, Arguments, list[str], int, Fetch]:
    name = _name(word.text, start)
    entry = FETCHES.get(name)
    if not name:
        raise ConfigError(
            "missing fetch method", inside(word, start, len(name)), "the name of a fetch, such as path or req.hdr(host)"
        )
    if entry is None:
        raise unknown("fetch", name, inside(word, start, len(name)), FETCHES.names())
    if not int(entry.where) & int(where):  # plain numbers: the operators of flags are slow
        raise ConfigError(
            f"sample fetch <{name}> may not be reliably used here because it is not available in {describe(where)}",
            inside(word, start, len(name)),
            f"one that is; '{name}' belongs to: {describe(entry.where)}",
        )
    WISHES.fetched(name)
    called = f"fetch method '{name}'"
    arguments, texts, index = _parse_arguments(word, start, name, called, entry.signature)
    return name, arguments, texts, index, entry


def _parse_converter(word: Word, start: int) -> tuple[Converter, Arguments, int]:
    name = _name(word.text, start)
    entry = CONVERTERS.get(name)
    if entry is None:
        raise unknown("converter", name, inside(word, start, len(name)), CONVERTERS.names())
    arguments, _, index = _parse_arguments(word, start, name, f"converter '{name}'", entry.signature)
    return entry, arguments, index


def _name(text: str, start: int) -> str:
    found = EXPRESSION_NAME.match(text, start)
    return found.group() if found else ""


def _parse_arguments(
    word: Word, start: int, name: str, called: str, shape: Signature
) -> tuple[Arguments, list[str], int]:
    index = start + len(name)
    texts: list[str] = []
    if word.text[index : index + 1] == "(":
        texts, index = split_arguments(word, index + 1, called)
    return type_arguments(shape, texts, called, Spot(word, start, index - start)), texts, index


def _references(shape: Signature, arguments: Arguments) -> list[Reference]:
    """What must exist elsewhere. A name that was left out is "": the proxy in which the expression stands."""
    return [
        Reference(kind, arguments.word(index), arguments.at) for index, kind in enumerate(shape.kinds) if kind in NAMED
    ]


def _join(converter: Converter, arguments: Arguments, kind: Type) -> tuple[Cast, Convert | ConverterStep, Type]:
    """A converter behind a value of type `kind`: the cast before it, and the type that comes out."""
    cast = find_cast(kind, converter.accepts)
    if cast is None:
        raise ConfigError(
            f"converter '{converter.name}' cannot be applied",
            arguments.at,
            f"a value that can become {converter.accepts.name.lower()}, not {kind.name.lower()}",
        )
    arguments.input = kind
    step = converter.make(arguments)
    returns = kind if converter.returns == Type.ANY and converter.accepts == Type.ANY else converter.returns
    return cast, step, returns


def _then(get: Getter, cast: Cast) -> Getter:
    def converted(ctx: Context) -> Value | None:
        value = get(ctx)
        return None if value is None else cast(value)

    return converted


PLACES: Final = {
    Where.TCP_REQ_CON: "tcp-request connection rules",
    Where.TCP_REQ_SES: "tcp-request session rules",
    Where.TCP_REQ_CNT: "tcp-request content rules",
    Where.TCP_RES_CNT: "tcp-response content rules",
    Where.HTTP_REQ: "http-request rules",
    Where.HTTP_RES: "http-response rules",
    Where.HTTP_AFTER: "http-after-response rules",
    Where.LOG: "logs",
    Where.CHECK: "health checks",
    Where.CONFIG: "the configuration parser",
    Where.CLI: "the runtime socket",
}


def describe(where: Where) -> str:
    """Places in words."""
    if where == Where.EVERYWHERE:
        return "all places"
    return ", ".join(text for place, text in PLACES.items() if where & place)
