"""A name server: how queries get to it, and messages from it (manual 5.3.2, nameserver).

By UDP there is one connected socket, so that the kernel lets through nothing that comes from elsewhere. By TCP up to
PIPELINED queries wait for their answers on a connection at a time; one that is idle is closed after IDLE. Sockets are
opened when they are first needed, which takes no file: so a chroot is no matter.

A query that gets lost is not sent again from here, but for one that a connection of TCP took with it which had answered
before: its name server had closed it, as it may do at any time.

Counters are cells of the arena: what was counted stays when control is replaced.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

from pointsman.config.resolvers import NameServerLine, family_of
from pointsman.core.arena import Arena

# Counters in the order of statistics (management 9.1, 9.3: show resolvers); each with its name in both places.
COUNTERS: Final = (
    ("sent", "sent"),  # queries
    ("snd_error", "send_error"),  # those that could not be sent
    ("valid", "valid"),  # responses with records
    ("update", "update"),  # those that have changed what is used
    ("cname", "cname"),  # responses with a chain of CNAME records
    ("cname_error", "cname_error"),  # those whose chain leads nowhere
    ("any_err", "any_err"),  # responses without an error and without a record
    ("nx", "nx"),  # there is no such name
    ("timeout", "timeout"),  # queries without an answer in time
    ("refused", "refused"),  # responses of that code
    ("other", "other"),  # other errors
    ("invalid", "invalid"),  # what is no response to the query
    ("too_big", "too_big"),  # more bytes than accepted_payload_size
    ("truncated", "truncated"),  # responses that have left something out
    ("outdated", "outdated"),  # nobody waits for them (any more)
)
SENT, SEND_ERROR, COUNT_VALID, UPDATE, CNAMES, CNAME_ERROR, EMPTY, COUNT_NX, COUNT_TIMEOUT = range(9)
COUNT_REFUSED, COUNT_OTHER, COUNT_INVALID, TOO_BIG, TRUNCATED, OUTDATED = range(9, 15)

PIPELINED: Final = 4  # queries at once on a connection (manual 5.3.2, nameserver)
IDLE: Final = 5.0  # s
WAITING: Final = 1024  # queries that wait for a connection, at most
AT_ONCE: Final = 64  # datagrams that are read in one go

Receiver = Callable[["NameServer", bytes], None]


class NameServer:
    """`line`: what the configuration says of it; `first`: the first of its cells; `receive` gets its messages, which
    have at most `payload` bytes, and of those that are larger the beginning, with `too_big` counted."""

    def __init__(self, line: NameServerLine, arena: Arena, payload: int) -> None:
        self.line = line
        self.name = line.name
        self.cells = arena.cells
        self.first = arena.take(len(COUNTERS))
        self.payload = payload
        self.loop: asyncio.AbstractEventLoop | None = None
        self.receive: Receiver | None = None
        self.sock: socket.socket | None = None
        self.links: list[StreamLink] = []
        self.waiting: deque[bytes] = deque()  # queries for which no connection has room

    def count(self, counter: int) -> None:
        self.cells.add(self.first + counter, 1)

    def counted(self) -> list[int]:
        """In the order of COUNTERS."""
        return [self.cells.load(self.first + index) for index in range(len(COUNTERS))]

    def clear(self) -> None:
        """Begin to count anew."""
        for index in range(len(COUNTERS)):
            self.cells.store(self.first + index, 0)

    def start(self, loop: asyncio.AbstractEventLoop, receive: Receiver) -> None:
        self.loop = loop
        self.receive = receive

    def close(self) -> None:
        """Nothing more is sent or received."""
        if self.sock is not None and self.loop is not None:
            self.loop.remove_reader(self.sock.fileno())
            self.sock.close()
        self.sock = None
        self.waiting.clear()
        for link in list(self.links):
            link.close()
        self.links.clear()
        self.receive = None

    def ask(self, query: bytes) -> bool:
        """Send it. False: it could not be sent, which was counted."""
        sent = self._ask_stream(query) if self.line.stream else self._ask_datagram(query)
        self.count(SENT if sent else SEND_ERROR)
        return sent

    def take(self, message: bytes) -> None:
        if self.receive is not None:
            self.receive(self, message)

    # UDP.

    def _ask_datagram(self, query: bytes) -> bool:
        for _ in range(2):  # the first send may only tell that the one before did not arrive
            sock = self._socket()
            if sock is None:
                return False
            try:
                sock.send(query)
            except ConnectionRefusedError:
                continue
            except BlockingIOError:
                return False
            except OSError:  # no route any more, or another address of ours: the next one gets a new socket
                self._close_socket()
                return False
            return True
        return True  # nobody listens there: the time of the query will tell

    def _socket(self) -> socket.socket | None:
        if self.sock is not None:
            return self.sock
        assert self.loop is not None
        sock = socket.socket(family_of(self.line.host), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            sock.connect((self.line.host, self.line.port))
        except OSError:
            sock.close()
            return None
        self.sock = sock
        self.loop.add_reader(sock.fileno(), self._read)
        return sock

    def _close_socket(self) -> None:
        if self.sock is not None and self.loop is not None:
            self.loop.remove_reader(self.sock.fileno())
            self.sock.close()
            self.sock = None

    def _read(self) -> None:
        for _ in range(AT_ONCE):
            if self.sock is None:
                return  # what was received has led to its end
            try:
                message = self.sock.recv(self.payload + 1)
            except OSError:
                return
            self.take(message)

    # TCP.

    def _ask_stream(self, query: bytes) -> bool:
        for link in self.links:
            if len(link.open) < PIPELINED:
                link.send(query)
                return True
        if self.line.most and len(self.links) >= self.line.most:
            if len(self.waiting) >= WAITING:
                return False
            self.waiting.append(query)
            return True
        link = StreamLink(self)
        self.links.append(link)
        link.send(query)
        link.connect()
        return True

    def room(self, link: "StreamLink") -> None:
        """A connection can take another query."""
        while self.waiting and len(link.open) < PIPELINED:
            link.send(self.waiting.popleft())

    def late(self, number: int) -> None:
        """A query was not answered in time. A connection that is silent may be dead, and is not used again."""
        for link in self.links:
            if link.open.pop(number, None) is not None:
                link.fail()
                return

    def link_ended(self, link: "StreamLink") -> None:
        if link not in self.links:
            return
        self.links.remove(link)
        left = list(link.open.values()) if link.answered else []
        link.open.clear()
        for query in left:
            self._ask_stream(query)
        while self.waiting and (not self.line.most or len(self.links) < self.line.most):
            self._ask_stream(self.waiting.popleft())


class StreamLink(asyncio.Protocol):
    """A connection of TCP: each message stands behind its size, two bytes (RFC 1035, 4.2.2)."""

    def __init__(self, server: NameServer) -> None:
        self.server = server
        self.open: dict[int, bytes] = {}  # queries without an answer yet, by their ids
        self.answered = False  # one was
        self.transport: asyncio.Transport | None = None
        self.connecting: asyncio.Task[None] | None = None
        self.idle: asyncio.TimerHandle | None = None
        self.buffer = b""

    def connect(self) -> None:
        assert self.server.loop is not None
        self.connecting = self.server.loop.create_task(self._connect())

    async def _connect(self) -> None:
        line, loop = self.server.line, self.server.loop
        assert loop is not None
        try:
            await loop.create_connection(lambda: self, line.host, line.port, local_addr=line.source)
        except OSError:
            self.server.link_ended(self)

    def send(self, query: bytes) -> None:
        self.open[int.from_bytes(query[:2], "big")] = query
        if self.idle is not None:
            self.idle.cancel()
            self.idle = None
        if self.transport is not None:
            self.transport.write(len(query).to_bytes(2, "big") + query)

    def close(self) -> None:
        """Nobody wants anything of it any more."""
        self.open.clear()
        if self.idle is not None:
            self.idle.cancel()
        if self.transport is not None:
            self.transport.abort()
        elif self.connecting is not None:
            self.connecting.cancel()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        for query in self.open.values():
            transport.write(len(query).to_bytes(2, "big") + query)
        self.server.room(self)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= 2:
            size = int.from_bytes(self.buffer[:2], "big")
            if len(self.buffer) < 2 + size:
                return
            message, self.buffer = self.buffer[2 : 2 + size], self.buffer[2 + size :]
            self.open.pop(int.from_bytes(message[:2], "big"), None)
            self.answered = True
            self.server.take(message)
            self.server.room(self)
            self._rest()

    def fail(self) -> None:
        """It does not answer: what else it has is asked on another one, if it ever answered."""
        if self.transport is not None:
            self.transport.abort()
        elif self.connecting is not None:
            self.connecting.cancel()
        self.server.link_ended(self)

    def _rest(self) -> None:
        if self.open or self.idle is not None or self.server.loop is None or self.transport is None:
            return
        self.idle = self.server.loop.call_later(IDLE, self.transport.close)

    def connection_lost(self, error: Exception | None) -> None:
        if self.idle is not None:
            self.idle.cancel()
        self.server.link_ended(self)
