"""HTTP/1 heads as they go out: fields in, bytes out.

What HAProxy was seen to send (each statement has its test), and what these functions therefore do:

- Names go out in lower case, fields in the order in which they came, `name: value` with one space, also before an empty
  value ("name: ").
- Content-Length and Transfer-Encoding keep the place of the first of them; their values are written from the framing
  that the caller names, and what does not fit the framing is left out. Where the fields name none, they are appended. A
  204 and interim responses (1xx) go out without either; responses to HEAD and 304 keep theirs.
- Of Connection the members "close" and "keep-alive" are dropped and the others stay in place, joined by "," when one
  was dropped; a Connection field of which nothing is left goes away. Then, behind all other fields, comes what this hop
  wants to say:

      request    connection close   "close" to HTTP/1.1, nothing to HTTP/1.0
                 connection kept    "keep-alive" to HTTP/1.0 (but not with chunks, which it does not know), nothing to
                                    HTTP/1.1
      response   connection close   "close" in HTTP/1.1, nothing in HTTP/1.0
                 connection kept    "keep-alive" if the response or the request is HTTP/1.0, else nothing

  and nothing at all if Connection names "upgrade", in interim responses, in a 101 and for a tunnel of CONNECT.
- The version is the one received (HTTP/1.0 or HTTP/1.1), on both sides: an HTTP/1.0 client of an HTTP/1.1 server reads
  "HTTP/1.1 200 OK", and an HTTP/1.0 server's response to an HTTP/1.1 client stays HTTP/1.0.
- Fields that Connection names, Keep-Alive, Proxy-Connection, Trailer, Proxy-Authorization and Proxy-Authenticate go
  through. HTTP2-Settings does not, being for the hop that it came on; the parser has already reduced TE and Upgrade.
  `strict` (option pointsman-strict) removes what RFC 9110 7.6.1 asks to remove.
- A CR, LF or NUL that a rule has written into a value comes out percent-encoded.
"""
from typing import Final

from pointsman.proto.message import CODING, CONNECTION, LENGTH, Field, Request, Response
from pointsman.proto.tokens import CLEAN, PLAIN_TARGETS, TARGETS, tokens

_VERSION: Final = b"HTTP/1.1\r\n"
_OLD: Final = b"HTTP/1.0\r\n"
_CLOSE: Final = b"connection: close\r\n"
_KEEP: Final = b"connection: keep-alive\r\n"
_UPGRADE: Final = b"connection: upgrade\r\n"
_CHUNKED: Final = b"transfer-encoding: chunked\r\n"


class _Fields:
    """The field lines of one head on their way out."""

    def __init__(self, length: int, chunked: bool) -> None:
        self.length = -1 if chunked else length
        self.chunked = chunked
        self.upgrade = False  # Connection names it
        self.out: list[bytes] = []

    def add(self, fields: list[Field], start: bytes, dropped: frozenset[bytes]) -> None:
        out = self.out
        out.append(start)
        framed = False
        for one in fields:
            kind = one.kind
            if kind:
                if kind in (LENGTH, CODING):
                    if not framed:
                        framed = self._frame(kind)
                    continue
                if kind == CONNECTION:
                    self._connection(one.value)
                    continue
                if dropped and one.name in dropped:
                    continue
            out.append(one.wire or line(one))
        if not framed:
            self._frame(CODING if self.chunked else LENGTH)

    def _frame(self, kind: int) -> bool:
        """Write the framing where a field of that kind stands, if it is the framing's."""
        if kind == CODING and self.chunked:
            self.out.append(_CHUNKED)
            return True
        if kind == LENGTH and self.length >= 0:
            self.out.append(b"content-length: %d\r\n" % self.length)
            return True
        return False

    def _connection(self, value: bytes) -> None:
        """What is left of a Connection field."""
        if value in (b"keep-alive", b"close", b"Keep-Alive", b"Close"):
            return  # as nearly all say
        kept: list[bytes] = []
        changed = False
        for part in value.split(b","):
            token = part.strip(b" \t")
            lower = token.lower()
            if lower in (b"", b"close", b"keep-alive"):
                changed = True
                continue
            if lower == b"upgrade":
                self.upgrade = True
            kept.append(token)
        if kept:
            self.out.append(b"connection: %b\r\n" % encoded(b",".join(kept) if changed else value))


def line(one: Field) -> bytes:
    """A field's line as it goes out; made once."""
    value = one.value
    if not one.raw and value.translate(CLEAN) != value:  # what was received is clean
        value = encoded(value)
    made = one.wire = b"%b: %b\r\n" % (one.name, value)
    return made


def encoded(value: bytes) -> bytes:
    """CR, LF and NUL percent-encoded."""
    if value.translate(CLEAN) == value:
        return value
    return value.replace(b"\r", b"%0D").replace(b"\n", b"%0A").replace(b"\0", b"%00")


def _target(uri: bytes) -> bytes:
    """A target that a rule has written: what may not stand in one is percent-encoded."""
    if uri and uri.translate(PLAIN_TARGETS) == uri:
        return uri
    if not uri:
        return b"/"
    return b"".join([b"%%%02X" % byte if TARGETS[byte] == 0x80 else uri[i:i + 1] for i, byte in enumerate(uri)])


_HOP_REQUEST: Final = frozenset((b"http2-settings",))
_NO_HOP: Final[frozenset[bytes]] = frozenset()
_HOPS: Final = frozenset((b"keep-alive", b"proxy-connection", b"http2-settings", b"te"))


def _strict_fields(fields: list[Field], upgrade: bool) -> list[Field]:
    """Without what is meant for one hop only (RFC 9110 7.6.1)."""
    named: set[bytes] = set(_HOPS)
    for one in fields:
        if one.kind == CONNECTION:
            named.update(tokens(one.value))
    # Whoever names these in Connection wants to take the body's framing or its routing from the next hop.
    named -= {b"content-length", b"transfer-encoding", b"host"}
    if upgrade:
        named.discard(b"upgrade")
    else:
        named.add(b"upgrade")
    return [one for one in fields if one.kind != CONNECTION and one.name not in named]


def request_head(method: bytes, uri: bytes, fields: list[Field], *, minor: int = 1, length: int = -1,
                 chunked: bool = False, close: bool = False, upgrade: bool = False, strict: bool = False) -> bytes:
    """A request's head. `close`: the server connection is for this exchange only. `length` -1: no Content-Length."""
    block = _Fields(length, chunked)
    start = b"%b %b %b" % (encoded(method), _target(uri), _VERSION if minor else _OLD)
    block.add(_strict_fields(fields, upgrade) if strict else fields, start, _NO_HOP if strict else _HOP_REQUEST)
    if strict and upgrade:
        block.out.append(_UPGRADE)
    elif block.upgrade:
        pass
    elif close:
        if minor:
            block.out.append(_CLOSE)
    elif not minor and not chunked:
        block.out.append(_KEEP)
    block.out.append(b"\r\n")
    return b"".join(block.out)


def response_head(status: int, reason: bytes, fields: list[Field], *, minor: int = 1, client_minor: int = 1,
                  length: int = -1, chunked: bool = False, close: bool = False, tunnel: bool = False,
                  strict: bool = False) -> bytes:
    """A response's head, also an interim one. `close`: the client's connection ends with it. `client_minor`: of the
    request's version. `tunnel`: it is a 2xx to CONNECT."""
    if status < 200 or (status == 204 and not tunnel):
        length = -1
        chunked = False
    if reason.translate(CLEAN) != reason:
        reason = encoded(reason)
    block = _Fields(length, chunked)
    start = b"HTTP/1.%d %d %b\r\n" % (minor, status, reason)
    switch = status == 101
    block.add(_strict_fields(fields, switch) if strict else fields, start, _NO_HOP)
    if strict and switch:
        block.out.append(_UPGRADE)
    elif block.upgrade or status < 200 or tunnel:
        pass
    elif close:
        if minor:
            block.out.append(_CLOSE)
    elif not minor or not client_minor:
        block.out.append(_KEEP)
    block.out.append(b"\r\n")
    return b"".join(block.out)


def request_bytes(request: Request, *, close: bool, strict: bool = False) -> bytes:
    """A request with the framing in which it was received."""
    return request_head(request.method, request.uri, request.fields, minor=request.minor, length=request.length,
                        chunked=request.chunked, close=close, upgrade=request.upgrade, strict=strict)


def response_bytes(response: Response, request: Request | None, *, close: bool, strict: bool = False) -> bytes:
    """A response with the framing in which it was received. `request` None: there was none that could be read."""
    tunnel = request is not None and request.method == b"CONNECT" and 200 <= response.status < 300
    return response_head(response.status, response.reason, response.fields, minor=response.minor,
                         client_minor=1 if request is None else request.minor, length=response.length,
                         chunked=response.chunked, close=close, tunnel=tunnel, strict=strict)


def interim(response: Response, strict: bool = False) -> bytes:
    """A 1xx, to be relayed as it came."""
    return response_head(response.status, response.reason, response.fields, minor=response.minor, strict=strict)
