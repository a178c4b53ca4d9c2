"""HTTP/1 heads: bytes in; a head, "needs more" (0) or ProtocolError out. No I/O, no clock.

`split_head` finds where a head ends; `parse_request` and `parse_response` take exactly one whole head, with the empty
lines that may stand before it:

    h1_lines.py     bytes into lines; a line into a Field, whatever head it stands in
    h1_start.py     the request line, the status line
    h1_fields.py    all fields, and what they say together about framing, routing and the connection

What two parsers could read differently is refused (RFC 9112 2.2, 3.2, 5, 6.1, 6.3, 11.2); a few things are mended in
the head's fields (h1_fields.py), and default ports of an absolute target go away, so that rules and servers see one
meaning.

What HAProxy tolerates (bare LF, a missing Host, controls in values, TRACE, bodies of GET, unknown expectations) is
tolerated too, unless `strict` (option pointsman-strict).
"""

from typing import Final

from pointsman.proto.authority import check_target
from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1_fields import SECRET, parse_fields
from pointsman.proto.h1_lines import cut_lines, first_line
from pointsman.proto.h1_start import read_odd_status_line, read_request_line, read_status_line
from pointsman.proto.memory import Memory
from pointsman.proto.message import CODING, EXPECT, LENGTH, UPGRADE, Field, Head, Request, Response
from pointsman.proto.shape import find_shape
from pointsman.proto.tokens import BASE64S, NAMES, TARGETS, tokens
from pointsman.proto.unsafe import UNSAFE, end_of_simple_request, unsafe_lines
from pointsman.proto.websocket import ACCEPT, accept_of

ANY_PAYLOAD: Final = 1  # a bit of `lax`: h1-accept-payload-with-any-method; KEEP_AMBIGUOUS is another
REQUEST_TOO_LARGE: Final = "request head too large"
RESPONSE_TOO_LARGE: Final = "response head too large"
LIMIT: Final = 15_360  # bytes of a head: tune.bufsize less tune.maxrewrite
MAX_FIELDS: Final = 100  # tune.http.maxhdr counts the first line too
_KEY: Final = 24  # a WebSocket's key: 16 bytes in base64 (RFC 6455 4.1)
# In HTTP/1.0 these may not have a body (manual 3.1, h1-accept-payload-with-any-method).
_BODILESS: Final = frozenset((b"GET", b"HEAD", b"DELETE"))


def split_head(data: bytes, known: int, limit: int, is_request: bool, unsafe: bool = False) -> int:
    """The length of the head that `data` begins with, up to and with its empty line; 0: needs more.

    Empty lines before the head are skipped and counted in the result. The first `known` bytes were looked at before.
    Raises ProtocolError for what is too large (414 if it is all one line, else 431) and for what cannot become a head.
    """
    start = first_line(data)
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
            read_request_line(Request(), line, False)
        else:
            read_status_line(Response(), line)
    raws = data[max(end, data.rfind(b"\n", 0, known)) + 1 :].split(b"\n")
    for i, raw in enumerate(raws):
        if raw and raw != b"\r" and raw[0] != 0x20 and raw[0] != 0x09:
            name, colon, _ = raw.partition(b":")
            if not name.translate(NAMES).isascii() or not name or (not colon and i + 1 < len(raws)):
                raise ProtocolError("invalid field name")


def parse_request(
    block: bytes,
    strict: bool = False,
    max_fields: int = MAX_FIELDS,
    earlier: Request | None = None,
    memory: Memory[Field] | None = None,
    lax: int = 0,
) -> Request:
    """One whole head, as cut by split_head. Raises ProtocolError. `earlier`: the one before it on its connection;
    `memory`: of lines; both only save work. `lax`: bits of what the configuration permits."""
    unsafe = lax & UNSAFE != 0
    hint = earlier.lines if earlier is not None and not strict else []
    raws = (
        cut_lines(block, hint, earlier.line if earlier is not None else b"", strict)
        if not unsafe
        else unsafe_lines(block)
    )
    head = Request()
    read_request_line(head, raws[0], strict, unsafe)
    parse_fields(head, raws, strict, max_fields, True, hint, memory, lax)
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


def _as_received(head: Head, raws: list[bytes], earlier: Head | None) -> None:
    """Nothing was mended: the head can be a model for the next one."""
    if len(head.fields) == len(raws) - 1:
        head.lines = head.fields
        if earlier is not None:
            find_shape(head, earlier)


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
    max_fields: int = MAX_FIELDS,
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
        cut_lines(block, hint, earlier.line if earlier is not None else b"", strict)
        if not unsafe
        else unsafe_lines(block)
    )
    head = Response()
    if unsafe:
        read_odd_status_line(head, raws[0])
    else:
        read_status_line(head, raws[0])
    parse_fields(head, raws, strict, max_fields, False, hint, memory, lax)
    if head.chunked and head.minor == 0:  # the next hop may not know where the body ends (RFC 9112 6.1)
        head.close = True
        head.close_after = True
    elif head.close_after:  # two framings: what follows on this server connection is not to be trusted
        head.close = True
        head.close_after = False
    if not strict and not unsafe:
        _as_received(head, raws, earlier)
    return head


def check_switch(request: Request, response: Response, unsafe: bool = False, key: bytes = b"") -> None:
    """May this 101 stand? Only for who asked and has sent what it asked with, if it says what is switched to, and a
    WebSocket needs its accept field (RFC 9110 15.2.2, RFC 6455 4.1). `key`: the one that was made for a client that has
    none (websocket.py)."""
    if not request.upgrade or not response.upgrade:
        raise ProtocolError("101 that was not asked for", 502)
    accept = response.get(ACCEPT)
    if unsafe:
        return
    if key and accept != accept_of(key):
        raise ProtocolError("WebSocket with a wrong accept field", 502)
    if accept is None:
        for one in response.fields:
            if one.kind == UPGRADE and b"websocket" in tokens(one.value):
                raise ProtocolError("WebSocket without its accept field", 502)
