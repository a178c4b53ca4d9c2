"""In a lane: carries out the runtime commands that control sends to all lanes. There, permissions were looked at."""

import traceback

from pointsman.admin.command import ADMIN, Call, CommandError, find
from pointsman.admin.command_line import split_commands
from pointsman.admin.gauge import Gauge
from pointsman.admin.view import View


class LaneAgent:
    """Stands where a terminal would: a command may do everything and changes nothing of it."""

    level = ADMIN
    severity_output = "none"
    timeout = 0
    interactive = False
    prompting = False
    timed = False
    experimental = False
    ended = False

    def __init__(self, view: View, gauge: Gauge) -> None:
        self.view = view
        self.gauge = gauge

    def run(self, line: str) -> tuple[bool, str]:
        """Whether it is a complaint, and the text."""
        found = find(split_commands(line)[0])
        if found is None:
            return True, f"Unknown command '{line}'."
        command, words = found
        try:
            answer = command.run(Call(self.view, self.gauge, self, words))
        except CommandError as error:
            return True, str(error)
        except Exception:  # a bug: it is reported, and the lane lives on
            traceback.print_exc()
            return True, "Internal error."
        if not isinstance(answer, str):
            return True, "Internal error."  # what takes its time is no command for lanes
        return False, answer
