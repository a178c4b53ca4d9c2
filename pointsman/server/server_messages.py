"""What operators are told about a backend's servers, in the words that programs look for in logs."""

from typing import Protocol

from pointsman.log.target import EMERG
from pointsman.server.backend import Backend, LiveServer


class Tell(Protocol):
    """Where messages go. `shown`: what stands on a terminal, where that differs from the log."""

    def __call__(self, level: int, text: bytes, shown: bytes = b"") -> None: ...


class ServerMessages:
    """Messages about the servers of one backend."""

    def __init__(self, backend: Backend, tell: Tell) -> None:
        self.backend = backend
        self.tell = tell

    @property
    def alive(self) -> bool:
        """Some server may get work."""
        return bool(self.backend.usable)

    def say(self, level: int, server: LiveServer, what: str) -> None:
        """`what` follows the server's name."""
        self.tell(level, _text(server, what))

    def announce(self, level: int, server: LiveServer, what: str) -> None:
        """The same of what is also sent by mail (manual 4.2, email-alert level)."""
        self.tell(level, _text(server, what))
        self.mail(level, _text(server, what))

    def mail(self, level: int, text: bytes) -> None:
        """To those who are sent alerts."""
        if self.backend.alert is not None:
            self.backend.alert(level, text)

    def counts(self, word: str) -> str:
        """How many servers are left to get work. `word`: left, or online."""
        usable = [server for server in self.backend.servers if server.usable]
        active = sum(1 for server in usable if not server.backup)
        text = f"{active} active and {len(usable) - active} backup servers {word}."
        return f"{text} Running on backup." if usable and not active else text

    def losses(self, sessions: int, requeued: int) -> str:
        """What became of a server's work when it went down."""
        return (
            f"{self.counts('left')} {sessions} sessions active, {requeued} requeued, "
            f"{len(self.backend.queue)} remaining in queue."
        )

    def queues(self, requeued: int = 0) -> str:
        """What became of those who waited when a server's state changed."""
        return f"{self.counts('online')} {requeued} sessions requeued, {len(self.backend.queue)} total in queue."

    def tell_if_empty(self, alive: bool) -> None:
        """`alive`: before the change there was somebody to get work."""
        if alive and not self.alive:
            name = self.backend.name
            self.tell(
                EMERG,
                b"backend %b has no server available!" % name,
                b"backend '%b' has no server available!" % name,
            )


def _text(server: LiveServer, what: str) -> bytes:
    kind = "Backup Server" if server.backup else "Server"
    return f"{kind} {server.route.decode()} {what}".encode("latin-1", "replace")
