"""Checks of servers over HTTP/2 (manual 5.2, check-proto, check-alpn): one connection of a check, without I/O.

What the server does wrong is a response that is broken, or one that ends too soon, as in HTTP/1 (http_response.py).
"""

from typing import Final

from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1 import LIMIT
from pointsman.proto.h2 import PROTOCOL_ERROR
from pointsman.proto.h2_endpoint import H2Endpoint
from pointsman.proto.h2_fields import request_block, response_of
from pointsman.proto.h2_options import H2Options
from pointsman.proto.h2_stream import NO_USER, H2Stream
from pointsman.proto.h2_users import PlainEndpointUser
from pointsman.proto.hpack import Block
from pointsman.proto.message import Request, field
from pointsman.server.checks.http_request import CheckRequest
from pointsman.server.checks.http_response import CheckResponse

_MOST: Final = 1 << 30  # bytes that are written at once: all


class CheckH2(PlainEndpointUser):
    def __init__(self, secure: bool) -> None:
        """`secure`: over TLS."""
        self.secure = secure
        self.endpoint = H2Endpoint(self, H2Options(), True, LIMIT)
        self.flow: H2Stream | None = None  # of the last request
        self.reply: CheckResponse | None = None  # to that
        self.bodiless = False

    def ask(self, asked: CheckRequest, reply: CheckResponse) -> bytes:
        """A request, whose answer goes there. What of the one before still comes is nobody's."""
        self.drop()
        request = Request()
        request.method = asked.method
        request.uri = asked.uri
        request.fields = [field(name, value) for name, value in asked.fields]
        request.length = len(asked.body) if asked.has_body else -1
        endpoint = self.endpoint
        flow = self.flow = endpoint.open()
        flow.user = self
        self.reply = reply
        self.bodiless = asked.method == b"HEAD"
        endpoint.send_head(flow, request_block(request, self.secure), not asked.body)
        if asked.body:
            endpoint.send(flow, asked.body)
            endpoint.finish(flow, b"")
        return self.give()

    def drop(self) -> None:
        """Nobody wants the last answer any more."""
        flow = self.flow
        if flow is not None:
            flow.user = NO_USER
            self.endpoint.leave(flow)
            self.flow = self.reply = None

    def feed(self, data: bytes) -> bytes:
        """What was received. What has to be written in return."""
        self.endpoint.take(data)
        if self.endpoint.failed:
            self.endpoint.end_all()
        return self.give()

    def end(self) -> None:
        """The server has closed the connection."""
        self.endpoint.stop()
        self.endpoint.end_all()

    def give(self) -> bytes:
        return self.endpoint.give(_MOST)

    @property
    def lasts(self) -> bool:
        """The connection may carry another check."""
        endpoint = self.endpoint
        return not endpoint.failed and not endpoint.parting and endpoint.most > 0

    # What comes.

    def head_came(self, block: Block, ended: bool) -> None:
        flow, reply = self.flow, self.reply
        assert flow is not None and reply is not None
        try:
            response = response_of(block, ended, self.bodiless)
        except ProtocolError:
            reply.end()
            self.endpoint.refuse(flow.number, PROTOCOL_ERROR)
            return
        if response.status < 200:
            return
        flow.headed = True
        if response.empty:
            flow.expected = 0
        elif response.length >= 0:
            flow.expected = response.length
        reply.head = response
        reply.whole = ended

    def payload_came(self) -> None:
        flow, reply = self.flow, self.reply
        assert flow is not None and reply is not None
        data = flow.take(_MOST)
        if data:
            self.endpoint.eaten(flow, len(data))
            reply.body = (reply.body + data)[: reply.size]
        if flow.ended:
            reply.whole = True

    def reset_came(self, code: int) -> None:
        reply = self.reply
        if reply is not None and not reply.whole:
            reply.end()
