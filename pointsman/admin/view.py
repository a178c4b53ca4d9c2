"""What statistics and the runtime socket see of a generation. Filled by assemble, so that nothing here knows how a
configuration becomes live objects.

A proxy is one entry, whatever its sides: a `listen` section has a frontend and a backend under one name and number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pointsman.admin.added import Added
from pointsman.admin.links import ControlEnd
from pointsman.admin.ocsp_updater import Updater
from pointsman.admin.tls_memory import TlsMemory
from pointsman.core.address import AF_INET, AF_INET6, NetAddress
from pointsman.core.handed import Handed
from pointsman.listener.listener import Listener
from pointsman.log.events import EventLogger
from pointsman.net.clock import monotonic_ms
from pointsman.net.reactor import Reactor
from pointsman.server.backend import LiveServer
from pointsman.server.server_messages import Tell
from pointsman.stream.acceptor import ProcessState
from pointsman.stream.frontends import LiveFrontend
from pointsman.stream.proxies import BackendProxy, Program
from pointsman.tls.sessions import SessionCache
from pointsman.tls.tickets import Tickets


@dataclass(slots=True)
class FrontSide:
    """The frontend of a proxy. `listeners`: its sockets."""

    frontend: LiveFrontend
    listeners: list[Listener]
    socket_stats: bool = False  # option socket-stats: a row for each socket
    rate_limit: int = 0  # rate-limit sessions
    tell: Tell = field(default_factory=lambda: EventLogger(None))  # messages about it
    stopped_cell: int = -1  # in the arena

    @property
    def stopped(self) -> bool:
        """By `shutdown frontend`: for good."""
        return self.frontend.counters.table.arena.cells.load(self.stopped_cell) == 1

    def stop(self) -> None:
        """For all lanes."""
        self.frontend.counters.table.arena.cells.store(self.stopped_cell, 1)

    @property
    def open(self) -> bool:
        """At least one of its sockets listens."""
        return any(listener.bind_state.listening for listener in self.listeners)


@dataclass(slots=True)
class BackSide:
    """The backend of a proxy. `algorithm`: as `algo` shows it."""

    backend: BackendProxy
    algorithm: str = "roundrobin"
    cookie: str = ""
    tell: Tell = field(default_factory=lambda: EventLogger(None))  # messages about its servers


@dataclass(slots=True)
class ProxyView:
    name: str
    number: int
    http: bool
    front: FrontSide | None = None
    back: BackSide | None = None
    description: str = ""


@dataclass(slots=True)
class SocketView:
    """A stats socket, as `show cli sockets` shows it."""

    address: str
    level: str


class IdleTimeout(Protocol):
    """How long a connection to a stats socket may be silent, in ms: `set timeout cli` changes it."""

    timeout: int


@dataclass(slots=True, eq=False)
class ConsoleView:
    """A connection to a stats socket, as `show sess` shows it. `listener_number`: of its socket, from 1 on."""

    number: int
    listener_number: int
    fd: int
    family: int
    source: str
    began: int  # monotonic ms
    patience: IdleTimeout


@dataclass(slots=True)
class View:
    reactor: Reactor
    process: ProcessState
    program: Program
    proxies: list[ProxyView] = field(default_factory=list)  # another list when one comes or goes: some are looked at
    # in slices
    sockets: list[SocketView] = field(default_factory=list)
    environment: Mapping[str, str] = field(default_factory=dict)
    node: str = ""
    description: str = ""
    nbthread: int = 1
    memory: int = 0  # -m, MB
    dropped_logs: Callable[[], int] = lambda: 0
    settle: Callable[[], None] = lambda: None  # lets changes from outside take effect in the reactor now
    lanes: ControlEnd | None = None  # in control: the way to the lanes
    pid: int = 0  # of the generation: its keeper's, where there is one
    started: int = 0  # monotonic ms
    started_date: int = 0  # the wall clock then, s
    limit: int = 0  # the process's maxconn at its start
    born: int = 0  # when the program was started (monotonic ms)
    groups: int = 1  # thread groups
    warnings: Callable[[], int] = lambda: 0  # how many there were about the configuration
    consoles: list[ConsoleView] = field(default_factory=list)  # of this process
    tls: TlsMemory = field(default_factory=TlsMemory)
    updater: Updater | None = None  # of OCSP responses
    tickets: Tickets = field(default_factory=Tickets)  # keys of TLS tickets
    sessions: SessionCache | None = None  # of TLS clients
    handed: Sequence[Handed] = ()  # memory for the next generation
    added: Added | None = None  # what adds servers and backends at run time
    limit_cell: int = -1  # in the arena: of a limit that nothing can reach yet

    @property
    def compression_rate_limit(self) -> int:
        """Bytes that compression may give in a second; 0: any number."""
        return self.process.arena.cells.load(self.limit_cell)

    @compression_rate_limit.setter
    def compression_rate_limit(self, value: int) -> None:
        self.process.arena.cells.store(self.limit_cell, value)

    @property
    def now(self) -> int:
        return monotonic_ms()

    def since(self, moment: int) -> int:
        """Whole seconds since then (monotonic ms), or since the start if that was later."""
        return max(0, self.now - max(moment, self.started)) // 1000

    def changed_at(self, server: LiveServer) -> int:
        """When its state changed last (monotonic ms): before the start only where a server-state file says so."""
        return server.last_change if server.restored else max(server.last_change, self.started)

    def since_change(self, server: LiveServer) -> int:
        """Whole seconds since its state changed."""
        return max(0, self.now - self.changed_at(server)) // 1000

    def front(self, name: str) -> FrontSide | None:
        """By its name, or by "#" and its number."""
        for proxy in self.proxies:
            if proxy.front is not None and named(name, proxy.name, proxy.number):
                return proxy.front
        return None

    def back(self, name: str) -> ProxyView | None:
        """By its name, or by "#" and its number."""
        for proxy in self.proxies:
            if proxy.back is not None and named(name, proxy.name, proxy.number):
                return proxy
        return None

    def proxy(self, name: str) -> ProxyView | None:
        """By its name or its number."""
        for proxy in self.proxies:
            if name in (proxy.name, str(proxy.number)):
                return proxy
        return None


def named(wanted: str, name: str, number: int) -> bool:
    """Names or, behind a sharp, numbers (management manual 9.3)."""
    return wanted in (name, f"#{number}")


def address_text(server: LiveServer) -> str:
    """address:port of a server, with brackets around IPv6; "unix"; "" for sockpair@ and where its name has none (manual
    9.1, addr)."""
    target = server.dial.target
    if isinstance(target, str):
        if server.dial.pair >= 0:
            return ""
        return "abns" if target.startswith("\0") else "unix"
    host, port = target
    if not host:
        return ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def source_text(address: NetAddress, listener_number: int) -> str:
    """A UNIX socket's client has no address; the number of the socket stands for it."""
    if address.family == AF_INET:
        return f"{address.text.decode()}:{address.port}"
    if address.family == AF_INET6:
        return f"[{address.text.decode()}]:{address.port}"
    return f"unix:{listener_number}"
