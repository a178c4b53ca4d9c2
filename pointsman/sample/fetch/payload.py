"""What is in the bytes that have come and were not forwarded yet (manual 7.3.5): of a connection in TCP mode, where
layer 4 content rules look at them. Elsewhere there are none, and no sample: of HTTP, messages are asked for (7.3.6).

A fetch says by `Context.incomplete` that further bytes may bring, or change, its sample; only while more may come.
"""

from typing import Final

from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1 import parse_request, split_head
from pointsman.proto.message import Head
from pointsman.proto.rdp_cookie import find_rdp_cookie
from pointsman.proto.tls_hello import (
    NOT_YET,
    algorithms,
    alpn,
    groups,
    handshake_type,
    has_curves,
    key_shares,
    server_name,
    suites,
    ticket,
    version,
)
from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.registry import fetch, fetch_with
from pointsman.sample.source import Source
from pointsman.sample.types import Reads, Type, Where

_REQUEST: Final = 0  # which direction a fetch looks at
_RESPONSE: Final = 1
_CURRENT: Final = 2  # that of the rule
_ANSWERED: Final = Where.RESPONSE | Where.CHECK
_OF_HEAD: Final = Reads.MOVING | Reads.REQUEST_LINE | Reads.HEADER_BLOCK | Reads.BODY
_OF_ANSWER: Final = Reads.MOVING | Reads.RESPONSE_LINE | Reads.RESPONSE_BLOCK


def _wait(ctx: Context) -> None:
    """More bytes may change what was said: of a connection in TCP mode. An exchange of HTTP has no such bytes, and
    nothing is waited for."""
    if ctx.more and (ctx.request is None or ctx.request_bytes):
        ctx.incomplete = True


def _wait_for_length(ctx: Context) -> None:
    """More may make it longer, in HTTP too."""
    if ctx.more:
        ctx.incomplete = True


def _bytes(ctx: Context, found: bytes | int) -> bytes | None:
    """A parser's answer as a sample."""
    if isinstance(found, bytes):
        return found
    if found == NOT_YET:
        _wait(ctx)
    return None


def _number(ctx: Context, found: int) -> int | None:
    if found >= 0:
        return found
    if found == NOT_YET:
        _wait(ctx)
    return None


def _weight(head: Head, first_line: int) -> int:
    """What the peer program's buffer says of a message of HTTP, measured: its parts, and what says where these are."""
    return first_line + 21 + sum([len(one.name) + len(one.value) for one in head.fields])


@fetch("req.len req_len", Type.SINT, Where.REQUEST, _OF_HEAD, "7.3.5")
def request_length(ctx: Context) -> int:
    """How many bytes of the client's are here, and are not forwarded yet. Of a request of HTTP: what its head takes,
    and what is here of its body."""
    _wait_for_length(ctx)
    request = ctx.request
    if request is None or ctx.request_bytes:
        return len(ctx.request_bytes)
    return _weight(request, len(request.method) + len(request.uri) + 8) + len(ctx.body)


@fetch("res.len", Type.SINT, _ANSWERED, _OF_ANSWER, "7.3.5")
def response_length(ctx: Context) -> int:
    """How many bytes of the server's are here, and are not forwarded yet. Of a response of HTTP: what its head
    takes."""
    _wait_for_length(ctx)
    response = ctx.response
    if response is None or ctx.response_bytes:
        return len(ctx.response_bytes)
    return _weight(response, len(response.reason) + 11)


class Payload(Source):
    """A part of the bytes that are here."""

    def __init__(self, direction: int) -> None:
        self.many = False
        self.direction = direction

    def get(self, ctx: Context) -> bytes | None:
        direction = self.direction
        if direction == _CURRENT:
            direction = _RESPONSE if ctx.responding else _REQUEST
        data = ctx.request_bytes if direction == _REQUEST else ctx.response_bytes
        if not data and (ctx.request is not None or not ctx.more and ctx.frontend.http):
            return None
        return self.part(ctx, data)

    def part(self, ctx: Context, data: bytes) -> bytes | None:
        raise NotImplementedError


class Block(Payload):
    """So many bytes from a place on; all of them where the length is 0."""

    def __init__(self, args: Arguments, direction: int) -> None:
        Payload.__init__(self, direction)
        self.start = _positive(args, 0, "payload offset")
        self.length = _positive(args, 1, "payload length")

    def part(self, ctx: Context, data: bytes) -> bytes | None:
        start, end = self.start, self.start + self.length
        if end > ctx.buffer.size:  # it would never fit
            return None
        if start > len(data) or end > len(data):
            _wait(ctx)
            return None
        if not self.length:
            _wait(ctx)
            return data[start:]
        return data[start:end]


class Measured(Payload):
    """So many bytes as a number says that is among them."""

    def __init__(self, args: Arguments, direction: int) -> None:
        Payload.__init__(self, direction)
        self.place = _positive(args, 0, "payload offset1")
        self.width = _positive(args, 1, "payload length")
        if not self.width:
            raise args.wrong("payload length must be > 0", "how many bytes say the length")
        self.start = self.place + self.width
        self._place(args)

    def _place(self, args: Arguments) -> None:
        """From <offset2>, which counts from behind the number where it has a sign."""
        text = args.word(2)
        digits = text[1:] if text[:1] in ("+", "-") else text
        if digits and not (digits.isascii() and digits.isdigit()):
            raise args.wrong("payload offset2 is not a number", "a number, or one behind '+' or '-'")
        offset = int(digits) if digits else 0
        if text[:1] == "-":
            self.start -= offset
        elif text[:1] == "+":
            self.start += offset
        elif digits:
            self.start = offset
        if self.start < 0:
            raise args.wrong("payload offset2 too negative", f"at least -{self.place + self.width}")

    def part(self, ctx: Context, data: bytes) -> bytes | None:
        behind = self.place + self.width
        if behind > len(data):
            _wait(ctx)
            return None
        length = int.from_bytes(data[self.place : behind], "big")
        if not length or self.start + length > ctx.buffer.size:
            return None
        if self.start + length > len(data):
            _wait(ctx)
            return None
        return data[self.start : self.start + length]


def _positive(args: Arguments, index: int, called: str) -> int:
    """HAProxy takes negative numbers as well, and may crash on them when traffic comes."""
    number = args.number(index)
    if number < 0:
        raise args.wrong(f"{called} must be positive", "a number from 0")
    return number


@fetch_with("req.payload", "(integer,integer)", Type.BIN, Where.REQUEST, Reads.MOVING, "7.3.5")
def request_payload(args: Arguments) -> Source:
    """req.payload(<offset>,<length>): so many of the client's bytes; length 0: all from there on."""
    return Block(args, _REQUEST)


@fetch_with("res.payload", "(integer,integer)", Type.BIN, _ANSWERED, Reads.MOVING, "7.3.5")
def response_payload(args: Arguments) -> Source:
    """res.payload(<offset>,<length>): so many of the server's bytes; length 0: all from there on."""
    return Block(args, _RESPONSE)


@fetch_with("payload", "(integer,integer)", Type.BIN, Where.REQUEST | _ANSWERED, Reads.MOVING, "7.3.5")
def payload(args: Arguments) -> Source:
    """payload(<offset>,<length>): req.payload or res.payload, as the rule is about requests or responses."""
    return Block(args, _CURRENT)


@fetch_with("req.payload_lv", "(integer,integer[,string])", Type.BIN, Where.REQUEST, Reads.MOVING, "7.3.5")
def request_payload_of_length(args: Arguments) -> Source:
    """req.payload_lv(<offset1>,<length>[,<offset2>]): as many of the client's bytes as a number among them says."""
    return Measured(args, _REQUEST)


@fetch_with("res.payload_lv", "(integer,integer[,string])", Type.BIN, _ANSWERED, Reads.MOVING, "7.3.5")
def response_payload_of_length(args: Arguments) -> Source:
    """res.payload_lv(<offset1>,<length>[,<offset2>]): the same of the server's."""
    return Measured(args, _RESPONSE)


@fetch_with("payload_lv", "(integer,integer[,string])", Type.BIN, Where.REQUEST | _ANSWERED, Reads.MOVING, "7.3.5")
def payload_of_length(args: Arguments) -> Source:
    """payload_lv(<offset1>,<length>[,<offset2>]): req.payload_lv or res.payload_lv, by the rule."""
    return Measured(args, _CURRENT)


@fetch("req.proto_http req_proto_http", Type.BOOL, Where.STREAM, Reads.MOVING | Reads.REQUEST_LINE, "7.3.5")
def is_http(ctx: Context) -> bool | None:
    """Whether the traffic is HTTP: there is a request, or the client's bytes begin with the whole head of one."""
    if ctx.request is not None:
        return True
    data = ctx.request_bytes
    try:
        size = split_head(data, 0, ctx.buffer.size - ctx.buffer.reserve, True)
        if size:
            parse_request(data[:size])
            return True
    except ProtocolError:
        return None
    _wait(ctx)
    return None


class RdpCookie(Source):
    """The cookie of a name, or of any."""

    def __init__(self, args: Arguments) -> None:
        self.many = False
        self.name = args.text(0)

    def get(self, ctx: Context) -> bytes | None:
        found = find_rdp_cookie(ctx.request_bytes, self.name)
        if found.waits:
            _wait(ctx)
        return found.value


class RdpCookies(Source):
    """How many there are of these: one or none, for the first cookie alone is looked at."""

    def __init__(self, args: Arguments) -> None:
        self.many = False
        self.name = args.text(0)

    def get(self, ctx: Context) -> int | None:
        found = find_rdp_cookie(ctx.request_bytes, self.name)
        if found.waits:
            _wait(ctx)
            return None
        return 0 if found.value is None else 1


@fetch_with("req.rdp_cookie rdp_cookie", "([string])", Type.STR, Where.REQUEST, Reads.MOVING, "7.3.5")
def cookie_of_rdp(args: Arguments) -> Source:
    """req.rdp_cookie([<name>]): the cookie in a connection request of RDP."""
    return RdpCookie(args)


@fetch_with("req.rdp_cookie_cnt rdp_cookie_cnt", "([string])", Type.SINT, Where.REQUEST, Reads.MOVING, "7.3.5")
def cookies_of_rdp(args: Arguments) -> Source:
    """req.rdp_cookie_cnt([<name>]): 1 where there is such a cookie, else 0."""
    return RdpCookies(args)


@fetch("req.ssl_hello_type req_ssl_hello_type", Type.SINT, Where.REQUEST, Reads.MOVING, "7.3.5")
def request_hello_type(ctx: Context) -> int | None:
    """The type of the client's first TLS handshake message: 1 of a hello. No sample where it is no TLS."""
    return _number(ctx, handshake_type(ctx.request_bytes))


@fetch("res.ssl_hello_type rep_ssl_hello_type", Type.SINT, _ANSWERED, Reads.MOVING, "7.3.5")
def response_hello_type(ctx: Context) -> int | None:
    """The type of the server's first TLS handshake message: 2 of a hello."""
    return _number(ctx, handshake_type(ctx.response_bytes))


@fetch("req.ssl_ver req_ssl_ver", Type.SINT, Where.REQUEST, Reads.MOVING, "7.3.5")
def hello_version(ctx: Context) -> int | None:
    """The version in the client's hello: major * 65536 + minor, where 3.1 is TLS 1.0."""
    return _number(ctx, version(ctx.request_bytes))


@fetch("req.ssl_sni req_ssl_sni", Type.STR, Where.REQUEST, Reads.MOVING, "7.3.5")
def hello_name(ctx: Context) -> bytes | None:
    """The server's name in the client's hello (RFC 6066)."""
    return _bytes(ctx, server_name(ctx.request_bytes))


@fetch("req.ssl_alpn", Type.STR, Where.REQUEST, Reads.MOVING, "7.3.5")
def hello_alpn(ctx: Context) -> bytes | None:
    """The first protocol that the client's hello offers by ALPN (RFC 7301)."""
    return _bytes(ctx, alpn(ctx.request_bytes))


@fetch("req.ssl_cipherlist", Type.BIN, Where.TRAFFIC, Reads.MOVING, "7.3.5")
def hello_suites(ctx: Context) -> bytes | None:
    """The list of cipher suites in the client's hello, as it was sent."""
    return _bytes(ctx, suites(ctx.request_bytes))


@fetch("req.ssl_sigalgs", Type.BIN, Where.TRAFFIC, Reads.MOVING, "7.3.5")
def hello_algorithms(ctx: Context) -> bytes | None:
    """The list of algorithms of signatures in the client's hello."""
    return _bytes(ctx, algorithms(ctx.request_bytes))


@fetch("req.ssl_supported_groups", Type.BIN, Where.TRAFFIC, Reads.MOVING, "7.3.5")
def hello_groups(ctx: Context) -> bytes | None:
    """The list of groups for the agreement on keys in the client's hello."""
    return _bytes(ctx, groups(ctx.request_bytes))


@fetch("req.ssl_keyshare_groups", Type.BIN, Where.TRAFFIC, Reads.MOVING, "7.3.5")
def hello_key_shares(ctx: Context) -> bytes | None:
    """The groups for which the client's hello brings a key."""
    return _bytes(ctx, key_shares(ctx.request_bytes))


@fetch("req.ssl_ec_ext", Type.BOOL, Where.REQUEST, Reads.MOVING, "7.3.5")
def hello_has_curves(ctx: Context) -> bool | None:
    """Whether the client's hello says which elliptic curves it knows."""
    found = _number(ctx, has_curves(ctx.request_bytes))
    return None if found is None else found == 1


@fetch("req.ssl_st_ext", Type.SINT, Where.REQUEST, Reads.MOVING, "7.3.5")
def hello_ticket(ctx: Context) -> int | None:
    """0: the client's hello does not speak of session tickets; 1: it takes one; 2: it brings one."""
    return _number(ctx, ticket(ctx.request_bytes))
