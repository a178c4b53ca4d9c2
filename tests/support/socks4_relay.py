"""A SOCKS4 proxy for tests: connects to where it is told, whatever address was asked for, and passes bytes on."""

from __future__ import annotations

import contextlib
import socket
import threading


class Socks4Relay:
    """`asked`: the requests that came, without their user. All connections go to `port` of this machine."""

    def __init__(self, port: int) -> None:
        self.to = port
        self.asked: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            request = b""
            while not request.endswith(b"\0", 8):  # the user ends with it, and has none
                piece = sock.recv(1)
                if not piece:
                    return
                request += piece
            self.asked.append(request[:8])
            with socket.create_connection(("127.0.0.1", self.to)) as server:
                sock.sendall(b"\0\x5a\0\0\0\0\0\0")
                back = threading.Thread(target=_pass, args=(server, sock), daemon=True)
                back.start()
                _pass(sock, server)
                back.join()

    def close(self) -> None:
        self.listener.close()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
