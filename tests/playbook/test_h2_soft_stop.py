"""A soft stop amid traffic by HTTP/2 loses no stream: each that the last GOAWAY does not leave out is answered."""

import signal
import threading
import time
from pathlib import Path

from support.actor import Serve
from support.h2_peer import GOAWAY, HEADERS, RST_STREAM, RawClient, Silence, asking, headers, literals
from support.origin import Origin, ok
from support.programs import POINTSMAN, Program

CONFIG = """
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend f
    bind 127.0.0.1:{port:http} proto h2
    http-request return status 200 content-type text/plain string "mine" if { path /mine }
    default_backend b
backend b
    server a {a}
"""
AT_ONCE = 5
LARGEST = 0x7FFFFFFF


class Client(threading.Thread):
    """Asks and asks, on one connection after the other, until it can connect no more."""

    def __init__(self, port: int, path: str) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.block = literals(asking("GET", path))
        self.answers = 0
        self.goodbyes = 0
        self.faults: list[str] = []

    def run(self) -> None:
        while True:
            try:
                client = RawClient(self.port, patience=8)
            except OSError:
                return
            with client:
                self.talk(client)

    def talk(self, client: RawClient) -> None:
        """Until it has been told to go."""
        waiting: set[int] = set()
        number = 1
        warned = False
        last = LARGEST
        try:
            while True:
                while len(waiting) < AT_ONCE and not warned:
                    client.send(headers(number, self.block))
                    waiting.add(number)
                    number += 2
                one = client.next()
                if one is None:
                    break
                if one.kind == GOAWAY:
                    warned = True
                    last = min(last, one.last)
                elif one.kind == RST_STREAM or one.kind == HEADERS and one.stream not in waiting:
                    self.faults.append(str(one))
                elif one.ends:
                    waiting.discard(one.stream)
                    self.answers += 1
        except Silence as silence:
            self.faults.append(str(silence)[:1000])
        lost = [stream for stream in waiting if stream <= last]
        # The kernel may have let it in between the last accept and the end of the listening socket.
        if lost and client.frames:
            self.faults.append(f"lost {lost}, the last one is {last}, after {self.answers} answers")
        self.goodbyes += last < LARGEST


def test_a_soft_stop_amid_traffic(tmp_path: Path) -> None:
    origin = Origin(((Serve(ok(b"fine")),),))
    program = Program(POINTSMAN, CONFIG, tmp_path, {"a": f"127.0.0.1:{origin.port}"})
    program.start()
    port = program.ports["http"]
    idle = RawClient(port)
    idle.pinged()
    clients = [Client(port, path) for path in ("/mine", "/", "/")]
    for client in clients:
        client.start()
    limit = time.monotonic() + 10
    while min(client.answers for client in clients) < 100 and time.monotonic() < limit:
        time.sleep(0.01)
    assert program.stop(signal.SIGUSR1) == 0
    for client in clients:
        client.join(10)
    with idle:
        assert idle.ended()
        assert [one.last for one in idle.frames if one.kind == GOAWAY] == [LARGEST, 0]
    origin.close()
    assert [client.faults for client in clients] == [[], [], []]
    assert all(client.goodbyes for client in clients)
    assert "Traceback" not in program.stderr()
