"""Calls of functions: counted, timed, and looked at while they last.

Each function has a few cells in each process's row of the arena, so that what lanes and control count adds up
(`show python`), and survives them. A synchronous function holds up its lane: one that takes longer than
`tune.python.slow` is reported with its stack, by an alarm (SIGALRM) that is armed for the outermost call. One that
never returns is killed as any lane that does not turn (master/stuck.py), which says where it stood.
"""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from types import FrameType
from typing import Final

from pointsman.core.arena import Arena, Table
from pointsman.extension.declare import Declared
from pointsman.extension.reports import REPORTS, stack_of

COUNT: Final = 0  # cells of a function
ERRORS: Final = 1
TOTAL: Final = 2  # microseconds
MOST: Final = 3
SLOW: Final = 4
WIDTH: Final = 5


@dataclass(frozen=True, slots=True)
class Totals:
    """What was counted of a function in all processes. Times: microseconds."""

    count: int
    errors: int
    total: int
    most: int
    slow: int


class Calls:
    """Of this process."""

    def __init__(self) -> None:
        self.table: Table | None = None
        self.functions: Sequence[Declared] = ()
        self.limit = 0  # ms; 0: nothing is slow
        self.process = 0  # the one that serves
        self.watches = False  # alarms are ours: in the main thread of a process that serves
        self.depth = 0  # functions may ask samples that are functions
        self.running: Declared | None = None  # the outermost one
        self.began = 0

    def attach(self, arena: Arena, functions: Sequence[Declared], limit: int) -> None:
        """Before processes part."""
        self.functions = functions
        self.table = Table(arena, WIDTH * len(functions)) if functions else None
        self.limit = limit
        self.depth = 0
        for number, one in enumerate(functions):
            one.number = number

    def watch(self) -> None:
        """This process serves from now on, in this thread."""
        self.process = os.getpid()
        if self.limit and self.functions and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGALRM, self._ring)
            self.watches = True

    def begin(self, function: Declared) -> int:
        """A call begins: ns, for `end`."""
        now = perf_counter_ns()
        self.depth += 1
        if self.depth == 1:
            self.running, self.began = function, now
            if self.watches:
                signal.setitimer(signal.ITIMER_REAL, self.limit / 1_000)
        return now

    def end(self, function: Declared, began: int, failed: bool, whole: bool = True) -> None:
        """`whole`: False for a piece of what a call has returned."""
        self.depth -= 1
        if self.depth == 0:
            if self.watches:
                signal.setitimer(signal.ITIMER_REAL, 0)
            self.running = None
        took = (perf_counter_ns() - began) // 1_000
        slow = 0 < self.limit * 1_000 < took
        self.count(function, took, failed, slow, 1 if whole else 0)
        if slow:
            REPORTS.slow(function.name, took / 1_000, self.limit, "", False)

    def count(self, function: Declared, took: int, failed: bool, slow: bool = False, calls: int = 1) -> None:
        """`took`: microseconds."""
        if self.process and os.getpid() != self.process:
            os._exit(1 if failed else 0)  # the function has forked, and its child must not serve what is its parent's
        table = self.table
        if table is None:
            return
        arena = table.arena
        cells, row = arena.cells, table.row(arena.lane) + WIDTH * function.number
        cells.add(row + COUNT, calls)
        cells.add(row + TOTAL, took)
        if took > cells.load(row + MOST):
            cells.store(row + MOST, took)
        if failed:
            cells.add(row + ERRORS, 1)
        if slow:
            cells.add(row + SLOW, 1)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        """It is running still, unless compiled code did not let the signal through before its end."""
        function = self.running
        if function is None:
            return
        took = (perf_counter_ns() - self.began) / 1_000_000
        try:
            stack = stack_of(frame)
            if stack:
                REPORTS.slow(function.name, took, self.limit, stack, True)
        except Exception:  # raised here it would be the function's
            traceback.print_exc(file=sys.stderr)

    def totals(self, function: Declared) -> Totals:
        table = self.table
        if table is None:
            return Totals(0, 0, 0, 0, 0)
        first = WIDTH * function.number
        count, errors, total, slow = [table.total(first + one) for one in (COUNT, ERRORS, TOTAL, SLOW)]
        return Totals(count, errors, total, table.most(first + MOST), slow)


CALLS: Final = Calls()
