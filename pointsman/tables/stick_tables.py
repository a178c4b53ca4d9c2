"""All stick tables of a process by name: that of a proxy has its name, one of a peers section `<section>/<table>`."""

from pointsman.tables.stick_table import StickTable


class StickTables:
    def __init__(self) -> None:
        self.by_name: dict[str, StickTable] = {}  # in the order in which they are declared

    def add(self, table: StickTable) -> None:
        self.by_name[table.name] = table

    def clear(self) -> None:
        """For another configuration."""
        self.by_name.clear()


TABLES = StickTables()
