"""Log-formats: strings with tags and expressions in them (manual 8.2.6).

    "%ci:%cp [%tr] %{+Q}[req.hdr(host)] %(name:sint)[expr] 100%%"

A format is cut into items once; each item is compiled to one piece per use (pieces.py):

    render(ctx)         the plain value: names of backends, paths
    render_header(ctx)  what a header field may not contain becomes "%0A"; bodies made by lf-string too
    render_log(ctx)     escaped as manual 8.6 says, "-" for what is missing

Deliberate: in logs, control characters in the value of an expression become "#0A", so that one exchange is one line.
"""

import re
from collections.abc import Callable
from typing import Final

from pointsman.core.diagnostics import ConfigError
from pointsman.core.vocabulary import unknown
from pointsman.core.wishes import WISHES
from pointsman.core.words import Word
from pointsman.sample.arguments import AclScope, Reference, encode, inside
from pointsman.sample.context import Context
from pointsman.sample.encode import (
    CBOR_END,
    CBOR_LIST,
    CBOR_MAP,
    cbor_value,
    json_text,
    json_value,
    typed,
)
from pointsman.sample.expression import Expression, describe, parse_at
from pointsman.sample.key import AddressKey, Number
from pointsman.sample.piece_groups import make_line
from pointsman.sample.pieces import (
    HEADER,
    LOG,
    UNENCODED,
    AddressText,
    Computed,
    Constant,
    ExpressionText,
    ListText,
    NumberText,
    OptionalText,
    Piece,
    PortText,
    TagText,
)
from pointsman.sample.tag import TAGS, Tag, TagKind
from pointsman.sample.types import Reads, Type, Value, Where

QUOTE: Final = 1  # flags of items
HEX: Final = 2
ESCAPE: Final = 4
BINARY: Final = 8
JSON: Final = 16
CBOR: Final = 32
FLAGS: Final = {"Q": QUOTE, "X": HEX, "E": ESCAPE, "bin": BINARY, "json": JSON, "cbor": CBOR}

ITEM_TYPES: Final = {"str": Type.STR, "sint": Type.SINT, "bool": Type.BOOL}
TAG_NAME: Final = re.compile(r"[A-Za-z0-9]+", re.ASCII)
BLANKS: Final = re.compile(r"[ \t]+")

Render = Callable[[Context], bytes]


class FormatItem:
    """One item: literal text, a tag or an expression, with the flags that hold for it."""

    def __init__(self, literal: str = "", tag: Tag | None = None, expression: Expression | None = None) -> None:
        self.literal = literal
        self.tag = tag
        self.expression = expression
        self.flags = 0
        self.name = ""
        self.type = Type.ANY

    @property
    def reads(self) -> int:
        if self.tag is not None:
            return int(self.tag.reads)
        return self.expression.reads if self.expression is not None else int(Reads.NOTHING)


class Format:
    """A compiled log-format.

    `merge_spaces`: spaces on both sides of something that prints nothing (%hr without captures) are one in a log.
    """

    def __init__(self, text: str, items: list[FormatItem], flags: int, *, merge_spaces: bool = False) -> None:
        self.text = text
        self.items = items
        self.encoding = flags & (JSON | CBOR)  # of the whole line, which is one object then
        self.reads = 0
        self.references: list[Reference] = []
        for item in items:
            self.reads |= item.reads
            if item.expression is not None:
                self.references += item.expression.references
        if not flags & (JSON | CBOR) and self._is_constant():
            self._take_constant()
            return
        self.constant: bytes | None = None
        self.http = [item.tag.name for item in items if item.tag is not None and item.tag.http]  # need mode http
        self._plain = _compile(items, UNENCODED, flags)
        self._header = _compile(items, HEADER, flags)
        self.log_pieces = _compile(items, LOG, flags)
        if merge_spaces and not flags & (JSON | CBOR):
            self.log_pieces = _merge_optional(items, self.log_pieces)
        self.line = make_line(self.log_pieces)

    def _is_constant(self) -> bool:
        for item in self.items:
            if item.tag is not None or item.expression is not None:
                return False
        return True

    def _take_constant(self) -> None:
        """Where the format is nothing but text, as most formats of rules are, one piece serves all uses."""
        self.constant = encode("".join([item.literal for item in self.items]))
        self.http = []
        self.line = Constant(self.constant)
        self._plain = self._header = self.log_pieces = [self.line]

    @property
    def expressions(self) -> list[Expression]:
        """Those among its items, for explanations."""
        return [item.expression for item in self.items if item.expression is not None]

    def render(self, ctx: Context) -> bytes:
        """The value as it is; what is missing is empty."""
        return _joined(self.constant, self._plain, ctx)

    def render_header(self, ctx: Context) -> bytes:
        """Fit for a header field."""
        return _joined(self.constant, self._header, ctx)

    def render_log(self, ctx: Context) -> bytes:
        """A line of a log, without its end."""
        return self.line.text(ctx)

    def render_log_plainly(self, ctx: Context) -> bytes:
        """A log line made piece by piece, without what render_log remembers: tests compare both."""
        return _joined(self.constant, self.log_pieces, ctx)


def _joined(constant: bytes | None, pieces: list[Piece], ctx: Context) -> bytes:
    if constant is not None:
        return constant
    if len(pieces) == 1:
        return pieces[0].text(ctx)
    return b"".join([piece.text(ctx) for piece in pieces])


def parse_format(word: Word, where: Where, *, merge_spaces: bool = False, acls: AclScope | None = None) -> Format:
    """The format that a word holds. `merge_spaces`: for log-format, log-format-sd and unique-id-format.

    Raises ConfigError at the item that is wrong.
    """
    if "%" not in word.text and not merge_spaces:
        return Format(word.text, [FormatItem(word.text)] if word.text else [], 0)
    parser = _FormatParser(word, where, acls)
    parser.run()
    items = _merge(parser.items) if merge_spaces else parser.items
    return Format(word.text, items, parser.flags, merge_spaces=merge_spaces)


class _FormatParser:
    """Cuts a word into items."""

    def __init__(self, word: Word, where: Where, acls: AclScope | None) -> None:
        self.acls = acls
        self.word = word
        self.text = word.text
        self.where = where
        self.items: list[FormatItem] = []
        self.flags = 0  # what %o set so far

    def run(self) -> None:
        index = 0
        while index < len(self.text):
            mark = self.text.find("%", index)
            if mark < 0:
                mark = len(self.text)
            if mark > index:
                self.items.append(FormatItem(self.text[index:mark]))
            index = mark
            if index < len(self.text):
                index = self._item(index)

    def _wrong(self, start: int, end: int, message: str, expected: str = "") -> ConfigError:
        return ConfigError(message, inside(self.word, start, end - start), expected)

    def _item(self, start: int) -> int:
        """The item whose "%" is at `start`; the index behind it."""
        index = start + 1
        if self.text[index : index + 1] == "%":
            self.items.append(FormatItem("%"))
            return index + 1
        name, kind, index = self._named(index)
        plus, minus, index = self._flags(index)
        if self.text[index : index + 1] == "[":
            item, index = self._expression(start, index)
        else:
            found = TAG_NAME.match(self.text, index)
            if found is None:
                raise self._missing(start, index)
            index = found.end()
            if found.group() == "o":
                self.flags = self.flags & ~minus | plus
                return index
            item = FormatItem(tag=self._tag(found.group(), start, index))
        item.name, item.type = name, kind
        item.flags = self.flags & ~minus | (plus & ~BINARY)
        self.items.append(item)
        return index

    def _missing(self, start: int, index: int) -> ConfigError:
        if index >= len(self.text):
            message = "truncated line after '%'"
        else:
            message = f"unexpected variable name near '{self.text[index]}'"
        return self._wrong(start, index + 1, message, "a tag such as %ci, an expression %[...], or %% for '%' itself")

    def _named(self, index: int) -> tuple[str, Type, int]:
        """ "(name:type)", if it is there."""
        if self.text[index : index + 1] != "(":
            return "", Type.ANY, index
        end = self.text.find(")", index)
        if end < 0:
            raise self._wrong(index, len(self.text), "missing ')' after the name of an item", "%(name) or %(name:type)")
        name, mark, kind = self.text[index + 1 : end].partition(":")
        if mark and kind not in ITEM_TYPES:
            raise self._wrong(end - len(kind), end, f"unknown type '{kind}' of an item", "one of str, sint, bool")
        return name, ITEM_TYPES[kind] if mark else Type.ANY, end + 1

    def _flags(self, index: int) -> tuple[int, int, int]:
        """ "{+Q,-E}", if it is there: what to set, what to clear."""
        if self.text[index : index + 1] != "{":
            return 0, 0, index
        end = self.text.find("}", index)
        if end < 0:
            message = f"truncated line after '{self.text[index + 1 :]}'"
            raise self._wrong(index, len(self.text), message, "'}' behind the flags")
        plus = minus = 0
        place = index + 1
        for flag in self.text[index + 1 : end].split(","):
            bit = FLAGS.get(flag[1:])
            if flag in FLAGS:
                bit = None  # without a sign it has no effect, as in the manual's "%{Q}o" (8.2.2)
            elif flag and (bit is None or flag[0] not in "+-"):
                raise self._wrong(
                    place,
                    place + len(flag),
                    f"unknown flag '{flag}' of a log-format item",
                    "'+' or '-' followed by one of " + ", ".join(FLAGS),
                )
            if bit is not None and flag[0] == "+":
                plus |= bit
            elif bit is not None:
                minus |= bit
            place += len(flag) + 1
        return plus, minus, end + 1

    def _expression(self, start: int, index: int) -> tuple[FormatItem, int]:
        expression, end = parse_at(self.word, index + 1, self.where, self.acls)
        if self.text[end : end + 1] != "]":
            if end >= len(self.text):
                raise self._wrong(start, end, f"missing ']' after '{expression.text}'")
            raise self._wrong(
                end,
                end + 1,
                f"expected ']' after '{expression.text}', but found '{self.text[end]}'",
                "',' and a converter, or ']'",
            )
        return FormatItem(expression=expression), end + 1

    def _tag(self, name: str, start: int, end: int) -> Tag:
        entry = TAGS.get(name)
        at = inside(self.word, start, end - start)
        if entry is None:
            wrong = unknown("log-format tag", name, at, TAGS).finding
            raise ConfigError(
                wrong.message, at, "a tag of manual 8.2.6, or '%%' for the character '%' itself", wrong.hint
            )
        if not entry.where & self.where:
            raise ConfigError(
                f"log-format tag '%{name}' is not available here", at, f"a place among: {describe(entry.where)}"
            )
        WISHES.shown(name)
        return entry


def _merge(items: list[FormatItem]) -> list[FormatItem]:
    """Runs of blanks as one space, also across items that print nothing; none at the beginning."""
    merged: list[FormatItem] = []
    for item in items:
        if item.tag is None and item.expression is None:
            text = BLANKS.sub(" ", item.literal)
            before = merged[-1].literal if merged else " "
            text = text[1:] if before.endswith(" ") and text.startswith(" ") else text
            if not text:
                continue
            item.literal = text
        merged.append(item)
    return merged


def _merge_optional(items: list[FormatItem], pieces: list[Piece]) -> list[Piece]:
    """Where all may be empty between a literal that ends with a space and one that begins with one: one piece."""
    found: list[Piece] = []
    between: list[Piece] | None = None  # since the last literal that ended with a space; None: something prints always
    for item, piece in zip(items, pieces, strict=True):
        if item.tag is None and item.expression is None:
            if between and item.literal.startswith(" "):
                found[-len(between) :] = [OptionalText(between, encode(item.literal))]
            else:
                found.append(piece)
            between = [] if item.literal.endswith(" ") else None
            continue
        found.append(piece)
        if between is not None:
            may_be_empty = item.tag is not None and item.tag.kind in (TagKind.NAME, TagKind.LIST)
            between = [*between, piece] if may_be_empty else None
    return found


def _compile(items: list[FormatItem], use: int, flags: int) -> list[Piece]:
    """`flags` are the global ones at the end: json and cbor make one object of the named items."""
    if flags & (JSON | CBOR):
        return [Computed(_document(items, flags))]
    return [_compile_item(item, use) for item in items]


def _compile_item(item: FormatItem, use: int) -> Piece:
    if item.tag is None and item.expression is None:
        return Constant(encode(item.literal))
    if item.flags & (JSON | CBOR):
        return Computed(_encoded(item))
    if item.tag is not None:
        return _tag_piece(item.tag, item.flags, use)
    assert item.expression is not None
    return _expression_piece(item.expression, item.flags, use)


def _expression_piece(expression: Expression, flags: int, use: int) -> Piece:
    # HAProxy does not quote expressions where it percent-encodes.
    quoted = bool(flags & QUOTE) and use != HEADER
    encoding = LOG if use == LOG and not flags & BINARY else HEADER if use == HEADER else UNENCODED
    return ExpressionText(expression.get_bytes, use, encoding, quoted=quoted, escaped=bool(flags & ESCAPE))


def _tag_piece(tag: Tag, flags: int, use: int) -> Piece:
    kind = tag.kind
    if isinstance(tag.key, Number):
        return NumberText(tag.key)
    if isinstance(tag.key, AddressKey) and not flags & (QUOTE | HEX):
        return AddressText(tag.get, tag.key, use) if kind == TagKind.ADDRESS else PortText(tag.get, tag.key, use)
    if kind == TagKind.LIST:
        return ListText(tag.many, tag.key, use, quoted=bool(flags & QUOTE), escaped=bool(flags & ESCAPE))
    return TagText(
        tag.get,
        tag.key,
        use,
        encoded=kind == TagKind.TEXT,
        quoted=bool(flags & QUOTE) and kind in (TagKind.NAME, TagKind.TEXT, TagKind.ADDRESS),
        escaped=bool(flags & ESCAPE) and kind in (TagKind.NAME, TagKind.TEXT),
        hexadecimal=bool(flags & HEX) and kind in (TagKind.HEX, TagKind.ADDRESS),
    )


def _value(item: FormatItem, ctx: Context) -> Value | None:
    """What an item yields, with its type if it knows one, for JSON and CBOR."""
    if item.tag is not None:
        return typed(item.tag.get(ctx), item.type)
    assert item.expression is not None
    expression = item.expression
    if expression.type in (Type.BOOL, Type.SINT, Type.ANY, Type.BIN):
        return typed(expression.get(ctx), item.type)
    return typed(expression.get_bytes(ctx), item.type)


def _encode_item(item: FormatItem, ctx: Context, cbor: bool) -> bytes:
    if item.tag is not None and item.tag.kind == TagKind.LIST:
        texts = item.tag.many(ctx)
        if cbor:
            return CBOR_LIST + b"".join([cbor_value(text) for text in texts]) + CBOR_END
        return b"[" + b", ".join([json_value(text) for text in texts]) + b"]"
    value = _value(item, ctx)
    binary = item.expression is not None and item.expression.type == Type.BIN and item.type == Type.ANY
    return cbor_value(value, binary) if cbor else json_value(value)


def _encoded(item: FormatItem) -> Render:
    """One item in JSON or CBOR, which stands in the line without a name."""
    cbor = bool(item.flags & CBOR)
    raw = bool(item.flags & BINARY)

    def text(ctx: Context) -> bytes:
        value = _encode_item(item, ctx, cbor)
        return value.hex().upper().encode() if cbor and not raw else value

    return text


def _document(items: list[FormatItem], flags: int) -> Render:
    """The named items as one object; all other text is left out."""
    named = [(item, encode(item.name)) for item in items if item.name]

    def as_json(ctx: Context) -> bytes:
        pairs = [json_text(name) + b": " + _encode_item(item, ctx, False) for item, name in named]
        return b"{" + b", ".join(pairs) + b"}"

    def as_cbor(ctx: Context) -> bytes:
        pairs = [cbor_value(name) + _encode_item(item, ctx, True) for item, name in named]
        document = CBOR_MAP + b"".join(pairs) + CBOR_END
        return document if flags & BINARY else document.hex().upper().encode()

    return as_cbor if flags & CBOR else as_json
