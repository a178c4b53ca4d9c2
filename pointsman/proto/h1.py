"""HTTP/1 heads: bytes in; a head, "needs more" (0) or ProtocolError out. No I/O, no clock.

`split_head` finds where a head ends; `parse_request` and `parse_response` take exactly one whole head, with the empty
lines that may stand before it. A head is cut into lines; lines that end in a bare LF or are folded are mended by the
slow way (`_mend`), all others are taken as they are. `field_line` makes one Field of one line, whatever head it
stands in; the few fields that decide about framing, routing and the connection are then judged together (`_judge`).

What two parsers could read differently is refused (RFC 9112 2.2, 3.2, 5, 6.1, 6.3, 11.2); a few things are mended in
the head's fields, so that rules and servers see one meaning: equal repeated Content-Lengths and Hosts become one,
Content-Length beside Transfer-Encoding goes away, TE keeps only "trailers", an Upgrade to HTTP/2 goes away, and so do
an Upgrade that Connection does not name and the "upgrade" of a Connection without it, and default ports of an absolute
target.

What HAProxy tolerates (bare LF, a missing Host, controls in values, TRACE, bodies of GET, unknown expectations) is
tolerated too, unless `strict` (option pointsman-strict).
"""

from typing import Final

from pointsman.proto.authority import check_target, is_host
from pointsman.proto.errors import UNANSWERED, ProtocolError
from pointsman.proto.memory import Memory
from pointsman.proto.message import (
    CODING,
    CONNECTION,
    EXPECT,
    HOST,
    KINDS,
    LENGTH,
    PLAIN,
    TE,
    UPGRADE,
    Field,
    Head,
    Request,
    Response,
)
from pointsman.proto.shape import find_shape
from pointsman.proto.tokens import BASE64S, CLEAN, NAMES, PLAIN_HOSTS, TARGETS, TEXT, tokens
from pointsman.proto.unsafe import (
    UNSAFE,
    end_of_simple_request,
    is_odd_target,
    is_odd_version,
    odd_status,
    simple_target,
    unsafe_lines,
    without_codings,
)

ANY_PAYLOAD: Final = 1  # bits of `lax`: h1-accept-payload-with-any-method
KEEP_AMBIGUOUS: Final = 2  # h1-do-not-close-on-insecure-transfer-encoding
REQUEST_TOO_LARGE: Final = "request head too large"
RESPONSE_TOO_LARGE: Final = "response head too large"
LIMIT: Final = 15_360  # bytes of a head: tune.bufsize less tune.maxrewrite
FIELDS: Final = 100  # tune.http.maxhdr counts the first line too
_DIGITS: Final = 20  # 2^64 - 1 has no more
_LARGEST: Final = 1 << 64
SECRET: Final = frozenset((b"authorization", b"proxy-authorization"))  # never remembered beyond their connection
_HTTP2: Final = frozenset((b"h2", b"h2c"))
_SWITCHES: Final = frozenset((b"upgrade", b"http2-settings"))  # what Connection names for an upgrade
_KEY: Final = 24  # a WebSocket's key: 16 bytes in base64 (RFC 6455 4.1)
_METHODS: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"CONNECT"))
# In HTTP/1.0 these may not have a body (manual 3.1, h1-accept-payload-with-any-method).
_BODILESS: Final = frozenset((b"GET", b"HEAD", b"DELETE"))


def split_head(data: bytes, known: int, limit: int, is_request: bool, unsafe: bool = False) -> int:
    """The length of the head that `data` begins with, up to and with its empty line; 0: needs more.

    Empty lines before the head are skipped and counted in the result. The first `known` bytes were looked at before.
    Raises ProtocolError for what is too large (414 if it is all one line, else 431) and for what cannot become a head.
    """
    start = _first(data)
    if unsafe and is_request:
        simple = end_of_simple_request(data, start)
        if simple:
            return simple
    begin = max(start, known - 2)
    end = data.find(b"\n\r\n", begin)
    bare = data.find(b"\n\n", begin, end + 1 if end >= 0 else len(data))
    if bare >= 0:
        size = bare + 2
    elif end >= 0:
        size = end + 3
    else:
        size = 0
    if (size or len(data)) - start > limit:
        if not is_request:
            raise ProtocolError(RESPONSE_TOO_LARGE, 502)
        alone = data.find(b"\n", start, start + limit) < 0
        raise ProtocolError("URI too long" if alone else REQUEST_TOO_LARGE, 414 if alone else 431)
    if not size and len(data) > start and not unsafe:
        if is_request:
            _hopeless(data, start, known, True)
        else:
            try:
                _hopeless(data, start, known, False)
            except ProtocolError as error:
                raise ProtocolError(str(error), 502) from None
    return size


def _first(data: bytes) -> int:
    """Where the first line that is not empty begins (RFC 9112 2.2)."""
    at = 0
    size = len(data)
    while at < size:
        if data[at] == 0x0A or (data[at] == 0x0D and at + 1 == size):
            at += 1
        elif data[at] == 0x0D and data[at + 1] == 0x0A:
            at += 2
        else:
            break
    return at


def _hopeless(data: bytes, start: int, known: int, is_request: bool) -> None:
    """Refuse at once what no further byte can make a head, instead of at a timeout. Looks only at what is new."""
    end = data.find(b"\n", start)
    if end < 0:
        if is_request:
            method, _, rest = data[start:].replace(b"\t", b" ").partition(b" ")
            if not method.translate(NAMES).isascii() or not rest.partition(b" ")[0].translate(TARGETS).isascii():
                raise ProtocolError("invalid method or target")
        elif not b"HTTP/".startswith(data[start : start + 5]):
            raise ProtocolError("no HTTP response")
        return
    if known <= end:
        line = data[start : end - 1] if data[end - 1] == 0x0D else data[start:end]
        if is_request:
            _request_line(Request(), line, False)
        else:
            _status_line(Response(), line)
    raws = data[max(end, data.rfind(b"\n", 0, known)) + 1 :].split(b"\n")
    for i, raw in enumerate(raws):
        if raw and raw != b"\r" and raw[0] != 0x20 and raw[0] != 0x09:
            name, colon, _ = raw.partition(b":")
            if not name.translate(NAMES).isascii() or not name or (not colon and i + 1 < len(raws)):
                raise ProtocolError("invalid field name")


def _is_line(raw: bytes) -> bool:
    """The line may be taken as it is: it is not empty, no fold, and has no stray control character."""
    return len(raw) > 0 and raw[0] != 0x20 and raw[0] != 0x09 and raw.translate(CLEAN) == raw


def _lines(block: bytes, hint: list[Field], start: bytes, strict: bool) -> list[bytes]:
    """The lines of a head, without their ends and without the empty one. `hint`, `start`: what an earlier head had."""
    raws = block.split(b"\r\n")
    last = len(raws) - 2
    if last < 1 or raws[last + 1] or raws[last]:
        return _mend(block, strict)
    del raws[last:]
    known = len(hint)
    for i, raw in enumerate(raws):
        if i > known or not raw or raw != (hint[i - 1].raw if i else start):
            if not _is_line(raw):
                return _mend(block, strict)
    return raws


def _mend(block: bytes, strict: bool) -> list[bytes]:
    """The lines of a head that has empty lines before it, bare LFs or folds: each byte of a line's end that was folded
    becomes a space (RFC 9112 5.2)."""
    block = block[_first(block) :]
    if block.find(b"\0") >= 0:
        raise ProtocolError("NUL in a head")
    lines: list[bytes] = []
    pieces: list[bytes] = []
    raws = block.split(b"\n")
    last = len(raws) - 2  # the empty line
    ending = b""
    for i, raw in enumerate(raws):
        if i == last:
            break
        blanks = b" "
        if raw.endswith(b"\r"):
            raw = raw[:-1]
            blanks = b"  "
        elif strict:
            raise ProtocolError("line ends in a bare LF")
        if not raw or raw.find(b"\r") >= 0:
            raise ProtocolError("stray CR or empty line in a head")
        if raw[0] == 0x20 or raw[0] == 0x09:
            if not lines:
                raise ProtocolError("a fold before the first field")
            pieces.append(ending)
        elif pieces:
            lines.append(b"".join(pieces))
            pieces = []
        pieces.append(raw)
        ending = blanks
    if not pieces or raws[-1] or raws[last] not in (b"", b"\r") or (strict and not raws[last]):
        raise ProtocolError("not one whole head")
    lines.append(b"".join(pieces))
    return lines


def field_line(raw: bytes) -> Field:
    """One line, which has no CR, LF or NUL in it (RFC 9112 5)."""
    spelt, colon, value = raw.partition(b":")
    name = spelt.translate(NAMES)
    if not colon or not name or not name.isascii():
        raise ProtocolError("invalid field line")
    made = Field(name, value.strip(b" \t"), KINDS.get(name, PLAIN))
    made.raw = raw
    made.spelt = spelt + b":"
    return made


def _parse_fields(
    head: Head,
    raws: list[bytes],
    strict: bool,
    max_fields: int,
    is_request: bool,
    hint: list[Field],
    memory: Memory[Field] | None,
    lax: int,
) -> None:
    """`hint`: the lines of an earlier head; what stands in the same place again is the same field."""
    if len(raws) - 1 > max_fields:
        raise ProtocolError("too many fields")
    fields: list[Field] = []
    special = False
    known = len(hint)
    for i in range(1, len(raws)):
        raw = raws[i]
        one: Field | None = None
        if i <= known:
            one = hint[i - 1]
            if one.raw != raw:
                one = None
        if one is None:
            if memory is not None:
                one = memory.get(raw)
            if one is None:
                one = field_line(raw)
                if memory is not None and one.name not in SECRET:
                    memory.offer(raw, one)
        if strict and one.value.translate(TEXT) != one.value:
            raise ProtocolError("control in a field's value")
        if one.kind:
            special = True
        fields.append(one)
    head.fields = fields
    if special:
        _judge(head, is_request, lax)
        _settle(head, strict, lax)


def _as_received(head: Head, raws: list[bytes], earlier: Head | None) -> None:
    """Nothing was mended: the head can be a model for the next one."""
    if len(head.fields) == len(raws) - 1:
        head.lines = head.fields
        if earlier is not None:
            find_shape(head, earlier)


def _canonical(one: Field, value: bytes) -> Field:
    """The field with its value in canonical form (one number, "chunked", "trailers"), its received line kept."""
    if one.value == value:
        return one
    made = Field(one.name, value, one.kind)
    made.raw = one.raw
    made.spelt = one.spelt
    return made


def _judge(head: Head, is_request: bool, lax: int) -> None:
    """What the fields say that decide about framing and connections. Doubles are dropped."""
    fields: list[Field] = []
    codings: list[bytes] = []
    upgrade = seen = False
    host: bytes | None = None
    for one in head.fields:
        kind = one.kind
        if kind == LENGTH:
            repeated = head.length >= 0
            head.length = _length(one.value, head.length)
            if repeated:
                continue
            one = _canonical(one, b"%d" % head.length)
        elif kind == CODING:
            codings.append(one.value)
            one = _canonical(one, b"chunked")
        elif kind == CONNECTION:
            upgrade = _connection(head, one.value) or upgrade
        elif kind == UPGRADE:
            seen = True
        elif kind == TE:  # transfer codings end here, the wish for trailers is passed on (RFC 9110 10.1.4)
            if b"trailers" not in tokens(one.value):
                continue
            one = _canonical(one, b"trailers")
        elif kind == HOST and is_request:
            _check_host(one.value, host)
            if host is not None:
                continue
            host = one.value
        fields.append(one)
    head.fields = fields
    if upgrade or seen:
        _upgrade(head, upgrade)
    if codings:
        _chunked(head, codings, lax & UNSAFE != 0 and not is_request)


def _check_host(value: bytes, earlier: bytes | None) -> None:
    if value.translate(PLAIN_HOSTS) != value and not is_host(value):
        raise ProtocolError("invalid Host")
    if earlier is not None and earlier.lower() != value.lower():
        raise ProtocolError("differing Hosts")


def _connection(head: Head, value: bytes) -> bool:
    """Connection (RFC 9110 7.6.1). Says whether an upgrade is named."""
    upgrade = False
    for token in tokens(value):
        if token == b"close":
            head.close = True
        elif token == b"keep-alive":
            head.keep = True
        elif token == b"upgrade":
            upgrade = True
    return upgrade


def _length(value: bytes, earlier: int) -> int:
    """1*DIGIT; repeated equal values are one (RFC 9112 6.3). int() alone would also take "+1", "1_0" and a "\\v"."""
    for part in value.split(b","):
        digits = part.strip(b" \t")
        if not digits.isdigit():
            raise ProtocolError("invalid Content-Length")
        digits = digits.lstrip(b"0") or b"0"
        length = int(digits) if len(digits) <= _DIGITS else _LARGEST
        if length >= _LARGEST or (earlier >= 0 and length != earlier):
            raise ProtocolError("differing or too large Content-Length")
        earlier = length
    return earlier


def _codings(value: bytes) -> None:
    """Transfer-Encoding (RFC 9112 6.1): "chunked" and nothing else."""
    parts = [part.strip(b" \t").lower() for part in value.split(b",")]
    unknown = False
    for i, part in enumerate(parts):
        if not part or not part.translate(NAMES).isascii() or (part == b"chunked") != (i + 1 == len(parts)):
            raise ProtocolError("invalid Transfer-Encoding")
        if part != b"chunked":
            unknown = True
    if unknown:
        raise ProtocolError("unknown transfer coding", 422)


def _chunked(head: Head, codings: list[bytes], unsafe: bool) -> None:
    """Note what Transfer-Encoding says about the body (RFC 9112 6.1)."""
    if not unsafe:
        _codings(b",".join(codings))
    elif without_codings(codings):
        head.fields = [one for one in head.fields if one.kind != CODING]
        return
    head.chunked = True


def _settle(head: Head, strict: bool, lax: int) -> None:
    """Two framings at once, or one that the version does not know: chunked wins, and nothing may follow (RFC 9112
    6.1), unless the configuration says that nobody before us could have read two framings otherwise."""
    if not head.chunked:
        return
    if head.length >= 0 or not head.minor:
        if strict:
            raise ProtocolError("Transfer-Encoding with Content-Length or in HTTP/1.0")
        head.close_after = head.length < 0 or not lax & KEEP_AMBIGUOUS
    if head.length >= 0:
        head.length = -1
        head.fields = [one for one in head.fields if one.kind != LENGTH]


def parse_request(
    block: bytes,
    strict: bool = False,
    max_fields: int = FIELDS,
    earlier: Request | None = None,
    memory: Memory[Field] | None = None,
    lax: int = 0,
) -> Request:
    """One whole head, as cut by split_head. Raises ProtocolError. `earlier`: the one before it on its connection;
    `memory`: of lines; both only save work. `lax`: bits of what the configuration permits."""
    unsafe = lax & UNSAFE != 0
    hint = earlier.lines if earlier is not None and not strict else []
    raws = (
        _lines(block, hint, earlier.line if earlier is not None else b"", strict) if not unsafe else unsafe_lines(block)
    )
    head = Request()
    _request_line(head, raws[0], strict, unsafe)
    _parse_fields(head, raws, strict, max_fields, True, hint, memory, lax)
    head.host = head.get(b"host")
    if head.uri[0] != 0x2F or head.method == b"CONNECT":
        check_target(head, strict, unsafe)
    if head.method == b"CONNECT":
        _tunnel(head, strict)
    has_body = head.length > 0 or head.chunked
    if has_body and not head.minor and head.method in _BODILESS and not lax & ANY_PAYLOAD:
        raise ProtocolError("body in an HTTP/1.0 request of this method", 413)
    for one in head.fields:
        if one.kind == EXPECT:
            if one.value.lower() == b"100-continue":
                head.expects_continue = head.minor > 0
            elif strict:
                raise ProtocolError("unknown expectation", 417)
    if head.upgrade and not unsafe:
        _check_websocket(head)
    if strict:
        _strictly(head, has_body)
    elif not unsafe:
        _as_received(head, raws, earlier)
    return head


def is_secret(head: Request) -> bool:
    """The head carries credentials: nothing of it may be kept beyond its connection."""
    for one in head.fields:
        if one.name in SECRET:
            return True
    return False


def _strictly(head: Request, has_body: bool) -> None:
    """What HAProxy tolerates and the RFCs would refuse."""
    if head.host is None and head.minor:
        raise ProtocolError("HTTP/1.1 without Host")
    if head.method == b"TRACE":
        raise ProtocolError("TRACE is not served", 405)
    if has_body and head.method in (b"GET", b"HEAD"):
        raise ProtocolError("request of this method with a body")


def _tunnel(head: Request, strict: bool) -> None:
    """CONNECT has no body: what follows its head is for the tunnel (RFC 9110 9.3.6)."""
    if strict and (head.chunked or head.length > 0):
        raise ProtocolError("CONNECT with a body")
    head.length = -1
    head.chunked = False
    head.fields = [one for one in head.fields if one.kind not in (LENGTH, CODING)]


def _upgrade(head: Head, named: bool) -> None:
    """Upgrade holds if Connection names it; neither goes on without the other, which somebody behind us may take for
    both (RFC 9110 7.8). Never to HTTP/2, which would pass through unseen (RFC 9113 3.1)."""
    fields: list[Field] = []
    left = False
    for one in head.fields:
        if one.kind == UPGRADE:
            value = _without(one.value, _HTTP2) if named else b""
            if not value:
                continue
            left = True
            if value != one.value:
                one = Field(one.name, value, UPGRADE)
        fields.append(one)
    head.fields = fields
    head.upgrade = left
    if not left and named:
        head.fields = []
        for one in fields:
            if one.kind == CONNECTION:
                value = _without(one.value, _SWITCHES)
                if not value:
                    continue
                if value != one.value:
                    one = Field(one.name, value, CONNECTION)
            head.fields.append(one)


def _without(value: bytes, names: frozenset[bytes]) -> bytes:
    """A list less these members; as it came if it has none of them and is not empty."""
    parts = [part.strip(b" \t") for part in value.split(b",")]
    kept = [part for part in parts if part and part.lower() not in names]
    return value if len(kept) == len(parts) else b", ".join(kept)


def _check_websocket(head: Request) -> None:
    """A request for a WebSocket has a key (RFC 6455 4.1)."""
    for one in head.fields:
        if one.kind == UPGRADE and b"websocket" in tokens(one.value):
            key = head.get(b"sec-websocket-key") or b""
            if len(key) != _KEY or not key.translate(BASE64S).isascii():
                raise ProtocolError("WebSocket without its key")


def parse_response(
    block: bytes,
    strict: bool = False,
    max_fields: int = FIELDS,
    earlier: Response | None = None,
    memory: Memory[Field] | None = None,
    lax: int = 0,
) -> Response:
    """One whole head of a response. Raises ProtocolError, whose status is 502. Else as parse_request."""
    try:
        return _response(block, strict, max_fields, earlier, memory, lax)
    except ProtocolError as error:
        raise ProtocolError(str(error), 502) from None


def _response(
    block: bytes, strict: bool, max_fields: int, earlier: Response | None, memory: Memory[Field] | None, lax: int
) -> Response:
    unsafe = lax & UNSAFE != 0
    hint = earlier.lines if earlier is not None and not strict else []
    raws = (
        _lines(block, hint, earlier.line if earlier is not None else b"", strict) if not unsafe else unsafe_lines(block)
    )
    head = Response()
    if unsafe:
        _odd_status_line(head, raws[0])
    else:
        _status_line(head, raws[0])
    _parse_fields(head, raws, strict, max_fields, False, hint, memory, lax)
    if head.chunked and head.minor == 0:  # the next hop may not know where the body ends (RFC 9112 6.1)
        head.close = True
        head.close_after = True
    elif head.close_after:  # two framings: what follows on this server connection is not to be trusted
        head.close = True
        head.close_after = False
    if not strict and not unsafe:
        _as_received(head, raws, earlier)
    return head


def check_switch(request: Request, response: Response, unsafe: bool = False) -> None:
    """May this 101 stand? Only for who asked and has sent what it asked with, if it says what is switched to, and a
    WebSocket needs its accept field (RFC 9110 15.2.2, RFC 6455 4.1)."""
    if not request.upgrade or not response.upgrade:
        raise ProtocolError("101 that was not asked for", 502)
    if response.get(b"sec-websocket-accept") is None and not unsafe:
        for one in response.fields:
            if one.kind == UPGRADE and b"websocket" in tokens(one.value):
                raise ProtocolError("WebSocket without its accept field", 502)


def _version(version: bytes, strict: bool) -> int:
    """The x of HTTP/1.x: a later version than 1.1 is taken for 1.1, an earlier one for 1.0 (RFC 9110 2.5)."""
    if len(version) != 8 or not version.startswith(b"HTTP/") or version[6] != 0x2E:
        raise ProtocolError("invalid HTTP version")
    major = version[5] - 0x30
    minor = version[7] - 0x30
    if not 0 <= major <= 9 or not 0 <= minor <= 9:
        raise ProtocolError("invalid HTTP version")
    if strict and major != 1:
        raise ProtocolError("unsupported HTTP version", 505)
    return 1 if major > 1 or (major == 1 and minor > 0) else 0


def _request_line(head: Request, raw: bytes, strict: bool, unsafe: bool = False) -> None:
    """method SP request-target SP HTTP-version (RFC 9112 3); several blanks or tabs count as one space, unless
    `strict`, and then go on as one."""
    parts = raw.split(b" ")
    if not strict and (len(parts) != 3 or raw.find(b"\t") >= 0):
        parts = raw.replace(b"\t", b" ").split(b" ")
        if parts[0] and parts[-1]:
            parts = [part for part in parts if part]
            raw = b" ".join(parts)
    if unsafe and simple_target(raw):
        parts = [b"GET", simple_target(raw), b"HTTP/1.0"]
        raw = b" ".join(parts)
    if len(parts) != 3:
        raise ProtocolError("invalid request line")
    method = parts[0]
    if raw == b"PRI * HTTP/2.0":
        raise ProtocolError("HTTP/2 is not spoken here", UNANSWERED)
    target = parts[1]
    if method not in _METHODS and (not method or method == b"PRI" or not method.translate(NAMES).isascii()):
        raise ProtocolError("invalid method")
    if parts[2] != b"HTTP/1.1":
        try:
            head.minor = _version(parts[2], strict)
        except ProtocolError:
            if not unsafe or not is_odd_version(parts[2]):
                raise
            head.version = parts[2]
            head.minor = 0
    if not target or not target.translate(TARGETS).isascii():
        if not unsafe or not is_odd_target(target):
            raise ProtocolError("invalid request target")
        head.odd = True
    head.line = raw
    head.method = method
    head.uri = target


def _odd_status_line(head: Response, raw: bytes) -> None:
    """A status line with another version than HTTP/1.0 and 1.1, or a status of more digits."""
    version, _, rest = raw.replace(b"\t", b" ").partition(b" ")
    if version != b"HTTP/1.1":
        try:
            head.minor = _version(version, False)
        except ProtocolError:
            if not is_odd_version(version):
                raise
            head.version = version
            head.minor = 0
    digits = rest.lstrip(b" ").partition(b" ")[0]
    status = odd_status(digits)
    if status >= 0:
        head.digits = digits
        digits = b"%d" % status
    elif len(digits) != 3 or not digits.isdigit() or digits[0] == 0x30:
        raise ProtocolError("invalid status line")
    head.line = raw
    head.status = int(digits)
    head.reason = rest.lstrip(b" ").partition(b" ")[2].lstrip(b" ")


def _status_line(head: Response, raw: bytes) -> None:
    """HTTP-version SP 3DIGIT SP [reason] (RFC 9112 4); any white space and a missing reason are tolerated."""
    version = raw[:8]
    rest = raw[8:].lstrip(b" \t")
    if version != b"HTTP/1.1":
        head.minor = _version(version, False)
    code = rest[:3]
    if (
        len(rest) + 8 == len(raw)
        or len(code) != 3
        or not code.isdigit()
        or code[0] == 0x30
        or rest[3:4] not in (b"", b" ", b"\t")
    ):
        raise ProtocolError("invalid status line")
    head.line = raw
    head.status = int(code)
    head.reason = rest[3:].lstrip(b" \t")
