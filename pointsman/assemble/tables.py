"""Stick tables: made before lanes are forked, so that all share them; and who names one learns which it is."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pointsman.config.peers import PeersTable, check_peers
from pointsman.config.setting import Configuration
from pointsman.config.stick_table import StickTableLine
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.core.registry import nearest
from pointsman.net.clock import monotonic_ms
from pointsman.tables.stick_options import StickTableOptions
from pointsman.tables.stick_table import StickTable
from pointsman.tables.stick_tables import TABLES
from pointsman.tables.stick_types import BY_NAME, Stored

GENERATIONS: Final = 2  # at once, whose processes have slots of their own; those of more share one
SECOND: Final = 1.0


class Expiry:
    """In control: once a second takes out what dead processes had, and drops entries whose time is up; in between what
    is at work has its turns."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        loop.call_later(SECOND, self.run)

    def run(self) -> None:
        TABLES.release_dead()
        self.drop()

    def drop(self) -> None:
        if TABLES.expire(monotonic_ms()):
            self.loop.call_soon(self.drop)
        else:
            self.loop.call_later(SECOND, self.run)


def build_tables(configuration: Configuration, lanes: int, diagnostics: Diagnostics) -> None:
    """Make all tables, those of disabled proxies too, and resolve who refers to them."""
    TABLES.clear()
    for options in declared(configuration):
        missing = [name for name in TABLES.wanted.get(options.name, []) if name not in _names(options)]
        if missing:
            options = replace(options, store=(*options.store, *[Stored(BY_NAME[name]) for name in missing]))
        try:
            TABLES.add(StickTable(options, GENERATIONS * (lanes + 1) + 1))
        except (OSError, MemoryError, ValueError, OverflowError) as error:
            diagnostics.alert(
                f"cannot reserve memory for {options.size} entries of stick-table '{options.name}': {error}",
                options.at,
                hint="a smaller size, or more memory (ulimit -v)",
            )
    for table in TABLES.by_name.values():
        try:
            _check_target(table.options)
        except ConfigError as error:
            diagnostics.add(error.finding)
    check_peers(configuration, diagnostics)
    _resolve(declared(configuration), diagnostics)


def declared(configuration: Configuration) -> Iterable[StickTableOptions]:
    """What is said of all tables, in the order of their lines."""
    for proxy in configuration.proxies:
        line = proxy.one(StickTableLine)
        if line is not None:
            yield line.options
    for section in configuration.peers.values():
        for one in section.all(PeersTable):
            yield one.options


def _names(options: StickTableOptions) -> list[str]:
    return [one.type.name for one in options.store]


def _check_target(options: StickTableOptions) -> None:
    """The table that write-to names (manual 11.1)."""
    if not options.write_to:
        return
    said = f"stick-table '{options.name}': write-to: table '{options.write_to}'"
    target = TABLES.by_name.get(options.write_to)
    if target is None:
        near = nearest(options.write_to, TABLES.by_name)
        raise ConfigError(f"{said} doesn't exist.", options.at, hint=f"did you mean '{near}'?" if near else "")
    if target.name == options.name:
        raise ConfigError(f"{said} is the source table itself.", options.at, "another table")
    if (target.options.type, target.options.key_size) != (options.type, options.key_size):
        raise ConfigError(f"{said} has another type or key length.", options.at, "a table of the same type")


def _resolve(all_options: Iterable[StickTableOptions], diagnostics: Diagnostics) -> None:
    """Tell references which table they mean; an alert for each that means none."""
    known = {options.name for options in all_options}
    said: set[tuple[str, str, int, int]] = set()
    for one in TABLES.references:
        one.table = TABLES.by_name.get(one.name)
        spot = (one.name, one.at.file, one.at.line, one.at.column)
        if one.table is not None or spot in said or one.name in known and not one.missing:
            continue
        said.add(spot)
        if one.missing:
            diagnostics.alert("table name must be set in a defaults section", one.at, "the name of a table")
            continue
        near = nearest(one.name, known)
        diagnostics.alert(
            f"unable to find table '{one.name}'",
            one.at,
            "the name of a proxy that has a stick-table",
            f"did you mean '{near}'?" if near else "",
        )
