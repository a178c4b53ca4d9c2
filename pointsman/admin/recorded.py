"""Runtime commands that change what is no cell in each lane (`disable frontend`), as changes in the log:

    command <line>

A lane has carried out the command by the time that it is recorded: control asks all of them, and records what was done.
So making it once more does no harm; who begins later makes it when it reads the log. A later command about the same
thing takes the place of an earlier one. Where nothing can be carried out (in control, in the keeper, in a lane that is
about to begin) it is kept until `carry_out` says how.
"""

from collections.abc import Callable
from typing import Final

from pointsman.admin.command_line import split_commands
from pointsman.tables.changes import Change, Follower, text

_NAMED: Final = 3  # words of a command that say what is changed, as in "disable frontend web"


class RecordedCommands(Follower):
    """`run` carries out a line; what it complains of is no matter here."""

    def __init__(self) -> None:
        self.run: Callable[[str], object] | None = None
        self.made: dict[str, str] = {}  # the last line about each thing, in their order

    def apply(self, change: Change) -> None:
        line = text(change, 1)
        what = _subject(line)
        self.made.pop(what, None)
        self.made[what] = line
        if self.run is not None:
            self.run(line)

    def carry_out(self, run: Callable[[str], object]) -> None:
        """In a lane that begins: what is kept is carried out now, and what comes at once."""
        self.run = run
        for line in self.made.values():
            run(line)

    def snapshot(self) -> list[Change]:
        return [["command", line] for line in self.made.values()]


def _subject(line: str) -> str:
    """What a command is about: "disable frontend web" and "enable frontend web" are about the same."""
    words = split_commands(line)[0]
    if words[:1] in (["disable"], ["enable"], ["shutdown"]):
        return " ".join(["state", *words[1:_NAMED]])
    return " ".join(words[:-1])
