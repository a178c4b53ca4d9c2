"""Sending a request again (manual 4.2, retry-on).

What was sent to a server is kept, head and body together no larger than a buffer, until the response is passed on. When
the server's answer is of a kind that retry-on names, and the request was sent wholly, it is sent again: to the same
server, or under option redispatch to another.
"""

from pointsman.proto.consumer import BodyConsumer
from pointsman.proto.message import Field
from pointsman.sample.record import NOT_REACHED
from pointsman.server.backend import LiveServer
from pointsman.stream.bodies import BodyChain
from pointsman.stream.consuming import Consuming
from pointsman.stream.phases import SENT
from pointsman.stream.proxies import BackendProxy
from pointsman.stream.sides import HttpBack


class Kept(BodyConsumer):
    """The body of a request, as far as it was sent: the last that it passes."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room  # bytes that may still come; negative: it was too large
        self.pieces: list[bytes] = []
        self.trailers: list[Field] = []
        self.ended = False

    def feed(self, payload: bytes) -> bytes:
        self.room -= len(payload)
        if self.room >= 0:
            self.pieces.append(payload)
        else:
            self.pieces = []
            self.finished = True
        return payload

    def end(self, trailers: list[Field]) -> tuple[bytes, list[Field]]:
        self.trailers = trailers
        self.ended = True
        return b"", trailers

    def send(self, place: HttpBack) -> None:
        for payload in self.pieces:
            place.send_body(payload)
        if self.ended:
            place.end_body(self.trailers)


class Replay(Consuming):
    kept: Kept | None = None  # what is kept of the present request
    replaying = False  # it is sent once more

    def keep(self, size: int) -> None:
        """The request begins to be sent, with a head of so many bytes: keep what may have to be sent again."""
        self.forget()
        kept = self.kept = Kept(self.frontend.program.head_limit - size)
        kept.ended = self.client.request_done
        if not kept.ended:
            chain = self.request_chain
            if chain is None:
                chain = self.request_chain = BodyChain()
                chain.begun = True  # its say would be that it leaves the length
            chain.add(kept)

    def may_move(self) -> bool:
        """What is kept is small, and counted when that is settled."""
        return self.phase == SENT and self.kept is not None

    def forget(self) -> None:
        """It is not going to be sent again."""
        kept = self.kept
        if kept is not None:
            self.kept = None
            kept.finished = True
            chain = self.request_chain
            if chain is not None and chain.passes():
                self.request_chain = None
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
        if record.retries >= self.most_retries(backend) or self.context.no_retry:
            return False
        self.refused = False
        self._send_again(backend, server, True)
        return True

    def retry_unseen(self) -> bool:
        """A body that was read is gone, unless it is kept."""
        kept = self.kept
        backend = self.backend
        server = self.server
        request = self.context.request
        if request is None or backend is None or server is None or self.tunnelling:
            return False
        bodiless = not request.chunked and request.length <= 0
        if not bodiless and (kept is None or kept.room < 0 or not self.client.request_done):
            return False
        if self.record.retries >= self.most_retries(backend):
            return False
        self.refused = True
        self._send_again(backend, server, kept is not None)
        return True

    def _send_again(self, backend: BackendProxy, server: LiveServer, replaying: bool) -> None:
        record = self.record
        self.drop_connection()
        self.replaying = replaying
        self.context.response = None
        record.answered = record.status = NOT_REACHED
        record.retries += 1
        server.counters.retries += 1
        backend.counters.retries += 1
        if self.may_redispatch(backend, record.retries):
            if [one for one in backend.usable if one is not server]:
                self.redispatch(backend, server)
                return
        server.counters.retries += 1
        backend.counters.retries += 1
        if self.refused:
            self.left_over()  # nothing is wrong with another connection that is there
        else:
            self.dial()
