"""All stick tables of a process by name: that of a proxy has its name, one of a peers section `<section>/<table>`.

Rules, fetches and converters name tables that may be declared further down: each gets a TableReference when it is
parsed, which knows its table once all sections were read (assemble/tables.py).
"""

from typing import Final

from pointsman.core.diagnostics import Position
from pointsman.tables.stick_table import StickTable


class TableReference:
    """A table that a line names. `table`: None until all sections were read, and where there is none of that name."""

    def __init__(self, name: str, at: Position, missing: bool = False) -> None:
        self.name = name
        self.at = at
        self.missing = missing  # no name is said where a name must be: in a defaults section
        self.table: StickTable | None = None


class StickTables:
    def __init__(self) -> None:
        self.by_name: dict[str, StickTable] = {}  # in the order in which they are declared
        self.references: list[TableReference] = []  # all that was parsed since the last reset
        self.wanted: dict[str, list[str]] = {}  # by name of table: data types that rules have stored in it

    def add(self, table: StickTable) -> None:
        self.by_name[table.name] = table

    def refer(self, name: str, at: Position, missing: bool = False) -> TableReference:
        """A reference to a table that may not have been declared yet."""
        made = TableReference(name, at, missing)
        made.table = self.by_name.get(name)
        self.references.append(made)
        return made

    def want(self, name: str, data_type: str) -> None:
        """A rule needs this type stored in a table, whether its line names it or not (manual 11.1, server_id)."""
        types = self.wanted.setdefault(name, [])
        if data_type not in types:
            types.append(data_type)

    def enter_process(self, process: int) -> None:
        """What this process pins and counts as current is its own from here on."""
        for table in self.by_name.values():
            table.enter_process(process)

    def settle(self, now: int) -> None:
        """What this process could not tell a table while that was locked."""
        for table in self.by_name.values():
            if table.owed:
                table.settle(now)

    def process_ended(self, process: int) -> None:
        """What it had pinned and counted as current is taken out; what it had counted stays."""
        for table in self.by_name.values():
            table.process_ended(process)

    def release_dead(self) -> None:
        """What dead processes had pinned and counted as current is taken out, of whichever generation they were."""
        for table in self.by_name.values():
            table.release_dead()

    def expire(self, now: int) -> bool:
        """Drop entries whose time is up, some of each table. True: there may be more of them."""
        return any([table.drop_expired(now) for table in self.by_name.values()])

    def clear(self) -> None:
        """Tables are about to be made."""
        self.by_name.clear()

    def reset(self) -> None:
        """A configuration is about to be read: what another one had is not its own."""
        self.by_name = {}
        self.references = []
        self.wanted = {}


TABLES: Final = StickTables()
