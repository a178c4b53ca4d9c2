"""What one connection of HTTP/2 counts, as plain numbers, until `fold` adds them to the proxy's cells.

The connection calls `fold` once for all frames of a read and for all that it has written, not for each of them; a
connection that is idle costs nothing.
"""

from typing import Final

from pointsman.core.h2_cells import H2Cells, h2_places

_OFTEN: Final = h2_places("headers", "data", "streams", "total_streams", "requests", "bytes_in", "bytes_out")
_SELDOM: Final = h2_places(
    "settings", "rst_stream", "goaway", "connection_errors", "stream_errors", "rst_stream_sent", "goaway_sent"
)
_CONNECTIONS: Final = h2_places("connections", "total_connections")
_HELD: Final = h2_places("connections", "streams")


class H2Counters:
    """Of one connection. Without cells (tests, checks of servers) nobody adds up what it counts."""

    def __init__(self, cells: H2Cells | None = None) -> None:
        self.cells = cells
        self.open = False  # the connection is among those that are counted
        self.held = 0  # its streams among those that are counted as open
        # Since the last `fold`. Frames received:
        self.headers = 0
        self.data = 0
        self.settings = 0
        self.rst_stream = 0
        self.goaway = 0
        # Errors of the peer, which end the connection or a stream, and frames that say so:
        self.connection_errors = 0
        self.stream_errors = 0
        self.rst_stream_sent = 0
        self.goaway_sent = 0
        # Streams that began, and that ended:
        self.opened = 0
        self.closed = 0
        # What has been counted for the proxy as well:
        self.requests = 0
        self.bytes_in = 0
        self.bytes_out = 0

    def begin(self) -> None:
        """The connection is there, and speaks HTTP/2."""
        self.open = True
        if self.cells is not None:
            self.cells.tally(_CONNECTIONS, 1, 1)

    def fold(self) -> None:
        """Add what was counted to the proxy's cells."""
        cells = self.cells
        if cells is None:
            return
        more = self.opened - self.closed
        if self.headers | self.data | self.opened | self.closed | self.requests | self.bytes_in | self.bytes_out:
            self.held += more
            cells.tally(
                _OFTEN, self.headers, self.data, more, self.opened, self.requests, self.bytes_in, self.bytes_out
            )
            self.headers = self.data = self.opened = self.closed = self.requests = 0
            self.bytes_in = self.bytes_out = 0
        errors = self.connection_errors | self.stream_errors | self.rst_stream_sent | self.goaway_sent
        if errors | self.settings | self.rst_stream | self.goaway:
            self._fold_seldom(cells)

    def _fold_seldom(self, cells: H2Cells) -> None:
        cells.tally(
            _SELDOM,
            self.settings,
            self.rst_stream,
            self.goaway,
            self.connection_errors,
            self.stream_errors,
            self.rst_stream_sent,
            self.goaway_sent,
        )
        self.settings = self.rst_stream = self.goaway = 0
        self.connection_errors = self.stream_errors = self.rst_stream_sent = self.goaway_sent = 0

    def end(self) -> None:
        """The connection is gone, with all of its streams. A second call does nothing."""
        self.fold()
        if self.open and self.cells is not None:
            self.cells.tally(_HELD, -1, -self.held)
        self.open = False
        self.held = 0
