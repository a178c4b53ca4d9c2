"""What is counted of HTTP/2, for each frontend and backend: cells of the arena as in counters.py.

Each lane writes its own row, readers add them up, and the gauges of a lane that has ended are set to zero. What one
connection counts between two writes is in proto/h2_counters.py.
"""

from typing import TYPE_CHECKING, Final

from pointsman.core.arena import Arena, Table, row_type


class H2Fields:
    """Totals since the start (or since `clear counters all`). Comments name columns of the statistics (management 9.1).

    Frames are those that were received, or, where that is said, sent for an error."""

    headers: int  # h2_headers_rcvd
    data: int  # h2_data_rcvd
    settings: int  # h2_settings_rcvd
    rst_stream: int  # h2_rst_stream_rcvd
    goaway: int  # h2_goaway_rcvd
    connection_errors: int  # h2_detected_conn_protocol_errors
    stream_errors: int  # h2_detected_strm_protocol_errors
    rst_stream_sent: int  # h2_rst_stream_resp
    goaway_sent: int  # h2_goaway_resp
    connections: int  # h2_open_connections
    streams: int  # h2_backend_open_streams, of frontends as well
    total_connections: int  # h2_total_connections, h2sess
    total_streams: int  # h2_backend_total_streams
    requests: int  # h2req: those of the proxy's requests that came, or went, by HTTP/2
    bytes_in: int  # those of the proxy's bin and bout that did
    bytes_out: int


H2_FIELDS: Final = tuple(H2Fields.__annotations__)
GAUGES: Final = ("connections", "streams")  # what a lane that has ended no longer holds
_PLACES: Final = {name: place for place, name in enumerate(H2_FIELDS)}


def h2_places(*names: str) -> bytes:
    """The places of these fields, as `tally` takes them."""
    return bytes([_PLACES[name] for name in names])


if TYPE_CHECKING:

    class H2Row(H2Fields):
        def __init__(self, cells: object, first: int, table: int = -1, width: int = 0, rows: int = 1) -> None: ...
        def tally(self, places: bytes, *deltas: int) -> None: ...
else:
    H2Row = row_type("pointsman.core.h2_cells.H2Row", H2_FIELDS)


class H2Cells(H2Row):
    """This lane's row of one proxy, and what all lanes have counted (`sum_of`)."""

    def __init__(self, arena: Arena | None = None) -> None:
        self.arena = arena if arena is not None else Arena(1, len(H2_FIELDS))
        self.table = Table(self.arena, len(H2_FIELDS))
        self.move()

    def move(self) -> None:
        """After a fork: this process writes the row of its own lane."""
        arena = self.arena
        H2Row.__init__(self, arena.cells, self.table.row(arena.lane), self.table.first, len(H2_FIELDS), arena.rows)

    def release_lane(self, lane: int) -> None:
        """A lane has ended: it holds nothing any more."""
        for name in GAUGES:
            self.arena.cells.store(self.table.row(lane) + _PLACES[name], 0)

    def sum_of(self, name: str) -> int:
        return self.table.total(_PLACES[name])

    def clear(self) -> None:
        """`clear counters all`: everything but gauges begins anew."""
        for lane in range(self.arena.rows):
            for name in H2_FIELDS:
                if name not in GAUGES:
                    self.arena.cells.store(self.table.row(lane) + _PLACES[name], 0)
