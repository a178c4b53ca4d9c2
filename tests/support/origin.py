"""Scripted servers behind a load balancer.

A server has one script (a sequence of steps) for each connection that it will accept; the last script serves all
further ones. A connection on which nothing came (a health check, an idle connection opened ahead) leaves no notes.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence

from support.actor import Actor, Bells, Serve, Step
from support.ports import free_port

Script = Sequence[Step]


def ok(body: bytes, *lines: bytes) -> bytes:
    """A 200 response with that body and further header lines."""
    head = b"".join(line + b"\r\n" for line in (b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *lines))
    return head + b"\r\n" + body


def answering(body: bytes, *lines: bytes) -> Sequence[Script]:
    """A server that answers every request with 200 and that body."""
    return ((Serve(ok(body, *lines)),),)


class Origin:
    """A listening server that plays its scripts, each connection in a thread of its own."""

    def __init__(self, scripts: Sequence[Script], bells: Bells | None = None, host: str = "127.0.0.1") -> None:
        self.port = free_port()
        self.scripts = scripts
        self.bells = bells or Bells()
        self.actors: list[Actor] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((host, self.port), backlog=128)
        self._closing = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while not self._closing:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if self._closing:
                sock.close()
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            actor = Actor(sock, self.bells)
            script = self.scripts[min(len(self.actors), len(self.scripts) - 1)]
            self.actors.append(actor)
            thread = threading.Thread(target=self._play, args=(actor, script), daemon=True)
            self._threads.append(thread)
            thread.start()

    @staticmethod
    def _play(actor: Actor, script: Script) -> None:
        try:
            actor.play(script)
        except OSError as error:
            actor.note(f"({type(error).__name__})")
        finally:
            actor.close()

    def close(self) -> list[list[str]]:
        """Ends the server; the notes of its connections, in the order of their coming."""
        self._closing = True
        # A connection of our own wakes the accepting thread: closing a listener does not.
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            pass
        self._thread.join(2)
        self._listener.close()
        for thread in self._threads:
            thread.join(6)
        return [actor.notes for actor in self.actors]
