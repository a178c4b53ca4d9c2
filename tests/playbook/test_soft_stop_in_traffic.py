"""A soft stop amid traffic loses nothing: each request that was sent is answered, or its connection never existed."""

import http.client
import select
import signal
import socket
import threading
import time
from pathlib import Path

from support.actor import Serve
from support.origin import Origin, ok
from support.programs import POINTSMAN, Program

CONFIG = """
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
    timeout http-keep-alive 5s
frontend f
    bind 127.0.0.1:{port:http}
    http-request return status 200 content-type text/plain string "mine" if { path /mine }
    default_backend b
backend b
    server a {a}
"""


class Client(threading.Thread):
    """Asks and asks, on one connection after the other, until it can connect no more."""

    def __init__(self, port: int, path: str, keep: bool) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.path = path
        self.keep = keep
        self.answers = 0
        self.faults: list[str] = []

    def run(self) -> None:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=8)
            try:
                connection.connect()
            except ConnectionError:
                return
            try:
                self.talk(connection)
            finally:
                connection.close()

    def talk(self, connection: http.client.HTTPConnection) -> None:
        before = self.answers
        while True:
            try:
                connection.request("GET", self.path, headers={} if self.keep else {"Connection": "close"})
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                # The kernel may have let it in between the last accept and the end of the listening socket.
                self.faults.append(("never accepted: " if self.answers == before else "") + repr(error))
                return
            self.answers += 1
            if response.status != 200:
                self.faults.append(str(response.status))
            if response.getheader("connection") == "close":
                return
            if not self.keep:
                self.faults.append("close was not announced")
                return


def test_a_soft_stop_amid_traffic(tmp_path: Path) -> None:
    origin = Origin(((Serve(ok(b"fine" * 2000)),),))
    program = Program(POINTSMAN, CONFIG, tmp_path, {"a": f"127.0.0.1:{origin.port}"})
    program.start()
    port = program.ports["http"]
    idle = socket.create_connection(("127.0.0.1", port))
    idle.sendall(b"GET /mine HTTP/1.1\r\nHost: h\r\n\r\n")
    assert idle.recv(4096).startswith(b"HTTP/1.1 200")
    clients = [Client(port, "/" if i % 3 else "/mine", i % 4 > 0) for i in range(16)]
    try:
        for client in clients:
            client.start()
        time.sleep(1)
        assert program.stop(signal.SIGUSR1) == 0
        for client in clients:
            client.join(10)
            assert not client.is_alive()
        assert idle.recv(4096) == b""
    finally:
        idle.close()
        program.stop(signal.SIGKILL)
        origin.close()
    assert "Traceback" not in program.stderr()
    faults = [fault for client in clients for fault in client.faults]
    assert [fault for fault in faults if not fault.startswith("never accepted")] == []
    assert len(faults) <= 1
    assert all(client.answers > 5 for client in clients)


def test_a_soft_stop_that_takes_its_time(tmp_path: Path) -> None:
    """close-spread-time (manual 3.1), in several lanes: idle connections end one after the other."""
    text = "global\n    close-spread-time 2s\n" + CONFIG
    program = Program(POINTSMAN, text, tmp_path, {"a": "127.0.0.1:1"})
    program.start()
    clients = [socket.create_connection(("127.0.0.1", program.ports["http"])) for _ in range(40)]
    ends: list[float] = []
    statuses: list[int] = []
    try:
        for client in clients:
            client.sendall(b"GET /mine HTTP/1.1\r\nHost: h\r\n\r\n")
            assert b"\r\nconnection: close" not in client.recv(4096)
        waiter = threading.Thread(target=lambda: statuses.append(program.stop(signal.SIGUSR1)), daemon=True)
        begun = time.monotonic()
        waiter.start()
        waiting = list(clients)
        while waiting and time.monotonic() < begun + 20:
            for client in select.select(waiting, [], [], 1)[0]:
                assert client.recv(10) == b""
                waiting.remove(client)
                ends.append(time.monotonic() - begun)
        waiter.join(20)
        assert statuses == [0]
        assert len(ends) == 40
        assert ends[0] < 1.0 < ends[-1] < 4
        assert len({round(one, 1) for one in ends}) > 5
    finally:
        for client in clients:
            client.close()
        program.stop(signal.SIGKILL)
    assert "Traceback" not in program.stderr()
