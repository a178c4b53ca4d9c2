"""Prints transcripts of scenarios: `python tests/peer/show.py haproxy|pointsman [words of the name]`.

For whoever adds a scenario or looks into a failing one.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from families.all import FAMILIES  # noqa: E402
from support.programs import HAPROXY, POINTSMAN  # noqa: E402
from support.scenario import run  # noqa: E402


def main(program: str, words: list[str]) -> None:
    """Runs what matches all words."""
    kind = HAPROXY if program == "haproxy" else POINTSMAN
    for family, scenarios in FAMILIES.items():
        for scenario in scenarios:
            title = f"{family}: {scenario.name}"
            if not all(word in title for word in words):
                continue
            with tempfile.TemporaryDirectory() as folder:
                began = time.monotonic()
                try:
                    text = run(scenario, kind, Path(folder)).text()
                except AssertionError as error:
                    text = "\n".join([str(error), *getattr(error, "__notes__", [])]) + "\n"
                missing = [part for part in scenario.expect if part not in text]
                note = f" MISSING {missing}" if missing else ""
                print(f"==== {title} ({time.monotonic() - began:.2f} s){note}\n{text}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
