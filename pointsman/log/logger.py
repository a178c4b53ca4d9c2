"""What a proxy, or the process, says: one line of text, a heading for each target, into the target's sink.

A logger is asked for the line of a stream when the stream is over (or at the moment that `when` names), and for
messages such as "Server b/s is DOWN". It decides the level and the format; log/policy.py says what counts as failed.
"""

from collections.abc import Callable, Sequence
from typing import Final

from mypy_extensions import i64, mypyc_attr

from pointsman.core.columns import LOG_LINES
from pointsman.log.dates import local_date
from pointsman.log.heading import Heading
from pointsman.log.policy import When
from pointsman.log.sink import Sink
from pointsman.log.target import ERR, INFO, LogTarget
from pointsman.net.clock import wall_ms
from pointsman.sample.context import Context
from pointsman.sample.ending import failed
from pointsman.sample.pieces import Computed, Piece
from pointsman.sample.record import UNSET

Line = Piece | Callable[[Context], bytes]

NO_DATA: Final = b"-"  # where there is no structured data (RFC 5424 6.3)
_NO_BREAK: Final = bytes.maketrans(b"\n\r\0", b"   ")


class LoggerTarget:
    """One target as one logger uses it: filter, sampling, heading, length."""

    def __init__(self, target: LogTarget, sink: Sink, heading: Heading) -> None:
        self.sink = sink
        self.heading = heading
        self.level = target.level
        self.minimum = target.minimum
        self.length = target.length  # the line's end counts
        self.ranges = target.ranges
        self.period = target.period
        self.count = 0

    def put(self, level: int, wall: i64, text: bytes, structured: bytes) -> None:
        if level > self.level or (self.period and not self._drawn()):
            return
        if level < self.minimum:
            level = self.minimum
        self._cut(b"%b%b\n" % (self.heading.text(level, wall, structured), text))

    def write(self, level: int, wall: i64, line: Piece, ctx: Context) -> None:
        """Make and put a line that no other target gets."""
        if level > self.level or (self.period and not self._drawn()):
            line.text(ctx)  # its converters may set variables
            return
        if level < self.minimum:
            level = self.minimum
        self._cut(line.between(self.heading.text(level, wall, NO_DATA), ctx, b"\n"))

    def _cut(self, line: bytes) -> None:
        """Queue it, no longer than the target wants it."""
        if len(line) > self.length:
            line = line[: self.length - 1] + b"\n"
        self.sink.put(line)

    def _drawn(self) -> bool:
        """Whether the next line of the sample is one for this target."""
        self.count = self.count % self.period + 1
        return any(low <= self.count <= high for low, high in self.ranges)


@mypyc_attr(allow_interpreted_subclasses=True)
class Logger:
    """`line`, `error_line` and `structured` render a stream; without error_line failed ones look like the others."""

    def __init__(
        self,
        outlets: Sequence[LoggerTarget],
        line: Line,
        *,
        error_line: Line | None = None,
        structured: Line | None = None,
        separate_errors: bool = False,
        when: When = When.END,
    ) -> None:
        self.outlets = list(outlets)
        self.only = outlets[0] if len(outlets) == 1 else None
        self.line = _piece(line)
        self.error_line = None if error_line is None else _piece(error_line)
        wanted = any(outlet.heading.structured for outlet in outlets)
        self.structured = _piece(structured) if structured is not None and wanted else None
        self.separate_errors = separate_errors  # option log-separate-errors
        self.when = when

    def stream(self, ctx: Context, wanted: int = UNSET) -> None:
        """The line of a stream. `wanted` is the level that set-log-level asked for; without it info holds."""
        if not self.outlets:
            return
        if (self.separate_errors or self.error_line is not None) and failed(ctx):
            usual, line = ERR if self.separate_errors else INFO, self.error_line or self.line
        else:
            usual, line = INFO, self.line
        self._write(ctx, usual if wanted == UNSET else wanted, line)

    def session_error(self, ctx: Context, message: bytes) -> None:
        """A connection failed before there was a stream: in its PROXY header or its handshake (manual 8.2.5).

        `message` says how, in the words of fc_err_str (manual 7.3.3).
        """
        if not self.outlets:
            return
        ctx.record.origin = b"sess_killed"
        level = ERR if self.separate_errors else INFO
        if self.error_line is not None:
            self._write(ctx, level, self.error_line)
            return
        self._write(ctx, level, Computed(lambda context: session_error_line(context) + message))

    def _write(self, ctx: Context, level: int, line: Piece) -> None:
        wall: i64 = ctx.now + ctx.date_offset
        only = self.only
        if only is not None and self.structured is None:
            only.write(level, wall, line, ctx)
            ctx.frontend.tally(LOG_LINES, 1)
            return
        text = line.text(ctx)
        structured = self.structured.text(ctx) if self.structured is not None else NO_DATA
        ctx.frontend.tally(LOG_LINES, 1)
        for outlet in self.outlets:
            outlet.put(level, wall, text, structured)

    def event(self, level: int, text: bytes) -> None:
        """A message of one line, such as a server's change of state."""
        wall = wall_ms()
        text = text.translate(_NO_BREAK)
        for outlet in self.outlets:
            outlet.put(level, wall, text, NO_DATA)

    def flush(self) -> None:
        """Write now what is queued, as far as receivers take it."""
        for outlet in self.outlets:
            outlet.sink.flush()


def _piece(line: Line) -> Piece:
    return line if isinstance(line, Piece) else Computed(line)


def session_error_line(ctx: Context) -> bytes:
    """What stands before the message: "10.0.0.1:33 [06/Feb/2009:12:14:14.655] frontend/bind: " (manual 8.2.5)."""
    listener = ctx.listener
    source = ctx.source
    port = source.port if source.packed else listener.number
    return b"%b:%d [%b] %b/%b: " % (
        source.text,
        port,
        local_date(ctx.record.accept_date),
        ctx.frontend.name,
        listener.name or b"%d" % listener.number,
    )


def default_line(ctx: Context) -> bytes:
    """The line of a proxy without a format: "Connect from ... to ... (www/HTTP)" (manual 8.2.1)."""
    mode = b"HTTP" if ctx.frontend.http else b"TCP"
    source, destination = ctx.source, ctx.destination
    if not source.packed:
        return b"Connect to unix:%d (%b/%b)" % (ctx.listener.number, ctx.frontend.name, mode)
    return b"Connect from %b:%d to %b:%d (%b/%b)" % (
        source.text,
        source.port,
        destination.text,
        destination.port,
        ctx.frontend.name,
        mode,
    )
