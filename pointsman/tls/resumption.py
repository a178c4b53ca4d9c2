"""How clients of a bind line resume their sessions: by tickets, which hold the session, or by the cache."""

from dataclasses import dataclass

from pointsman.core.tls import Context
from pointsman.tls.sessions import LIFETIME, ScopedSessions
from pointsman.tls.tickets import TicketKeys


@dataclass(frozen=True, slots=True)
class Resumption:
    """`tickets`: None under no-tls-tickets; `sessions`: None without a cache (tune.ssl.cachesize 0)."""

    tickets: TicketKeys | None = None
    sessions: ScopedSessions | None = None
    lifetime: int = LIFETIME  # s, tune.ssl.lifetime

    def prepare(self, context: Context) -> None:
        """It is one with which connections begin."""
        context.lifetime(self.lifetime)
        if self.tickets is not None:
            self.tickets.give(context)
        if self.sessions is not None:
            context.find = self.sessions.find
            context.store = self.sessions.store
