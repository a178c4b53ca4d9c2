"""A name server with records that tests change (Debian's dnsmasq), and HTTP servers at the addresses that it gives.

    with NameServer(folder) as dns, HttpServers("127.1.0.1", "127.1.0.2") as servers:
        dns.hosts({"app.test": ["127.1.0.1"]})                  in force a moment later; so tests wait for what follows
        dns.services({"_http._tcp.app.test": [("h1.test", 80, 10, 0)]})   target, port, weight, priority
        servers.end("127.1.0.1")                                 from now on it refuses, and its connections end

Names end in .test: what has no record does not exist.
"""

from __future__ import annotations

import getpass
import queue
import selectors
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.ports import free_port

DNSMASQ = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin:/bin")
Service = tuple[str, int, int, int]  # target, port, weight, priority


class NameServer:
    """dnsmasq at a port of its own, by UDP and by TCP."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.records: dict[str, list[Service]] = {}
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> NameServer:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write({})
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when it answers."""
        assert DNSMASQ is not None
        assert self.process is None
        words = [
            *("--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces"),
            *(f"--addn-hosts={self.folder}/hosts", f"--port={self.port}", "--listen-address=127.0.0.1"),
            *("--pid-file=", f"--user={getpass.getuser()}", "--local=/test/", "--cache-size=10000"),
        ]
        for name, records in self.records.items():
            words += [f"--srv-host={name},{host},{port},{rank},{weight}" for host, port, weight, rank in records]
        with (self.folder / "dnsmasq").open("ab") as log:
            self.process = subprocess.Popen([DNSMASQ, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        limit = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "dnsmasq").read_text()
                assert time.monotonic() < limit
                time.sleep(0.01)

    def stop(self) -> None:
        """Nobody answers any more: queries are refused by the system."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()

    def pause(self) -> None:
        """It does not answer, until `go_on`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def hosts(self, addresses: Mapping[str, Sequence[str]]) -> None:
        """These are all A and AAAA records from now on."""
        self._write(addresses)
        if self.process is not None:
            self.process.send_signal(signal.SIGHUP)

    def _write(self, addresses: Mapping[str, Sequence[str]]) -> None:
        lines = [f"{address} {name}\n" for name, listed in addresses.items() for address in listed]
        path = self.folder / "hosts.new"
        path.write_text("".join(lines), encoding="ascii")
        path.replace(self.folder / "hosts")  # it never reads half of it

    def services(self, records: Mapping[str, Sequence[Service]]) -> None:
        """These are all SRV records from now on. It begins anew with them: a query may get lost."""
        self.records = {name: list(listed) for name, listed in records.items()}
        if self.process is not None:
            self.stop()
            self.start()


class HttpServers:
    """HTTP/1.1 servers at several addresses and one port. Each says which one it is, and counts its requests."""

    def __init__(self, *addresses: str, port: int = 0) -> None:
        self.port = port or free_port()
        self.served: dict[str, int] = {}
        self.open: dict[str, int] = {}  # connections
        self.selector = selectors.DefaultSelector()
        self.listeners: dict[str, socket.socket] = {}
        self.orders: queue.SimpleQueue[tuple[str, str, threading.Event]] = queue.SimpleQueue()
        self.bell, self.hand = socket.socketpair()
        self.selector.register(self.bell, selectors.EVENT_READ, None)
        self.over = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.first = addresses

    def __enter__(self) -> HttpServers:
        self.thread.start()
        for address in self.first:
            self.begin(address)
        return self

    def __exit__(self, *_: object) -> None:
        self._order("over", "")
        self.thread.join(15)
        for sock in (self.bell, self.hand):
            sock.close()

    def begin(self, address: str) -> None:
        self._order("begin", address)

    def end(self, address: str) -> None:
        self._order("end", address)

    def _order(self, what: str, address: str) -> None:
        done = threading.Event()
        self.orders.put((what, address, done))
        self.hand.send(b"!")
        assert done.wait(15)

    def _run(self) -> None:
        while not self.over:
            for key, _ in self.selector.select():
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                if sock.fileno() < 0:
                    continue  # it was closed with its address, a moment ago
                if key.data is None:
                    self.bell.recv(64)
                    self._obey()
                elif sock is self.listeners.get(key.data):
                    self._accept(sock, key.data)
                else:
                    self._serve(sock, key.data)
        for address in list(self.listeners):
            self._close(address)
        self.selector.close()

    def _obey(self) -> None:
        while not self.orders.empty():
            what, address, done = self.orders.get()
            if what == "begin":
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                self.listeners[address] = sock = socket.create_server((address, self.port), family=family, backlog=256)
                sock.setblocking(False)
                self.selector.register(sock, selectors.EVENT_READ, address)
            elif what == "end":
                self._close(address)
            else:
                self.over = True
            done.set()

    def _close(self, address: str) -> None:
        self.listeners.pop(address, None)
        for key in list(self.selector.get_map().values()):
            sock = key.fileobj
            if key.data == address and isinstance(sock, socket.socket):
                self.selector.unregister(sock)
                sock.close()
        self.open[address] = 0

    def _accept(self, listener: socket.socket, address: str) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(sock, selectors.EVENT_READ, address)
        self.open[address] = self.open.get(address, 0) + 1

    def _serve(self, sock: socket.socket, address: str) -> None:
        """Requests have no bodies, and come whole."""
        try:
            data = sock.recv(65536)
            count = data.count(b"\r\n\r\n")
            self.served[address] = self.served.get(address, 0) + count
            body = address.encode()
            sock.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body) * count)
            if data:
                return
        except OSError:
            pass
        self.selector.unregister(sock)
        sock.close()
        self.open[address] -= 1
