"""Listening sockets: from an address and the options of a `bind` line (manual 4.2 and 5.1) to an open socket.

An Opening is opened in two steps, because nothing of the old process may be disturbed before all its successors stand:

    open()      creates, binds and listens; a unix socket under a temporary name beside its own
    commit()    all others succeeded too: a unix socket gets its name in one atomic step, replacing a stale one
    abandon()   some other one failed: closed, and the temporary name removed

What accepted connections inherit from a listening socket on Linux (TCP_NODELAY, keep-alive and its times, user timeout,
linger) is set here once and costs a connection nothing.
"""

import errno
import os
import select
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from pointsman.config.bind import BindParameters
from pointsman.core.address import AF_INET6, AddressSpec
from pointsman.core.namespaces import NAMESPACES
from pointsman.net.tcp_options import IPPROTO_MPTCP, set_congestion, sign_for_all

IP_TRANSPARENT: Final = 19  # <linux/in.h>
IPV6_TRANSPARENT: Final = 75  # <linux/in6.h>
TCP_SAVE_SYN: Final = 27  # <linux/tcp.h>
_PATH_LIMIT: Final = 107  # bytes of sun_path before its final NUL (unix(7))
_ABSTRACT_LENGTH: Final = 108  # abns@ names are padded to all of sun_path
_FAST_OPEN_QUEUE: Final = 256  # pending fast-open requests; the kernel asks for a bound

INHERITED: Final = ("fd", "sockpair")  # kinds of addresses that are descriptors of the parent process


class BindError(Exception):
    """A socket could not be opened. `in_use`: another process has the address, so that it may help to wait."""

    def __init__(self, message: str, in_use: bool = False) -> None:
        super().__init__(message)
        self.in_use = in_use


@dataclass(slots=True)
class SocketOptions:
    """The options of a `bind` line that concern its socket. None or 0: not set."""

    backlog: int = 0  # 0: as many as the process may have connections; filled in when that is known
    reuse_port: bool = True
    interface: str = ""
    transparent: bool = False
    v4v6: bool = False
    v6only: bool = False
    defer_accept: bool = False
    fast_open: bool = False
    max_segment: int = 0
    user_timeout: int = 0  # ms
    save_syn: int = 0  # 1: from the IP header on, 2: from Ethernet's
    mode: int | None = None  # of a unix socket
    uid: int | None = None
    gid: int | None = None
    keepalive: bool = False  # option clitcpka
    keepalive_idle: int = 0  # s
    keepalive_interval: int = 0  # s
    keepalive_count: int = 0
    no_linger: bool = False  # option nolinger
    namespace: str = ""
    congestion: str = ""  # cc
    password: str = ""  # tcp-md5sig


def socket_options(parameters: BindParameters, backlog: int) -> SocketOptions:
    """What a `bind` line says. `backlog`: of the frontend, else its maxconn, for lines that have none of their own."""
    return SocketOptions(
        backlog=parameters.backlog or backlog,
        interface=parameters.interface,
        transparent=parameters.transparent,
        v4v6=parameters.v4v6,
        v6only=parameters.v6only,
        defer_accept=parameters.defer_accept,
        fast_open=parameters.tfo,
        max_segment=parameters.mss,
        user_timeout=parameters.user_timeout,
        save_syn=parameters.save_syn,
        mode=parameters.owner.mode,
        uid=parameters.owner.uid,
        gid=parameters.owner.gid,
        namespace=parameters.namespace,
        congestion=parameters.congestion,
        password=parameters.password,
    )


def keep_alive_options(options: SocketOptions) -> list[tuple[int, int, int]]:
    """option clitcpka, clitcpka-idle, clitcpka-intvl, clitcpka-cnt (manual 4.2): (level, name, value)."""
    if not options.keepalive:
        return []
    asked = [
        (socket.TCP_KEEPIDLE, options.keepalive_idle),
        (socket.TCP_KEEPINTVL, options.keepalive_interval),
        (socket.TCP_KEEPCNT, options.keepalive_count),
    ]
    return [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        *((socket.IPPROTO_TCP, name, value) for name, value in asked if value),
    ]


def _is_shut(sock: socket.socket) -> bool:
    """A listening unix socket that refuses connections for ever, since `shutdown frontend`."""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return bool(poll.poll(0))


def _abstract_name(spec: AddressSpec) -> bytes:
    """abns@: padded with zeros to all of sun_path; abnsz@: as it is (manual 2.9.1)."""
    name = b"\0" + os.fsencode(spec.host)[: _PATH_LIMIT - 1]
    return name if spec.kind == "abnsz" else name.ljust(_ABSTRACT_LENGTH, b"\0")


class Opening:
    """A listening socket, wanted or open. `place` and `owner` are for messages: "web.cfg:12", "frontend www"."""

    def __init__(self, spec: AddressSpec, options: SocketOptions, place: str, owner: str) -> None:
        self.spec = spec
        self.options = options
        self.place = place
        self.owner = owner
        self.sock: socket.socket | None = None
        self.twin: Opening | None = None  # of fd@<n>: another one, opened before, that has the same descriptor
        self.warnings: list[str] = []
        self._temporary = ""  # the name a unix socket has until it is committed
        self._inherited: socket.socket | None = None

    @property
    def address(self) -> str:
        """As messages show it: "0.0.0.0:80", ":::80", a path, "abns@name", "fd@3"."""
        spec = self.spec
        if spec.kind == "inet":
            return f"{spec.host or '0.0.0.0'}:{spec.port or 0}"
        if spec.kind == "unix":
            return spec.host
        return f"{spec.kind}@{spec.port}" if spec.kind in INHERITED else f"{spec.kind}@{spec.host}"

    @property
    def key(self) -> str:
        """What a socket must have in common with this one to take its place in the next generation; "": none can.

        fd@<n> and sockpair@<n> are inherited under their own numbers by every generation.
        """
        spec, options = self.spec, self.options
        if spec.kind in INHERITED:
            return ""
        return "|".join(
            (
                spec.kind,
                str(spec.family),
                spec.host,
                str(spec.port or ""),
                options.interface,
                str(int(options.transparent)),
                str(int(options.v4v6)),
                str(int(options.v6only)),
                options.namespace,
                str(int(spec.mptcp)),
            )
        )

    def inherit(self, sock: socket.socket) -> bool:
        """Take over an open socket of this address when it comes to `open`. False: it is of no use any more."""
        if self.spec.kind == "unix" and not os.path.exists(self.spec.host):
            return False  # its name was removed
        if sock.family == socket.AF_UNIX and _is_shut(sock):
            return False
        self._inherited = sock
        return True

    def close(self) -> None:
        """Give up this process's hold on the socket; others may have it too."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def complaint(self, error: BindError) -> str:
        return f"Binding [{self.place}] for {self.owner}: {error}"

    def open(self) -> socket.socket:
        """Raises BindError."""
        kind = self.spec.kind
        if self._inherited is not None:
            self.sock = self._take_over(self._inherited)
        elif kind == "inet":
            self.sock = self._open_inet()
        elif kind == "fd":
            self.sock = self._adopt()
        elif kind == "sockpair":
            self.sock = self._adopt_pair()
        else:
            self.sock = self._open_unix()
        return self.sock

    def commit(self) -> None:
        """Give a unix socket its own name. Raises BindError."""
        if self._temporary:
            try:
                os.rename(self._temporary, self.spec.host)
            except OSError as error:
                raise self._unix_error(error) from None
            self._temporary = ""

    def abandon(self) -> None:
        self.close()
        if self._temporary:
            os.unlink(self._temporary)
            self._temporary = ""

    def _take_over(self, sock: socket.socket) -> socket.socket:
        """The former generation's socket, with the options of this one's line."""
        self._inherited = None
        try:
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                self._prepare_tcp(sock)
            elif self.spec.kind == "unix":
                self._own(self.spec.host)
            sock.listen(self.options.backlog)
        except OSError as error:
            sock.close()
            raise BindError(f"cannot listen to socket ({error.strerror}) for [{self.address}]") from None
        return sock

    # One function a family.

    def _open_inet(self) -> socket.socket:
        spec, options = self.spec, self.options
        family = socket.AF_INET6 if spec.family == AF_INET6 or ":" in spec.host else socket.AF_INET
        host = spec.host or ("::" if family == socket.AF_INET6 else "0.0.0.0")
        try:
            sock = self._make(family)
        except OSError as error:
            raise BindError(f"cannot create receiving socket ({error.strerror}) for [{self.address}]") from None
        step = "cannot bind socket"
        try:
            self._prepare(sock, family)
            sock.bind((host, spec.port or 0))
            step = "cannot listen to socket"
            sock.listen(options.backlog)
        except OSError as error:
            sock.close()
            used = error.errno == errno.EADDRINUSE
            raise BindError(f"{step} ({error.strerror}) for [{self.address}]", used) from None
        except BindError:
            sock.close()
            raise
        return sock

    def _make(self, family: int) -> socket.socket:
        """A socket of that family, in the namespace of the line. Raises OSError."""
        protocol = IPPROTO_MPTCP if self.spec.mptcp else 0
        kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        if not self.options.namespace:
            return socket.socket(family, kind, protocol)
        fd = NAMESPACES.socket(NAMESPACES.open(self.options.namespace), family, kind, protocol)
        return socket.socket(family, socket.SOCK_STREAM, protocol, fd)

    def _prepare(self, sock: socket.socket, family: int) -> None:
        """What must be set before bind()."""
        options = self.options
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if options.reuse_port:
            # Lets the next generation bind while this one still listens (management manual 4).
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if options.interface:
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, os.fsencode(options.interface) + b"\0")
            except OSError as error:
                raise BindError(
                    f"cannot bind listener to device '{options.interface}' ({error.strerror}) for [{self.address}]"
                ) from None
        if options.transparent:
            try:
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
                else:
                    sock.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
            except OSError as error:
                raise BindError(
                    f"cannot make listening socket transparent ({error.strerror}) for [{self.address}]"
                ) from None
        if family == socket.AF_INET6 and (options.v6only or options.v4v6):
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1 if options.v6only else 0)
        self._prepare_tcp(sock)

    def _prepare_tcp(self, sock: socket.socket) -> None:
        """Options of TCP, most of them inherited by what is accepted."""
        options = self.options
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for level, name, value in keep_alive_options(options):
            sock.setsockopt(level, name, value)
        if options.no_linger:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # struct linger {1, 0}
        if options.max_segment > 0:
            self._set(sock, socket.TCP_MAXSEG, options.max_segment, "MSS")
        if options.max_segment < 0:  # by how much less than the usual one
            usual = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
            self._set(sock, socket.TCP_MAXSEG, max(usual + options.max_segment, 88), "MSS")
        if options.user_timeout:
            self._set(sock, socket.TCP_USER_TIMEOUT, options.user_timeout, "TCP User Timeout")
        if options.save_syn:
            self._set(sock, TCP_SAVE_SYN, options.save_syn, "TCP Save SYN")
        if options.defer_accept:
            self._set(sock, socket.TCP_DEFER_ACCEPT, 1, "DEFER_ACCEPT")
        if options.congestion:
            self._warned(partial(set_congestion, sock, options.congestion.encode()), "congestion control")
        if options.password:
            self._sign(sock)
        if options.fast_open:
            self._set(sock, socket.TCP_FASTOPEN, _FAST_OPEN_QUEUE, "TCP_FASTOPEN")

    def _set(self, sock: socket.socket, name: int, value: int, what: str) -> None:
        """Without such an option traffic flows all the same: a warning is enough."""
        try:
            sock.setsockopt(socket.IPPROTO_TCP, name, value)
        except OSError as error:
            self.warnings.append(
                f"Binding [{self.place}] for {self.owner}: cannot set {what} to {value} "
                f"({error.strerror}) for [{self.address}]"
            )

    def _warned(self, step: Callable[[], None], what: str) -> None:
        try:
            step()
        except OSError as error:
            self.warnings.append(
                f"Binding [{self.place}] for {self.owner}: cannot set {what} '{self.options.congestion}' "
                f"({error.strerror}) for [{self.address}]"
            )

    def _sign(self, sock: socket.socket) -> None:
        """Whoever relies on signatures is not served without. Raises BindError."""
        try:
            sign_for_all(sock, int(sock.family), os.fsencode(self.options.password))
        except OSError as error:
            raise BindError(f"cannot enable TCP MD5 signature ({error.strerror}) for [{self.address}]") from None

    def _adopt(self) -> socket.socket:
        """fd@<n>: inherited from the parent; bound, and maybe listening already.

        Where several lines name the same one, the first has it and the others have copies: whoever is the first to
        accept serves the connection.
        """
        number = self.spec.port or 0
        first = self.twin.sock if self.twin is not None else None
        try:
            sock = socket.socket(fileno=number) if first is None else first.dup()
        except OSError as error:
            raise BindError(f"cannot use file descriptor '{number}' : {error.strerror}") from None
        try:
            if sock.type != socket.SOCK_STREAM:
                raise BindError(f"cannot use file descriptor '{number}' : not a stream socket")
            if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                sock.listen(self.options.backlog)
            sock.setblocking(False)
            sock.set_inheritable(False)
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                self._prepare_tcp(sock)
        except OSError as error:
            sock.detach()
            raise BindError(f"cannot use file descriptor '{number}' : {error.strerror}") from None
        except BindError:
            sock.detach()
            raise
        return sock

    def _adopt_pair(self) -> socket.socket:
        """sockpair@<n>: nobody connects here, connections are passed over it (manual 2.9.1)."""
        number = self.spec.port or 0
        first = self.twin.sock if self.twin is not None else None
        try:
            sock = socket.socket(fileno=number) if first is None else first.dup()
        except OSError as error:
            raise BindError(f"cannot use file descriptor '{number}' : {error.strerror}") from None
        try:
            if sock.family != socket.AF_UNIX or sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                raise BindError(f"cannot use file descriptor '{number}' : not a connected UNIX socket")
            sock.setblocking(False)
            sock.set_inheritable(False)
        except OSError as error:
            sock.detach()
            raise BindError(f"cannot use file descriptor '{number}' : {error.strerror}") from None
        except BindError:
            sock.detach()
            raise
        return sock

    def _open_unix(self) -> socket.socket:
        options = self.options
        try:
            sock = self._make(socket.AF_UNIX)
        except OSError as error:
            raise self._unix_error(error) from None
        try:
            if options.no_linger:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            if self.spec.kind in ("abns", "abnsz"):
                sock.bind(_abstract_name(self.spec))
            else:
                self._bind_path(sock)
            sock.listen(options.backlog)
        except OSError as error:
            sock.close()
            raise self._unix_error(error) from None
        except BindError:
            sock.close()
            raise
        return sock

    def _bind_path(self, sock: socket.socket) -> None:
        """Bind to a temporary name, so that nobody connects before owner and mode are right."""
        path = self.spec.host
        if len(os.fsencode(path)) > _PATH_LIMIT:
            raise BindError(f"cannot bind UNIX socket (socket path is longer than {_PATH_LIMIT} bytes) [{path}]")
        try:
            if not stat.S_ISSOCK(os.lstat(path).st_mode):
                raise BindError(f"cannot bind UNIX socket (there is something that is not a socket) [{path}]")
        except FileNotFoundError:
            pass
        temporary = f"{path}.{os.getpid()}.tmp"
        if len(os.fsencode(temporary)) <= _PATH_LIMIT:
            sock.bind(temporary)
        else:  # only the path itself fits into sun_path: go by way of a descriptor of its folder
            folder, name = os.path.split(temporary)
            folder_fd = os.open(folder or ".", os.O_PATH | os.O_DIRECTORY)
            try:
                sock.bind(f"/proc/self/fd/{folder_fd}/{name}")
            finally:
                os.close(folder_fd)
        self._temporary = temporary
        try:
            self._own(temporary)
        except OSError as error:
            os.unlink(self._temporary)
            self._temporary = ""
            raise BindError(f"cannot change UNIX socket ownership ({error.strerror}) [{path}]") from None

    def _own(self, path: str) -> None:
        """Owner and mode, as the line says. Raises OSError."""
        options = self.options
        if options.uid is not None or options.gid is not None:
            os.chown(path, -1 if options.uid is None else options.uid, -1 if options.gid is None else options.gid)
        if options.mode is not None:
            os.chmod(path, options.mode)

    def _unix_error(self, error: OSError) -> BindError:
        used = error.errno == errno.EADDRINUSE
        return BindError(
            f"cannot bind UNIX socket ({'already in use' if used else error.strerror}) [{self.address}]", used
        )
