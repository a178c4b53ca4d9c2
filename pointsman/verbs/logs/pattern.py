"""From a log-format (manual 8.2.6) to a way to read its lines back.

    Format.items -> parts: Literal and Slot in a row -> a regular expression, and a search that finds every reading

The regular expression takes a text without quotes to end before the character that follows it in the format. It is
what reads files, in time that is linear in the line. A value that contains that character has no reading by it, or one
of several: `readings` tries all places at which each field may end, remembers where nothing fits, and tells whether
there is a second reading. A single line is read by it.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pointsman.sample.format import CBOR, ESCAPE, HEX, JSON, QUOTE, Format, FormatItem
from pointsman.sample.tag import Tag, TagKind
from pointsman.sample.types import Type
from pointsman.verbs.logs.cbor import read_cbor
from pointsman.verbs.logs.names import NAMES, SAME

LONGEST: Final = 16_384  # bytes of a line that is searched for all readings; longer ones are read by the expression
TRIES: Final = 200_000  # of places, in such a search

_NUMBER: Final = r"\+?-?[0-9]{1,20}"
_MILLISECONDS: Final = r"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}"
_ZONE: Final = r"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}"
_ADDRESS: Final = r"[0-9A-Fa-f:.]{1,45}|unix|-"
_DATES: Final[dict[str, str]] = {
    "t": _MILLISECONDS,
    "tr": _MILLISECONDS,
    "T": _ZONE,
    "Tl": _ZONE,
    "trg": _ZONE,
    "trl": _ZONE,
    "ms": r"[0-9]{1,3}",
    "ts": r"[!-~]{2}",
    "tsc": r"[!-~]{4}",
}
_NAMES: Final[dict[str, str]] = {
    "f": r"[\w.:-]+",
    "ft": r"[\w.:-]+~?",
    "b": r"[\w.:-]+",
    "s": r"<[\w.-]+>|[\w.:-]+",
    "sslv": r"[\w.]+|-",
    "sslc": r"[\w-]+|\(NONE\)|-",
    "OG": r"\w+|-",
}
_CAPTURED: Final = r"\{[^{}]*\}"
_ESCAPED: Final = re.compile(r'\\(["\\\]])')


@dataclass(frozen=True, slots=True)
class Literal:
    """`shared`: what stands before it may print nothing; its first space is then the one before (Format)."""

    text: str
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """A place of a value. `value`: a regular expression of what it may be; None: any text."""

    key: str  # a tag, or "[expression]"
    name: str  # for JSON
    value: str | None
    quoted: bool = False
    escaped: bool = False
    bare: bool = False  # quotes may be missing, with all that is in them: captures
    encoding: int = 0  # JSON or CBOR
    items: int = -1  # of a list: how many; -1: not known

    def decoded(self, text: str) -> str | None:
        """The value that a text stands for; None: "-", there was none."""
        if self.encoding == JSON:
            try:
                return plain(json.loads(text))
            except (ValueError, RecursionError):
                return text
        if self.encoding == CBOR:
            return plain(read_cbor(text))
        if self.escaped:
            text = _ESCAPED.sub(r"\1", text)
        return None if text == "-" and not self.quoted else text


def plain(value: object) -> str | None:
    """A value of JSON or CBOR as a line without encoding would have it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        return " ".join(str(plain(one) or "-") for one in value)
    return str(value)


Part = Literal | Slot


def make_parts(form: Format, captures: tuple[int, int] = (-1, -1)) -> list[Part]:
    """`captures`: how many headers of requests and of responses are captured, where that is known."""
    parts: list[Part] = []
    empty: bool | None = None  # since a literal that ended with a space all may print nothing; None: something prints
    for item in form.items:
        if item.tag is None and item.expression is None:
            text = item.literal
            parts.append(Literal(text, shared=bool(empty) and text.startswith(" ")))
            empty = False if text.endswith(" ") else None
            continue
        parts.append(_slot(item, captures))
        if empty is not None:
            empty = True if item.tag is not None and item.tag.kind in (TagKind.NAME, TagKind.LIST) else None
    return parts


def named_slots(form: Format, captures: tuple[int, int] = (-1, -1)) -> dict[str, Slot]:
    """Of a format that is one object in JSON or CBOR: its named items."""
    return {item.name: _slot(item, captures) for item in form.items if item.name}


def _slot(item: FormatItem, captures: tuple[int, int]) -> Slot:
    flags = item.flags
    encoding = CBOR if flags & CBOR else JSON if flags & JSON else 0
    quoted, escaped = bool(flags & QUOTE), bool(flags & ESCAPE)
    if item.tag is not None:
        key = item.tag.name
        name = item.name or NAMES.get(key, key)
        if encoding:
            return Slot(key, name, _encoded(encoding), encoding=encoding)
        return _tag_slot(item.tag, key, name, flags, captures)
    assert item.expression is not None
    text = item.expression.text
    key = SAME.get(text, f"[{text}]")
    name = item.name or NAMES.get(key, text)
    if encoding:
        return Slot(key, name, _encoded(encoding), encoding=encoding)
    values = {
        Type.SINT: r"-?[0-9]{1,20}|-",
        Type.BOOL: r"[01]|-",
        Type.IPV4: r"[0-9.]{1,15}|-",
        Type.IPV6: r"[0-9A-Fa-f:.]{1,45}|-",
    }
    return Slot(key, name, None if quoted else values.get(item.expression.type), quoted, escaped)


def _encoded(encoding: int) -> str:
    if encoding == CBOR:
        return r"[0-9A-F]+"
    return r'"(?:[^"\\]|\\.)*"|-?[0-9]+|true|false|null|\[(?:"(?:[^"\\]|\\.)*"(?:, )?)*\]'


def _tag_slot(tag: Tag, key: str, name: str, flags: int, captures: tuple[int, int]) -> Slot:
    kind = tag.kind
    quoted, escaped = bool(flags & QUOTE), bool(flags & ESCAPE)
    if kind == TagKind.NUMBER:
        return Slot(key, name, _NUMBER)
    if kind == TagKind.DATE:
        return Slot(key, name, _DATES.get(key, _NUMBER))
    if kind == TagKind.HEX:
        return Slot(key, name, r"[0-9A-F]{1,20}|-" if flags & HEX else r"-?[0-9]{1,20}|-")
    if kind == TagKind.ADDRESS:
        return Slot(key, name, r"[0-9A-Fa-f:.]{0,45}|unix|-" if quoted else _ADDRESS, quoted)
    if kind == TagKind.LIST:
        number = captures[0 if key == "hrl" else 1]
        return Slot(key, name, _list(number, quoted, escaped), escaped=escaped, items=number)
    if key in ("hr", "hs"):
        number = captures[0 if key == "hr" else 1]
        if number == 0:
            return Slot(key, name, "", items=0)
        inside = r"\{[^{}|]*" + rf"(?:\|[^{{}}|]*){{{number - 1}}}\}}" if number > 0 else _CAPTURED
        return Slot(key, name, inside, quoted, escaped, bare=True, items=number)
    if kind == TagKind.NAME and key in _NAMES and not escaped:
        return Slot(key, name, _NAMES[key] + ("|" if quoted else ""), quoted)
    if key in ("HM", "HU", "HP", "HPO", "HQ") and not escaped:
        return Slot(key, name, r'[^\s"]*' if quoted or key in ("HPO", "HQ") else r'[^\s"]+', quoted)
    if kind == TagKind.TEXT and quoted and not escaped:
        return Slot(key, name, r'[^"]*', quoted)
    return Slot(key, name, None, quoted, escaped)


def _list(number: int, quoted: bool, escaped: bool) -> str | None:
    """Of several texts with a space between them."""
    if number == 0:
        return ""
    if not quoted:
        return None
    one = r'"(?:[^"\\]|\\.)*"' if escaped else r'"[^"]*"'
    if number > 0:
        return one + f"(?: {one})" * (number - 1)
    return f"(?:{one}(?: {one})*)?"


class Pattern:
    """How lines of one format are read. `parts` stand in a row."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = list(parts)
        self.spaced = False  # the format ends with a space
        while self.parts and isinstance(last := self.parts[-1], Literal):
            self.spaced = last.text.endswith(" ")
            text = last.text.rstrip(" ")  # many programs take spaces at the end away
            self.parts.pop()
            if text:
                self.parts.append(Literal(text, last.shared))
                break
        self.slots = [part for part in self.parts if isinstance(part, Slot)]
        self.may_be_cut = bool(self.parts) and isinstance(end := self.parts[-1], Slot) and end.quoted
        self.expression = re.compile(self._whole().encode("utf-8", "surrogateescape"), re.DOTALL | re.ASCII)
        self._fits = [self._one(part) for part in self.parts]

    @property
    def selective(self) -> bool:
        """It has something to be known by: not any line is one of it."""
        return any(
            isinstance(part, Literal) and part.text.strip() or isinstance(part, Slot) and part.value
            for part in self.parts
        )

    def _whole(self) -> str:
        texts = []
        for index, part in enumerate(self.parts):
            if isinstance(part, Literal):
                first = "(?: |(?<= ))" if part.shared else ""
                text = part.text[1:] if part.shared else part.text
                if index == len(self.parts) - 2 and text.endswith(" "):  # what is behind it may print nothing
                    texts.append(first + re.escape(text[:-1]) + r"(?: |(?= *\Z))")
                else:
                    texts.append(first + re.escape(text))
                continue
            value = part.value if part.value is not None else self._text(index, part)
            group = f"({value})"
            if part.quoted:
                last = index == len(self.parts) - 1 and not part.bare
                group = f'"{group}"?' if last else f'"{group}"'
            texts.append(f"(?:{group})?" if part.bare else group)
        return "".join(texts) + r"[ \r]*\Z"

    def _text(self, index: int, part: Slot) -> str:
        """Of a text that may be anything: up to what follows it."""
        if part.quoted:
            return r'(?:[^"\\]|\\.)*' if part.escaped else r'[^"]*'
        following = next((one for one in self.parts[index + 1 :] if isinstance(one, Literal)), None)
        if following is None:
            return r".*?" if index + 1 == len(self.parts) else r".*+"
        # Without going back: of two texts side by side the first takes all, in linear time.
        return f"[^{re.escape(following.text[0])}]*+"

    def _one(self, part: Part) -> re.Pattern[bytes]:
        """What a value of the part may be, with its quotes, whatever follows it."""
        if isinstance(part, Literal):
            return re.compile(b"")
        value = part.value if part.value is not None else ".*"
        text = f'"({value})"' if part.quoted else f"({value})"
        if part.bare:
            text = f"(?:{text})?"
        return re.compile(text.encode("utf-8", "surrogateescape"), re.DOTALL | re.ASCII)

    def values(self, found: re.Match[bytes]) -> list[bytes | None]:
        return list(found.groups())

    def readings(self, line: bytes) -> "list[list[bytes | None]]":
        """Up to two: the values of all slots. Two: the line can be read in more than one way."""
        bare = line.rstrip(b" \r")
        found: list[list[bytes | None]] = []
        whole = line.rstrip(b"\r")
        if self.spaced:
            whole = whole.removesuffix(b" ")
        for text in dict.fromkeys((whole, bare, bare + b" ")):  # spaces at the end come and go
            found = self._readings(text)
            if found:
                break
        return found

    def _readings(self, line: bytes) -> "list[list[bytes | None]]":
        if len(line) > LONGEST:
            match = self.expression.match(line)
            return [] if match is None else [self.values(match)]
        search = _Search(self, line)
        try:
            first = search.find(False)
            second = None if first is None else search.find(True)
        except (_TooMany, RecursionError):
            first = second = None
        if first is None:
            match = self.expression.match(line)  # of a line that was cut, or for which the search is too long
            return [] if match is None else [self.values(match)]
        return [first] if second is None or second == first else [first, second]


class _TooMany(Exception):
    """A search has tried enough."""


class _Search:
    """Where the parts of a pattern may stand in one line. What was found not to fit is not tried again."""

    def __init__(self, pattern: Pattern, line: bytes) -> None:
        self.pattern = pattern
        self.line = line
        self.texts = [
            part.text.encode("utf-8", "surrogateescape") if isinstance(part, Literal) else b"" for part in pattern.parts
        ]
        self.dead: set[tuple[int, int]] = set()  # part and place from which there is no way to the end
        self.left = TRIES

    def find(self, backwards: bool) -> "list[bytes | None] | None":
        """The reading whose first fields are as short as can be; `backwards`: as long as can be."""
        values: list[bytes | None] = []
        return values if self._from(0, 0, backwards, values) else None

    def _from(self, index: int, at: int, backwards: bool, values: "list[bytes | None]") -> bool:
        parts = self.pattern.parts
        if index == len(parts):
            return at == len(self.line)
        if (index, at) in self.dead:
            return False
        part = parts[index]
        if isinstance(part, Literal):
            for end in self._behind(part, self.texts[index], at):
                if self._from(index + 1, end, backwards, values):
                    return True
        else:
            ends = self._ends(index, part, at)
            fits = self.pattern._fits[index]
            for end in reversed(ends) if backwards else ends:
                self.left -= 1
                if not self.left:
                    raise _TooMany
                found = fits.fullmatch(self.line, at, end)
                if found is None:
                    continue
                values.append(found.group(1))
                if self._from(index + 1, end, backwards, values):
                    return True
                values.pop()
        self.dead.add((index, at))
        return False

    def _behind(self, part: Literal, text: bytes, at: int) -> list[int]:
        ends = [at + len(text)] if self.line.startswith(text, at) else []
        if part.shared and at and self.line[at - 1] == 0x20 and self.line.startswith(text[1:], at):
            ends.append(at + len(text) - 1)
        return ends

    def _ends(self, index: int, part: Slot, at: int) -> list[int]:
        """Where its value may end: before what follows it."""
        size = len(self.line)
        if index + 1 == len(self.pattern.parts):
            return [size]
        following = self.pattern.parts[index + 1]
        if isinstance(following, Slot):
            return list(range(at, size + 1))
        text = self.texts[index + 1]
        ends = [at] if following.shared else []
        place = self.line.find(text, at)
        while place >= 0:
            if not ends or place > ends[-1]:
                ends.append(place)
            place = self.line.find(text, place + 1)
        return ends
