"""What one exchange leaves behind: marks in time, sizes, counts and the two letters. Log lines are made from it.

Marks are monotonic milliseconds (the reactor's clock), -1: not reached. The timers of manual 8.4 are differences:

    Th = handshake - accepted       Ti = begun - handshake (or the end of the exchange before)
    TR = head - begun               Tq = head - accepted (of the first exchange)
    Tw = queued - head              Tc = connected - queued            Tr = answered - connected
    Td = ended - answered           Ta = ended - begun                 Tt = ended - accepted (of this exchange)
"""

from typing import Final

from mypy_extensions import mypyc_attr

NOT_REACHED: Final = -1
UNSET: Final = -1  # level: what the logger thinks right
SILENT: Final = 8  # no line at all


class Counted:
    """What counters were told of an exchange that lasts (stream/progress.py)."""

    def __init__(self) -> None:
        self.at = 0  # monotonic ms
        self.up = 0  # bytes
        self.down = 0


@mypyc_attr(free_list_len=1)
class Record:
    def __init__(self) -> None:
        self.accepted = 0  # the connection; for a later exchange of a connection the end of the one before
        self.accept_date = 0  # the wall clock then, ms
        self.handshake = 0  # end of TLS and PROXY protocol, = accepted without them
        self.begun = 0  # first byte of the request
        self.head = NOT_REACHED  # its head is whole
        self.queued = NOT_REACHED  # a server was chosen and its queue left
        self.connected = NOT_REACHED
        self.answered = NOT_REACHED  # the response's head is whole (TCP: the first byte from the server)
        self.ended = NOT_REACHED
        self.status = NOT_REACHED
        self.received = NOT_REACHED  # the status that the server sent
        self.uploaded = 0  # bytes from client to server, head included (%U)
        self.grown = 0  # by how many bytes the head grew on its way to the server; see WISHES.sending
        self.sent = 0  # bytes to the client, head included (%B)
        self.counted: Counted | None = None  # how much of these, if something was before the end
        self.cause = 0x2D  # first letter of the termination state, "-" (manual 8.5)
        self.step = 0x2D  # second letter
        self.cookie_request = 0x2D  # third and fourth
        self.cookie_response = 0x2D
        self.retries = 0
        self.redispatched = False
        self.process_connections = 0  # %ac, when the line is written
        self.frontend_connections = 0  # %fc
        self.backend_connections = 0  # %bc
        self.server_connections = 0  # %sc
        self.server_queue = 0  # %sq: position when queued
        self.backend_queue = 0  # %bq
        self.request_line = b""  # as received; "<BADREQ>" is the log's word for none
        self.number = 0  # %rt: of the exchange; see ProcessState.next_number
        self.complete = True  # False in a logasap line: sizes and times get a "+"
        self.first = True  # the first exchange of its connection
        self.stand_in = b"<NOSRV>"  # %s where no server was chosen; "<STATS>" when the statistics answered
        self.request_cookie: bytes | None = None  # captured "name=value" (%CC)
        self.response_cookie: bytes | None = None  # the cookie captured of the response (%CS)
        self.level = UNSET  # what set-log-level asked for: 0 (emerg) to 7 (debug), or SILENT
        self.origin = b"txn_close"  # %OG: where in its life the line is written

    def reset(self) -> None:
        """For the next exchange of the same connection; the marks of the connection stay."""
        self.first = False
        self.head = self.queued = self.connected = self.answered = self.ended = self.status = self.received = (
            NOT_REACHED
        )
        self.uploaded = self.grown = self.sent = 0
        self.cause = self.step = self.cookie_request = self.cookie_response = 0x2D
        self.retries = 0
        self.redispatched = False
        self.server_connections = self.server_queue = self.backend_queue = self.number = 0
        self.request_line = b""
        self.complete = True
        self.stand_in = b"<NOSRV>"
        self.request_cookie = self.response_cookie = None
        self.level = UNSET
        self.origin = b"txn_close"
