"""`default-path`: where relative names start from while a file is read (manual 3.1)."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.configs import only_error

import pointsman.keywords  # noqa: F401
from pointsman.config.keyword import KEYWORDS, Args, Keyword
from pointsman.config.load import load
from pointsman.config.setting import In
from pointsman.core.diagnostics import Diagnostics


@pytest.fixture
def where(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The working directory at each `description` line of the global section."""
    seen: list[str] = []

    def note(args: Args) -> None:
        args.rest()
        seen.append(os.getcwd())

    monkeypatch.setitem(KEYWORDS._entries, "global description", Keyword("description", In.GLOBAL, "3.1", note))
    yield seen


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    "policy, first, second",
    [("current", "", ""), ("config", "etc", "more/etc"), ("parent", "", "more"), ("origin maps", "maps", "maps")],
)
def test_policies(
    policy: str, first: str, second: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "maps").mkdir()
    put(tmp_path / "etc/a.cfg", f"global\n description before\n default-path {policy}\n description behind\n")
    put(tmp_path / "more/etc/b.cfg", "global\n description other\n")
    diagnostics = Diagnostics()
    load(["etc/a.cfg", "more/etc/b.cfg"], diagnostics, variables={})
    assert not diagnostics.findings
    home = tmp_path.resolve()
    assert where == [str(home), str((home / first).resolve()), str((home / second).resolve())]
    assert os.getcwd() == str(home)


def test_a_directory_that_is_not_there() -> None:
    home = os.getcwd()
    assert only_error("global", "default-path origin /nosuch") == (
        "couldn't set 'default-path' to origin '/nosuch': No such file or directory."
    )
    assert os.getcwd() == home
