"""What a header block of HTTP/2 means as a request, a response or trailers (RFC 9113 8.1 to 8.5, RFC 8441), and back.

`request_of`, `response_of` and `trailers_of` take what hpack.py has decoded. What RFC 9113 calls malformed raises
ProtocolError, whose status says what HAProxy does then: UNANSWERED (the stream is reset), 400 or 502. What a block has
meant is remembered with it, so that a block that comes again costs a copy.

Rules see an HTTP/2 request as they would see it in HTTP/1:

    :scheme + "://" + :authority + :path    `uri`, if there is an authority; else :path alone
    :authority                              the Host field, before all others; a Host beside it must say the same
    cookie, several times                   one field, joined by "; ", behind all others (RFC 9113 8.2.3)
    :method CONNECT with :protocol          GET with Upgrade and Connection (RFC 8441): a WebSocket
    a body without content-length           `chunked`, which is how HTTP/1 says it

Towards HTTP/1 servers the path goes out alone (`Request.in_parts`), unless a rule writes another URI.

`request_block`, `response_block` and `trailer_block` make blocks of heads, whatever they came in: the authority of the
Host field, no field that is for one hop of HTTP/1, and each field as it is remembered (`Field.coded`).
"""

from typing import Final

from pointsman.proto.authority import is_host, split_port
from pointsman.proto.errors import UNANSWERED, ProtocolError
from pointsman.proto.h1 import MAX_FIELDS
from pointsman.proto.h1_fields import content_length
from pointsman.proto.h1_render import encoded, target
from pointsman.proto.hpack import Block, coded, coded_pair
from pointsman.proto.message import (
    CODING,
    CONNECTION,
    EXPECT,
    HOP,
    HOST,
    LENGTH,
    MALFORMED,
    PSEUDO,
    TE,
    UPGRADE,
    Field,
    Request,
    Response,
)
from pointsman.proto.tokens import CLEAN, NAMES, PLAIN_HOSTS, PLAIN_TARGETS, SCHEMES, tokens
from pointsman.proto.unsafe import UNSAFE
from pointsman.proto.websocket import KEY, WEBSOCKET

_DEFAULT_PORTS: Final = {b"http": b"80", b"https": b"443"}
_WITHOUT_AUTHORITY: Final = (b"http", b"https")  # whose authority may not be empty (RFC 9110 4.2.1)
_HTTP2: Final = frozenset((b"h2", b"h2c"))
_A: Final = 0x61  # letters that pseudo-fields begin with
_M: Final = 0x6D
_P: Final = 0x70
_S: Final = 0x73
_CONNECTION_UPGRADE: Final = Field(b"connection", b"upgrade", CONNECTION)
_UPGRADE_WEBSOCKET: Final = Field(b"upgrade", b"websocket", UPGRADE)
# Bytes of :path: no blank and no control (RFC 9113 8.2.1); what is above 127 is left to the server, as in HAProxy.
_PATHS: Final = bytes([c if c > 0x20 and c not in (0x23, 0x7F) else c ^ 1 for c in range(256)])
_DELETE: Final = b"\x7f"
_OUT_NAMES: Final = bytes([c if c != 0x80 and NAMES[c] == c else c ^ 1 for c in range(256)])


class _Parts:
    """What a block says, field by field. None: that pseudo-field is not there."""

    def __init__(self) -> None:
        self.method: bytes | None = None
        self.scheme: bytes | None = None
        self.authority: bytes | None = None
        self.path: bytes | None = None
        self.protocol: bytes | None = None
        self.status: bytes | None = None
        self.fields: list[Field] = []
        self.cookies: list[Field] = []
        self.host: bytes | None = None  # of the Host field
        self.length = -1
        self.expects_continue = False


class KnownRequest:
    """What a block has meant, for the same block again."""

    def __init__(self, request: Request, extended: bool, lax: int) -> None:
        self.request = request
        self.extended = extended
        self.lax = lax


class KnownResponse:
    def __init__(self, response: Response) -> None:
        self.response = response


def request_of(block: Block, ended: bool, extended: bool, lax: int = 0, max_fields: int = MAX_FIELDS) -> Request:
    """A new Request each time; its `fields` may be another's too. Raises ProtocolError.

    `ended`: nothing follows the head. `extended`: :protocol may be used (RFC 8441). `lax`: bits of what the
    configuration permits (proto/unsafe.py). `max_fields`: tune.http.maxhdr less one."""
    known = block.known
    if isinstance(known, KnownRequest) and known.extended == extended and known.lax == lax:
        model = known.request
    else:
        model = _request(block, extended, lax)
        block.known = KnownRequest(model, extended, lax)
    if len(model.fields) > max_fields:
        raise ProtocolError("too many fields", UNANSWERED)
    if ended and model.length > 0 and not model.upgrade:
        raise ProtocolError("a content-length, and no body", UNANSWERED)
    head = Request()
    head.major = 2
    head.method = model.method
    head.uri = model.uri
    head.host = model.host
    head.fields = model.fields
    head.line = model.line
    head.length = model.length
    head.chunked = model.chunked and not ended
    head.upgrade = model.upgrade
    head.expects_continue = model.expects_continue
    head.odd = model.odd
    head.in_parts = model.in_parts
    return head


def response_of(block: Block, ended: bool, head_only: bool, lax: int = 0, max_fields: int = MAX_FIELDS) -> Response:
    """A new Response each time, also an interim one. Raises ProtocolError, whose status is 502. `head_only`: the answer
    to HEAD. What `lax` says is of HTTP/1 alone (manual 4.2, accept-unsafe-violations-in-http-response). Else as
    request_of."""
    known = block.known
    try:
        if isinstance(known, KnownResponse):
            model = known.response
        else:
            model = _response(block)
            block.known = KnownResponse(model)
        if len(model.fields) > max_fields:
            raise ProtocolError("too many fields")
        empty = head_only or model.empty
        if ended and model.length > 0 and not empty:
            raise ProtocolError("a content-length, and no body")
        if ended and model.status < 200:
            raise ProtocolError("an interim response ends the stream")
    except ProtocolError as error:
        raise ProtocolError(str(error), 502) from None
    head = Response()
    head.major = 2
    head.status = model.status
    head.fields = model.fields
    head.line = model.line
    head.length = model.length
    head.empty = empty
    head.chunked = model.chunked and not empty
    return head


def trailers_of(block: Block, max_fields: int = MAX_FIELDS) -> list[Field]:
    """Fields behind a body (RFC 9113 8.1): no pseudo-field, and nothing that only a head can say. Raises
    ProtocolError."""
    fields = block.fields
    if block.over or len(fields) > max_fields:
        raise ProtocolError("too many trailers")
    for one in fields:
        if one.kind:
            raise ProtocolError(f"trailer {one.name!r}")
    return fields


def _request(block: Block, extended: bool, lax: int) -> Request:
    """For the first time. `chunked` is for a body that follows."""
    parts = _read(block, True)
    head = Request()
    method = parts.method
    if not method:
        raise ProtocolError("no :method", UNANSWERED)
    if method != b"GET" and (method == b"PRI" or not method.translate(NAMES).isascii()):
        raise ProtocolError("invalid :method")
    head.method = method
    if parts.status is not None:
        raise ProtocolError(":status in a request", UNANSWERED)
    if method == b"CONNECT" and parts.protocol is None:
        _connect(head, parts)
    else:
        _place(head, parts, lax)
        if parts.protocol is not None:
            _extended(head, parts, parts.protocol, extended)
        else:
            head.length = parts.length
            head.chunked = parts.length < 0
    head.expects_continue = parts.expects_continue
    head.fields = parts.fields
    head.line = head.method + b" " + head.uri + b" HTTP/2.0"
    return head


def _read(block: Block, is_request: bool) -> _Parts:
    """All fields, each judged for itself: pseudo-fields first, each once (RFC 9113 8.3)."""
    if block.over:
        raise ProtocolError("head too large", UNANSWERED)
    parts = _Parts()
    fields = parts.fields
    begun = False
    for one in block.fields:
        kind = one.kind
        if kind == PSEUDO:
            if begun:
                raise ProtocolError("a pseudo-field behind others", UNANSWERED)
            _pseudo(parts, one)
            continue
        begun = True
        if kind:
            if not _special(parts, one, is_request):
                continue
        elif is_request and one.name == b"cookie":
            parts.cookies.append(one)
            continue
        fields.append(one)
    if parts.cookies:
        fields.append(_cookie(parts.cookies))
    return parts


def _pseudo(parts: _Parts, one: Field) -> None:
    """One of those that RFC 9113 8.3.1, 8.3.2 and RFC 8441 4 name, for the first time."""
    name = one.name
    value = one.value
    letter = name[1]
    if letter == _M and name == b":method" and parts.method is None:
        parts.method = value
    elif letter == _P and name == b":path" and parts.path is None:
        parts.path = value
    elif letter == _S and name == b":scheme" and parts.scheme is None:
        parts.scheme = value
    elif letter == _A and name == b":authority" and parts.authority is None:
        parts.authority = value
    elif letter == _S and name == b":status" and parts.status is None:
        parts.status = value
    elif letter == _P and name == b":protocol" and parts.protocol is None:
        parts.protocol = value
    else:
        raise ProtocolError(f"pseudo-field {name!r} is unknown, or there twice", UNANSWERED)


def _special(parts: _Parts, one: Field, is_request: bool) -> bool:
    """A field that is not plain. True: it is a field of the head."""
    kind = one.kind
    if kind == LENGTH:
        return _length(parts, one)
    if kind == HOST:
        if not is_request:
            return True
        if parts.host is not None:
            raise ProtocolError("several Hosts", UNANSWERED)
        if one.value.translate(PLAIN_HOSTS) != one.value and not is_host(one.value):
            raise ProtocolError("invalid Host", UNANSWERED)
        parts.host = one.value
        return True
    if kind == EXPECT:
        parts.expects_continue = one.value.lower() == b"100-continue"
        return True
    if kind == TE:
        if is_request and one.value != b"trailers":
            raise ProtocolError("TE says more than trailers", UNANSWERED)
        return one.value == b"trailers"
    if kind == HOP and one.name == b"http2-settings":
        return False
    if kind == MALFORMED:
        raise ProtocolError("invalid field name or value", UNANSWERED)
    raise ProtocolError(f"{one.name!r} has no meaning in HTTP/2", UNANSWERED)  # RFC 9113 8.2.2


def _length(parts: _Parts, one: Field) -> bool:
    """Repeated equal values are one (RFC 9110 8.6)."""
    repeated = parts.length >= 0
    try:
        parts.length = content_length(one.value, parts.length)
    except ProtocolError as error:
        raise ProtocolError(str(error), UNANSWERED) from None
    value = b"%d" % parts.length
    if not repeated and one.value != value:
        parts.fields.append(Field(one.name, value, LENGTH))
        return False
    return not repeated


def _cookie(cookies: list[Field]) -> Field:
    """All cookies in one field, for whoever is behind us (RFC 9113 8.2.3)."""
    if len(cookies) == 1:
        return cookies[0]
    joined = b"; ".join([one.value for one in cookies])
    return Field(b"cookie", joined.rstrip(b" "), 0)  # no blank behind an empty one


def _connect(head: Request, parts: _Parts) -> None:
    """CONNECT has an authority with a port, and neither scheme nor path; what follows is for the tunnel (RFC 9113
    8.5)."""
    authority = parts.authority
    if parts.scheme is not None or parts.path is not None or not authority:
        raise ProtocolError("CONNECT has an authority and nothing else", UNANSWERED)
    host, port = split_port(authority)
    if not port or not port.isdigit() or not host or not _is_authority(authority):
        raise ProtocolError("CONNECT needs host and port", UNANSWERED)
    _put_host(head, parts, authority, b"")
    head.uri = authority
    parts.fields = [one for one in parts.fields if one.kind != LENGTH]


def _place(head: Request, parts: _Parts, lax: int) -> None:
    """What scheme, authority and path name together: `uri`, `host` and the Host field (RFC 9113 8.3.1)."""
    scheme = parts.scheme
    path = parts.path
    authority = parts.authority
    if scheme is None or path is None:
        raise ProtocolError("no :scheme or no :path", UNANSWERED)
    _check_path(head, path, lax)
    lower = scheme
    if scheme not in (b"https", b"http"):
        if not scheme[:1].isalpha() or not scheme.translate(SCHEMES).isascii():
            raise ProtocolError("invalid :scheme")
        lower = scheme.lower()
    if authority is None:
        head.uri = path
        head.host = parts.host
        return
    if not _is_authority(authority) or not authority and lower in _WITHOUT_AUTHORITY:
        raise ProtocolError("invalid :authority", UNANSWERED)
    authority = _without_default(authority, lower)
    _put_host(head, parts, authority, lower)
    head.uri = scheme + b"://" + (authority if path == b"*" else authority + path)
    head.in_parts = lower in _WITHOUT_AUTHORITY


def _check_path(head: Request, path: bytes, lax: int) -> None:
    """A path and a query; "*" is for OPTIONS. A fragment is for those who take it (option
    accept-unsafe-violations-in-http-request)."""
    if path == b"*" and (head.method == b"OPTIONS"):
        return
    if path[:1] != b"/":
        raise ProtocolError("invalid :path", UNANSWERED)
    if path.translate(PLAIN_TARGETS) == path:
        return
    if path.translate(_PATHS) != path:
        rest = path.replace(b"#", b"") if lax & UNSAFE else path
        if rest.replace(_DELETE, b"").translate(_PATHS) != rest.replace(_DELETE, b""):
            raise ProtocolError("invalid :path", UNANSWERED)
        if rest.find(_DELETE) >= 0:
            raise ProtocolError("control in :path")
    head.odd = True


def _is_authority(authority: bytes) -> bool:
    """Host and port, and no user (RFC 9113 8.3.1)."""
    if authority.translate(PLAIN_HOSTS) == authority:
        return authority.count(b":") <= 1
    return authority[:1] == b"[" and is_host(authority)


def _without_default(authority: bytes, scheme: bytes) -> bytes:
    """Without the port of its scheme, which counts as absent (RFC 3986 6.2.3)."""
    if authority.find(b":") < 0:
        return authority
    host, port = split_port(authority)
    if port is not None and (not port or port == _DEFAULT_PORTS.get(scheme)):
        return host
    return authority


def _put_host(head: Request, parts: _Parts, authority: bytes, scheme: bytes) -> None:
    """The authority is the Host field, which stands first. A Host that names another place is malformed."""
    host = parts.host
    if host is not None:
        if host != authority and not _is_same(host, authority, scheme):
            raise ProtocolError("authority differs from Host", UNANSWERED)
        parts.fields = [one for one in parts.fields if one.kind != HOST]
    head.host = authority
    parts.fields.insert(0, Field(b"host", authority, HOST))


def _is_same(host: bytes, authority: bytes, scheme: bytes) -> bool:
    """A Host that names the same place. That of CONNECT may leave out the port of http or https."""
    if scheme:
        return _without_default(host, scheme).lower() == authority.lower()
    name, port = split_port(authority)
    lower = host.lower()
    return lower == authority.lower() or port in (b"80", b"443") and lower in (name.lower(), name.lower() + b":")


def _extended(head: Request, parts: _Parts, protocol: bytes, allowed: bool) -> None:
    """An extended CONNECT is what an Upgrade is in HTTP/1 (RFC 8441 4 and 5). It has no body."""
    if head.method != b"CONNECT" or not allowed or parts.authority is None or parts.path == b"*":
        raise ProtocolError(":protocol is not for this request", UNANSWERED)
    lower = protocol.lower()
    if not lower or not lower.translate(NAMES).isascii() or lower in _HTTP2:
        raise ProtocolError("invalid :protocol", UNANSWERED)
    head.method = b"GET"
    head.upgrade = True
    cookies = parts.fields[-1:] if parts.cookies else []
    fields = [one for one in parts.fields if one.kind not in (LENGTH, EXPECT) and one not in cookies]
    fields.append(_UPGRADE_WEBSOCKET if protocol == WEBSOCKET else Field(b"upgrade", protocol, UPGRADE))
    fields.append(_CONNECTION_UPGRADE)
    parts.fields = fields + cookies
    parts.expects_continue = False


def _response(block: Block) -> Response:
    """For the first time."""
    parts = _read(block, False)
    status = parts.status
    if status is None or len(status) != 3 or not status.isdigit() or status[0] == 0x30:
        raise ProtocolError("no :status of three digits")
    if (
        parts.method is not None
        or parts.path is not None
        or parts.scheme is not None
        or parts.authority is not None
        or parts.protocol is not None
    ):
        raise ProtocolError("a request's pseudo-field in a response")
    head = Response()
    head.status = int(status)
    if head.status == 101:
        raise ProtocolError("101 is not of HTTP/2")  # RFC 9113 8.6
    head.empty = head.status < 200 or head.status in (204, 304)
    head.length = parts.length
    head.chunked = parts.length < 0
    head.fields = parts.fields
    head.line = b"HTTP/2.0 %b" % status
    return head


# The way out.

_METHODS: Final = {
    name: coded_pair(b":method", name)
    for name in (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"CONNECT")
}
_HTTP: Final = coded_pair(b":scheme", b"http")
_HTTPS: Final = coded_pair(b":scheme", b"https")
_STATUSES: Final = [coded_pair(b":status", b"%d" % status) for status in range(1000)]
_TRAILERS: Final = coded_pair(b"te", b"trailers")
_NAMED_ALONE: Final = frozenset((b"close", b"keep-alive", b"upgrade", b"te", b"host", b"content-length"))
_NOTHING: Final[frozenset[bytes]] = frozenset()
_NO_TRAILERS: Final = (LENGTH, CODING, HOST, CONNECTION, HOP, UPGRADE, TE)


def request_block(request: Request, secure: bool, protocol: bytes = b"") -> bytes:
    """A request's head. `secure`: the scheme is https, where the URI names none. `protocol`: this is an extended
    CONNECT (RFC 8441)."""
    method = request.method if not protocol else b"CONNECT"
    uri = request.uri
    out = [_METHODS.get(method) or coded_pair(b":method", encoded(method)), b"", b"", b""]
    host: bytes | None = None
    if method == b"CONNECT" and not protocol:
        host = uri
    elif uri[:1] == b"/":
        out[1] = _HTTPS if secure else _HTTP
        out[3] = coded_pair(b":path", target(uri, request.odd))
    else:
        host = _absolute(request, out, secure)
    if protocol:
        out.append(coded_pair(b":protocol", protocol))
    found = _add(out, request.fields, request.length, protocol != b"")
    if host is None:
        host = found
    if host:
        out[2] = coded_pair(b":authority", encoded(host))
    return b"".join(out)


def _absolute(request: Request, out: list[bytes], secure: bool) -> bytes | None:
    """Scheme and path of a URI that does not begin with its path. Its authority, less the user; None: it has none."""
    uri = request.uri
    mark = uri.find(b"://")
    if mark < 0:
        out[1] = _HTTPS if secure else _HTTP
        out[3] = coded_pair(b":path", target(uri, request.odd))
        return None
    scheme = uri[:mark]
    start = uri.find(b"/", mark + 3)
    authority = uri[mark + 3 :] if start < 0 else uri[mark + 3 : start]
    if authority.translate(PLAIN_HOSTS) != authority:  # a query behind it, a user before it, brackets
        authority = authority.partition(b"?")[0].partition(b"#")[0]
        start = mark + 3 + len(authority)
        authority = authority.rpartition(b"@")[2]
    path = uri[start:] if start >= 0 else b""
    if not path:
        path = b"*" if request.method == b"OPTIONS" else b"/"
    elif path[0] != 0x2F:
        path = b"/" + path
    out[1] = _HTTPS if scheme == b"https" else _HTTP if scheme == b"http" else coded_pair(b":scheme", encoded(scheme))
    out[3] = coded_pair(b":path", target(path, request.odd))
    return authority


def response_block(response: Response, tunnel: bool = False) -> bytes:
    """A response's head, also an interim one. 101 is what 200 is here (RFC 8441 5). `tunnel`: it is a 2xx to CONNECT,
    which has no length."""
    status = response.status
    length = response.length
    if status < 200 or status == 204 or tunnel:
        length = -1
    out = [_STATUSES[status if status != 101 else 200]]
    _add(out, response.fields, length, False, True)
    return b"".join(out)


def _add(out: list[bytes], fields: list[Field], length: int, extended: bool, is_response: bool = False) -> bytes | None:
    """All fields that go on. Returns what a request's Host says."""
    host: bytes | None = None
    named = _NOTHING
    framed = length < 0
    for one in fields:
        if one.kind == CONNECTION:
            named = named | frozenset(tokens(one.value))
    named = named - _NAMED_ALONE if named else named
    for one in fields:
        kind = one.kind
        if not kind or kind == EXPECT:
            if named and one.spelt and one.name in named or extended and one.name == KEY:
                continue
            out.append(one.coded or _plain(one))
        elif kind == LENGTH:
            if not framed:
                framed = True
                size = b"%d" % length
                out.append(coded_pair(b"content-length", size) if one.value != size else one.coded or coded(one))
        elif kind == HOST:
            if is_response:
                out.append(one.coded or _plain(one))
            elif host is None:
                host = one.value
        elif kind == TE and b"trailers" in tokens(one.value):
            out.append(_TRAILERS)
    if not framed:
        out.append(coded_pair(b"content-length", b"%d" % length))
    return host


def _plain(one: Field) -> bytes:
    """A field as it goes out; made once. b"": its name is one that no field may have. What rules have written into a
    value that cannot stand there is percent-encoded, as in HTTP/1."""
    if not one.spelt:
        if one.name.translate(_OUT_NAMES) != one.name or not one.name:
            return b""
        if one.value.translate(CLEAN) != one.value:
            one.coded = coded_pair(one.name, encoded(one.value))
            return one.coded
    return coded(one)


def trailer_block(fields: list[Field]) -> bytes:
    """What follows a body: without what trailers may not say."""
    return b"".join([one.coded or _plain(one) for one in fields if one.kind not in _NO_TRAILERS])
