"""How many checks are under way at once, and how far their first ones are spread (manual 3.2, 3.1)."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

from support.crowd import until
from support.programs import POINTSMAN, Program
from support.scenario import show_stat
from support.scripted_servers import PATIENCE

CONFIG = """
global
    nbthread 2
    stats socket {dir}/stats level admin
    tune.max-checks-per-thread 3
    max-spread-checks 1ms
defaults
    mode http
    timeout connect 10s
    timeout client 10s
    timeout server 10s
frontend web
    bind 127.0.0.1:{port:web}
    default_backend app
backend app
    option httpchk
    default-server check inter 60s
"""


class Slow:
    """Answers when three have asked, and a moment later; `most` is how many had asked at once."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self.listener.getsockname()[1])
        self.lock = threading.Lock()
        self.three = threading.Barrier(3)
        self.now = self.most = self.served = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            sock.recv(65_536)
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            self.three.wait(PATIENCE)
            time.sleep(0.05)  # for one too many to come
            with self.lock:
                self.now -= 1
                self.served += 1
            sock.sendall(b"HTTP/1.0 200 OK\r\n\r\n")

    def close(self) -> None:
        self.listener.close()


def test_no_more_than_the_limit(tmp_path: Path) -> None:
    """Twelve checks that are due together: three at a time, and all of them in the end."""
    slow = Slow()
    try:
        servers = [f"    server s{number} 127.0.0.1:{slow.port}\n" for number in range(12)]
        with Program(POINTSMAN, CONFIG + "".join(servers), tmp_path) as program:

            def passed() -> bool:
                rows = show_stat(program.folder / "stats")
                return all(rows[f"app/s{number}"]["check_status"] == "L7OK" for number in range(12))

            until(passed, PATIENCE)
        assert (slow.most, slow.served) == (3, 12)
    finally:
        slow.close()
