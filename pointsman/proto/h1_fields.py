"""The fields of a head of HTTP/1, and what they say about framing, routing and the connection.

`parse_fields` makes the fields of the lines; a line that is remembered from an earlier head gives the same Field. The
few fields that decide something are then judged together (`_judge`), and mended, so that rules and the next hop see one
meaning: equal repeated Content-Lengths and Hosts become one, TE keeps only "trailers", an Upgrade to HTTP/2 goes away,
and so do an Upgrade that Connection does not name and the "upgrade" of a Connection without it. `_settle` decides
between two framings: Content-Length beside Transfer-Encoding goes away (RFC 9112 6.1).
"""

from typing import Final

from pointsman.proto.authority import is_host
from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1_lines import field_line
from pointsman.proto.memory import Memory
from pointsman.proto.message import CODING, CONNECTION, HOST, LENGTH, TE, UPGRADE, Field, Head
from pointsman.proto.tokens import NAMES, PLAIN_HOSTS, TEXT, tokens
from pointsman.proto.unsafe import UNSAFE, without_codings

KEEP_AMBIGUOUS: Final = 2  # a bit of `lax`: h1-do-not-close-on-insecure-transfer-encoding
SECRET: Final = frozenset((b"authorization", b"proxy-authorization"))  # never remembered beyond their connection
_DIGITS: Final = 20  # 2^64 - 1 has no more
_LARGEST: Final = 1 << 64
_HTTP2: Final = frozenset((b"h2", b"h2c"))
_SWITCHES: Final = frozenset((b"upgrade", b"http2-settings"))  # what Connection names for an upgrade


def parse_fields(
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
            head.length = content_length(one.value, head.length)
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


def content_length(value: bytes, earlier: int) -> int:
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
