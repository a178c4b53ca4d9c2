"""Tasks of `python-load` files: in control, from its start to the end of the generation.

One with `every` is called at once, and then every so many seconds, counted from when it was called; one without is a
coroutine that runs until it returns. One that fails is reported and tried again, after a pause that doubles from a
second up to a minute; a run of some length makes it a second again.
"""

import asyncio
from collections.abc import Sequence
from time import monotonic, perf_counter_ns

from pointsman.extension.calls import CALLS
from pointsman.extension.declare import Declared
from pointsman.extension.reports import REPORTS, is_cancelled

SHORTEST = 1.0  # s between a failure and the next attempt
LONGEST = 60.0
CALM = 60.0  # s of a run that make the next pause short again


class Tasks:
    def __init__(self, functions: Sequence[Declared]) -> None:
        self.functions = functions
        self.running: list[asyncio.Task[None]] = []

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self.running = [loop.create_task(self._keep(one)) for one in self.functions]

    def stop(self) -> None:
        for one in self.running:
            one.cancel()
        self.running = []

    async def _keep(self, one: Declared) -> None:
        pause = SHORTEST
        while True:
            began = monotonic()
            fine = await self._run(one)
            took = monotonic() - began
            if fine:
                if not one.every:
                    return
                pause = SHORTEST
                await asyncio.sleep(max(0.0, one.every - took))
            else:
                pause = SHORTEST if took > CALM else pause
                await asyncio.sleep(max(pause, one.every - took))
                pause = min(2 * pause, LONGEST)

    async def _run(self, one: Declared) -> bool:
        """Once. False: it has failed."""
        if not one.is_async:
            began = CALLS.begin(one)
            failed = True
            try:
                one.function()
                failed = False
            except BaseException as error:
                REPORTS.failed(one.name, error, ", it is tried again")
            finally:
                CALLS.end(one, began, failed)
            return not failed
        since, failed = perf_counter_ns(), True
        try:
            made = one.function()
            assert asyncio.iscoroutine(made)
            await made
            failed = False
        except BaseException as error:
            if is_cancelled(error):
                failed = False
                raise
            REPORTS.failed(one.name, error, ", it is tried again")
        finally:
            CALLS.count(one, (perf_counter_ns() - since) // 1_000, failed)
        return not failed
