"""How clients resume sessions of TLS: what bind lines have in common, and the renewal of their ticket keys."""

import asyncio
from typing import Final

from pointsman.admin.publish import everywhere
from pointsman.admin.view import View
from pointsman.assemble.live import BackgroundService, Live
from pointsman.config.setting import Section
from pointsman.config.tls_cache import session_settings
from pointsman.core.diagnostics import ConfigError
from pointsman.tls.options import BindTls
from pointsman.tls.resumption import Resumption
from pointsman.tls.sessions import SessionCache

_HOUR: Final = 3600.0  # s after which it is looked again at the latest: the machine may have slept meanwhile


def resumption_of(live: Live, main: Section, frontend: Section, said: BindTls) -> Resumption:
    """Of a bind line. Those of one frontend share sessions and, where no file says any, ticket keys: clients meet them
    as one, by IPv4 and IPv6, say. TlsFileError: the file of ticket keys is wrong; ConfigError: there is no memory."""
    settings = session_settings(main)
    if live.sessions is None and settings.blocks:
        try:
            live.sessions = SessionCache(settings.blocks, settings.lifetime, settings.private)
        except (OSError, MemoryError) as error:
            raise ConfigError(
                f"Unable to allocate SSL session cache of {settings.blocks} blocks: {error}",
                hint="permit more (ulimit -v), or lower 'tune.ssl.cachesize'",
            ) from None
        live.handed.append(live.sessions)
    if said.ticket_keys:
        keys = live.tickets.of_file(said.ticket_keys)
    else:
        keys = live.tickets.of_frontend(frontend.name)
        if live.tickets.own not in live.handed:
            live.handed.append(live.tickets.own)
    sessions = live.sessions
    return Resumption(
        None if said.tickets is False else keys,
        None if sessions is None else sessions.of(frontend.name.encode("utf-8", "surrogateescape")),
        settings.lifetime,
    )


class TicketRenewal(BackgroundService):
    """In control: keys that no file says are renewed when that is due, in all lanes."""

    def __init__(self, live: Live, view: View) -> None:
        self.live = live
        self.view = view
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None
        self.stopped = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        own = self.live.tickets.own
        if not self.live.controls or own not in self.live.handed:
            return
        if own.fd >= 0:
            own.hand_on()  # a predecessor may have been killed before it could
        self._wait(loop)

    def stop(self) -> None:
        """A soft stop: the next generation renews its own."""
        self.stopped = True
        if self.timer is not None:
            self.timer.cancel()

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.stopped:
            return
        own = self.live.tickets.own
        self.timer = loop.call_later(min(max(own.due - own.clock(), 0.0), _HOUR), self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        own = self.live.tickets.own
        if own.clock() >= own.due:
            self.task = loop.create_task(self._renew())
            self.task.add_done_callback(lambda task: self._wait(loop))
        else:
            self._wait(loop)

    async def _renew(self) -> None:
        tickets = self.live.tickets
        change = tickets.renewal()
        await everywhere(self.view, change)
        if tickets.own.fd >= 0:
            tickets.own.hand_on()
