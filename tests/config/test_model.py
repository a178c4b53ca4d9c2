"""What a configuration means: each file in cases/ holds one and, behind a line of "=", the model that it gives.

The model is written as a line for each section (kind, name, and the defaults it takes) with its settings below: line
number, type and fields. Messages come last.
"""

import re
from dataclasses import fields
from pathlib import Path

import pytest

import pointsman.keywords  # noqa: F401 - fills the registries
from pointsman.config.load import load_text
from pointsman.config.setting import SECTIONS, Configuration, Section
from pointsman.core.diagnostics import Diagnostics

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))
NAMES = {kind: name for name, kind in SECTIONS.items()}


def written(section: Section) -> list[str]:
    """One section, as the cases write it."""
    defaults = f" from line {section.defaults.at.line}" if section.defaults is not None else ""
    lines = [" ".join([NAMES[section.kind], section.name]).rstrip() + defaults]
    for setting in section.settings:
        values = " ".join(f"{one.name}={getattr(setting, one.name)}" for one in fields(setting) if one.name != "at")
        lines.append(f"    {setting.at.line}: {type(setting).__name__} {values}")
    return lines


def model(configuration: Configuration, diagnostics: Diagnostics) -> str:
    sections = [
        configuration.main,
        *configuration.defaults,
        *configuration.proxies,
        *configuration.userlists.values(),
        *configuration.http_errors.values(),
    ]
    lines = [line for section in sections for line in written(section)]
    lines += [f"{one.severity.name} {one.position.line}: {one.message}" for one in diagnostics.findings]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_model(case: Path) -> None:
    text, expected = re.split(r"^=+\n", case.read_text(), maxsplit=1, flags=re.M)
    diagnostics = Diagnostics()
    configuration = load_text(text, diagnostics, variables={"PORTS": "80 443", "EMPTY": "", "TIME": "7s"})
    assert model(configuration, diagnostics) == expected


def test_there_are_cases() -> None:
    assert CASES
