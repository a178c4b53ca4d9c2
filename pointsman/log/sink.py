"""The far end of a log: a queue of whole lines and a descriptor that takes them, without ever blocking traffic.

    put(line) -> queue -> flush: many lines with one system call
                            |-- all taken: done
                            |-- full: what is left waits for room (epoll says when; a flush after 60 ms tries again)
                            '-- nobody there: dropped and counted; a datagram sink connects anew, once a second at most

A queue holds at most QUEUE_LINES lines and QUEUE_BYTES bytes: what does not fit is dropped and counted.

A datagram carries one line; many go at once, and over UDP runs of equally long ones as one message, which the kernel
cuts again (core/calls.py): a receiver sees the same datagrams. Into pipes, terminals and files goes a run of whole
lines, at most PIPE_BUF bytes at once into pipes, so that lines of processes which share a pipe do not mix (pipe(7)).

A descriptor that we share (stdout) must not become non-blocking under the feet of others: that flag belongs to the
open file, not to the descriptor. So the file is opened once more through /proc/self/fd, which gives flags of our own;
where that is refused, poll(2) says before each write whether PIPE_BUF bytes fit. Sockets have MSG_DONTWAIT. Regular
files never block for long, and are written plainly.
"""

import errno
import fcntl
import os
import select
import socket
import stat
from typing import Final

from mypy_extensions import i64

from pointsman.core.address import AddressSpec
from pointsman.core.calls import send
from pointsman.net.clock import monotonic_ms
from pointsman.net.reactor import Channel

BATCH: Final = 64  # lines that make a flush worth while
QUEUE_LINES: Final = 16_384
QUEUE_BYTES: Final = 8 << 20
PIPE_BUF: Final = select.PIPE_BUF
CHUNK: Final = 65_536  # bytes of a write into what is no pipe
RETRY: Final = 1000  # ms between attempts to connect
_SEND_FLAGS: Final = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
_FULL: Final = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.ENOMEM)
# A kernel, a device or a path that takes no runs (udp(7), UDP_SEGMENT): each of its lines is sent by itself.
_NO_RUNS: Final = (errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP, errno.ENOPROTOOPT)
_IP_MTU: Final = 14  # <linux/in.h>: the path's, of a connected socket
_IPV6_MTU: Final = 24
_HEADERS: Final = 28  # bytes of the headers of IPv4 and UDP
_HEADERS_IPV6: Final = 48


class Sink(Channel):
    """`dropped` lines are those that nobody will ever read."""

    def __init__(self, address: AddressSpec) -> None:
        super().__init__(-1)
        self.address = address
        self.lines: list[bytes] = []
        self.done: i64 = 0  # lines at the beginning of the list that were taken already
        self.bytes: i64 = 0  # of all lines in the list, taken or not
        self.dropped = 0
        self.full = False  # the target took no more

    def put(self, line: bytes) -> None:
        """A whole line, its end included."""
        size: i64 = len(line)
        lines = self.lines
        if len(lines) - self.done >= QUEUE_LINES or self.bytes + size > QUEUE_BYTES:
            self.dropped += 1
            return
        lines.append(line)
        self.bytes += size

    @property
    def waiting(self) -> int:
        """Lines that are not yet taken."""
        return len(self.lines) - self.done

    def open(self) -> str:
        """Get at the target, while privileges and the root directory are still there. What went wrong, or ""."""
        raise NotImplementedError

    def flush(self) -> None:
        """Give away what the target takes."""
        raise NotImplementedError

    def watchable(self) -> bool:
        """Whether epoll can say when there is room."""
        return self.fd >= 0

    def ready(self, events: int) -> None:
        """The socket takes more again; lines that wait are sent."""
        if self.full:
            self.flush()

    def again(self) -> None:
        pass

    def broken(self) -> None:
        self.drop_all()

    def drop_all(self) -> None:
        self.dropped += self.waiting
        self.lines.clear()
        self.done = self.bytes = 0

    def _taken(self, done: i64) -> None:
        """The first `done` lines of the list are given away."""
        if done >= len(self.lines) or done > 1000:  # not each time: what is behind them would be moved
            del self.lines[:done]
            done = 0
            self.bytes = 0
            for line in self.lines:
                self.bytes += len(line)
        self.done = done

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def longest_of_run(sock: socket.socket) -> int:
    """Bytes of the longest line that goes to the socket's receiver as one packet; 0 where nobody knows."""
    six = sock.family == socket.AF_INET6
    try:
        mtu = sock.getsockopt(socket.IPPROTO_IPV6, _IPV6_MTU) if six else sock.getsockopt(socket.IPPROTO_IP, _IP_MTU)
    except OSError:
        return 0
    return min(max(mtu - (_HEADERS_IPV6 if six else _HEADERS), 0), 0xFFFF)


class DatagramSink(Sink):
    """A syslog receiver: UDP, or a UNIX datagram socket."""

    def __init__(self, address: AddressSpec) -> None:
        super().__init__(address)
        self.retry = RETRY
        self.tried = -RETRY  # when it was last connected, monotonic ms
        self.failure = ""
        self.most: i64 = 0  # bytes of a line that may be one of a run; 0: no runs here
        self.send = send

    def open(self) -> str:
        spec = self.address
        if self.fd < 0:
            family = socket.AF_UNIX
            if spec.kind == "inet":
                family = socket.AF_INET6 if ":" in spec.host else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            self.fd = sock.detach()
        return self._connect()

    def _connect(self) -> str:
        """Name the receiver to the socket. A UNIX receiver that restarted has a new socket behind the same path."""
        self.tried = monotonic_ms()
        spec = self.address
        sock = socket.socket(fileno=os.dup(self.fd))
        try:
            if spec.kind == "inet":
                sock.connect((spec.host, spec.port or 0))
                self.most = longest_of_run(sock)
            else:
                sock.connect(spec.host if spec.kind == "unix" else b"\0" + spec.host.encode("utf-8", "surrogateescape"))
            self.failure = ""
        except OSError as error:
            self.failure = error.strerror or str(error)
        finally:
            sock.close()
        return self.failure

    def flush(self) -> None:
        if self.fd < 0:
            self.drop_all()
            return
        lines = self.lines
        done = self.done
        total = len(lines)
        again = True
        self.full = False
        while done < total:
            sent = self.send(self.fd, lines, done, _SEND_FLAGS, self.most)
            if sent > 0:
                done += sent
                continue
            number = -sent
            if self.most and number in _NO_RUNS and self._begins_run(done):
                self.most = 0  # until it is connected anew
                continue
            if number in _FULL:
                self.full = True
                break
            if number == errno.EMSGSIZE:  # this line only
                self.dropped += 1
                done += 1
            elif again and self._mended(number):
                again = False
            else:
                self.dropped += total - done
                done = total
        self._taken(done)

    def _begins_run(self, start: i64) -> bool:
        """The line there and the next one were sent as one message."""
        lines = self.lines
        return (
            start + 1 < len(lines) and len(lines[start]) <= self.most and 0 < len(lines[start + 1]) <= len(lines[start])
        )

    def _mended(self, number: int) -> bool:
        """After an error: whether it makes sense to send again."""
        if number == errno.ECONNREFUSED and self.address.kind == "inet":
            return True  # an ICMP answer to what was sent before, told once
        if monotonic_ms() - self.tried < self.retry:
            return False
        return not self._connect()


class StreamSink(Sink):
    """stdout, stderr or an inherited descriptor: pipe, terminal, file or socket."""

    def __init__(self, address: AddressSpec) -> None:
        super().__init__(address)
        self.shared = address.port if address.port is not None else 1
        self.rest = b""  # what is left of a line that was taken in part; nothing may come between
        self.chunk = CHUNK
        self.socket = False
        self.datagrams = False
        self.polled = False  # blocking, so ask before each write
        self.regular = False
        self.watched = False  # epoll can say when there is room: not for files and for most devices (/dev/null)

    def open(self) -> str:
        if self.fd >= 0:
            return ""
        try:
            mode = os.fstat(self.shared).st_mode
            if fcntl.fcntl(self.shared, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
                return os.strerror(errno.EBADF)  # opened once more it would be another file than the one meant
            self.socket = stat.S_ISSOCK(mode)
            self.regular = stat.S_ISREG(mode)
            if stat.S_ISFIFO(mode):
                self.chunk = PIPE_BUF
            if self.socket or self.regular:
                self.fd = os.dup(self.shared)
            else:
                self._reopen()
            self.watched = not self.regular and _can_be_watched(self.fd)
        except OSError as error:
            return error.strerror or str(error)
        if self.socket:
            sock = socket.socket(fileno=os.dup(self.fd))
            self.datagrams = sock.type == socket.SOCK_DGRAM
            sock.close()
        return ""

    def _reopen(self) -> None:
        """Open the same file again, with flags of our own."""
        try:
            self.fd = os.open(
                f"/proc/self/fd/{self.shared}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_APPEND
            )
        except OSError:
            self.fd = os.dup(self.shared)
            self.polled = os.get_blocking(self.fd)
            self.chunk = PIPE_BUF

    def watchable(self) -> bool:
        return self.fd >= 0 and self.watched

    def flush(self) -> None:
        if self.fd < 0:
            self.drop_all()
            return
        done = self.done
        lines = self.lines
        self.full = False
        while done < len(lines) or self.rest:
            data, count = (self.rest, 0) if self.rest else self._run(done)
            sent = self._write(data)
            if sent == 0:
                self.full = True
                break
            if sent < 0:
                self.rest = b""
                self.done = done
                self.drop_all()
                return
            done += count
            self.rest = data[sent:]
        self._taken(done)

    def _run(self, start: int) -> tuple[bytes, int]:
        """Whole lines from there on, as many as go into one write, and how many they are."""
        lines = self.lines
        size = len(lines[start])
        end = start + 1
        while not self.datagrams and end < len(lines) and size + len(lines[end]) <= self.chunk:
            size += len(lines[end])
            end += 1
        return b"".join(lines[start:end]), end - start

    def _write(self, data: bytes) -> int:
        """Bytes taken; 0: full; -1: nobody reads any more."""
        if self.polled:
            poll = select.poll()
            poll.register(self.fd, select.POLLOUT)
            if not [1 for _, events in poll.poll(0) if events & select.POLLOUT]:
                return 0
            data = data[: self.chunk]  # a longer one could block in its middle
        try:
            if not self.socket:
                return os.write(self.fd, data)
            sock = socket.socket(fileno=self.fd)
            try:
                return sock.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            finally:
                sock.detach()
        except OSError as error:
            return 0 if error.errno in _FULL or error.errno == errno.EINTR else -1


def _can_be_watched(fd: int) -> bool:
    """False where epoll refuses such files. Raises OSError where there is no descriptor for an epoll."""
    with select.epoll(1) as epoll:
        try:
            epoll.register(fd, select.EPOLLOUT)
        except PermissionError:
            return False
    return True


def make_sink(address: AddressSpec) -> Sink:
    """The sink of an address, not yet open."""
    return StreamSink(address) if address.kind == "fd" else DatagramSink(address)
