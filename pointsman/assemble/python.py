"""Functions of `python-load` files (docs/python.md): their cells, where reports of them go, what runs in control."""

import asyncio

from pointsman.assemble.live import BackgroundService, Live
from pointsman.config.global_section import global_number
from pointsman.config.setting import Configuration
from pointsman.extension.load import functions_of


def build_python(live: Live, configuration: Configuration) -> None:
    """Nothing at all where no file is loaded."""
    functions = functions_of(configuration.main)
    if not functions:
        return
    from pointsman.extension.calls import CALLS  # noqa: PLC0415  (only where a file is loaded)
    from pointsman.extension.reports import REPORTS  # noqa: PLC0415

    CALLS.attach(live.process.arena, functions, global_number(configuration.main, "tune.python.slow"))
    REPORTS.attach(live.logger)
    live.services.append(PythonFunctions(live))


class PythonFunctions(BackgroundService):
    """Begins in each process that serves or controls."""

    def __init__(self, live: Live) -> None:
        self.live = live

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        from pointsman.extension.calls import CALLS  # noqa: PLC0415  (only where a file is loaded)

        if self.live.serves:
            CALLS.watch()

    def stop(self) -> None:
        """A soft stop: what is under way needs its functions."""
