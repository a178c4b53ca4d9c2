"""The rows that load large files: their files are right, and a file that is refused ends the benchmark."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.loading import FILES, LOADS, cpu_of_check
from bench.single import SINGLES

OURS = [sys.executable, "-m", "pointsman"]


@pytest.mark.parametrize("row", FILES)
def test_the_files_are_accepted(row: str, tmp_path: Path) -> None:
    path = tmp_path / "f.cfg"
    text = replace(FILES[row], count=3).text()
    assert len(set(text.splitlines()) - set(replace(FILES[row], count=0).text().splitlines())) == 3
    path.write_text(text)
    assert cpu_of_check(OURS, path) > 0


def test_a_refused_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "f.cfg"
    path.write_text("frontend f\n wrong\n")
    with pytest.raises(SystemExit, match="unknown keyword 'wrong'"):
        cpu_of_check(OURS, path)


def test_all_of_them_are_rows() -> None:
    assert set(FILES) < set(LOADS) <= set(SINGLES)
