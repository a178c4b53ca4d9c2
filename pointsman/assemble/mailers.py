"""Alerts by mail: which mailers there are, and which backends' messages go to them (manual 12.3)."""

import asyncio

from pointsman.admin.mailers import Alerts, Mailer
from pointsman.assemble.live import BackgroundService, Live
from pointsman.config.mailers import EmailAlerts, check_mailers, email_alerts
from pointsman.config.setting import Configuration, Section
from pointsman.core.diagnostics import Diagnostics
from pointsman.log.events import EventLogger
from pointsman.stream.proxies import BackendProxy


class MailService(BackgroundService):
    """All mailers, by sections. What goes wrong with them is told in the log of the process."""

    def __init__(self, live: Live) -> None:
        self.tell = EventLogger(live.logger)
        self.sections: dict[str, list[Mailer]] = {}
        self.loop: asyncio.AbstractEventLoop | None = None

    def mailers(self, said: EmailAlerts) -> list[Mailer]:
        """Those of a section: backends share them."""
        section = said.section
        found = self.sections.get(section.name)
        if found is None:
            found = self.sections[section.name] = [
                Mailer(section.name, line.name, (line.host, line.port), section.timeout, self.tell)
                for line in section.mailers
            ]
            self._begin(found)
        return found

    def _begin(self, mailers: list[Mailer]) -> None:
        for mailer in mailers:
            mailer.loop = self.loop

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        for mailers in self.sections.values():
            self._begin(mailers)

    def stop(self) -> None:
        """Whoever stops waits for no mailer."""


def connect_mailers(live: Live, configuration: Configuration, proxies: list[Section], diagnostics: Diagnostics) -> None:
    """Before the backends' messages have a place to go to. `proxies`: those that are enabled."""
    check_mailers(configuration, proxies, diagnostics)
    if configuration.mailers:
        live.services.append(MailService(live))


def build_alerts(live: Live, backend: BackendProxy, configuration: Configuration) -> None:
    """What is told of its servers goes to mailers too, where its section says so."""
    said = email_alerts(live.sections[id(backend)], configuration)
    for service in live.services:
        if said is not None and isinstance(service, MailService):
            backend.alert = Alerts(said, service.mailers(said))
