"""What functions of `python-load` files say, and what is said of them: failures with their traceback, slow calls.

Messages go to the logs of the global section, as one line each, and to stderr as long as somebody may read that. Of one
function and one kind there is one report a second; the next one says how many were left out. What functions write
themselves (`txn.log`, `pointsman.logger`) is bounded to so many lines a second in each process.
"""

import asyncio
import os
import sys
import traceback
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Final

from pointsman.log.events import EventLogger
from pointsman.log.logger import Logger
from pointsman.log.target import LOG_LEVELS, WARNING
from pointsman.net.clock import monotonic_ms

if TYPE_CHECKING:
    import logging

EVERY: Final = 1_000  # ms between two reports of one kind about one function
LINES: Final = 500  # that functions may write in a second
_MOST_FRAMES: Final = 8  # of a traceback: the innermost ones
_MOST_TEXT: Final = 4_096  # characters of a report
_MOST_KINDS: Final = 4_096  # of reports that are remembered
_HERE: Final = os.path.dirname(os.path.abspath(__file__)) + os.sep
_OUR_OWN: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Reports:
    """Where messages go, and which were left out."""

    def __init__(self) -> None:
        self.logger: Logger | None = None  # of the process; None: only stderr hears reports
        self.last: dict[tuple[str, str], list[int]] = {}  # when the last one was made, and how many were left out since
        self.second = 0  # in which lines are counted
        self.lines = 0
        self.silent = 0  # lines that were left out

    def attach(self, logger: Logger | None) -> None:
        self.logger = logger
        self.last.clear()

    def log(self, message: str, level: str) -> None:
        """What a function writes. Raises ValueError for a level that is none."""
        if level not in LOG_LEVELS:
            raise ValueError(f"{level!r} is no level: one of {', '.join(LOG_LEVELS)}")
        second = monotonic_ms() // 1_000
        if second != self.second:
            silent, self.silent = self.silent, 0
            self.second, self.lines = second, 0
            if silent:
                self._write(WARNING, f"python: {silent} lines more were not logged.")
        if self.lines >= LINES:
            self.silent += 1
            return
        self.lines += 1
        self._write(LOG_LEVELS.index(level), message)

    def _write(self, level: int, message: str) -> None:
        logger = self.logger
        line = message[:_MOST_TEXT].encode("utf-8", "surrogateescape")
        if logger is None or not logger.outlets:
            sys.stderr.write(line.decode("utf-8", "replace") + "\n")
            return
        logger.event(level, line)
        logger.flush()

    def say(self, name: str, kind: str, line: str, more: str = "") -> None:
        """A report about a function: `line` for logs, with `more` behind it on stderr. Of a kind are failures at one
        place, and slow calls."""
        now = monotonic_ms()
        before = self.last.get((name, kind))
        if before is not None and now - before[0] < EVERY:
            before[1] += 1
            return
        if before is not None and before[1]:
            line += f" ({before[1]} more like this were not reported.)"
        if len(self.last) >= _MOST_KINDS:
            self.last.clear()
        self.last[name, kind] = [now, 0]
        line = _harmless(line.replace("\n", " "))
        shown = f"{line}\n{_harmless(more.rstrip())}" if more else line
        EventLogger(self.logger)(
            WARNING,
            line[:_MOST_TEXT].encode("utf-8", "surrogateescape"),
            shown[:_MOST_TEXT].encode("utf-8", "surrogateescape"),
        )

    def failed(self, name: str, error: BaseException, follows: str) -> None:
        """A function has raised. `follows`: what becomes of the rule."""
        where = place_of(error.__traceback__)
        if not where:  # it was not run at all, or not to its end
            self.say(name, "failed", f"python.{name} failed{follows}: {text_of(error)}.")
            return
        said = text_of(error)
        what = f"{type(error).__name__}: {said}" if said else type(error).__name__
        self.say(name, where, f"python.{name} failed{follows}: {what} ({where}).", traceback_of(error))

    def slow(self, name: str, milliseconds: float, limit: int, stack: str, running: bool) -> None:
        """A function that holds up its lane. `running`: it does so still."""
        verb = "has been running for" if running else "took"
        line = (
            f"python.{name} {verb} {milliseconds:.0f} ms, more than tune.python.slow ({limit} ms): nothing else is "
            f"served by this lane meanwhile."
        )
        self.say(name, "slow", line, stack)


REPORTS: Final = Reports()


def _harmless(text: str) -> str:
    """Without what terminals obey: an exception may quote what a client has sent."""
    if text.isprintable():
        return text
    return "".join(one if one >= " " and one != "\x7f" or one == "\n" else f"\\x{ord(one):02x}" for one in text)


def text_of(error: BaseException) -> str:
    """What it says; "" where that fails, too."""
    try:
        return str(error)
    except BaseException:  # users' code, which may raise anything
        return ""


def is_cancelled(error: BaseException) -> bool:
    """Is this the end of the task that runs, and not an exception that a function has raised by itself?"""
    if not isinstance(error, asyncio.CancelledError):
        return False
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _frames(tb: TracebackType | None) -> list[traceback.FrameSummary]:
    """Of users' code: without ours in front, which called it."""
    frames = list(traceback.extract_tb(tb))
    while len(frames) > 1 and frames[0].filename.startswith(_OUR_OWN):
        del frames[0]
    return frames


def place_of(tb: TracebackType | None) -> str:
    """Where it was raised, as "auth.py:12 in check": the innermost place in users' code."""
    frames = [one for one in _frames(tb) if not one.filename.startswith(_HERE)]
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""


def traceback_of(error: BaseException) -> str:
    """The innermost frames, and the exception."""
    lines = traceback.format_list(_frames(error.__traceback__)[-_MOST_FRAMES:])
    return "".join([*lines, *traceback.format_exception_only(error)])


def stack_of(frame: FrameType | None) -> str:
    """Where users' code stands that we have called: from the function to the innermost frame. "": none is running."""
    inside: list[FrameType] = []
    found: list[FrameType] = []
    while frame is not None:
        if frame.f_code.co_filename.startswith(_HERE):
            found = list(inside)
        inside.append(frame)
        frame = frame.f_back
    stack = traceback.StackSummary.extract([(one, one.f_lineno) for one in reversed(found)])
    return "".join(traceback.format_list(stack[-_MOST_FRAMES:]))


def make_logger() -> "logging.Logger":
    """`pointsman.logger`, and the parent of the loggers that files make by `logging.getLogger(__name__)`."""
    import logging  # noqa: PLC0415  (nobody else pays for it)

    class Forward(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            words = self.format(record).replace("\n", " | ")
            level = {50: "crit", 40: "err", 30: "warning", 20: "info"}.get(record.levelno // 10 * 10, "debug")
            REPORTS.log(words, level)

    made = logging.getLogger(NAMESPACE)
    if not made.handlers:
        made.addHandler(Forward())
        made.setLevel(logging.INFO)
        made.propagate = False
    return made


NAMESPACE: Final = "pointsman_rules"  # the package in which files are imported
