"""Log receivers: datagram sockets that collect the lines which a program sends."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from support.ports import free_port

_END: Final = b"\0the end\0"


class LogReceiver:
    """Collects datagrams in a thread. `where` is what a `log` line of the configuration names."""

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            port = free_port()
            self._socket.bind(("127.0.0.1", port))
            self.where = f"127.0.0.1:{port}"
        else:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.bind(str(path))
            self.where = str(path)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.settimeout(0.05)
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                if not self._open:
                    return
                continue
            if data == _END:
                return
            with self._news:
                # Several lines may share a datagram only if a newline parts them.
                self._lines += [line.decode("latin-1") for line in data.rstrip(b"\n\0").split(b"\n")]
                self._news.notify_all()

    def wait(self, count: int, seconds: float = 6.0) -> list[str]:
        """The lines so far, as soon as there are `count` of them or the time is over."""
        limit = time.monotonic() + seconds
        with self._news:
            while len(self._lines) < count:
                left = limit - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    break
            return list(self._lines)

    def close(self, ended: bool = False) -> list[str]:
        """Takes what is still in the socket, ends the thread and returns every line.

        ended: so have all programs that send. What they have sent lies in the socket already, before a datagram of our
        own; else a moment passes in which nothing comes.
        """
        self._open = False
        if ended:
            with socket.socket(self._socket.family, socket.SOCK_DGRAM) as own, suppress(OSError):
                own.sendto(_END, self._socket.getsockname())
        self._thread.join()
        self._socket.close()
        return list(self._lines)
