"""Encodings: base64, hexadecimal, URLs, JSON (manual 7.3.1)."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Final

from pointsman.sample.arguments import Arguments
from pointsman.sample.casts import clamp, text_to_int
from pointsman.sample.converter.number import signed
from pointsman.sample.registry import converter, converter_with
from pointsman.sample.types import Type, Value

PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986 2.3
QUOTED: Final = [bytes([code]) if code in PLAIN else b"%%%02X" % code for code in range(256)]
ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
HEX: Final = re.compile(rb"[0-9A-Fa-f]*")


@converter("base64", Type.BIN, Type.STR)
def to_base64(value: bytes) -> bytes:
    """Base64, with padding."""
    return base64.b64encode(value)


@converter("b64dec", Type.STR, Type.BIN)
def from_base64(value: bytes) -> bytes | None:
    """From base64 with its padding. No sample for anything else."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


@converter("ub64enc", Type.BIN, Type.STR)
def to_base64url(value: bytes) -> bytes:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=")


@converter("ub64dec", Type.STR, Type.BIN)
def from_base64url(value: bytes) -> bytes | None:
    """From base64 for URLs, with or without padding."""
    if b"+" in value or b"/" in value:
        return None
    text = value.rstrip(b"=")
    if value and not text:
        return None
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None


@converter("hex", Type.BIN, Type.STR)
def to_hex(value: bytes) -> bytes:
    """Two upper-case hexadecimal digits a byte."""
    return value.hex().upper().encode()


@converter("hex2i", Type.STR, Type.SINT)
def hex_to_integer(value: bytes) -> int:
    """A number from hexadecimal digits; 0 if there are others."""
    return signed(int(value or b"0", 16)) if HEX.fullmatch(value) else 0


@converter("base2", Type.BIN, Type.STR)
def to_binary(value: bytes) -> bytes:
    """Eight binary digits a byte."""
    return b"".join([format(octet, "08b").encode() for octet in value])


def _chunks(value: bytes, size: int, truncate: bool) -> list[bytes]:
    """Parts of that size; the last may be shorter, or is left out."""
    end = len(value) - len(value) % size if truncate else len(value)
    return [value[start : start + size] for start in range(0, end, size)]


def _decimal(args: Arguments, first: bool) -> Callable[[bytes], bytes]:
    separator, size, truncate = args.text(0), args.number(1, 1), bool(args.number(2))
    if not 1 <= size <= 8:
        raise args.wrong("chunk_size value must be between 1 and 8", "a number from 1 to 8")
    return lambda value: separator.join(
        [b"%d" % int.from_bytes(chunk, "big" if first else "little") for chunk in _chunks(value, size, truncate)]
    )


@converter_with("be2dec", "(string[,integer,integer])", Type.BIN, Type.STR)
def big_endian_decimal(args: Arguments) -> Callable[[bytes], bytes]:
    """be2dec(<separator>,<chunk_size>[,<truncate>]): big-endian numbers of that many bytes in decimal."""
    return _decimal(args, True)


@converter_with("le2dec", "(string[,integer,integer])", Type.BIN, Type.STR)
def little_endian_decimal(args: Arguments) -> Callable[[bytes], bytes]:
    """le2dec(<separator>,<chunk_size>[,<truncate>]): the same, little-endian."""
    return _decimal(args, False)


@converter_with("be2hex", "(string[,integer,integer])", Type.BIN, Type.STR)
def big_endian_hex(args: Arguments) -> Callable[[bytes], bytes]:
    """be2hex([<separator>[,<chunk_size>[,<truncate>]]]): hexadecimal digits, with a separator between chunks."""
    separator, size, truncate = args.text(0), args.number(1), bool(args.number(2))
    if size < 0 or (separator and size == 0 and args.given(1)):
        raise args.wrong("chunk_size value must be positive", "a number from 1 on")
    if size == 0:
        size = 1
    return lambda value: separator.join([chunk.hex().upper().encode() for chunk in _chunks(value, size, truncate)])


@converter_with("url_enc", "(string)", Type.STR, Type.STR)
def url_encode(args: Arguments) -> Callable[[bytes], bytes]:
    """url_enc([<enc_type>]): all but letters, digits, "-", ".", "_" and "~" as %XX. The only type is "query"."""
    if args.word(0) not in ("", "query"):
        raise args.wrong(f"unknown type of encoding '{args.word(0)}'", "query")
    return lambda value: b"".join([QUOTED[octet] for octet in value])


@converter_with("url_dec", "([integer])", Type.STR, Type.STR)
def url_decode(args: Arguments) -> Callable[[bytes], bytes | None]:
    """url_dec([<in_form>]): %XX as bytes; "+" is a space behind "?", in a form everywhere. No sample if it is wrong, or
    NUL is in it (as in 3.x of the peer program)."""
    form = args.number(0) != 0

    def decode(value: bytes) -> bytes | None:
        if value.count(b"%") != len(ESCAPE.findall(value)) or b"%00" in value:
            return None
        if form:
            value = value.replace(b"+", b" ")
        elif b"?" in value:
            before, mark, behind = value.partition(b"?")
            value = before + mark + behind.replace(b"+", b" ")
        return ESCAPE.sub(lambda found: bytes([int(found.group(1), 16)]), value)

    return decode


SHORT: Final = {
    0x22: b'\\"',
    0x5C: b"\\\\",
    0x2F: b"\\/",
    0x08: b"\\b",
    0x0C: b"\\f",
    0x0A: b"\\n",
    0x0D: b"\\r",
    0x09: b"\\t",
}
CODES: Final = ("ascii", "utf8", "utf8s", "utf8p", "utf8ps")
INVALID: Final = -1
OVERLONG: Final = 1 << 32  # added to the code point of a sequence that is longer than it need be


@converter_with("json", "(string)", Type.STR, Type.STR)
def to_json(args: Arguments) -> Callable[[bytes], bytes | None]:
    """json([<input-code>]): escaped for a JSON string.

    The input is ascii (the default, any bytes), utf8 (errors: no sample), utf8s (errors are left out), utf8p and utf8ps
    (the same, overlong sequences are accepted).
    """
    code = args.word(0) or "ascii"
    if code not in CODES:
        raise args.wrong(f"Unexpected input code type '{code}'", "one of " + ", ".join(CODES))
    if code == "ascii":
        return lambda value: b"".join([json_escape(octet) for octet in value])
    permissive, silent = "p" in code[4:], "s" in code[4:]

    def escape(value: bytes) -> bytes | None:
        out: list[bytes] = []
        for point in code_points(value):
            if point >= OVERLONG and permissive:
                point -= OVERLONG
            if not 0 <= point <= 0xFFFF:
                if not silent:
                    return None
                continue
            out.append(json_escape(point))
        return b"".join(out)

    return escape


def json_escape(point: int) -> bytes:
    """A character of a JSON string, in ASCII."""
    short = SHORT.get(point)
    if short is not None:
        return short
    return bytes([point]) if 0x20 <= point < 0x7F else b"\\u%04x" % point


def code_points(value: bytes) -> list[int]:
    """UTF-8 one by one: code points, plus OVERLONG where the sequence is too long; INVALID for each wrong sequence."""
    points: list[int] = []
    index = 0
    while index < len(value):
        first = value[index]
        size = 1 if first < 0x80 else 2 if 0xC0 <= first < 0xE0 else 3 if 0xE0 <= first < 0xF0 else 0
        size = 4 if 0xF0 <= first < 0xF8 else size
        index += 1
        if size < 2:
            points.append(first if size == 1 else INVALID)
            continue
        point = first & (0x7F >> size)
        taken = 1
        while taken < size and index < len(value) and value[index] & 0xC0 == 0x80:
            point = point << 6 | value[index] & 0x3F
            taken += 1
            index += 1
        if taken < size or 0xD800 <= point < 0xE000 or point > 0x10FFFF:
            points.append(INVALID)
        else:
            points.append(point + (OVERLONG if point < (0, 0, 0x80, 0x800, 0x10000)[size] else 0))
    return points


STEP: Final = re.compile(r"""\.((?:\\.|[^.\[\\])+)|\[([0-9]+)\]|\['([^']*)'\]|\["([^"]*)"\]""", re.ASCII)


@converter_with("json_query", "(string[,string])", Type.STR, Type.ANY)
def query_json(args: Arguments) -> Callable[[bytes], Value | None]:
    """json_query(<json_path>[,<output_type>]): a string, number, boolean or array of a JSON document.

    Paths are names and indexes from the root: $.store.book[0].title, $['a b']. The output type "int" makes a number.
    Numbers are strings without it, as fractions are; an array is its JSON text. No sample for objects, null, and what
    is not there.
    """
    return json_path(args)


def json_path(args: Arguments) -> Callable[[bytes], Value | None]:
    """What the arguments of json_query look up; those of jwt_header_query are the same."""
    path, wanted = args.word(0), args.word(1)
    if wanted not in ("", "int"):
        raise args.wrong(f"expects 'int' as an output type, got '{wanted}'", "int")
    steps: list[str | int] = []
    index = 1
    while index < len(path):
        found = STEP.match(path, index)
        if found is None:
            break
        name = found.group(1) or found.group(3) or found.group(4)
        steps.append(int(found.group(2)) if found.group(2) else re.sub(r"\\(.)", r"\1", name or ""))
        index = found.end()
    if not path.startswith("$") or index < len(path):
        raise args.wrong(f"'{path}' is not a JSON path of names and indexes", "a path such as $.name[0]")
    return lambda value: _look_up(value, steps, wanted == "int")


def _look_up(value: bytes, steps: list[str | int], number: bool) -> Value | None:
    try:
        # Fractions stay text, as they were written.
        node: object = json.loads(value.decode("utf-8"), parse_float=_Fraction)
    except (ValueError, RecursionError):
        return None
    for step in steps:
        if isinstance(step, int):
            if not isinstance(node, list) or step >= len(node):
                return None
            node = node[step]
        else:
            if not isinstance(node, dict) or step not in node:
                return None
            node = node[step]
    result = _sample(node)
    if number:
        return text_to_int(result) if isinstance(result, bytes) else result
    return b"%d" % result if isinstance(result, int) and not isinstance(result, bool) else result


class _Fraction(str):
    """A number with a fraction or an exponent, as text."""

    __slots__ = ()


def _sample(node: object) -> Value | None:
    if isinstance(node, bool):
        return node
    if isinstance(node, int):
        return clamp(node)
    if isinstance(node, str):
        return node.encode("utf-8", "surrogatepass")
    return _text(node).encode("utf-8", "surrogatepass") if isinstance(node, list) else None


def _text(node: object) -> str:
    """Compact JSON, in which fractions stay numbers."""
    if isinstance(node, _Fraction):
        return str(node)
    if isinstance(node, list):
        return "[" + ",".join([_text(one) for one in node]) + "]"
    if isinstance(node, dict):
        return "{" + ",".join([json.dumps(key) + ":" + _text(one) for key, one in node.items()]) + "}"
    return json.dumps(node, ensure_ascii=False)
