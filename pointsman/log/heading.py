"""What stands before the text of a line: priority, date, host, tag and process (RFC 3164, RFC 5424, manual 4.2, log).

A heading is made once per second, level and process; formats that show fractions of a second are made for each line.
"""

import os
from typing import Final

from mypy_extensions import i64

from pointsman.log.dates import iso_date, syslog_date
from pointsman.log.target import Syntax

LEVEL_COUNT: Final = 8


class Process:
    """The number of this process, read once; a child reads its own."""

    def __init__(self) -> None:
        self.number = 0

    def look(self) -> None:
        self.number = os.getpid()


PROCESS: Final = Process()
PROCESS.look()
os.register_at_fork(after_in_child=PROCESS.look)


class Heading:
    """What stands before the text of each line, for one target and tag. `hostname`: None without log-send-hostname."""

    def __init__(self, syntax: Syntax, facility: int, tag: bytes, hostname: bytes | None) -> None:
        if syntax == Syntax.DEFAULT:
            syntax = Syntax.LOCAL if hostname is None else Syntax.RFC3164
        self.syntax = syntax
        self.facility = facility
        self.tag = tag
        self.hostname = hostname
        self.structured = syntax == Syntax.RFC5424
        self.dated = syntax in (Syntax.LOCAL, Syntax.RFC3164)
        self.second: i64 = -1
        self.begin: i64 = 0  # the last text was made for this second, level and process
        self.level: i64 = -1
        self.shown = b""
        self.process = 0
        self.kept: list[bytes] = [b""] * LEVEL_COUNT

    def text(self, level: int, wall: i64, structured: bytes) -> bytes:
        """`wall` in ms; `structured` is for RFC 5424 only, "-" where there is none."""
        passed = wall - self.begin
        if passed >= 0 and passed < 1000 and level == self.level and PROCESS.number == self.process:
            return self.shown
        if not self.dated:
            return self._other(level, wall, structured)
        self.shown = self._dated(level, wall)
        self.begin = self.second * 1000
        self.level = level
        return self.shown

    def _other(self, level: int, wall: int, structured: bytes) -> bytes:
        syntax = self.syntax
        if syntax == Syntax.RAW:
            return b""
        if syntax == Syntax.RFC5424:
            return b"<%d>1 %b %b %b %d - %b " % (
                self.facility << 3 | level,
                iso_date(wall),
                self.hostname or b"-",
                self.tag,
                PROCESS.number,
                structured,
            )
        if syntax == Syntax.PRIORITY:
            return b"<%d>" % (self.facility << 3 | level)
        if syntax == Syntax.SHORT:
            return b"<%d>" % level
        if syntax == Syntax.TIMED:
            return b"<%d>%b " % (level, iso_date(wall))
        return iso_date(wall) + b" "

    def _dated(self, level: int, wall: i64) -> bytes:
        second = wall // 1000
        if second != self.second or PROCESS.number != self.process:
            self.second = second
            self.process = PROCESS.number
            self.kept = [b""] * LEVEL_COUNT
        found = self.kept[level]
        if not found:
            host = b"" if self.syntax == Syntax.LOCAL else (self.hostname or b"localhost") + b" "
            found = b"<%d>%b %b%b[%d]: " % (self.facility << 3 | level, syslog_date(wall), host, self.tag, self.process)
            self.kept[level] = found
        return found
