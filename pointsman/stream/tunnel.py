"""Raw bytes, both ways: TCP mode, or what 101 and CONNECT make of an exchange.

What is read is sent on at once; nothing more is read for an end that is blocked; an end is passed on as a half-close.
"""

from typing import Final

from pointsman.net.duplex import NOTHING, Duplex
from pointsman.net.reactor import Reactor
from pointsman.sample.context import Context
from pointsman.sample.limits import TUNNEL_TIME
from pointsman.stream.exchange import GRAIN, Exchange
from pointsman.stream.phases import CONNECT, TUNNEL
from pointsman.stream.proxies import FOREVER, Frontend
from pointsman.stream.sides import Front

ROUNDS: Final = 2  # pieces of a go from a server; a client has one, so that one who sends fast starves nobody


class Tunnel(Exchange):
    """Base of exchanges that may become one."""

    def __init__(self, reactor: Reactor, frontend: Frontend, front: Front, context: Context) -> None:
        super().__init__(reactor, frontend, front, context)
        self.near: Duplex | None = None  # the client's end
        self.far: Duplex | None = None  # the server's
        self.keeps_time = False  # the client's time goes on when the server is there: nothing was sent to it
        self.half_open = True  # it goes on in one direction when the other has ended

    def tunnel(self, unread: bool) -> None:
        """From here on nobody looks at the bytes. `unread`: something may have come already, from either."""
        backend = self.backend
        connection = self.connection
        assert backend is not None and connection is not None
        near = self.near = self.front.duplex()
        far = self.far = connection.duplex(self)
        waits = self.phase == CONNECT  # nothing has come of the client since its time began
        self.move(TUNNEL)
        time = self.time_of(TUNNEL_TIME, backend.tunnel)
        if time:
            self.client_time = self.server_time = time
        self.touch_server()
        self._touch(waits and not backend.tunnel and self.keeps_time)
        if near.finished and not near.failed:
            self._side_ended(near, far, True)  # read while its bytes were inspected
        elif unread or near.unread:
            self.pump_up()
        if self.phase == TUNNEL and self.connection is connection and (unread or far.unread):
            self.pump_down()

    def pump_up(self) -> None:
        """From the client to the server, as far as both go."""
        near = self.near
        far = self.far
        if near is None:
            return
        if near.finished:
            if near.failed:  # a reset behind its end: it takes nothing any more
                self.side_failed(True)
        elif far is not None:
            self._pump(near, far, True)

    def pump_down(self) -> None:
        near = self.near
        far = self.far
        if far is None:
            return
        if far.finished:
            if far.failed:
                self.side_failed(False)
        elif near is not None:
            self._pump(far, near, False)

    def _pump(self, source: Duplex, sink: Duplex, up: bool) -> None:
        record = self.record
        for _ in range(1 if up else ROUNDS):
            if sink.out or sink.failed or source.going or self.phase != TUNNEL:
                return
            size = source.pass_on(sink)
            if size == NOTHING:
                return
            if not size:
                self._side_ended(source, sink, up)
                return
            if up:
                record.uploaded += size
            else:
                record.sent += size
            self._touch(not up and self.frontend.independent, up and self.independent)
            if sink.failed:
                self.side_failed(not up)
                return
            if not source.unread:
                return
        source.ask_again()

    def _side_ended(self, source: Duplex, sink: Duplex, up: bool) -> None:
        """One side sends no more: the other is told, and the shorter timeouts of half-closed connections hold."""
        if source.failed:
            self.side_failed(up)
            return
        backend = self.backend
        assert backend is not None
        sink.end()
        # Who is still expected to send or to take something has the -fin time, where it is set.
        if self.frontend.client_fin != FOREVER:
            self.client_time = self.frontend.client_fin
        if backend.server_fin != FOREVER:
            self.server_time = backend.server_fin
        self._touch()
        self._over()

    def _touch(self, not_client: bool = False, not_server: bool = False) -> None:
        """Both sides of a raw stream have their time again. One that has ended, and has nothing to take, has none: the
        other's alone counts (manual 4.2, timeout client-fin, timeout server-fin). Under option independent-streams a
        side that was only sent something is left out."""
        near = self.near
        far = self.far
        wheel = self.reactor.wheel
        now = self.reactor.now
        if near is None or near.finished and not near.out:
            wheel.disarm(self)
        elif not not_client:
            wheel.arm(self, now + self.client_time)
        timer = self.timer
        if far is not None and timer is not None:
            if far.finished and not far.out:
                wheel.disarm(timer)
            elif not not_server:
                wheel.arm(timer, now + self.server_time)

    def _over(self) -> None:
        near = self.near
        far = self.far
        if self.phase != TUNNEL or near is None or far is None or near.out:
            return
        if far.finished and (near.finished and not far.out or not self.half_open):
            self.finish()

    def near_drained(self) -> None:
        """All that was kept for the client is written."""
        self._touch(self.frontend.independent)
        self.pump_down()
        self._over()

    def far_drained(self) -> None:
        self._touch(False, self.independent)
        self.pump_up()
        self._over()

    def side_failed(self, client: bool) -> None:
        """A reset in the middle of a raw stream."""
        if self.phase != TUNNEL:
            return
        near = self.near
        far = self.far
        if client:
            self.blame(0x43, 0x44)  # CD
        elif not (near is not None and near.finished and far is not None and not far.out and far.shut_down):
            self.blame(0x53, 0x44)  # SD; a reset that answers our own end is no fault
            self.failed_response()
        self.finish()

    def tunnel_expired(self) -> None:
        """The server's side of a raw stream was idle for too long; if the client's was too, that is what is logged."""
        late = self.deadline <= self.reactor.now + GRAIN
        self.blame(0x63 if late else 0x73, 0x44)  # cD, sD
        self.finish()

    def server_drained(self) -> None:
        if self.phase == TUNNEL:
            self.far_drained()

    def server_moved(self) -> None:
        if self.phase == TUNNEL:
            self._touch(False, self.independent)
        else:
            self.touch_server()

    def client_moved(self) -> None:
        if self.phase == TUNNEL:
            self._touch(self.frontend.independent)
        else:
            self.touch_client()
