"""Globally unique names (manual 4.2 "guid"): those of proxies, servers and sockets of the whole configuration."""

from pointsman.config.bind import Bind
from pointsman.config.proxy import Guid
from pointsman.config.server_line import ServerLine
from pointsman.config.server_words import LONGEST_GUID
from pointsman.config.setting import Configuration
from pointsman.core.diagnostics import Diagnostics, Position


class Guids:
    """Who has which name."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self.diagnostics = diagnostics
        self.taken: dict[str, tuple[str, Position]] = {}

    def take(self, name: str, who: str, at: Position) -> None:
        other, place = self.taken.setdefault(name, (who, at))
        if place is not at:
            self.diagnostics.alert(f"'guid': '{name}' : duplicate entry with {other}, declared at {place}", at)

    def generate(self, line: Bind, owner: str) -> None:
        """Of the sockets of a bind line. Only the first that is wrong is told."""
        prefix = line.parameters.guid_prefix
        for number in range(len(line.addresses)):
            name = f"{prefix}-{number}"
            other, place = self.taken.setdefault(name, (f"listener {owner}", line.at))
            wrong = f"duplicate entry with {other} ({place})" if place is not line.at else ""
            if len(name) > LONGEST_GUID:
                wrong = f"'{name}' is longer than {LONGEST_GUID} characters"
            if wrong:
                self.diagnostics.alert(
                    f"error on GUID generation : {wrong}. You may fix it by adjusting guid-prefix.", line.at
                )
                return


def check_guids(configuration: Configuration, diagnostics: Diagnostics) -> None:
    """Each name once. All sections were read."""
    guids = Guids(diagnostics)
    for proxy in configuration.proxies:
        said = proxy.one(Guid)
        if said is not None:
            guids.take(said.text, f"{(proxy.kind.name or '').lower()} {proxy.name}", said.at)
        for line in proxy.all(ServerLine):
            if line.parameters.guid:
                guids.take(line.parameters.guid, f"server {proxy.name}/{line.name}", line.at)
    for proxy in configuration.proxies:
        for bind in proxy.all(Bind):
            if bind.parameters.guid_prefix:
                guids.generate(bind, proxy.name)
