"""HTTP/1 heads as they go out: fields in, bytes out.

What HAProxy was seen to send (each statement has its test), and what these functions therefore do:

- Names go out in lower case, fields in the order in which they came, `name: value` with one space, also before an empty
  value ("name: ").
- Content-Length and Transfer-Encoding keep the place of the first of them; their values are written from the framing
  that the caller names, and what does not fit the framing is left out. Where the fields name none, they are appended. A
  204 and interim responses (1xx) go out without either; responses to HEAD and 304 keep theirs.
- Of Connection the members "close" and "keep-alive" are dropped, and "upgrade" where no field says what to; the others
  stay in place, joined by "," when one was dropped; a Connection field of which nothing is left goes away. Then,
  behind all other fields, comes what this hop wants to say:

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

Heads of one shape (shape.py) go out alike, too: rules drop the same lines and append the same ones. What stood between
the fields that vary is joined once (`Joined`), in the places where the last head had them. A head takes it if its list
of fields is the same, object by object, but where they vary; there the names must be the same, and the values are its
own. So it does not matter which rules have made the list.
"""

from typing import Final

from pointsman.proto.message import (
    CODING,
    CONNECTION,
    HOST,
    LENGTH,
    PLAIN,
    UPGRADE,
    Field,
    Head,
    Joined,
    Request,
    Response,
    Shape,
    path_start,
)
from pointsman.proto.reasons import reason_of
from pointsman.proto.tokens import CLEAN, PLAIN_TARGETS, tokens
from pointsman.proto.unsafe import ODD_TARGETS
from pointsman.proto.websocket import KEY

_CLOSE: Final = b"\r\nconnection: close\r\n\r\n"
_KEEP: Final = b"\r\nconnection: keep-alive\r\n\r\n"
_UPGRADE: Final = b"\r\nconnection: upgrade\r\n\r\n"
_END: Final = b"\r\n\r\n"
_CHUNKED: Final = b"\r\ntransfer-encoding: chunked"

_MARK: Final = -1  # kinds of marks in Joined.known: what is received, what rules write, the value of Content-Length
_WRITTEN: Final = -2
_SIZE: Final = -3
_ANY: Final = -2  # Joined.length: there is one, and it varies


class _Fields:
    """The field lines of one head on their way out, each with the CRLF before it."""

    def __init__(self, length: int, chunked: bool, dropped: frozenset[bytes]) -> None:
        self.length = length
        self.chunked = chunked
        self.dropped = dropped
        self.framed = False
        self.upgrade = False  # Connection names it
        self.out: list[bytes] = [b""]  # the first line's place, then what comes behind it
        self.fields: list[Field] = []  # all fields of the head

    def add(self, fields: list[Field]) -> None:
        self.fields = fields
        for one in fields:
            if one.kind:
                self._add(one)
            else:
                self.out.append(one.wire or line(one))
        self.end()

    def _add(self, one: Field) -> None:
        """One that is not plain."""
        kind = one.kind
        if kind in (LENGTH, CODING):
            if not self.framed:
                self.framed = self._frame(kind)
        elif kind == CONNECTION:
            self._connection(one.value)
        elif one.name not in self.dropped:
            self.out.append(one.wire or line(one))

    def end(self) -> None:
        """Behind the last one comes the framing that none of them named."""
        if not self.framed:
            self._frame(CODING if self.chunked else LENGTH)

    def _frame(self, kind: int) -> bool:
        """Write the framing where a field of that kind stands, if it is the framing's."""
        if kind == CODING and self.chunked:
            self.out.append(_CHUNKED)
            return True
        if kind == LENGTH and self.length >= 0:
            self.out.append(b"\r\ncontent-length: %d" % self.length)
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
                if not self._switches():
                    changed = True
                    continue
                self.upgrade = True
            kept.append(token)
        if kept:
            self.out.append(b"\r\nconnection: %b" % encoded(b",".join(kept) if changed else value))

    def _switches(self) -> bool:
        """There is an Upgrade field too, so that Connection: upgrade goes on."""
        for one in self.fields:
            if one.kind == UPGRADE:
                return True
        return False

    def join(self, fields: list[Field], varies: list[bool]) -> Joined:
        """Add them, and join what stands between those that vary."""
        self.fields = fields
        known: list[Field] = []
        pieces = [b""]
        length = self.length
        for one, moves in zip(fields, varies):
            if not moves or one.kind == LENGTH and (self.framed or self.length < 0):
                known.append(one)
                if one.kind:
                    self._add(one)
                else:
                    self.out.append(one.wire or line(one))
                continue
            if one.kind == LENGTH:
                self.framed = True
                length = _ANY
            mark = Field(one.name, b"", _SIZE if one.kind == LENGTH else _MARK if one.spelt else _WRITTEN)
            mark.spelt = one.spelt
            known.append(mark)
            self.out.append(b"\r\n%b: " % one.name)
            pieces += [b"".join(self.out), b""]
            self.out = []
        self.end()
        last = b"".join(self.out)
        joined = Joined(known, [*pieces, last + _END])
        joined.last = last
        joined.length = length
        joined.chunked = self.chunked
        joined.upgrade = self.upgrade
        return joined


def _known(joined: Joined, fields: list[Field], length: int, chunked: bool) -> list[bytes] | None:
    """What goes out, if the fields are as the last ones were."""
    known = joined.known
    if len(known) != len(fields) or joined.chunked != chunked:
        return None
    if joined.length != length and (joined.length != _ANY or length < 0):
        return None
    out = joined.pieces.copy()
    at = 2
    for one, old in zip(fields, known):
        if one is not old:
            kind = old.kind
            if kind == _MARK and one.spelt is old.spelt:  # the same name; and what was received is clean
                out[at] = one.value
            elif kind == _SIZE and one.kind == LENGTH:
                out[at] = b"%d" % length
            elif kind in (_MARK, _WRITTEN) and one.name == old.name:
                out[at] = one.value if one.spelt else encoded(one.blanks or one.value)
            else:
                return None
            at += 2
    return out


def _varying(head: Head, shape: Shape, fields: list[Field]) -> list[bool]:
    """Which fields vary: those whose lines do, and those that were others in the last head that was joined."""
    lines = [head.lines[place] for place in shape.places]
    last = shape.joined.known if shape.joined is not None else []
    if len(last) != len(fields):
        last = fields
    return [
        one.kind in (PLAIN, HOST, LENGTH) and (one in lines or one is not old and one.name == old.name)
        for one, old in zip(fields, last)
    ]


def _pieces(
    head: Head | None, fields: list[Field], length: int, chunked: bool, dropped: frozenset[bytes]
) -> tuple[list[bytes], bytes, bool]:
    """What goes out, with a place for the first line; what its last piece is without the end; and: does Connection name
    "upgrade"? `head`: whose fields they are, if what is known of its shape may be used."""
    shape = head.shape if head is not None else None
    if head is not None and shape is not None and shape.end:
        joined = shape.joined
        if joined is not None:
            out = _known(joined, fields, length, chunked)
            if out is not None:
                return out, joined.last, joined.upgrade
        missed = shape.missed = shape.missed + 1
        if not missed & (missed - 1):  # ever more rarely: some differ each time
            joined = shape.joined = _Fields(length, chunked, dropped).join(fields, _varying(head, shape, fields))
            out = _known(joined, fields, length, chunked)
            if out is not None:
                return out, joined.last, joined.upgrade
    block = _Fields(length, chunked, dropped)
    block.add(fields)
    block.out.append(_END)
    return block.out, b"", block.upgrade


def line(one: Field) -> bytes:
    """A field's line as it goes out, behind the end of the line before it; made once."""
    value = one.blanks or one.value
    if not one.spelt and value.translate(CLEAN) != value:  # what was received is clean
        value = encoded(value)
    made = one.wire = b"\r\n%b: %b" % (one.name, value)
    return made


def encoded(value: bytes) -> bytes:
    """CR, LF and NUL percent-encoded."""
    if value.translate(CLEAN) == value:
        return value
    return value.replace(b"\r", b"%0D").replace(b"\n", b"%0A").replace(b"\0", b"%00")


def target(uri: bytes, odd: bool) -> bytes:
    """A target that a rule has written, or that came in parts: what may not stand in one is percent-encoded. `odd`: but
    what a request's target had of that (proto/unsafe.py)."""
    allowed = ODD_TARGETS if odd else PLAIN_TARGETS
    if uri and uri.translate(allowed) == uri:
        return uri
    if not uri:
        return b"/"
    return b"".join([b"%%%02X" % byte if allowed[byte] != byte else uri[i : i + 1] for i, byte in enumerate(uri)])


def alone(uri: bytes, method: bytes) -> bytes:
    """The path and the query of a URI, as origin servers get them (RFC 9112 3.2.1); "*" where OPTIONS has neither
    (3.2.4)."""
    start = path_start(uri)
    if start >= 0:
        return uri[start:]
    query = uri.find(b"?")
    if query >= 0:
        return b"/" + uri[query:]
    return b"*" if method == b"OPTIONS" else b"/"


_HOP_REQUEST: Final = frozenset((b"http2-settings",))
_NO_HOP: Final[frozenset[bytes]] = frozenset()
_HOPS: Final = frozenset((b"keep-alive", b"proxy-connection", b"http2-settings", b"te"))


def _strict_fields(fields: list[Field], upgrade: bool) -> list[Field]:
    """Without what is meant for one hop only (RFC 9110 7.6.1)."""
    named: set[bytes] = set(_HOPS)
    for one in fields:
        if one.kind == CONNECTION:
            named.update(tokens(one.value))
    # A sender that names these in Connection wants to take the body's framing or its routing from the next hop.
    named -= {b"content-length", b"transfer-encoding", b"host"}
    if upgrade:
        named.discard(b"upgrade")
    else:
        named.add(b"upgrade")
    return [one for one in fields if one.kind != CONNECTION and one.name not in named]


def request_head(
    method: bytes,
    uri: bytes,
    fields: list[Field],
    *,
    minor: int = 1,
    length: int = -1,
    chunked: bool = False,
    close: bool = False,
    upgrade: bool = False,
    strict: bool = False,
    head: Request | None = None,
) -> bytes:
    """A request's head. `close`: the server connection is for this exchange only. `length` -1: no Content-Length.
    `head`: the one received, with the shape by which it was understood."""
    if chunked:
        length = -1
    if strict:
        out, last, named = _pieces(None, _strict_fields(fields, upgrade), length, chunked, _NO_HOP)
    else:
        out, last, named = _pieces(head, fields, length, chunked, _HOP_REQUEST)
    shape = head.shape if head is not None else None
    if head is not None and shape is not None and uri is head.received and method is shape.method and minor:
        out[0] = head.line
    else:
        version = b"HTTP/1.1" if minor else b"HTTP/1.0"
        if head is None:
            out[0] = b"%b %b %b" % (encoded(method), target(uri, False), version)
        else:
            if head.in_parts:
                uri = alone(uri, method)
            out[0] = b"%b %b %b" % (encoded(method), target(uri, head.odd), head.version or version)
    if strict and upgrade:
        out[-1] = last + _UPGRADE
    elif not named:
        if close and minor:
            out[-1] = last + _CLOSE
        elif not close and not minor and not chunked:
            out[-1] = last + _KEEP
    return b"".join(out)


def _status_line(joined: Joined | None, status: int, reason: bytes, minor: int) -> bytes:
    """The first line of a response; `joined` remembers the last one."""
    if joined is not None and joined.status == status and joined.reason is reason and joined.minor == minor:
        return joined.start
    start = b"HTTP/1.%d %d %b" % (minor, status, encoded(reason) if reason else reason_of(status))
    if joined is not None:
        joined.start = start
        joined.status = status
        joined.reason = reason
        joined.minor = minor
    return start


def response_head(
    status: int,
    reason: bytes,
    fields: list[Field],
    *,
    minor: int = 1,
    client_minor: int = 1,
    length: int = -1,
    chunked: bool = False,
    close: bool = False,
    tunnel: bool = False,
    strict: bool = False,
    head: Response | None = None,
) -> bytes:
    """A response's head, also an interim one. `close`: the client's connection ends with it. `client_minor`: of the
    request's version. `tunnel`: it is a 2xx to CONNECT. `head`: the one received, with the shape by which it was
    understood."""
    if status < 200 or (status == 204 and not tunnel):
        length = -1
        chunked = False
    elif chunked:
        length = -1
    switch = status == 101
    if strict:
        out, last, named = _pieces(None, _strict_fields(fields, switch), length, chunked, _NO_HOP)
    else:
        out, last, named = _pieces(head, fields, length, chunked, _NO_HOP)
    shape = head.shape if head is not None else None
    out[0] = _status_line(shape.joined if shape is not None else None, status, reason, minor)
    if head is not None and (head.version or head.digits):
        digits = head.digits if head.digits and int(head.digits) == status else b"%d" % status
        out[0] = b"%b %b %b" % (head.version or out[0][:8], digits, encoded(reason) if reason else reason_of(status))
    if strict and switch:
        out[-1] = last + _UPGRADE
    elif not named and status >= 200 and not tunnel:
        if close and minor:
            out[-1] = last + _CLOSE
        elif not close and not (minor and client_minor):
            out[-1] = last + _KEEP
    return b"".join(out)


def request_bytes(request: Request, *, close: bool, strict: bool = False, key: bytes = b"") -> bytes:
    """A request with the framing in which it was received. `key`: of a WebSocket whose client has none."""
    return request_head(
        request.method,
        request.uri,
        request.fields if not key else [*request.fields, Field(KEY, key, PLAIN)],
        minor=request.minor,
        length=request.length,
        chunked=request.chunked,
        close=close,
        upgrade=request.upgrade,
        strict=strict,
        head=request,
    )


def response_bytes(response: Response, request: Request | None, *, close: bool, strict: bool = False) -> bytes:
    """A response with the framing in which it was received. `request` None: there was none that could be read."""
    tunnel = request is not None and request.method == b"CONNECT" and 200 <= response.status < 300
    return response_head(
        response.status,
        response.reason,
        response.fields,
        minor=response.minor,
        client_minor=1 if request is None else request.minor,
        length=response.length,
        chunked=response.chunked,
        close=close,
        tunnel=tunnel,
        strict=strict,
        head=response,
    )


def interim(response: Response, strict: bool = False) -> bytes:
    """A 1xx, to be relayed as it came."""
    return response_head(response.status, response.reason, response.fields, minor=response.minor, strict=strict)
