"""The bytes of an HTTP check's request (manual 4.2 option httpchk, http-check send). No I/O."""

import re
from typing import Final

from pointsman.sample.context import Context
from pointsman.server.checks.steps import SendRequest

# A request with another method says that it has no body.
BODILESS: Final = frozenset((b"GET", b"HEAD", b"DELETE", b"OPTIONS"))
BLANKS: Final = b" \t"
OURS: Final = frozenset((b"close", b"keep-alive"))  # members of Connection that are written anew, as the last field
FRAMING: Final = frozenset((b"content-length", b"transfer-encoding"))
ABSOLUTE: Final = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*")


class CheckRequest:
    """What a check asks, whatever version it is asked in."""

    def __init__(self, method: bytes, uri: bytes, fields: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.method = method
        self.uri = uri
        self.fields = fields
        self.body = body
        self.wishes: list[bytes] = []  # what headers say of the connection

    @property
    def has_body(self) -> bool:
        return bool(self.body) or self.method not in BODILESS


def render_request(step: SendRequest, context: Context, state: bytes = b"") -> bytes:
    """The whole request, in HTTP/1. `state` is the value of x-haproxy-server-state, b"": none (http-check
    send-state)."""
    asked = request_of_check(step, context, state)
    version = step.version or b"HTTP/1.0"
    fields = asked.fields
    if asked.has_body:
        fields.append((b"content-length", b"%d" % len(asked.body)))
    if b"upgrade" not in asked.wishes:
        keep = bool(asked.wishes) and b"close" not in asked.wishes
        if keep and version == b"HTTP/1.0":
            fields.append((b"connection", b"keep-alive"))
        elif not keep and version != b"HTTP/1.0":
            fields.append((b"connection", b"close"))
    head = b"".join(b"%b: %b\r\n" % pair for pair in fields)
    return b"%b %b %b\r\n%b\r\n%b" % (asked.method, asked.uri, version, head, asked.body)


def request_of_check(step: SendRequest, context: Context, state: bytes) -> CheckRequest:
    """Without what is HTTP/1's alone. `state` as above."""
    method = step.method or b"OPTIONS"
    uri = step.uri.render(context) or b"/" if step.uri is not None else b"/"
    fields: list[tuple[bytes, bytes]] = []
    wishes: list[bytes] = []
    for name, text in step.headers:
        if name in FRAMING:
            continue
        value = text.render(context)
        if name == b"connection":
            wishes += members(value)
            value = b",".join([part for part in value.split(b",") if part.strip(BLANKS).lower() not in OURS])
        elif name == b"host":
            uri = _with_authority(uri, value)
        elif name == b"upgrade" and b"h2c" in members(value):
            continue  # HTTP/2 is not what would be spoken then
        if value:
            fields.append((name, _line(value)))
    if state:
        fields.append((b"x-haproxy-server-state", _line(state)))
    body = step.body.render(context) if step.body is not None else b""
    made = CheckRequest(method, _line(uri).replace(b" ", b"%20"), fields, body)
    made.wishes = wishes
    return made


def members(value: bytes) -> list[bytes]:
    """The members of a list, in lower case."""
    return [part.strip(BLANKS) for part in value.lower().split(b",")]


def _with_authority(uri: bytes, host: bytes) -> bytes:
    """An absolute URI names the same host as the header."""
    found = ABSOLUTE.match(uri)
    return uri if found is None else found.group(1) + host + uri[found.end() :]


def _line(value: bytes) -> bytes:
    """What a format yields cannot end the line."""
    return value.replace(b"\r", b" ").replace(b"\n", b" ")
