"""Runtime commands: what the decorator records, how a line finds its command, what help shows.

A command is one small function that takes a Call and gives its answer as text, an awaitable of it, or, where that may
be long, an iterator of pieces: each is sent before the next one is asked for, and others have their turn meanwhile. Its
name may have several words; the longest name that a line begins with wins. It complains by raising CommandError; in
pieces, before the first one.
"""

import difflib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pointsman.admin.gauge import Gauge
from pointsman.admin.view import View
from pointsman.core.refused import refusal
from pointsman.core.registry import Registry

USER: Final = 0  # levels of a stats socket (manual 5.1, level)
OPERATOR: Final = 1
ADMIN: Final = 2
ACCESS_LEVELS: Final = ("user", "operator", "admin")

ERROR: Final = 3  # severities, as syslog numbers them
WARNING: Final = 4
NOTICE: Final = 5
INFO: Final = 6
SEVERITIES: Final = {ERROR: "err", WARNING: "warning", NOTICE: "notice", INFO: "info"}

DENIED: Final = "Permission denied"
WIDTH: Final = 40  # that usages have on the page of help
NEAR: Final = 8  # commands that are shown to whoever mistyped one, at most


class CommandError(Exception):
    """The answer is a complaint. `severity` is shown where `severity-output` asks for it."""

    def __init__(self, message: str, severity: int = ERROR) -> None:
        super().__init__(message)
        self.severity = severity


class ConnectionSettings(Protocol):
    """The connection that a command came by: what commands may change of it."""

    level: int
    severity_output: str
    timeout: int  # ms
    interactive: bool
    prompting: bool
    timed: bool
    experimental: bool
    ended: bool


@dataclass(slots=True)
class Call:
    """One command on its way. `words`: what stands behind its name; `payload`: the lines behind "<<"."""

    view: View
    gauge: Gauge
    terminal: ConnectionSettings
    words: list[str]
    payload: str = ""

    def word(self, index: int) -> str:
        """The word at that place, or ""."""
        return self.words[index] if index < len(self.words) else ""

    def require(self, level: int) -> None:
        """Raises CommandError where the connection is not allowed that much."""
        if self.terminal.level < level:
            raise CommandError(DENIED)


HERE: Final = 0  # where a command runs if there are several lanes: in the process that was asked
LANES: Final = 1  # in each of them, and their answers are put together
CHANGE: Final = 2  # in each of them, and in those that come later
EVERY: Final = 3  # in each of them and in the process that was asked, whose own connections are asked for as well

Together = Callable[[Call, Sequence[str]], str]
RunCommand = Callable[[Call], str | Awaitable[str] | Iterator[str]]


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    run: RunCommand
    usage: str
    text: str
    level: int
    everywhere: int = HERE
    experimental: bool = False  # restricted to experimental mode, and its own text says so
    after: Callable[[Call], None] | None = None  # once it has run everywhere: in the process that was asked
    together: Together | None = None  # there: makes the answer of all; else they are put one behind the other


COMMANDS: Final[Registry[Command]] = Registry("runtime command")


def command(
    name: str,
    usage: str,
    text: str,
    *,
    level: int = USER,
    everywhere: int = HERE,
    experimental: bool = False,
    after: Callable[[Call], None] | None = None,
    together: Together | None = None,
) -> Callable[[RunCommand], RunCommand]:
    """Register a runtime command. `usage`: name and arguments, for the page of help; `text`: what it does."""

    def record(run: RunCommand) -> RunCommand:
        COMMANDS.add(name, Command(name, run, usage, text, level, everywhere, experimental, after, together))
        return run

    return record


def find(words: list[str]) -> tuple[Command, list[str]] | None:
    """The command that a line begins with, and the words behind its name."""
    for count in range(len(words), 0, -1):
        found = COMMANDS.get(" ".join(words[:count]))
        if found is not None:
            return found, words[count:]
    return None


# Help.

_ALWAYS: Final = ("help", "prompt", "quit")  # stand at the end of every page


def _distance(words: list[str], name: str) -> float:
    """How unlike a line and a name are, from 0 to 1."""
    typed = " ".join(words[: len(name.split())])
    return 1 - difflib.SequenceMatcher(None, typed, name).ratio()


def _matching(words: list[str]) -> list[str]:
    """Commands that a line may have meant: those it is the beginning of, or else the nearest ones."""
    names = [name for name in COMMANDS if name not in _ALWAYS]
    for count in range(len(words), 0, -1):
        start = " ".join(words[:count])
        complete = [name for name in names if name == start or name.startswith(start + " ")]
        if complete and count == len(words):
            return complete
        near = [name for name in complete if _distance(words, name) < 0.5] or complete
        if near:
            return near if len(near) <= NEAR else sorted(sorted(near, key=lambda name: _distance(words, name))[:NEAR])
    ranked = sorted(names, key=lambda name: _distance(words, name))
    return sorted(name for name in ranked[: NEAR // 2] if _distance(words, name) < 0.6)


def page(heading: str, names: list[str]) -> str:
    """A heading and a line for each command."""
    lines = [heading]
    for name in [*names, *_ALWAYS]:
        found = COMMANDS.get(name)
        assert found is not None
        lines.append(f"  {found.usage:<{WIDTH}}: {found.text}")
    return "\n".join(lines) + "\n"


def help_page(words: list[str]) -> str:
    """`help`: all commands, or those that match."""
    matching = _matching(words) if words else []
    return page(
        "The following commands are valid at this level:",
        matching or [name for name in COMMANDS if name not in _ALWAYS],
    )


def unknown(words: list[str]) -> str:
    """The answer to a line that is no command."""
    reason = refusal("command", " ".join(words))
    if reason:
        return f"'{' '.join(words[:2])}' is not supported: {reason}.\n"
    matching = _matching(words) if words else []
    if matching:
        return page("Unknown command, but maybe one of the following ones is a better match:", matching)
    return page(
        "Unknown command. Please enter one of the following commands only:",
        [name for name in COMMANDS if name not in _ALWAYS],
    )
