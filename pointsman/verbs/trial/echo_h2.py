"""The echo servers' HTTP/2 (RFC 9113), on the house's own end of such a connection (proto/h2_endpoint.py)."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pointsman.proto.h1 import LIMIT
from pointsman.proto.h2_endpoint import H2Endpoint
from pointsman.proto.h2_fields import request_of, response_block
from pointsman.proto.h2_options import H2Options
from pointsman.proto.h2_stream import H2Stream, StreamUser
from pointsman.proto.h2_users import PlainEndpointUser
from pointsman.proto.hpack import Block
from pointsman.proto.message import Request, Response, field
from pointsman.verbs.trial.faults import Faults
from pointsman.verbs.trial.loopback import cut
from pointsman.verbs.trial.order import Standing

if TYPE_CHECKING:
    from pointsman.verbs.trial.echo import Got, Way

_MOST: Final = 1 << 30  # bytes that are written at once: all


class _Exchange(PlainEndpointUser, StreamUser):
    """One request."""

    def __init__(self, server: "EchoH2", stream: H2Stream, request: Request) -> None:
        self.server = server
        self.stream = stream
        self.request = request
        self.got = server.got(request.method.decode("latin-1"), request.uri.decode("latin-1"), "HTTP/2.0")
        self.got.headers = [(one.name.decode("latin-1"), one.value.decode("latin-1")) for one in request.fields]
        self.answered = False

    def payload_came(self) -> None:
        while piece := self.stream.take(65_536):
            self.got.size += len(piece)
            self.got.body += piece[: max(0, 1_000 - len(self.got.body))]
            self.server.endpoint.eaten(self.stream, len(piece))
        if self.stream.ended:
            for one in self.stream.trailers or ():
                self.got.trailers.append((one.name.decode("latin-1"), one.value.decode("latin-1")))
            self.finish()

    def finish(self) -> None:
        if not self.answered:
            self.answered = True
            self.server.answer(self)


class EchoH2(PlainEndpointUser):
    """One connection."""

    def __init__(
        self,
        one: Standing,
        way: "Way",
        faults: Faults,
        made: "Callable[[Standing, Got, Way, int], tuple[int, list[tuple[str, str]], bytes]]",
        got: "type[Got]",
    ) -> None:
        self.one = one
        self.way = way
        self.faults = faults
        self.made = made
        self.got = got
        self.endpoint = H2Endpoint(self, H2Options(), False, LIMIT)
        self.writer: asyncio.StreamWriter | None = None
        self.requests = 0
        self.tasks: set[asyncio.Task[None]] = set()

    def request_came(self, stream: H2Stream, block: Block, ended: bool) -> None:
        exchange = _Exchange(self, stream, request_of(block, ended, False))
        stream.user = exchange
        if ended:
            exchange.finish()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        try:
            while data := await reader.read(65_536):
                self.endpoint.take(data)
                while self.endpoint.more:
                    self.endpoint.take(b"")
                self.flush()
                if self.endpoint.failed:
                    break
                await writer.drain()
        finally:
            for task in self.tasks:
                task.cancel()
            self.endpoint.stop()
            self.endpoint.end_all()

    def answer(self, exchange: _Exchange) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(exchange))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, exchange: _Exchange) -> None:
        self.requests += 1
        kind = self.faults.of_connection(self.one) if self.requests > 1 else ""
        if kind == "reset" and self.writer is not None:
            cut(self.writer)
        if kind:
            return
        seconds, status, dropped = self.faults.of_request(self.one)
        if seconds:
            await asyncio.sleep(seconds)
        stream, endpoint = exchange.stream, self.endpoint
        if stream.over:
            return
        if dropped:
            endpoint.leave(stream)
            self.flush()
            return
        status, headers, body = self.made(self.one, exchange.got, self.way, status or 200)
        response = Response()
        response.status = status
        response.fields = [field(name.lower().encode(), value.encode()) for name, value in headers]
        if exchange.got.method == "HEAD" or status in (204, 304):
            body = b""
        response.length = len(body)
        endpoint.send_head(stream, response_block(response), not body)
        if body:
            endpoint.send(stream, body)
            endpoint.finish(stream, b"")
        self.flush()

    def flush(self) -> None:
        assert self.writer is not None
        self.writer.write(self.endpoint.give(_MOST))
