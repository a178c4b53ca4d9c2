"""Strings: case, parts, substitution (manual 7.3.1)."""

import re
from collections.abc import Callable

from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.converter.number import operand
from pointsman.sample.regex import compile_regex
from pointsman.sample.registry import ContextStep, converter, converter_with
from pointsman.sample.substitution import substitute
from pointsman.sample.types import Type, Value

Edit = Callable[[bytes], bytes | None]


@converter("lower", Type.STR, Type.STR)
def lower(value: bytes) -> bytes:
    """ASCII letters in lower case."""
    return value.lower()


@converter("upper", Type.STR, Type.STR)
def upper(value: bytes) -> bytes:
    """ASCII letters in upper case."""
    return value.upper()


@converter("length", Type.STR, Type.SINT)
def length(value: bytes) -> int:
    """How many bytes it has."""
    return len(value)


@converter("reverse", Type.STR, Type.STR)
def reverse(value: bytes) -> bytes:
    """Byte by byte from the end."""
    return value[::-1]


@converter("reverse_dom", Type.STR, Type.STR)
def reverse_domain(value: bytes) -> bytes | None:
    """The labels of a domain name from the end: "mail.example.com." is "com.example.mail". None may be empty."""
    labels = value.removesuffix(b".").split(b".")
    return b".".join(reversed(labels)) if all(labels) else None


@converter("cut_crlf", Type.STR, Type.STR)
def cut_line(value: bytes) -> bytes:
    """Up to the first carriage return or line feed."""
    return re.split(rb"[\r\n]", value, maxsplit=1)[0]


@converter_with("ltrim", "(string)", Type.STR, Type.STR)
def trim_left(args: Arguments) -> Edit:
    """ltrim(<chars>): without those characters at the beginning."""
    characters = args.text(0)
    return lambda value: value.lstrip(characters) if characters else value


@converter_with("rtrim", "(string)", Type.STR, Type.STR)
def trim_right(args: Arguments) -> Edit:
    """rtrim(<chars>): without those characters at the end."""
    characters = args.text(0)
    return lambda value: value.rstrip(characters) if characters else value


@converter_with("bytes", "(string[,string])", Type.BIN, Type.BIN)
def some_bytes(args: Arguments) -> ContextStep:
    """bytes(<offset>[,<length>]): a part. Empty if it begins before or behind the input, or the length is negative.
    Both may be variables."""
    first = operand(args)
    count = operand(args, 1) if args.given(1) else None

    def cut(ctx: Context, value: Value) -> Value | None:
        assert isinstance(value, bytes)
        offset = first(ctx)
        length = None if count is None else count(ctx)
        if offset is None or count is not None and length is None:
            return None
        if not 0 <= offset < len(value) or length is not None and length < 0:
            return b""
        return value[offset:] if length is None else value[offset : offset + length]

    return ContextStep(cut)


def _delimiters(args: Arguments) -> re.Pattern[bytes]:
    characters = args.text(1)
    if not characters:
        raise args.wrong("expects delimiters", "one character or more")
    return re.compile(b"[" + b"".join(re.escape(characters[i : i + 1]) for i in range(len(characters))) + b"]")


def _index(args: Arguments) -> int:
    index = args.number(0)
    if index == 0:
        raise args.wrong("indexes start at 1 or -1", "a number other than 0")
    return index


def _span(places: list[tuple[int, int]], index: int, count: int, size: int) -> tuple[int, int] | None:
    """From where to where `count` of the places lie, from `index` on (backwards if it is negative); 0: all the rest."""
    place = index - 1 if index > 0 else len(places) + index
    if not 0 <= place < len(places):
        return None
    if index > 0:
        last = place + count - 1
        return places[place][0], size if count == 0 or last >= len(places) else places[last][1]
    first = place - count + 1
    return (0 if count == 0 or first < 0 else places[first][0]), places[place][1]


def _part(args: Arguments, empty: bool) -> Edit:
    """Fields (which may be empty) or words (which may not)."""
    index, count, separator = _index(args), args.number(2, 1), _delimiters(args)
    if count < 0:
        raise args.wrong("the number of parts must not be negative", "0 or more")

    def cut(value: bytes) -> bytes | None:
        places: list[tuple[int, int]] = []
        start = 0
        for found in separator.finditer(value):
            if empty or found.start() > start:
                places.append((start, found.start()))
            start = found.end()
        if empty or start < len(value):
            places.append((start, len(value)))
        span = _span(places, index, count, len(value))
        return None if span is None else value[span[0] : span[1]]

    return cut


@converter_with("field", "(integer,string[,integer])", Type.STR, Type.STR)
def field(args: Arguments) -> Edit:
    """field(<index>,<delimiters>[,<count>]): parts between delimiters, from the beginning, or the end if negative."""
    return _part(args, True)


@converter_with("word", "(integer,string[,integer])", Type.STR, Type.STR)
def word(args: Arguments) -> Edit:
    """word(<index>,<delimiters>[,<count>]): the same, where empty parts do not count."""
    return _part(args, False)


@converter_with("regsub", "(regex,string[,string])", Type.STR, Type.STR)
def regsub(args: Arguments) -> Edit:
    """regsub(<regex>,<subst>[,<flags>]): replace the first match, all with flag g; flag i ignores the case."""
    flags = args.word(2)
    if not set(flags) <= {"g", "i"}:
        raise args.wrong(f"unknown flags '{flags}'", "g, i, or both")
    regex = compile_regex(args.word(0), args.at, "i" in flags)
    template = args.text(1)
    every = "g" in flags
    return lambda value: substitute(regex, template, every, value)


@converter_with("param", "(string[,string])", Type.BIN, Type.STR)
def parameter(args: Arguments) -> Edit:
    """param(<name>[,<delim>]): the first parameter of that name between delimiters ("&"); no "=" is an empty value.

    Bodies may have NUL between parameters, so it takes bytes as they are.
    """
    name = args.text(0)
    delimiter = args.text(1) or b"&"
    if re.fullmatch(rb"0x[0-9A-Fa-f]{2}", delimiter):
        delimiter = bytes.fromhex(delimiter[2:].decode())
    if len(delimiter) != 1:
        raise args.wrong("the delimiter must be one character", "a character, or its code as 0xHH")

    def find(value: bytes) -> bytes | None:
        for part in value.split(delimiter):
            key, _, content = part.partition(b"=")
            if key == name:
                return content
        return None

    return find


@converter_with("language", "(string[,string])", Type.STR, Type.STR)
def language(args: Arguments) -> Edit:
    """language(<value>[,<default>]): of an Accept-Language value the best of the languages "a;b;c" that are listed."""
    known = args.text(0).split(b";")
    default = args.text(1) if args.given(1) else None

    def best(value: bytes) -> bytes | None:
        chosen, highest = default, 0
        for part in value.split(b","):
            name, _, options = part.strip(b" \t").partition(b";")
            weight = quality(options)
            name = name.strip(b" \t")
            found = name if name in known else name.partition(b"-")[0]
            if weight > highest and found in known:
                chosen, highest = found, weight
        return chosen

    return best


def quality(options: bytes) -> int:
    """The weight in thousandths of "q=0.8" (RFC 9110 12.4.2); 1000 without one, 0 for one that is wrong."""
    text = options.strip(b" \t")
    if not text:
        return 1000
    found = re.fullmatch(rb"[qQ][ \t]*=[ \t]*([01])(?:\.([0-9]{0,3}))?", text)
    if found is None:
        return 0
    return min(int(found.group(1)) * 1000 + int((found.group(2) or b"").ljust(3, b"0")), 1000)


@converter_with("has_ctl", "([string])", Type.BIN, Type.BOOL)
def has_control(args: Arguments) -> Callable[[bytes], bool]:
    """has_ctl([<mask>]): whether control characters occur: those of a mask, "any", "http"; by default all but tabs."""
    text = args.word(0)
    named = {"": 0x1FFFFFDFF, "any": 0x1FFFFFFFF, "http": 0x2401}
    if text not in named and not re.fullmatch(r"0[xX][0-9A-Fa-f]+|[0-9]+", text, re.ASCII):
        raise args.wrong(f"'{text}' is not a mask", "a number of 33 bits, any, http")
    mask = named[text] if text in named else int(text, 16 if text[:2].lower() == "0x" else 10)
    if mask >> 33:
        raise args.wrong(f"'{text}' has more than 33 bits", "a number of 33 bits, any, http")
    wanted = frozenset(code for code in [*range(32), 127] if mask >> (32 if code == 127 else code) & 1)
    return lambda value: not wanted.isdisjoint(value)
