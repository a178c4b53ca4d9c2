"""peers sections: their tables, and who would share them (manual 11.2).

    peers <name>
        peer <name> <address>:<port>     (or bind, and server lines)
        table <name> type <type> size <size> ...

The protocol between peers is not built. A section whose only peer is this instance needs none, for tables outlive a
reload without it. One in which this instance has no place is of no use to HAProxy either: only its tables are there.
One that names others beside this instance is refused.
"""

from dataclasses import dataclass
from typing import ClassVar

from pointsman.config.bind import BIND_OTHERS, BIND_WORDS, Bind, BindParameters
from pointsman.config.keyword import Args, keyword
from pointsman.config.parameters import Words, read_parameters
from pointsman.config.peer_line import Peer, read_peer
from pointsman.config.proxy import Disabled
from pointsman.config.server_words import ServerParameters
from pointsman.config.setting import Configuration, In, Section, Setting
from pointsman.config.stick_table import StickTableLine, read_table
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.core.registry import nearest
from pointsman.tables.stick_options import StickTableOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class PeersTable(Setting):
    """A `table` line."""

    options: StickTableOptions
    many: ClassVar[bool] = True


@keyword("peer", In.PEERS, "11.2")
def peer(args: Args) -> Peer | None:
    """peer <peername> [<address>]:<port> [parameters]: an instance with which tables are shared."""
    return read_peer(args, ServerParameters())


@keyword("default-bind", In.PEERS, "11.2")
def default_bind(args: Args) -> None:
    """default-bind [parameters]: of the local peer's address. Nobody listens there as long as there is no protocol."""
    read_parameters(Words(args, "'default-bind'"), BIND_WORDS, BIND_OTHERS, BindParameters())


@keyword("shards", In.PEERS, "11.2")
def shards(args: Args) -> None:
    """shards <number>: over so many peers the entries are spread."""
    args.integer("<shards>", 1)


@keyword("table", In.PEERS, "11.2")
def table(args: Args) -> PeersTable:
    """table <tablename> type <type> size <size> [...]: one of the section's tables, `<section>/<tablename>` for others;
    all that stick-table knows but `peers`."""
    name = args.word("<tablename>").text
    full = f"{args.section.name}/{name}"
    for other in args.section.all(PeersTable):
        if other.options.name == full:
            raise ConfigError(
                f"stick-table name '{name}' conflicts with table declared in peers '{args.section.name}' at "
                f"{other.at.file}:{other.at.line}.",
                args.at,
                "a name that no other table of the section has",
            )
    return PeersTable(options=read_table(args, full, False), at=args.at)


def check_peers(configuration: Configuration, diagnostics: Diagnostics) -> None:
    """All sections were read: which instances are named, and which tables name a section."""
    for section in configuration.peers.values():
        _check_section(section, configuration, diagnostics)
    for proxy in configuration.proxies:
        line = proxy.one(StickTableLine)
        if line is not None and line.options.peers:
            found = configuration.peers.get(line.options.peers)
            if found is None:
                near = nearest(line.options.peers, configuration.peers)
                diagnostics.alert(
                    f"Proxy '{proxy.name}': unable to find sync peers '{line.options.peers}'.",
                    line.at,
                    "the name of a peers section",
                    f"did you mean '{near}'?" if near else "",
                )
            elif not found.all(Peer):
                diagnostics.alert(
                    f"Proxy '{proxy.name}': unable to find local peer '{_local(configuration)}' in peers section "
                    f"'{found.name}'.",
                    line.at,
                )


def _local(configuration: Configuration) -> str:
    return configuration.environment.get("HAPROXY_LOCALPEER", "")


def _check_section(section: Section, configuration: Configuration, diagnostics: Diagnostics) -> None:
    disabled = section.one(Disabled)
    if disabled is not None and disabled.on:
        return
    peers = section.all(Peer)
    binds = section.all(Bind)
    if binds and any(one.addressed for one in peers):
        diagnostics.alert('mixing "peer" and "bind" line is forbidden', binds[0].at, "'server' lines beside 'bind'")
    if not any(one.local for one in peers):
        diagnostics.warning(
            f"Removing incomplete section 'peers {section.name}' (no peer named '{_local(configuration)}').",
            section.at,
            hint="'localpeer' or -L says which of them this instance is; its tables are there all the same",
        )
        return
    for one in peers:
        if not one.local:
            diagnostics.alert(
                f"peers section '{section.name}': peer '{one.name}' is another instance, and the protocol between "
                "instances is not built yet",
                one.at,
                "this instance alone, whose tables outlive a reload",
                "'disabled' in this section leaves the tables to this instance",
            )
