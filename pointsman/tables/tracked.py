"""What a connection or an exchange tracks (manual 4.4, track-sc0): an entry of a table, under a counter's number."""

from pointsman.tables.stick_table import StickTable


class Tracked:
    """`index`: the number of the counter; `ref`: the entry, which is pinned as long as this is in a list."""

    def __init__(self, index: int, table: StickTable, ref: int, uncounted: bool = False) -> None:
        self.index = index
        self.table = table
        self.ref = ref
        self.uncounted = uncounted  # the request that tracks it was not counted of it yet
