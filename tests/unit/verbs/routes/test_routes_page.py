"""docs/test.md has each key and each option, and examples come with cases that hold."""

import argparse
import re
from pathlib import Path

import pytest

from pointsman.verbs.routes.command import main, parser
from pointsman.verbs.routes.keys import ASKED, CASE, EXPECTED, FILE, OUTCOMES
from pointsman.verbs.routes.wanted import TESTS

ROOT = Path(__file__).parents[4]
CASES = sorted((ROOT / "examples").glob("*/routes.yml"))


def test_the_page_has_every_word() -> None:
    text = (ROOT / "docs" / "test.md").read_text()
    marked = set(re.findall(r"`([^`\n]+)`", text))
    missing = [key for key in (*ASKED, *CASE, *EXPECTED, *FILE, *OUTCOMES) if key not in marked]
    missing += [f"{{{name}:" for name in TESTS if name != "is" and f"{{{name}: " not in text]
    missing += [
        word
        for action in parser()._actions
        if not isinstance(action, argparse._HelpAction)
        for word in action.option_strings[-1:]
        if word not in text
    ]
    assert missing == []


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_cases_of_examples_hold(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(path)]) == 0, capsys.readouterr().out


def test_there_are_cases_of_examples() -> None:
    assert len(CASES) >= 2
