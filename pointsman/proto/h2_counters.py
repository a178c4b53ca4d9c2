"""What one connection of HTTP/2 counts, as plain numbers, until `fold` adds them to the proxy's cells.

The connection calls `fold` once for all frames of a read and for all that it has written, not for each of them; a
connection that is idle costs nothing.
"""

from typing import Final

from pointsman.core.h2_cells import H2Cells, h2_places
from pointsman.proto.h2 import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, NO_ERROR, REFUSED_STREAM, STREAM_CLOSED

_OFTEN: Final = h2_places("headers", "data", "streams", "total_streams", "requests", "bytes_in", "bytes_out")
# Codes of which connection_errors and stream_errors do not tell, as in haproxy.
_NO_FAULT: Final = (NO_ERROR, STREAM_CLOSED, REFUSED_STREAM, COMPRESSION_ERROR, ENHANCE_YOUR_CALM)
_SELDOM: Final = h2_places(
    "settings", "rst_stream", "goaway", "connection_errors", "stream_errors", "rst_stream_sent", "goaway_sent"
)
_CONNECTIONS: Final = h2_places("connections", "total_connections")
_OPEN: Final = h2_places("connections")


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
        self.opened = 0  # streams that began, but for those whose head was malformed
        # What has been counted for the proxy as well:
        self.requests = 0
        self.bytes_in = 0
        self.bytes_out = 0

    def begin(self) -> None:
        """The connection is there, and speaks HTTP/2."""
        self.open = True
        if self.cells is not None:
            self.cells.tally(_CONNECTIONS, 1, 1)

    def refused(self, code: int) -> None:
        """A stream is reset for what came on it."""
        self.rst_stream_sent += 1
        if code not in _NO_FAULT:
            self.stream_errors += 1

    def failed(self, code: int) -> None:
        """The connection ends by a fault, which the peer is told with that code."""
        self.goaway_sent += 1
        if code not in _NO_FAULT:
            self.connection_errors += 1

    def fold(self, streams: int) -> None:
        """Add what was counted to the proxy's cells. So many streams are open."""
        cells = self.cells
        if cells is None:
            return
        more = (streams if self.open else 0) - self.held
        if self.headers or self.bytes_out or more or self.data or self.opened or self.requests or self.bytes_in:
            self.held += more
            cells.tally(
                _OFTEN, self.headers, self.data, more, self.opened, self.requests, self.bytes_in, self.bytes_out
            )
            self.headers = self.data = self.opened = self.requests = 0
            self.bytes_in = self.bytes_out = 0
        if (
            self.settings
            or self.rst_stream
            or self.goaway
            or self.rst_stream_sent
            or self.goaway_sent
            or self.connection_errors
            or self.stream_errors
        ):
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
        if self.open and self.cells is not None:
            self.cells.tally(_OPEN, -1)
        self.open = False
        self.fold(0)
