"""WebSockets between versions of HTTP (RFC 6455, RFC 8441).

HTTP/1 opens one by GET with Upgrade and a key, and a 101 that proves by Sec-WebSocket-Accept that the server has read
the key. HTTP/2 opens one by an extended CONNECT and a 2xx, without key and proof. Rules and logs see what HTTP/1 says,
whoever speaks it: h2_fields.py makes a GET of an extended CONNECT, and what is left to do stands here:

    HTTP/2 client, HTTP/1 server   `new_key` for a request without one; `check_switch` (h1.py) looks at the proof;
                                   response_block makes a 200 of the 101
    HTTP/1 client, HTTP/2 server   request_block makes an extended CONNECT of the request (`protocol_of`: of which
                                   protocol), `switched` a 101 of the 2xx, with the proof
    HTTP/2 on both sides           the same, without keys and proofs
"""

from base64 import b64encode
from hashlib import sha1
from os import urandom
from typing import Final

from pointsman.proto.message import CONNECTION, LENGTH, UPGRADE, Field, Head, Request, Response

WEBSOCKET: Final = b"websocket"
KEY: Final = b"sec-websocket-key"
ACCEPT: Final = b"sec-websocket-accept"
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
_UPGRADE: Final = Field(b"connection", b"upgrade", CONNECTION)


def protocol_of(head: Head) -> bytes:
    """What a request wants to switch to, or a 101 switches to: the first member of Upgrade. b"": nothing."""
    if head.upgrade:
        for one in head.fields:
            if one.kind == UPGRADE:
                for part in one.value.split(b","):
                    name = part.strip(b" \t")
                    if name:
                        return name
    return b""


def is_websocket(head: Head) -> bool:
    """The head asks for, or begins, a WebSocket."""
    return head.upgrade and protocol_of(head).lower() == WEBSOCKET


def new_key(request: Request) -> bytes:
    """A key for a request of HTTP/2 that needs one in HTTP/1 and has none; b"": it is not such a one."""
    if request.major > 1 and is_websocket(request) and request.get(KEY) is None:
        return b64encode(urandom(16))
    return b""


def accept_of(key: bytes) -> bytes:
    """The proof that a server has read that key (RFC 6455 4.2.2)."""
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())


def switched(request: Request, response: Response) -> Response:
    """The 101 that a server's 2xx to an extended CONNECT means (RFC 8441 5), as a server of HTTP/1 would say it."""
    made = Response()
    made.major = response.major
    made.status = 101
    made.line = b"HTTP/%d.0 101" % response.major
    made.upgrade = True
    made.empty = True
    fields = [one for one in response.fields if one.kind != LENGTH and one.name != ACCEPT]
    fields.append(_UPGRADE)
    fields.append(Field(b"upgrade", protocol_of(request), UPGRADE))
    key = request.get(KEY)
    if key is not None and is_websocket(request):
        fields.append(Field(ACCEPT, accept_of(key), 0))
    made.fields = fields
    return made
