"""Agents: programs that tell a load balancer what the state of a server shall be (agent-check)."""

from __future__ import annotations

import contextlib
import select
import socket
import threading


class SpeakingAgent:
    """Says the same to each who connects, until it shall say something else; None: nothing, and keeps the connection.

    `asked`: how often it was since then. `heard`: what it was sent, the last piece.
    """

    def __init__(self, say: bytes | None = b"up\n") -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self.listening.getsockname()[1]
        self.say = say
        self.asked = 0
        self.heard = b""
        self.kept: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    def says(self, text: bytes | None) -> None:
        self.say = text
        self.asked = 0

    def _run(self) -> None:
        while True:
            try:
                client = self.listening.accept()[0]
            except OSError:
                return
            if self.say is None:
                self.kept.append(client)
                self.asked += 1
            else:
                threading.Thread(target=self._answer, args=(client, self.say), daemon=True).start()

    def _answer(self, client: socket.socket, say: bytes) -> None:
        """Nobody waits for another one: what one is sent may come late, or never."""
        with client, contextlib.suppress(OSError):
            client.sendall(say)
            self.asked += 1
            if select.select([client], [], [], 0.1)[0]:
                self.heard = client.recv(1000) or self.heard

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        for one in [self.listening, *self.kept]:
            one.close()
