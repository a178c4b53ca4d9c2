"""What one end of an HTTP/2 connection is told by the configuration: `tune.h2.*` (manual 3.2).

There are two of them in a process, for clients and for servers. Their attributes are set once, before the first
connection, and only read from then on.
"""

from typing import Final

# tune.h2.log-errors: which errors are logged.
LOG_NONE: Final = 0
LOG_CONNECTION: Final = 1  # those that end a connection
LOG_STREAM: Final = 2  # those that end a stream, too

NO_LIMIT: Final = (1 << 31) - 1  # of streams


class H2Options:
    """Each attribute has the default that it has beside a tune.bufsize of 16384."""

    def __init__(self) -> None:
        self.initial_window = 16_384  # bytes: SETTINGS_INITIAL_WINDOW_SIZE, and the least that a stream may have
        self.streams = 100  # of one connection, at once; NO_LIMIT: as many as there are
        self.frame_size = 16_384  # bytes of the largest frame that is received: SETTINGS_MAX_FRAME_SIZE
        self.table_size = 4_096  # bytes of HPACK's dynamic table: SETTINGS_HEADER_TABLE_SIZE
        self.buffer = 16_384  # bytes that each stream may have received and not passed on, whatever the others have
        self.rxbuf = 1_638_400  # the same of all streams of a connection: a multiple of `buffer`
        self.glitches = 0  # of one connection, at which it is killed; 0: never
        self.total_streams = 0  # of one connection, after which it takes no more (GOAWAY); 0: no limit
        self.rst_at_once = 0  # RST_STREAM frames, after which a connection lets others go first; 0: no limit
        self.frames_at_once = 0  # the same of frames of all kinds
        self.log_errors = LOG_STREAM
        self.greeting = b""  # what a connection says first, once the first one has made it
        self.bogus_websocket = False  # clients are not told that they may use WebSocket (RFC 8441)

    def set_buffer(self, size: int) -> None:
        """tune.bufsize: the default of what is counted in buffers.

        SETTINGS_MAX_FRAME_SIZE is not below 16384 (RFC 9113 6.5.2), whatever the size of a buffer.
        """
        self.buffer = self.frame_size = self.initial_window = max(size, 16_384)
