"""Servers that are known by a name: the `resolvers` sections that their lines refer to must exist (manual 5.2)."""

from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Configuration, In
from pointsman.core.diagnostics import Diagnostics
from pointsman.core.registry import nearest
from pointsman.resolve.resolution import RESOLVERS


def check_resolvers(configuration: Configuration, diagnostics: Diagnostics) -> None:
    """An alert for each server that refers to a section which is not there, whether its address is a name or not."""
    for section in configuration.proxies:
        if not section.kind & In.BACK:
            continue
        for line in section.all(ServerLine):
            name = line.parameters.resolvers
            if name and name not in RESOLVERS.by_name:
                near = nearest(name, RESOLVERS.by_name)
                diagnostics.alert(
                    f"backend '{section.name}', server '{line.name}': unable to find required resolvers '{name}'",
                    line.at,
                    "the name of a resolvers section",
                    f"did you mean '{near}'?" if near else "",
                )
