"""Functions of `python-load` files (docs/python.md): their cells, where reports of them go, what runs in control."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from pointsman.admin.publish import everywhere
from pointsman.admin.view import View
from pointsman.assemble.live import BackgroundService, Live
from pointsman.config.global_section import global_number
from pointsman.config.setting import Configuration
from pointsman.extension.load import functions_of

if TYPE_CHECKING:
    from pointsman.extension.declare import Declared


def build_python(live: Live, view: View, configuration: Configuration) -> None:
    """Nothing at all where no file is loaded."""
    functions = functions_of(configuration.main)
    if not functions:
        return
    from pointsman.extension.calls import CALLS  # noqa: PLC0415  (only where a file is loaded)
    from pointsman.extension.remote import OPEN  # noqa: PLC0415
    from pointsman.extension.reports import REPORTS  # noqa: PLC0415

    OPEN.names = live.names
    CALLS.attach(live.process.arena, functions, global_number(configuration.main, "tune.python.slow"))
    REPORTS.attach(live.logger)
    live.services.append(PythonFunctions(live, view, functions))


class PythonFunctions(BackgroundService):
    """Begins in each process: calls are watched, and tasks run where things are controlled."""

    def __init__(self, live: Live, view: View, functions: "list[Declared]") -> None:
        from pointsman.extension.declare import TASK  # noqa: PLC0415  (only where a file is loaded)
        from pointsman.extension.tasks import Tasks  # noqa: PLC0415

        self.live = live
        self.view = view
        self.tasks = Tasks([one for one in functions if one.sort == TASK])

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        from pointsman.extension.calls import CALLS  # noqa: PLC0415  (only where a file is loaded)
        from pointsman.extension.shared import PUBLISHING  # noqa: PLC0415

        CALLS.watch()
        if self.live.controls:
            PUBLISHING.publish = partial(everywhere, self.view)
            self.tasks.start(loop)

    def stop(self) -> None:
        """A soft stop: the next generation has tasks of its own. What is under way goes on."""
        self.tasks.stop()
