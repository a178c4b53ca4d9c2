"""System calls on descriptors that do not wait: from the extension, which goes straight to the kernel, or, where that
was not built, by the ways of Python's library, which mean the same and cost more.

    read(fd, size)                     what came, b"" at the end; None: nothing now
    write(fd, data)                    how many bytes were taken; 0: nothing now
    receive(fd, size)                  read, of a socket
    transmit(fd, data)                 write, into a socket
    accept(fd)                         of a listening socket: a descriptor that does not wait, the packed address of who
                                       connects (b"" where it is no internet address) and its port; None: nobody now
    connect(address)                   a TCP socket, with TCP_NODELAY, that begins to connect: its descriptor. The
                                       address is in the system's form (`socket_address`)
    splice(source, sink, most)         how many bytes went on, one of both being a pipe; 0 at the end; -1: nothing now
    wait(fd, ms, epoll)                descriptor, events, descriptor, events...; -1 ms: for ever. `fd` is the epoll's
    shut(fd)                           shutdown(2): no more will be sent
    option(fd, level, option, value)   setsockopt(2) of the value's bytes
    error(fd)                          SO_ERROR, which reading clears
    send(fd, lines, start, flags, most)  lines[start:] as datagrams, at most 64 of them: how many were taken, or the
                                       negative number of the error that stopped the first. Of UDP, runs of equally long
                                       lines of up to `most` bytes may go to the kernel as one message each
    insist(signal, ms)                 the process ends by this signal, unless it calls `heard` so many ms after the
                                       signal came: it may be computing something that never ends. To be called when
                                       the signal has its handler, and in the process itself, as a fork forgets it
    keep(size)                         so many bytes of memory that was freed stay with the process, for what needs it
                                       next. False: nothing has changed, as the library does not know how
    heard()                            the signals that have come were looked at
    trace(signal, fd)                  when this signal comes, compiled functions that are being executed are written
                                       there, the innermost first, before what else it does

What fails otherwise is an OSError. Nothing in Python's library insists or traces: without the extension nobody does.
"""

import errno
import os
import select
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

__all__ = [
    "BATCH",
    "accept",
    "accept_passed",
    "connect",
    "error",
    "heard",
    "insist",
    "keep",
    "option",
    "original",
    "pass_connection",
    "read",
    "receive",
    "send",
    "shut",
    "socket_address",
    "splice",
    "trace",
    "transmit",
    "wait",
    "write",
]

BATCH: Final = 512  # events of a wait
LINES: Final = 64  # datagrams at once
_DESCRIPTOR: Final = struct.Struct("i")
_SOL_IPV6: Final = 41
_ORIGINAL_DESTINATION: Final = 80  # SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST of <linux/netfilter_*>
_AT_ONCE: Final = 3  # SPLICE_F_MOVE | SPLICE_F_NONBLOCK


def plain_read(fd: int, size: int) -> bytes | None:
    try:
        return os.read(fd, size)
    except BlockingIOError:
        return None


def plain_write(fd: int, data: bytes) -> int:
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0


def plain_accept(fd: int) -> tuple[int, bytes, int] | None:
    try:
        with _borrowed(fd) as listener:
            family = listener.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN)
        listener = socket.socket(family, socket.SOCK_STREAM, 0, fd)
        try:
            sock, address = listener.accept()
        finally:
            listener.detach()
    except BlockingIOError:
        return None
    sock.setblocking(False)
    if family not in (socket.AF_INET, socket.AF_INET6):
        return sock.detach(), b"", 0
    return sock.detach(), socket.inet_pton(family, address[0].partition("%")[0]), address[1]


def plain_connect(address: bytes) -> int:
    family = int.from_bytes(address[:2], sys.byteorder)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        packed = address[4:8] if family == socket.AF_INET else address[8:24]
        failure = sock.connect_ex((socket.inet_ntop(family, packed), int.from_bytes(address[2:4], "big")))
        if failure not in (0, errno.EINPROGRESS):
            raise OSError(failure, os.strerror(failure))
        return sock.detach()
    finally:
        sock.close()


def socket_address(family: int, packed: bytes, port: int) -> bytes:
    """An internet address in the system's form, struct sockaddr_in or sockaddr_in6."""
    head = family.to_bytes(2, sys.byteorder) + port.to_bytes(2, "big")
    return head + (packed + bytes(8) if family == socket.AF_INET else bytes(4) + packed + bytes(4))


def plain_splice(source: int, sink: int, most: int) -> int:
    try:
        return os.splice(source, sink, most, flags=_AT_ONCE)
    except BlockingIOError:
        return -1


def plain_wait(fd: int, ms: int, epoll: select.epoll) -> list[int]:
    return [number for pair in epoll.poll(ms / 1000 if ms >= 0 else None, BATCH) for number in pair]


@contextmanager
def _borrowed(fd: int) -> Iterator[socket.socket]:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fd)  # whatever its family: nothing here asks for it
    try:
        yield sock
    finally:
        sock.detach()


def plain_shut(fd: int) -> None:
    with _borrowed(fd) as sock:
        sock.shutdown(socket.SHUT_WR)


def plain_option(fd: int, level: int, option: int, value: bytes) -> None:
    with _borrowed(fd) as sock:
        sock.setsockopt(level, option, value)


def plain_error(fd: int) -> int:
    with _borrowed(fd) as sock:
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def plain_original(fd: int, family: int) -> tuple[bytes, int] | None:
    v6 = family == socket.AF_INET6
    with _borrowed(fd) as sock:
        try:
            found = sock.getsockopt(_SOL_IPV6 if v6 else socket.SOL_IP, _ORIGINAL_DESTINATION, 28 if v6 else 16)
        except OSError:
            return None
    return found[8:24] if v6 else found[4:8], int.from_bytes(found[2:4], "big")


def accept_passed(fd: int) -> tuple[int, bytes, int] | None:
    """As `accept`, of a connection that somebody passes over this connected UNIX socket. EOFError: nobody will."""
    with _borrowed(fd) as way:
        try:
            data, ancillary, _, _ = way.recvmsg(
                1, socket.CMSG_SPACE(_DESCRIPTOR.size), socket.MSG_CMSG_CLOEXEC | socket.MSG_DONTWAIT
            )
        except BlockingIOError:
            return None
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS and len(content) >= _DESCRIPTOR.size:
            made: int = _DESCRIPTOR.unpack_from(content)[0]
            os.set_blocking(made, False)
            return made, b"", 0
    if not data:
        raise EOFError
    raise ConnectionError("a message without a connection")


def pass_connection(fd: int) -> socket.socket:
    """A new connection whose other end is passed over this connected UNIX socket. Raises OSError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        with theirs, _borrowed(fd) as way:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, _DESCRIPTOR.pack(theirs.fileno()))
            way.sendmsg([b"\0"], [rights], socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
    except OSError:
        ours.close()
        raise
    return ours


def plain_send(fd: int, lines: list[bytes], start: int, flags: int, most: int) -> int:
    done = start
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM, 0, fd)  # whatever its family: nothing here asks for it
        try:
            for done in range(start, min(start + LINES, len(lines))):
                sock.send(lines[done], flags)
        finally:
            sock.detach()
    except OSError as error:
        return done - start or -(error.errno or 0)
    return done + 1 - start


def plain_insist(number: int, ms: int) -> None:
    pass


def plain_keep(size: int) -> bool:
    return False


def plain_heard() -> None:
    pass


def plain_trace(number: int, fd: int) -> None:
    pass


if TYPE_CHECKING:
    from pointsman.core._calls import (
        accept,
        connect,
        error,
        heard,
        insist,
        keep,
        option,
        original,
        read,
        receive,
        send,
        shut,
        splice,
        trace,
        transmit,
        wait,
        write,
    )
else:
    try:
        from pointsman.core._calls import (
            accept,
            connect,
            error,
            heard,
            insist,
            keep,
            option,
            read,
            receive,
            send,
            shut,
            splice,
            trace,
            transmit,
            wait,
            write,
        )
    except ImportError:  # no compiler was at hand
        heard, insist, keep, trace = plain_heard, plain_insist, plain_keep, plain_trace
        accept, connect, receive, transmit = plain_accept, plain_connect, plain_read, plain_write
        error, option, read, send, shut, splice, wait, write = (
            plain_error,
            plain_option,
            plain_read,
            plain_send,
            plain_shut,
            plain_splice,
            plain_wait,
            plain_write,
        )
    try:
        from pointsman.core._calls import original
    except ImportError:
        original = plain_original
