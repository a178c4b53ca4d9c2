"""Fields of requests and responses (manual 7.3.6): the hdr, fhdr, cnt, ip, val and names families.

"hdr" cuts values at commas, "fhdr" takes them whole. Rules get one value, by position or the last; ACLs look at all.
"""

import re
import socket
from typing import Final

from pointsman.proto.message import Head
from pointsman.sample.arguments import Arguments
from pointsman.sample.casts import text_to_int
from pointsman.sample.context import Context
from pointsman.sample.head import field_values, last_value, pick, split_list
from pointsman.sample.registry import CURRENT_HEAD, REQUEST_HEAD, RESPONSE_HEAD, fetch_of_heads, fetch_with
from pointsman.sample.source import OWN, SPLIT, WHOLE, Getter, Source
from pointsman.sample.types import Reads, Type, Value, Where

MOST: Final = 10  # values that can be counted from the end (manual 7.3.6; the program refuses more)
PORT: Final = re.compile(rb"([0-9]{1,3}(?:\.[0-9]{1,3}){3}):([0-9]{1,5})")


def head_of(ctx: Context, side: int) -> Head | None:
    """The head that a fetch of that side looks at."""
    if side == REQUEST_HEAD:
        return ctx.request
    if side == RESPONSE_HEAD:
        return ctx.response
    return ctx.response if ctx.response is not None else ctx.request


class Fields(Source):
    """The values of a field, as strings."""

    def __init__(self, args: Arguments, side: int, split: bool) -> None:
        self.name = args.text(0).lower()
        self.side = side
        self.split = split
        self.occurrence = args.number(1)
        if self.occurrence < -MOST:
            raise args.wrong(f"header occurrence must be >= -{MOST}", f"a number from -{MOST} on")
        if self.name and not self.occurrence and side != CURRENT_HEAD:
            self.header = self.name
            self.on_request = side == REQUEST_HEAD
            self.lines = SPLIT if split else WHOLE

    def get(self, ctx: Context) -> Value | None:
        return self.text(ctx)

    def text(self, ctx: Context) -> bytes | None:
        head = head_of(ctx, self.side)
        if head is None:
            return None
        if self.name and not self.occurrence:
            return last_value(head, self.name, self.split)
        return pick(field_values(head, self.name, self.split), self.occurrence)

    def values(self, ctx: Context) -> list[Value]:
        return list(self.texts(ctx))

    def texts(self, ctx: Context) -> list[bytes]:
        head = head_of(ctx, self.side)
        if head is None:
            return []
        found = field_values(head, self.name, self.split)
        if self.occurrence:
            one = pick(found, self.occurrence)
            return [] if one is None else [one]
        return found

    def parts(self, value: bytes) -> list[bytes]:
        """The values of one line."""
        return split_list(value) if self.split else [value]


class NumberFields(Fields):
    """The values of a field, as integers."""

    def __init__(self, args: Arguments, side: int) -> None:
        super().__init__(args, side, True)
        if self.lines:
            self.lines = OWN

    def get(self, ctx: Context) -> Value | None:
        found = self.text(ctx)
        return None if found is None else text_to_int(found) or 0

    def values(self, ctx: Context) -> list[Value]:
        return [text_to_int(text) or 0 for text in self.texts(ctx)]

    def of_line(self, value: bytes) -> list[Value]:
        return [text_to_int(text) or 0 for text in self.parts(value)]


class AddressFields(Fields):
    """The values of a field, as addresses; what is none is left out."""

    def __init__(self, args: Arguments, side: int) -> None:
        super().__init__(args, side, True)
        if self.lines:
            self.lines = OWN

    def get(self, ctx: Context) -> Value | None:
        found = self.text(ctx)
        return None if found is None else field_address(found)

    def values(self, ctx: Context) -> list[Value]:
        return _addresses(self.texts(ctx))

    def of_line(self, value: bytes) -> list[Value]:
        return _addresses(self.parts(value))


def _addresses(texts: list[bytes]) -> list[Value]:
    found: list[Value] = []
    for text in texts:
        address = field_address(text)
        if address is not None:
            found.append(address)
    return found


def field_address(text: bytes) -> bytes | None:
    """An IPv6 address, or an IPv4 address that a port may follow; None for all else."""
    port = PORT.fullmatch(text)
    if port is not None:
        if int(port.group(2)) > 65535:
            return None
        text = port.group(1)
    try:
        return socket.inet_pton(socket.AF_INET6 if b":" in text else socket.AF_INET, text.decode("ascii"))
    except (OSError, ValueError):
        return None


def variable_integer(number: int) -> bytes:
    """The integers of SPOE: one byte below 240; else 4 bits of it there and 7 in each byte that follows."""
    if number < 240:
        return bytes([number])
    octets = [number & 0xFF | 0xF0]
    number = (number - 240) >> 4
    while number >= 128:
        octets.append(number & 0xFF | 0x80)
        number = (number - 128) >> 7
    return bytes([*octets, number])


def _count(args: Arguments, side: int, split: bool) -> Getter:
    name = args.text(0).lower()

    def get(ctx: Context) -> Value | None:
        head = head_of(ctx, side)
        return None if head is None else len(field_values(head, name, split))

    return get


@fetch_of_heads("req.hdr", "res.hdr shdr", "([string,integer])", Type.STR)
def field_value(args: Arguments, side: int) -> Source:
    """req.hdr, res.hdr([<name>[,<occ>]]): the last value of a field, or that at a position."""
    return Fields(args, side, True)


@fetch_of_heads("req.fhdr", "res.fhdr", "([string,integer])", Type.STR)
def full_field(args: Arguments, side: int) -> Source:
    """req.fhdr, res.fhdr([<name>[,<occ>]]): the same, not cut at commas."""
    return Fields(args, side, False)


@fetch_of_heads("req.hdr_cnt hdr_cnt", "res.hdr_cnt shdr_cnt", "([string])", Type.SINT)
def field_count(args: Arguments, side: int) -> Getter:
    """req.hdr_cnt, res.hdr_cnt([<name>]): how many values the fields of that name have, or all fields."""
    return _count(args, side, True)


@fetch_of_heads("req.fhdr_cnt", "res.fhdr_cnt", "([string])", Type.SINT)
def full_field_count(args: Arguments, side: int) -> Getter:
    """req.fhdr_cnt, res.fhdr_cnt([<name>]): how many fields of that name there are, or in all."""
    return _count(args, side, False)


@fetch_of_heads("req.hdr_ip hdr_ip", "res.hdr_ip shdr_ip", "([string,integer])", Type.ADDR)
def field_ip(args: Arguments, side: int) -> Source:
    """req.hdr_ip, res.hdr_ip([<name>[,<occ>]]): a value of a field as an address."""
    return AddressFields(args, side)


@fetch_of_heads("req.hdr_val hdr_val", "res.hdr_val shdr_val", "([string,integer])", Type.SINT)
def field_number(args: Arguments, side: int) -> Source:
    """req.hdr_val, res.hdr_val([<name>[,<occ>]]): a value of a field as an integer."""
    return NumberFields(args, side)


@fetch_of_heads("req.hdr_names", "res.hdr_names", "([string])", Type.STR)
def field_names(args: Arguments, side: int) -> Getter:
    """req.hdr_names, res.hdr_names([<delim>]): the names of all fields in their order."""
    delimiter = args.text(0)[:1] or b","

    def get(ctx: Context) -> Value | None:
        head = head_of(ctx, side)
        return None if head is None else delimiter.join([one.name for one in head.fields])

    return get


@fetch_of_heads("req.hdrs", "res.hdrs", "", Type.BIN)
def fields_as_text(_: Arguments, side: int) -> Getter:
    """req.hdrs, res.hdrs: all fields as text, with the empty line behind them."""

    def get(ctx: Context) -> Value | None:
        head = head_of(ctx, side)
        if head is None:
            return None
        return b"".join([one.name + b": " + one.value + b"\r\n" for one in head.fields]) + b"\r\n"

    return get


@fetch_of_heads("req.hdrs_bin", "res.hdrs_bin", "", Type.BIN)
def fields_in_binary(_: Arguments, side: int) -> Getter:
    """req.hdrs_bin, res.hdrs_bin: all fields as lengths and texts, in the encoding of SPOE."""

    def get(ctx: Context) -> Value | None:
        head = head_of(ctx, side)
        if head is None:
            return None
        texts = [text for one in head.fields for text in (one.name, one.value)]
        return b"".join([variable_integer(len(text)) + text for text in texts]) + b"\0\0"

    return get


@fetch_with("hdr", "([string,integer])", Type.STR, Where.EXCHANGE, Reads.HEADER_BLOCK | Reads.RESPONSE_BLOCK, "7.3.6")
def field(args: Arguments) -> Source:
    """hdr([<name>[,<occ>]]): req.hdr in rules for requests, res.hdr in those for responses; in ACLs always req.hdr."""
    return Fields(args, CURRENT_HEAD, True)
