"""A transport that only tests use: as unlike a plain socket as TLS can be, and more.

Every byte on the wire is inverted, so that whoever goes past it reads nonsense. What it says is frames, a type, three
bytes of length, and that many bytes:

    client             server
    HELLO       -->
                <--    ANSWER      two round trips
    PROOF       -->
                <--    DONE
    DATA ...           in pieces whose sizes vary: a few bytes at first
    ASK         -->                now and then who writes needs leave to go on: its writes wait for a read
                <--    LEAVE       and who is asked must answer before it reads on: its reads wait for a write
    END         -->                the end; without it the connection was cut

The same class serves both ends, so tests speak it, too (`support/stand.py`). It is switched on for tests/playbook
by POINTSMAN_TEST_TRANSPORT=odd.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import ClassVar, Final

from pointsman.core import calls
from pointsman.net.transport import AT_HAND, READ, WRITE, Transport, Transports

HELLO: Final = 1
ANSWER: Final = 2
PROOF: Final = 3
DONE: Final = 4
DATA: Final = 5
ASK: Final = 6
LEAVE: Final = 7
END: Final = 8
HEAD: Final = 4
SIZES: Final = (3, 11, 1, 64, 300, 5, 1460, 7)  # of the first frames; what follows is in large ones
LARGE: Final = 16_384
WHOLE: Final = 1 << 20  # of all, where nothing is split
SIPS: Final = (1, 4, 30, 2, 500, 13)  # what the first reads return at most, for each connection
ASKS: Final = frozenset((1, 3))  # before which frames leave is asked for
CUT: Final = "it was cut"
PEEKS: Final = 1 << 22
_RECEIVES: Final = 65_536
_INVERTED: Final = bytes(255 - number for number in range(256))


def inverted(data: bytes) -> bytes:
    return data.translate(_INVERTED)


def frame(kind: int, payload: bytes = b"") -> bytes:
    """As it stands on the wire."""
    return inverted(bytes((kind,)) + len(payload).to_bytes(3, "big") + payload)


class OddTransport(Transport):
    splits: ClassVar[bool] = True  # False: in stories that tell of what comes in one piece, it stays in one

    def __init__(self, fd: int, client: bool, pending: bytes = b"") -> None:
        super().__init__()
        self.fd = fd
        self.client = client
        self.incoming = pending  # from the wire, and not used yet
        self.short = False  # the last receive came back short: the socket is drained
        self.cut = False  # the socket has ended
        self.plain = b""  # payload that no read has asked for
        self.ended = False  # the peer's END has come
        self.outgoing = b""  # frames that the kernel has not taken
        self.committed = b""  # payload of the frame that is partly there
        self.end_sent = False
        self.expects = [ANSWER, DONE] if client else [HELLO, PROOF]
        self.greeted = False
        self.frames = 0  # DATA frames written
        self.reads = 0
        self.asking = False  # leave was asked for, and has not come
        self.asked = 0  # for which frame it was asked for last
        self.sent = 0  # bytes on the wire
        self.answers = 0  # of ASKs
        self.answered_ahead = 0  # ASKs that were seen in the socket and answered, but not read

    # Frames.

    def _receive(self) -> bool:
        """Take what the socket has. False: nothing now."""
        data = calls.receive(self.fd, _RECEIVES)
        if data is None:
            self.short = True
            return False
        if not data:
            self.cut = True
        self.short = len(data) < _RECEIVES
        self.incoming += data
        return True

    def _frame(self) -> tuple[int, bytes] | None:
        """The next frame that is whole."""
        if len(self.incoming) < HEAD:
            return None
        head = inverted(self.incoming[:HEAD])
        if not HELLO <= head[0] <= END:
            raise OSError(errno.EPROTO, "no frame")
        size = HEAD + int.from_bytes(head[1:], "big")
        if len(self.incoming) < size:
            return None
        payload, self.incoming = inverted(self.incoming[HEAD:size]), self.incoming[size:]
        return head[0], payload

    def _send(self) -> bool:
        """False: the kernel does not take it all."""
        while self.outgoing:
            taken = calls.transmit(self.fd, self.outgoing)
            if not taken:
                return False
            self.sent += taken
            self.outgoing = self.outgoing[taken:]
        return True

    def _use(self, kind: int, payload: bytes) -> None:
        """A frame behind the handshake."""
        if kind == DATA:
            self.plain += payload
        elif kind == ASK and self.answered_ahead:
            self.answered_ahead -= 1
        elif kind == ASK and not self.end_sent:  # else the end says that nothing more will be sent
            self.answers += 1
            self.outgoing += frame(LEAVE)
        elif kind == LEAVE:
            self.asking = False
        elif kind == END:
            self.ended = True
        elif kind != ASK:
            raise OSError(errno.EPROTO, "a handshake after the handshake")

    # The handshake.

    def handshake(self) -> int:
        if self.client and not self.greeted:
            self.greeted = True
            self.outgoing += frame(HELLO, b"odd")
        while True:
            if not self._send():
                return WRITE
            if not self.expects:
                return 0
            found = self._frame()
            if found is None:
                if self.cut:
                    raise OSError(errno.ECONNRESET, "it has ended in the middle of the handshake")
                if not self._receive():
                    return READ
            elif found[0] != self.expects.pop(0):
                raise OSError(errno.EPROTO, "no handshake")
            elif found[0] != DONE:
                self.outgoing += frame(found[0] + 1)

    def shaken(self) -> bool:
        return not self.expects and not self.outgoing

    # Reading and writing.

    def read(self, size: int) -> bytes | None:
        self.short = False  # an earlier one says nothing: an event may have come since
        while not self.plain and not self.ended:
            if not self.committed and not self._send():  # who asks is answered before anything else
                self.read_waits = WRITE
                return None
            found = self._frame()
            if found is not None:
                self._use(*found)
                if found[0] in (LEAVE, END):
                    self.write_waits = AT_HAND
            elif self.cut:
                raise OSError(errno.ECONNRESET, CUT)
            elif not self._receive():
                self.read_waits = READ
                return None
        self.read_waits = READ
        if not self.plain:
            return b""
        most = self._size(SIPS, self.reads)
        self.reads += 1
        data, self.plain = self.plain[: min(size, most)], self.plain[min(size, most) :]
        return data

    def _size(self, sizes: tuple[int, ...], number: int) -> int:
        """At most, of that read or frame."""
        if not self.splits:
            return WHOLE
        return sizes[number] if number < len(sizes) else LARGE

    def drained(self) -> bool:
        return self.short and not self.cut and not self.plain and not self.incoming and not self.ended

    def write(self, data: bytes) -> int:
        before = self.sent
        taken = self._write(data)
        self.moved = self.sent != before
        return taken

    def _write(self, data: bytes) -> int:
        if not data.startswith(self.committed):
            raise OSError(errno.EINVAL, "what was begun has to go on")
        taken = 0
        self.write_waits = WRITE
        while True:
            if not self._send():
                return taken
            taken += len(self.committed)
            self.committed = b""
            if self.read_waits == WRITE:
                self.read_waits = AT_HAND
            if taken == len(data):
                return taken
            if not self._leave():
                return taken
            if self.outgoing:
                continue  # an answer of ours goes first
            size = self._size(SIZES, self.frames)
            self.frames += 1
            self.committed = data[taken : taken + size]
            self.outgoing += frame(DATA, self.committed)

    def _leave(self) -> bool:
        """Whether another frame may be written now."""
        if self.ended or self.cut:
            return True  # nobody is there to give it
        number = self.frames
        if not self.asking and number != self.asked and number in ASKS:
            self.asked = number
            self.asking = True
            self.outgoing += frame(ASK)
            if not self._send():
                return False
        while self.asking and not self.ended and not self.cut:
            found = self._frame()
            if found is not None:
                self._use(*found)
                if found[0] in (DATA, END):
                    self.read_waits = AT_HAND
            elif not self._receive():
                self.write_waits = READ
                return False
            elif self.cut:
                self.read_waits = AT_HAND
        return True

    def shut(self) -> bool:
        if self.committed:
            raise OSError(errno.EINVAL, "an end in the middle of a frame")
        if not self.end_sent:
            self.end_sent = True
            self.outgoing += frame(END)
        return self._send()

    # For the end that tests hold.

    def write_all(self, data: bytes) -> int:
        """As `write`, but a frame that has begun counts as taken: its rest follows by itself, with the next call."""
        taken = self.write(data) + len(self.committed)
        self.committed = b""
        return taken

    def answer_ahead(self) -> None:
        """The other end may be waiting for leave, though nobody reads here: look at what stands in the socket."""
        with socket.socket(fileno=os.dup(self.fd)) as sock:
            try:
                data = self.incoming + sock.recv(PEEKS, socket.MSG_PEEK)
            except BlockingIOError:
                data = self.incoming
        at = asks = 0
        while at + HEAD <= len(data):
            head = inverted(data[at : at + HEAD])
            at += HEAD + int.from_bytes(head[1:], "big")
            if head[0] == ASK and at <= len(data):
                asks += 1
        asks -= self.answered_ahead
        if asks > 0 and not self.end_sent:
            self.answered_ahead += asks
            self.answers += asks
            self.outgoing += frame(LEAVE) * asks
        self._send()

    def progress(self) -> object:
        """Changes whenever it has gone on."""
        return self.sent, len(self.expects), self.frames, self.asking, self.answers


class OddTransports(Transports):
    def accept(self, fd: int, pending: bytes) -> OddTransport:
        return OddTransport(fd, False, pending)

    def connect(self, fd: int, name: bytes) -> OddTransport:
        return OddTransport(fd, True)
