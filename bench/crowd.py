"""A load of exactly N requests, and the server that answers them, in one loop: for counting instructions.

One request at a time is under way, on one connection after the other: so every turn of the program finds one thing to
do, however fast the machine is and whatever else runs on it. Requests in parallel would share turns, now more of them,
now fewer, and instructions would differ by some percent from machine to machine. Every answer is compared, status and
body.

    clients  --(listens: the program)-->  program  --(listens: us)-->  the server, below
"""

from __future__ import annotations

import selectors
import socket
from collections import deque
from dataclasses import dataclass, field

from bench.client import content_length
from bench.frames import OK, Exchanges
from bench.rows import Row

BODY = b"Hello from server 1!"
PATIENCE = 60.0  # s without any byte
HEAD_END = b"\r\n\r\n"


@dataclass(slots=True)
class Peer:
    """A connection: of a client, or (`client` False) one that the program has opened to us."""

    sock: socket.socket
    client: bool
    data: bytes = b""
    exchanges: Exchanges | None = None  # where a client speaks HTTP/2


@dataclass(slots=True)
class Crowd:
    """Use `play` as often as wanted, then `close`."""

    port: int  # of the server; 0 chooses one
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    served: int = 0
    _left: int = 0  # requests that are not sent yet
    _answered: int = 0
    _next: int = 0  # number of the next request, never used twice
    _clients: deque[Peer] = field(default_factory=deque)  # the first of them asks next
    _listener: socket.socket | None = None

    def open(self) -> None:
        """Listen."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = self._listener.getsockname()[1]
        self.selector.register(self._listener, selectors.EVENT_READ, None)

    def play(self, row: Row, port: int, count: int, connections: int) -> None:
        """That many requests to the program's port. SystemExit if an answer is wrong or none comes."""
        self._left, self._answered = count, 0
        for _ in range(1 if row.close else min(connections, count)):
            self._connect(row, port)
        self._ask(row)
        while self._answered < count:
            events = self.selector.select(PATIENCE)
            if not events:
                raise SystemExit(f"row {row.name}: no answer any more after {self._answered} of {count}")
            for key, _ in events:
                if key.data is None:
                    self._accept()
                elif key.data.client:
                    self._client_readable(row, port, key.data)
                else:
                    self._server_readable(key.data)
        for peer in list(self._clients):
            self._drop(peer)

    def close(self) -> None:
        """Closes everything."""
        for key in list(self.selector.get_map().values()):
            self.selector.unregister(key.fileobj)
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            sock.close()
        self.selector.close()

    def _connect(self, row: Row, port: int) -> None:
        sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        peer = Peer(sock, True, exchanges=Exchanges(row) if row.streams else None)
        self._clients.append(peer)
        self.selector.register(sock, selectors.EVENT_READ, peer)

    def _ask(self, row: Row) -> None:
        """The next request, on the connection that has waited longest."""
        self._left -= 1
        self._next += 1
        peer = self._clients[0]
        peer.sock.sendall(row.request(self._next) if peer.exchanges is None else peer.exchanges.request())
        self._clients.rotate(-1)

    def _accept(self) -> None:
        assert self._listener is not None
        sock, _ = self._listener.accept()
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(sock, selectors.EVENT_READ, Peer(sock, False))

    def _drop(self, peer: Peer) -> None:
        self.selector.unregister(peer.sock)
        peer.sock.close()
        if peer.client:
            self._clients.remove(peer)

    def _client_readable(self, row: Row, port: int, peer: Peer) -> None:
        data = peer.sock.recv(262144)
        if not data:
            raise SystemExit(f"row {row.name}: closed before the end of an answer: {peer.data!r}")
        if not (self._answer if peer.exchanges is None else self._h2_answer)(row, peer, data):
            return
        self._answered += 1
        if row.close:
            if peer.exchanges is None and peer.sock.recv(1):
                raise SystemExit(f"row {row.name}: more than the answer")
            self._drop(peer)
            if self._left:
                self._connect(row, port)
        if self._left:
            self._ask(row)

    def _answer(self, row: Row, peer: Peer, data: bytes) -> bool:
        """Whether the answer has come whole."""
        peer.data += data
        head, end, body = peer.data.partition(HEAD_END)
        if not end or len(body) < content_length(head.split(b"\r\n")[1:]):
            return False
        if not head.startswith(b"HTTP/1.1 200 ") or body != BODY:
            raise SystemExit(f"row {row.name}: a wrong answer: {peer.data!r}")
        peer.data = b""
        return True

    def _h2_answer(self, row: Row, peer: Peer, data: bytes) -> bool:
        exchanges = peer.exchanges
        assert exchanges is not None
        if reply := exchanges.feed(data):
            peer.sock.sendall(reply)
        if not exchanges.answered:
            return False
        if exchanges.status != OK or exchanges.body != BODY:
            raise SystemExit(f"row {row.name}: a wrong answer: {exchanges.status!r} {exchanges.body!r}")
        return True

    def _server_readable(self, peer: Peer) -> None:
        try:
            data = peer.sock.recv(262144)
        except ConnectionError:
            data = b""
        if not data:
            self._drop(peer)
            return
        peer.data += data
        head, end, rest = peer.data.partition(HEAD_END)
        if not end:
            return
        assert not rest, "requests of these rows have no body and are not pipelined"
        peer.data = b""
        self.served += 1
        close = b"\r\nconnection: close" in head.lower()
        peer.sock.sendall(response(head.split(b" ", 2)[1], self.served, close))
        if close:
            self._drop(peer)


def response(path: bytes, number: int, close: bool) -> bytes:
    """What a server of the benchmark would say; `number` makes the lines different where the path asks for it."""
    lines = [
        b"HTTP/1.1 200 OK",
        b"Server: nginx/1.22.1",
        b"Date: Sat, 01 Jan 2022 00:00:00 GMT",
        b"Content-Type: text/plain",
        b"Content-Length: %d" % len(BODY),
        b"Connection: " + (b"close" if close else b"keep-alive"),
    ]
    token = b"%032x" % (number * 0x9E3779B97F4A7C15F39CC0605CEDC834 % (1 << 128))
    if path.startswith((b"/v", b"/w")):
        lines += [b"X-Request-Id: " + token, b"X-Serial: %d" % number]
    if path.startswith(b"/w"):
        lines += [b"Set-Cookie: s=" + token + b"; Path=/", b'ETag: "' + token + b'"', b"X-Trace: trace-" + token]
    return b"\r\n".join(lines) + HEAD_END + BODY
