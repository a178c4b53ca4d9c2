"""Sending a request again (manual 4.2, retry-on), and waiting for its body before the rules (option
http-buffer-request).

What was sent to a server is kept, head and body together no larger than a buffer, until the response is passed on. When
the server's answer is of a kind that retry-on names, and the request was sent wholly, it is sent again: to the same
server, or under option redispatch to another.
"""

from pointsman.proto.message import EXPECT, Field, Request
from pointsman.proto.weight import PIECE, weight
from pointsman.rules.plan import MOVING
from pointsman.sample.record import NEVER
from pointsman.stream.exchange import ANSWER, GATHER, IDLE
from pointsman.stream.faults import Faults
from pointsman.stream.proxies import FOREVER, BackendProxy
from pointsman.stream.sides import HttpBack


class Kept:
    """The body of a request, as far as it was sent."""

    def __init__(self, room: int) -> None:
        self.room = room  # bytes that may still come; negative: it was too large
        self.pieces: list[bytes] = []
        self.trailers: list[Field] = []
        self.ended = False

    def add(self, payload: bytes) -> None:
        self.room -= len(payload)
        if self.room >= 0:
            self.pieces.append(payload)
        else:
            self.pieces = []

    def send(self, place: HttpBack) -> None:
        for payload in self.pieces:
            place.send_body(payload)
        if self.ended:
            place.end_body(self.trailers)


class Replay(Faults):
    kept: Kept | None = None  # what is kept of the present request
    replaying = False  # it is sent once more

    # The body, where rules want to see it.

    def frontend_rules(self, request: Request) -> None:
        raise NotImplementedError

    def backend_rules(self, request: Request, backend: BackendProxy) -> None:
        raise NotImplementedError

    def gather(self, time: int) -> bool:
        """Wait for it, at most so many ms since the request began. True: it is here, or the buffer is full."""
        request = self.context.request
        assert request is not None
        if request.chunked or request.length > 0:
            self.context.asked |= MOVING  # the next one has to be waited for as well
        if request.expects_continue:
            request.expects_continue = False
            request.fields = [one for one in request.fields if one.kind != EXPECT]
            self.client.expect()
        self.phase = GATHER
        if self.client.gather(self.frontend.program.head_limit):
            self.gathered()
            return True
        if self.phase == GATHER:
            time = time if time != FOREVER else self.frontend.client
            self.reactor.wheel.arm(self, self.record.begun + time)
        return False

    def gathered(self) -> None:
        self.phase = IDLE
        self.record.head = self.reactor.now  # the wait for its body is part of the request's time (%TR)
        context = self.context
        context.body = self.client.received()
        request = context.request
        if context.body and request is not None:  # what waits is in the buffer, but never in what rewrites may use
            buffer = context.buffer
            own = weight(request)
            context.waiting = max(0, min(PIECE + len(context.body), buffer.size - buffer.reserve - own))
            context.room = buffer.size - context.waiting - own

    def go_on_gathering(self) -> None:
        """More of it may have come."""
        request = self.context.request
        assert request is not None
        if self.client.gather(self.frontend.program.head_limit):
            self.gathered()
            self.touch_client()
            if self.backend is None:
                self.frontend_rules(request)
            else:
                self.backend_rules(request, self.backend)

    # Once more.

    def keep(self, size: int) -> None:
        """The request begins to be sent, with a head of so many bytes: keep what may have to be sent again."""
        self.kept = Kept(self.frontend.program.head_limit - size)
        self.kept.ended = self.client.request_done

    def may_move(self) -> bool:
        """What is kept is small, and counted when that is settled."""
        return self.phase == ANSWER and self.kept is not None

    def forget(self) -> None:
        """It is not going to be sent again."""
        self.kept = None
        self.replaying = False

    def retry(self) -> bool:
        """Send the request again, if that can be. The counts are the peer program's: a retry on the same server is
        counted when it is decided and when the server is connected to."""
        kept = self.kept
        backend = self.backend
        server = self.server
        record = self.record
        if kept is None or kept.room < 0 or backend is None or server is None or not self.client.request_done:
            return False
        if record.retries >= backend.retries or self.context.no_retry:
            return False
        self.drop_connection()
        self.replaying = True
        self.context.response = None
        record.answered = record.status = NEVER
        record.retries += 1
        server.counters.retries += 1
        backend.counters.retries += 1
        if self.may_redispatch(backend, record.retries):
            if [one for one in backend.usable if one is not server]:
                self.redispatch(backend, server)
                return True
        server.counters.retries += 1
        backend.counters.retries += 1
        self.dial()
        return True
