"""Exact messages: each file in cases/ holds a configuration and, behind a line of "=", all that is printed for it.

Process identifiers are written as (PID). Only words that the language layer itself answers for are used, or words that
will stay what they are.
"""

import re
from pathlib import Path

import pytest

import pointsman.keywords  # noqa: F401 - fills the registries
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_message(case: Path) -> None:
    text, expected = re.split(r"^=+\n", case.read_text(), maxsplit=1, flags=re.M)
    diagnostics = Diagnostics()
    load_text(text, diagnostics, variables={"NAME": "value"})
    printed = "".join(finding.render() + "\n" for finding in diagnostics.findings)
    assert re.sub(r"\(\d+\)", "(PID)", printed) == expected


def test_there_are_cases() -> None:
    assert len(CASES) >= 10
