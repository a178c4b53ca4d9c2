"""Live proxies in the test's own process, driven by hand: real sockets on loopback, a clock that the test moves.

    with Stand(config, "a", "b") as stand:      # {a}, {b} in the configuration: addresses of scripted servers
        client = stand.client()                 # a connection through the first frontend
        client.send(b"GET / HTTP/1.1 ...")
        server = stand.accept("a")              # the connection that the proxy opened
        assert server.take() == b"..."          # what has arrived so far
        stand.wait(1000)                        # a second passes, without sleeping

Nothing sleeps: `settle` turns the reactor until nothing is left to do. Leaving the block closes all clients and checks
what a proxy that serves nobody must look like (`check`).
"""

from __future__ import annotations

import errno
import importlib
import os
import re
import select
import socket
import struct
import sys
from collections.abc import Mapping
from types import TracebackType

import pointsman.keywords
import pointsman.net.reactor
from pointsman.assemble import assemble
from pointsman.config.load import load_text
from pointsman.core.address import NetAddress, net_address
from pointsman.core.diagnostics import Diagnostics
from pointsman.log.logger import Logger
from pointsman.log.policy import When
from pointsman.net.timers import Timed
from pointsman.net.transport import READ
from pointsman.net.wire import Wire
from pointsman.sample.context import Context
from pointsman.sample.record import Record
from pointsman.sample.users import USERLISTS
from pointsman.sample.variables import PROCESS_VARIABLES
from pointsman.server.backend import LiveServer
from pointsman.stream.acceptor import Arrival, BindState
from pointsman.stream.frontends import LiveFrontend
from pointsman.stream.phases import FOLLOWERS
from pointsman.stream.proxies import BackendProxy
from support.odd_transport import CUT, OddTransport, OddTransports
from support.process import descriptors

EPOCH = 5_000_000  # ms: where the clock begins
STEP = 10  # ms between two turns while time passes


def facts_of(record: Record) -> dict[str, object]:
    """Its attributes (a compiled class has no __dict__)."""
    found = {name: getattr(record, name) for name in dir(record) if not name.startswith("_")}
    return {name: value for name, value in found.items() if not callable(value)}


class Lines(Logger):
    """Stands in for a frontend's logger: notes "status letters" of every stream, and a copy of its marks."""

    def __init__(self, when: When) -> None:
        super().__init__([], lambda context: b"", when=when)
        self.lines: list[str] = []
        self.records: list[dict[str, object]] = []

    def stream(self, ctx: Context, level: int = 6) -> None:
        record = ctx.record
        self.lines.append(f"{record.status} {chr(record.cause)}{chr(record.step)}")
        self.records.append(facts_of(record))

    def session_error(self, ctx: Context, message: bytes) -> None:
        self.lines.append(message.decode())


class End:
    """The test's end of a connection."""

    def __init__(self, stand: Stand, sock: socket.socket) -> None:
        self.stand = stand
        self.sock = sock
        sock.setblocking(False)
        self.closed = False  # the proxy has closed or shut down its sending side
        self.reset = False

    def send(self, data: bytes) -> int:
        """As much as the kernel takes; what became of it has happened when it returns."""
        try:
            sent = self.sock.send(data) if data else 0
        except BlockingIOError:
            sent = 0
        except ConnectionError:  # the proxy has left; `take` tells how
            sent = 0
        self.stand.settle()
        return sent

    def send_all(self, data: bytes) -> None:
        """Everything, in turns with the proxy."""
        view = memoryview(data)
        for _ in range(100_000):
            if not view:
                return
            view = view[self.send(bytes(view[: 1 << 20])) :]
        raise AssertionError("the proxy takes no more")

    def take(self, most: int = 1 << 26) -> bytes:
        """What has arrived."""
        self.stand.settle()
        parts: list[bytes] = []
        got = 0
        while got < most:
            try:
                data = self.sock.recv(min(most - got, 1 << 20))
            except BlockingIOError:
                break
            except ConnectionError:
                self.closed = self.reset = True
                break
            if not data:
                self.closed = True
                break
            parts.append(data)
            got += len(data)
        return b"".join(parts)

    def take_all(self, size: int) -> bytes:
        """Exactly so much, in turns with the proxy."""
        parts: list[bytes] = []
        left = size
        for _ in range(100_000):
            data = self.take(left)
            parts.append(data)
            left -= len(data)
            if not left or self.closed:
                break
        return b"".join(parts)

    def ended(self) -> bool:
        """The proxy has closed, and nothing was left to read."""
        return self.take() == b"" and self.closed

    def shut(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)
        self.stand.settle()

    def close(self) -> None:
        self.sock.close()
        self.stand.settle()

    def abort(self) -> None:
        """Close by a reset."""
        if self.sock.fileno() >= 0:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class Worker(End):
    """An end that does by itself what its protocol asks for while the stand settles."""

    def work(self) -> bool:
        """Go on with what is under way. True: something was done."""
        raise NotImplementedError


KEEPS = 1 << 18
PATIENCE = 4  # ms, for what the peer's transport sends


class OddEnd(Worker):
    """It speaks the odd transport. What that needs to go on happens while the stand settles."""

    def __init__(self, stand: Stand, sock: socket.socket, client: bool) -> None:
        super().__init__(stand, sock)
        self.transport = OddTransport(sock.fileno(), client)
        self.broken = False  # nothing more can be written
        self.lost = False  # by a reset
        self.shutting = False
        self.pending = b""  # the proxy has to give leave for it

    def work(self) -> bool:
        """Go on with what is under way. True: something was done."""
        transport = self.transport
        if self.broken or self.sock.fileno() < 0:
            return False
        # Nothing stays in the proxy's kernel because ours keeps an acknowledgement back.
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        try:
            if not transport.shaken():
                before = transport.progress()
                transport.handshake()
                return transport.progress() != before
            before = transport.progress()
            self.pending = self.pending[transport.write_all(self.pending) :]
            if self.shutting and not self.pending and transport.shut():
                self.shutting = False
                self.sock.shutdown(socket.SHUT_WR)
                return True
            transport.answer_ahead()
            return transport.progress() != before
        except OSError as error:
            self._break(error)
            return True

    def expects(self) -> bool:
        return not self.broken and self.sock.fileno() >= 0 and (not self.transport.shaken() or self.pending != b"")

    def _break(self, error: OSError) -> None:
        self.broken = True
        self.transport.outgoing = b""  # what has come may still be read
        self.lost = error.errno == errno.ECONNRESET and error.strerror != CUT

    def send(self, data: bytes) -> int:
        """What waits for leave is sent when that comes, as a kernel's buffer would be."""
        before = len(data)
        self.stand.settle()
        if not self.pending and self.transport.shaken() and not self.broken:
            try:
                data = data[self.transport.write_all(data) :]
            except OSError as error:
                self._break(error)
        if self.pending or self.transport.write_waits == READ:
            kept = max(KEEPS - len(self.pending), 0)
            self.pending += data[:kept]
            data = data[kept:]
        self.stand.settle()
        return before - len(data)

    def take(self, most: int = 1 << 26) -> bytes:
        self.stand.settle()
        parts: list[bytes] = []
        got = held = 0
        while got < most and self.transport.shaken():
            try:
                data = self.transport.read(min(most - got, 1 << 20))
            except OSError as error:
                self.closed = True
                self.reset = self.lost or error.strerror != CUT
                break
            if data is None:
                if self.lost:
                    self.closed = self.reset = True
                elif not parts and len(self.transport.incoming) > held:
                    # Half a frame was all that a small buffer held: what it says is not here yet.
                    held = len(self.transport.incoming)
                    self.stand.settle()
                    continue
                break
            if not data:
                self.closed = True
                break
            parts.append(data)
            got += len(data)
        self.stand.settle()
        return b"".join(parts)

    def shut(self) -> None:
        self.shutting = True
        self.stand.settle()

    def close(self) -> None:
        if self.sock.fileno() >= 0 and self.transport.shaken():
            try:
                self.transport.shut()
            except OSError:
                pass
        self.sock.close()
        self.stand.settle()


class Stand:
    odd = os.environ.get("POINTSMAN_TEST_TRANSPORT") == "odd"  # all connections are
    # "front", "back", "both": where ends speak HTTP/2 (h2_ends.py), if all proxies are of mode http.
    h2 = os.environ.get("POINTSMAN_TEST_H2", "")

    def __init__(self, text: str, *names: str, values: Mapping[str, str] | None = None, when: When = When.END) -> None:
        self.listeners: dict[str, socket.socket] = {}
        places = dict(values or {})
        for name in names:
            self.listeners[name] = listener = socket.create_server(("127.0.0.1", 0), backlog=200)
            listener.setblocking(False)
            places[name] = f"127.0.0.1:{listener.getsockname()[1]}"
        if "mode tcp" in text:
            self.h2 = ""
        self.works = self.odd or self.h2 != ""
        self.accepts = self.odd or self.h2 in ("back", "both")
        if self.h2 in ("back", "both"):
            text = re.sub(r"(?m)^(\s+server .*)$", r"\1 proto h2", text)
        text = re.sub(r"\{([a-z]+)\}", lambda match: places.get(match[1], match[0]), text)
        self.clock = EPOCH
        self._real = pointsman.net.reactor.monotonic_ns
        pointsman.net.reactor.monotonic_ns = lambda: self.clock * 1_000_000  # type: ignore[assignment]
        # A process of its own would have none; another stand of the same test may have left some.
        PROCESS_VARIABLES.clear()
        USERLISTS.clear()
        diagnostics = Diagnostics()
        self.live = assemble(load_text(text, diagnostics), diagnostics)
        assert not diagnostics.failed, [finding.message for finding in diagnostics.findings]
        self.reactor = self.live.reactor
        self.reactor.fault = self.reactor.wheel.fault = self._fault
        self.faults: list[BaseException] = []
        self.ends: list[End] = []
        self.logs: dict[str, Lines] = {}
        for frontend in self.live.frontends:
            frontend.logger = self.logs[frontend.name.decode()] = self._logger(when)
        self.bind_states = {id(frontend): BindState("", 1, self.live.process) for frontend in self.live.frontends}
        self.accepted: dict[str, list[End]] = {name: [] for name in names}  # ends that work: not asked for yet
        if self.odd:
            for bind_state in self.bind_states.values():
                bind_state.transports = OddTransports()
            for server in (one for backend in self.live.backends for one in backend.servers):
                server.transports = OddTransports()
        self._door = socket.create_server(("127.0.0.1", 0), backlog=200)
        self._door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as listeners have it
        self._poll = select.poll()
        self._poll.register(self.reactor.epoll.fileno(), select.POLLIN)
        self.turns = 0
        FOLLOWERS.watched = True
        self.descriptors = descriptors()

    def _fault(self, channel: Timed) -> None:
        error = sys.exc_info()[1]
        assert error is not None
        self.faults.append(error)
        channel.broken()

    def _logger(self, when: When) -> Lines:
        return Lines(when)

    # Parts.

    def frontend(self, name: str = "") -> LiveFrontend:
        return next(one for one in self.live.frontends if not name or one.name == name.encode())

    def backend(self, name: str = "") -> BackendProxy:
        return next(one for one in self.live.backends if not name or one.name == name.encode())

    def server(self, name: str) -> LiveServer:
        return next(
            server for backend in self.live.backends for server in backend.servers if server.name == name.encode()
        )

    @property
    def lines(self) -> list[str]:
        """ "status letters" of each log line of the first frontend."""
        return self.logs[self.frontend().name.decode()].lines

    @property
    def record(self) -> dict[str, object]:
        """The marks behind its last log line."""
        return self.logs[self.frontend().name.decode()].records[-1]

    # Connections.

    def client(self, name: str = "", buffers: int = 0) -> End:
        """A client's connection, accepted and opened. `buffers`: bytes of the kernel's, small for slow peers."""
        end, arrival = self.arrive(name, buffers)
        frontend = self.frontend(name)
        if not frontend.screens or frontend.screen(arrival):
            frontend.open(arrival)
        self.settle()
        return end

    def arrive(self, name: str = "", buffers: int = 0) -> tuple[End, Arrival]:
        """The same, accepted and not opened yet."""
        sock = socket.socket()
        if buffers:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
        sock.connect(self._door.getsockname())
        accepted, source = self._door.accept()
        if buffers:
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.setblocking(False)
        frontend = self.frontend(name)
        bind_state = self.bind_states[id(frontend)]
        frontend.admit(bind_state, self.reactor.now)
        frontend.arrived(bind_state)
        address = self._source(net_address(*source))
        arrival = Arrival(accepted.detach(), address, self._here(), bind_state, self.reactor.now)
        end = self._made(sock, True)
        self.ends.append(end)
        return end, arrival

    def _made(self, sock: socket.socket, client: bool) -> End:
        if self.odd:
            return OddEnd(self, sock, client)
        if self.h2 in ("front" if client else "back", "both"):
            ends = importlib.import_module("support.h2_ends")  # it imports this module
            sock.setblocking(False)
            made: End = ends.H2ClientEnd(self, sock) if client else ends.H2ServerEnd(self, sock)
            return made
        return End(self, sock)

    def _source(self, address: NetAddress) -> NetAddress:
        """Of a client, as the proxy is told."""
        return address

    def _here(self) -> NetAddress:
        return net_address(*self._door.getsockname())

    def _end(self, sock: socket.socket, client: bool = False) -> End:
        end = self._made(sock, client)
        self.ends.append(end)
        self.settle()
        return end

    def accept(self, name: str, buffers: int = 0) -> End:
        """The next connection that the proxy has opened to that server."""
        self.settle()
        if buffers:
            self.listeners[name].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
        if self.accepts:
            if not self.accepted[name]:
                raise BlockingIOError
            return self.accepted[name].pop(0)
        sock, _ = self.listeners[name].accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._end(sock)

    def arrivals(self, name: str) -> list[End]:
        """All connections that wait to be accepted."""
        found: list[End] = []
        while True:
            try:
                found.append(self.accept(name))
            except BlockingIOError:
                return found

    # Time.

    def settle(self) -> None:
        """Turn the reactor until there is nothing to do."""
        patience = PATIENCE
        for _ in range(200_000):
            if not self.reactor.goes and not self.reactor.given_up and not self._poll.poll(1):
                if not self.works:
                    break
                if self._work():
                    patience = PATIENCE
                elif patience and self._expects():
                    patience -= 1  # what was sent may be on its way
                else:
                    break
            self.reactor.turn(0)
            self.turns += 1
        else:
            raise AssertionError("the reactor does not come to rest")
        if self.faults:
            raise self.faults[0]

    def _expects(self) -> bool:
        """Somebody waits for what only its peer's transport sends."""
        return any(
            isinstance(one, Wire)
            and one.transport is not None
            and (one.shaking and not one.opening or one.blocked and one.transport.write_waits == READ)
            for one in self.reactor.channels
            if one is not self.reactor.vacant
        ) or any(isinstance(end, OddEnd) and end.expects() for end in self.ends)

    def _work(self) -> bool:
        """Whatever needs to be done at our ends. True: something was done."""
        worked = False
        for name, listener in self.listeners.items():
            while self.accepts and listener.fileno() >= 0:
                try:
                    sock, _ = listener.accept()
                except BlockingIOError:
                    break
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                end = self._made(sock, False)
                self.ends.append(end)
                self.accepted[name].append(end)
        for end in self.ends:
            if isinstance(end, Worker) and end.work():
                worked = True
        return worked

    def wait(self, milliseconds: int) -> None:
        """Time passes."""
        end = self.clock + milliseconds
        while self.clock < end:
            self.clock = min(self.clock + STEP, end)
            self.reactor.turn(0)
            if self.reactor.goes or self.works and (self._work() or self._poll.poll(0)):
                self.settle()
        self.settle()

    def until_closed(self, end: End, most: int) -> int:
        """Milliseconds until the proxy closes that connection."""
        start = self.clock
        while self.clock - start < most:
            if end.closed or end.take() is None or end.closed:
                break
            self.clock += STEP
            self.reactor.turn(0)
        return self.clock - start

    # The end.

    def check(self) -> None:
        """No client is left: what must be true of a proxy that serves nobody."""
        live, reactor = self.live, self.reactor
        process = live.process
        assert process.connections == 0, "connections of the process"
        for frontend in live.frontends:
            assert frontend.connections == 0, "connections of a frontend"
            assert frontend.counters.current == 0
            assert self.bind_states[id(frontend)].connections == 0
        idle = 0
        for backend in live.backends:
            assert backend.connections == 0, "streams of a backend"
            assert len(backend.queue) == 0
            for server in backend.servers:
                pooled = [one for one in server.pool.idle if one.is_open]
                assert server.connections == 0, f"slots of {server.name!r}: {server.connections}"
                assert len(server.queue) == 0
                counters = server.counters
                assert counters.links == counters.idle == len(pooled), f"open connections of {server.name!r}"
                assert all(not one.is_busy() and not one.wire.out for one in pooled)
                assert not server.pool.shared, f"shared connections of {server.name!r}"
                idle += len(pooled)
        assert reactor.open == idle, f"{reactor.open} channels are open, {idle} server connections are idle"
        assert reactor.wheel.waiting == 0, "deadlines on the wheel"
        assert all(slot.behind is None for slot in reactor.wheel.slots)
        channels = [one for one in reactor.channels if one is not reactor.vacant]
        assert len(channels) == idle
        reactor.pipe.close()
        ours = sum(1 for end in self.ends if end.sock.fileno() >= 0)
        assert len(descriptors() - self.descriptors) == ours + idle, "descriptors"
        for kept in (self._door, *self.listeners.values()):
            kept.getsockname()  # nobody has closed it

    def leave(self) -> None:
        """All clients and servers close."""
        for _ in range(3):  # a slot that is free now may give work to a server
            for end in self.ends:
                end.sock.close()
            self.settle()
            for name in self.listeners:
                self.arrivals(name)
        self.wait(1_200)  # what lingers

    def __enter__(self) -> Stand:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.leave()
                self.check()
        finally:
            self.dispose()

    def dispose(self) -> None:
        for end in self.ends:
            end.sock.close()
        for channel in self.reactor.channels:
            if isinstance(channel, Wire) and channel.fd >= 0:
                channel.close()
            elif channel.fd >= 0:
                self.reactor.close(channel)
        for fd in self.reactor.given_up:
            os.close(fd)
        self.reactor.given_up.clear()
        self.reactor.epoll.close()
        for listener in (*self.listeners.values(), self._door):
            listener.close()
        pointsman.net.reactor.monotonic_ns = self._real  # type: ignore[assignment]
