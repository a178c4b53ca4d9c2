"""A line about each request, for the run itself: it goes to a socket in the run's folder, whatever the file logs, and
in whatever form."""

from typing import Final

from pointsman.core.address import AddressSpec
from pointsman.core.diagnostics import Position
from pointsman.core.words import Word
from pointsman.log.heading import Heading
from pointsman.log.logger import Logger, LoggerTarget, default_line
from pointsman.log.sinks import SinkSet
from pointsman.log.target import DEBUG, LogTarget, Syntax
from pointsman.sample.context import Context
from pointsman.sample.format import parse_format
from pointsman.sample.record import UNSET
from pointsman.sample.types import Where

# Separated by tabs, which no value has in it: tags write them as "#09" (manual 8.6).
HTTP: Final = "%Ts.%ms\t%ci:%cp\t%fi:%fp\t%f\t%b\t%s\t%ST\t%B\t%tsc\t%Ta\t%HM\t%HU\t%HV"
TCP: Final = "%Ts.%ms\t%ci:%cp\t%fi:%fp\t%f\t%b\t%s\t-\t%B\t%ts\t%Tt\t\t\t"
LENGTH: Final = 8_192


class BothLoggers(Logger):
    """A frontend's own logger, and the run's beside it."""

    def __init__(self, own: Logger | None, told: Logger) -> None:
        super().__init__(own.outlets if own is not None else [], default_line)
        self.own = own
        self.told = told
        if own is not None:
            self.when = own.when

    def stream(self, ctx: Context, wanted: int = UNSET) -> None:
        if self.own is not None:
            self.own.stream(ctx, wanted)
        self.told.stream(ctx)

    def session_error(self, ctx: Context, message: bytes) -> None:
        if self.own is not None:
            self.own.session_error(ctx, message)
        self.told.session_error(ctx, message)

    def event(self, level: int, text: bytes) -> None:
        if self.own is not None:
            self.own.event(level, text)

    def flush(self) -> None:
        if self.own is not None:
            self.own.flush()
        self.told.flush()


def outlet(sinks: SinkSet, path: str) -> LoggerTarget:
    """A socket in the run's folder."""
    address = AddressSpec("unix", path, datagram=True)
    target = LogTarget(address=address, length=LENGTH, syntax=Syntax.RAW, level=DEBUG)
    return LoggerTarget(target, sinks.sink(address), Heading(Syntax.RAW, 0, b"", None))


def telling(sinks: SinkSet, path: str, http: bool) -> Logger:
    """The logger of the run for a frontend."""
    word = Word(HTTP if http else TCP, Position(path, 0))
    line = parse_format(word, Where.LOG, merge_spaces=False)
    return Logger([outlet(sinks, path)], line.line)
