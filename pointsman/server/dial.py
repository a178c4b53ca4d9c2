"""How a server is connected to: addresses, source, socket options. Worked out at start-up."""

import errno
import os
import socket
from socket import SocketType
from typing import Final

from pointsman.core import calls
from pointsman.core.address import AF_UNIX, NetAddress, net_address
from pointsman.core.connection_faults import (
    ADDRESS_IN_USE,
    CANNOT_BIND,
    NO_PORTS,
    NO_PROTOCOL,
    PROCESS_LIMIT,
    SOCKET_ERROR,
    SYSTEM_LIMIT,
    SourceError,
    fault_of,
)
from pointsman.net.marks import set_mark, set_tos
from pointsman.sample.context import Context
from pointsman.server.socket_maker import SocketMaker
from pointsman.server.source import Presented

NO_HOST: Final = ""  # in a target: its name has no address, and no connection can be begun
_UNIX: Final = NetAddress(AF_UNIX, b"", b"unix", 0)
_NOWHERE: Final = NetAddress(0, b"", b"-", 0)
_STREAM: Final = 0o2004001  # SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC of <sys/socket.h> on Linux
_IPPROTO_TCP: Final = 6
_TCP_NODELAY: Final = 1
_TRANSPARENT: Final = {int(socket.AF_INET): (0, 19), int(socket.AF_INET6): (41, 75)}  # IP_, IPV6_TRANSPARENT
_IP_BIND_ADDRESS_NO_PORT: Final = 24  # <linux/in.h>
_connect: Final = calls.connect
_IN_PROGRESS: Final = frozenset((0, errno.EINPROGRESS, errno.EAGAIN))
_TOLD_AT_ONCE: Final = (
    PROCESS_LIMIT,
    SYSTEM_LIMIT,
    NO_PROTOCOL,
    NO_PORTS,
    ADDRESS_IN_USE,
)  # else a socket's error


def fault_of_dial(error: OSError) -> int:
    """What fc_err_str calls it that a connection could not even be begun (manual 7.3.3; as the peer program tells them
    apart)."""
    if isinstance(error, SourceError):
        return CANNOT_BIND
    fault = fault_of(error.errno or 0)
    return fault if fault in _TOLD_AT_ONCE else SOCKET_ERROR


class Dial:
    """How a server is connected to, worked out at start-up."""

    def __init__(self) -> None:
        self.family = int(socket.AF_INET)
        self.target: tuple[str, int] | str = ("", 0)
        self.known: NetAddress | None = None  # of `known_target`, where it is the same for all
        self.known_target: tuple[str, int] | str = ""
        self.follow_port = False  # no port was given: the one the client connected to, plus `offset`
        self.offset = 0
        self.follow_address = False  # the address that the client connected to (transparent proxies)
        self.source: tuple[str, int] | None = None  # bind to it first
        self.presented: Presented | None = None  # or to what this says of an exchange
        self.last_port = 0  # of a range of source ports that begins with that of `source`; 0: none
        self.next_port = 0
        self.keepalive = False  # srvtcpka
        self.options: list[tuple[int, int, int]] = []  # setsockopt(level, name, value)
        self.interface = b""
        self.pair = -1  # the descriptor over which connections are passed (sockpair@); -1: they are made
        self.maker: SocketMaker | None = None  # of its sockets; None: they are plain ones
        self.plain: tuple[str, int] | str = ""  # the target, if a connection asks for nothing but to be opened there
        self.ready = b""  # its address in the system's form

    @property
    def follows(self) -> bool:
        """Where a connection goes depends on where its client has connected to, or on what rules say of that."""
        return self.follow_address or self.follow_port

    def renew(self) -> None:
        """What was begun so far is not what will be begun from now on, though its address is the same: so connections
        of before are not used again, as if the server had moved."""
        target = self.target
        self.target = target[:1] + target[1:] if isinstance(target, str) else (target[0], target[1])  # another object

    def _target(self, destination: NetAddress) -> tuple[str, int] | str:
        target = self.target
        if isinstance(target, str):
            return target
        host, port = target
        if self.follow_address and destination.packed:
            host = destination.text.decode()
        if self.follow_port:
            port = (destination.port + self.offset) & 0xFFFF
        return host, port

    def _source(self) -> tuple[str, int]:
        """The next source: one address, or one of a range of ports after the other."""
        assert self.source is not None
        host, port = self.source
        if self.last_port > port:
            self.next_port = self.next_port + 1 if port <= self.next_port < self.last_port else port
            port = self.next_port
        return host, port

    def seen(self, context: Context) -> NetAddress | None:
        """Whose address the server sees of this exchange; None: ours."""
        presented = self.presented
        if presented is None:
            return None
        found = presented.address(context)
        return None if found is not None and presented.lenient and found.family != self.family else found

    def open(
        self, destination: NetAddress, mark: int = -1, tos: int = -1, seen: NetAddress | None = None
    ) -> SocketType:
        """A non-blocking socket whose connection is under way. Raises OSError (EADDRNOTAVAIL, EAGAIN of a full unix
        socket, EMFILE...), SourceError where it cannot come from where it should."""
        if not isinstance(self.target, str) and not self.target[0]:  # which the system would take for this machine
            raise OSError(errno.EADDRNOTAVAIL, "its name has no address")
        if self.pair >= 0 and self.family == AF_UNIX:
            return calls.pass_connection(self.pair)
        maker = self.maker
        sock = SocketType(self.family, _STREAM) if maker is None else maker.make(self.family)
        try:
            self._set_options(sock)
            if mark >= 0:
                set_mark(sock.fileno(), mark)
            if tos >= 0:
                set_tos(sock.fileno(), tos)
            if self.interface:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.interface)
            if seen is not None:
                self._bind(sock, seen.text.decode(), seen.port, seen.family)
            elif self.source is not None:
                host, port = self._source()
                self._bind(sock, host, port, 0)
            target = self._target(destination)
            if maker is not None and not isinstance(target, str):
                maker.sign(sock, target[0])
            failure = sock.connect_ex(target)
            if failure not in _IN_PROGRESS:
                raise OSError(failure, os.strerror(failure))
            return sock
        except OSError:
            sock.close()
            raise

    def _set_options(self, sock: SocketType) -> None:
        if self.family != AF_UNIX:
            sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
            if self.keepalive:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for level, name, value in self.options:
            try:
                sock.setsockopt(level, name, value)
            except OSError:
                if self.maker is None or not self.maker.protocol:  # MPTCP does not have all of TCP's options
                    raise

    def _bind(self, sock: SocketType, host: str, port: int, foreign: int) -> None:
        """It comes from there. `foreign`: the family of an address that need not be ours; 0: it is ours."""
        try:
            if foreign:
                if foreign != self.family:
                    raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
                level, name = _TRANSPARENT[foreign]
                sock.setsockopt(level, name, 1)
            if not port:  # the kernel looks for a port when it knows where to: more of them are free
                sock.setsockopt(socket.SOL_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
        except OSError as error:
            raise SourceError(error.errno, error.strerror) from None

    def connect_from(self, destination: NetAddress, mark: int, tos: int, seen: NetAddress | None) -> int:
        """The same as `connect`, with a mark and a TOS byte of its packets (-1: none), and `seen` as the address that
        the server sees (None: ours)."""
        return self.open(destination, mark, tos, seen).detach()

    def connect(self, destination: NetAddress) -> int:
        """The descriptor of a socket whose connection is under way. Raises OSError as `open` does."""
        target = self.target
        if self.plain is not target:
            if (
                isinstance(target, str)
                or self.follows
                or self.keepalive
                or self.options
                or self.interface
                or self.maker is not None
                or self.source is not None
            ):
                return self.open(destination).detach()
            end = net_address(target[0], target[1])
            self.ready = calls.socket_address(end.family, end.packed, end.port)
            self.plain = self.target  # that very object: `target` is known to be a tuple here, and would be another
        return _connect(self.ready)

    def address(self, destination: NetAddress) -> NetAddress:
        """Where a connection goes, for logs."""
        known = self.known
        if known is not None and self.known_target is self.target:
            return known
        target = self._target(destination)
        if isinstance(target, str):
            return _UNIX
        if not target[0]:
            return _NOWHERE
        found = net_address(target[0], target[1])
        if not self.follow_address and not self.follow_port:
            self.known = found
            self.known_target = self.target
        return found
