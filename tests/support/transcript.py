"""Transcripts in documentation: what a page shows of a terminal is what a terminal shows.

A page is followed as its reader would follow it, from top to bottom, in one folder:

    ```haproxy title="haproxy.cfg"      a file (of any language): it is written when the page comes to it
    ...
    ```

    ```console                          a case: commands behind "$ ", and what each one prints, stdout and stderr
    $ pointsman lint -f haproxy.cfg
    haproxy.cfg:12: ...                 "..." in a line stands for any text, and alone for any lines, also none
    $ echo $?                           `$?` is the status of the command before
    1
    ```

A page that shows first what it can do names the file that it shows later: ```console below="haproxy.cfg".

A command may go on in lines behind "> ", or behind one that ends in a backslash. Each is run by a shell of its own:
only `$?` passes from one to the next. `pointsman` and `python` are those of the test, COLUMNS is 80, and what is
printed goes to no terminal. Blanks at the ends of lines do not count. A block whose language is not `console` is
never run.

    for case in transcripts(ROOT / "docs" / "lint.md"):
        check(case, tmp_path)

tests/scenario/test_transcripts.py does so with each page that has a file with a title.

`PYTHONPATH=tests:. python -m support.transcript PAGE...` writes into a page what its commands print; what holds stays
as it is. Read what it has written: a page that says what the program says proves nothing else.
"""

from __future__ import annotations

import difflib
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support.programs import environment
from support.stock import forked

_PATIENCE = 60.0  # s that a command may take
_FENCE = re.compile(r"^(`{3,})\s*([\w-]*)\s*(.*)$")
_TITLE = re.compile(r'\btitle="([^"]+)"')
_BELOW = re.compile(r'\bbelow="([^"]+)"')
_SHELL = re.compile(r"[|&;<>()$`*#~\\\n]|^\w+=")  # what a shell has to see, outside of single quotes
_ANY = "..."


@dataclass(frozen=True, slots=True)
class Command:
    """A command and what it is to print. `line`: where it stands in the page, from 1; `end`: behind its last line."""

    line: int
    text: str
    expected: tuple[str, ...]
    end: int


@dataclass(frozen=True, slots=True)
class Case:
    """A console block. `files`: those that the page has shown since the block before."""

    page: Path
    line: int
    commands: tuple[Command, ...]
    files: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def transcripts(page: Path) -> list[Case]:
    """The cases of a page, in their order."""
    cases: list[Case] = []
    files: dict[str, str] = {}
    early: list[tuple[Case, str]] = []  # cases that want a file of further below
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        opening = _FENCE.match(lines[number])
        number += 1
        if opening is None:
            continue
        start = number
        while number < len(lines) and lines[number].rstrip() != opening[1]:
            number += 1
        title = _TITLE.search(opening[3])
        if title:
            files[title[1]] = "".join(f"{line}\n" for line in lines[start:number])
            for case, name in early:
                if name == title[1]:
                    case.files.setdefault(name, files[name])
        elif opening[2] == "console":
            cases.append(Case(page, start, _commands(lines[start:number], start + 1), files))
            files = {}
            early += [(cases[-1], name) for name in _BELOW.findall(opening[3])]
        number += 1
    assert all(name in case.files for case, name in early), "a file of further below is not there"
    return cases


def _commands(lines: Sequence[str], first: int) -> tuple[Command, ...]:
    """`first`: the number of the first line."""
    starts = [index for index, line in enumerate(lines) if line.startswith("$ ")]
    assert starts[:1] == [0], f"line {first}: a transcript begins with a command"
    made = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        text, index = lines[start][2:], start + 1
        while index < end and (lines[index].startswith("> ") or text.endswith("\\")):
            text += "\n" + lines[index].removeprefix("> ")
            index += 1
        made.append(Command(first + start, text, tuple(lines[index:end]), first + end))
    return tuple(made)


def check(case: Case, folder: Path) -> None:
    """Run the commands in the folder and compare what they print. AssertionError: with the difference."""
    for command, printed in played(case, folder):
        assert agrees(command.expected, printed), _difference(case, command, printed)


def played(case: Case, folder: Path) -> list[tuple[Command, list[str]]]:
    """The case's files are written, its commands run: each with what it has printed."""
    for name, text in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    status, results = 0, []
    for command in case.commands:
        status, printed = _run(command.text, folder, status)
        results.append((command, [line.rstrip() for line in printed.splitlines()]))
    return results


def _run(text: str, folder: Path, status: int) -> tuple[int, str]:
    """Its status, and what it has printed. `status`: what `$?` is."""
    with tempfile.TemporaryDirectory() as place:
        variables = {**environment(), "COLUMNS": "80", "LINES": "24", "TZ": "UTC", "TERM": "dumb"}
        printed = Path(place) / "printed"
        process = None
        with printed.open("wb") as out:
            words = [] if _SHELL.search(re.sub(r"'[^']*'", "", text)) else shlex.split(text)
            if words[:1] == ["pointsman"]:
                process = forked(words[1:], variables, folder, out, out)
            if process is None:
                variables["PATH"] = f"{_programs(Path(place))}:{variables.get('PATH', '')}"
                script = f"(exit {status})\n{text}\n"
                process = subprocess.Popen(
                    ["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=variables, cwd=folder
                )
            try:
                ended = process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
        return ended, printed.read_text(encoding="utf-8", errors="backslashreplace")


def _programs(folder: Path) -> Path:
    """A folder with the programs of this run, for PATH."""
    for name, words in (("pointsman", "-m pointsman"), ("python", ""), ("python3", "")):
        path = folder / name
        path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
    return folder


def agrees(expected: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether these lines are those, with the freedom that "..." gives. Empty lines at the end do not count."""
    wanted = [line.rstrip() for line in expected]
    got = [line.rstrip() for line in printed]
    for lines in (wanted, got):
        while lines and not lines[-1]:
            lines.pop()
    pattern = "".join("(?:.*\n)*?" if line.strip() == _ANY else _line_pattern(line) + "\n" for line in wanted)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in got)) is not None


def _line_pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split(_ANY))


def _difference(case: Case, command: Command, printed: Sequence[str]) -> str:
    lines = difflib.unified_diff(
        [line.rstrip() for line in command.expected], printed, "the page", "the command", lineterm=""
    )
    return "\n".join([f"{case.page.name}:{command.line}: $ {command.text}", *lines])


def rewritten(page: Path, folder: Path) -> str:
    """The page, with what its commands print where it says something else."""
    lines = page.read_text(encoding="utf-8").splitlines()
    shift = 0
    for case in transcripts(page):
        for command, printed in played(case, folder):
            if agrees(command.expected, printed):
                continue
            end = command.end - 1 + shift
            start = end - len(command.expected)
            lines[start:end] = printed
            shift += len(printed) - len(command.expected)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Rewrite the pages that are named."""
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            text = rewritten(Path(name), Path(folder))
        Path(name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
