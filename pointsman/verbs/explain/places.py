"""Places of a configuration, as short as they can be and still be told apart: "haproxy.cfg:12"."""

from collections.abc import Iterable
from pathlib import PurePath
from typing import Final

from pointsman.core.diagnostics import Position
from pointsman.verbs.explain.model import Explanation
from pointsman.verbs.terminal import safe

LONGEST: Final = 16  # columns of a file's name that is shown as it was given


class Places:
    """Names of files: as they were given where that is short, else the last part, or so many that no two are alike."""

    def __init__(self, files: Iterable[str]) -> None:
        self.names = short_names(sorted({one for one in files if one}))

    def __call__(self, at: Position) -> str:
        """Its text, or "" for no place."""
        if not at.line:
            return ""
        return f"{self.name(at.file)}:{at.line}"

    def name(self, file: str) -> str:
        """The name of a file."""
        return safe(self.names.get(file, file))


def short_names(files: Iterable[str]) -> dict[str, str]:
    """Each with the name that it is shown by."""
    found: dict[str, str] = {}
    full = {one: PurePath(one).parts for one in files}
    for file, parts in full.items():
        if len(file) <= LONGEST:
            found[file] = file
            continue
        for count in range(1, len(parts) + 1):
            tail = parts[-count:]
            if sum(1 for other in full.values() if other[-count:] == tail) == 1:
                break
        found[file] = "/".join(tail).replace("//", "/")
    return found


def places_of(explanation: Explanation) -> Places:
    """Of all that an explanation may name."""
    files = [explanation.at.file, explanation.bind.file, explanation.backend_at.file, explanation.ended_by.file]
    for stage in explanation.stages:
        files += [step.at.file for step in stage.steps]
    files += [one.at.file for one in explanation.limits]
    files += [one.at.file for one in explanation.unknown]
    if explanation.server is not None:
        files += [explanation.server.at.file, *(one.at.file for one in explanation.server.left_out)]
    for branch in explanation.branches:
        files += [branch.explanation.ended_by.file, branch.explanation.backend_at.file]
    return Places(files)
