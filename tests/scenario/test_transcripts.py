"""Pages whose reader writes files and runs commands: both are done here, and what is printed is what they show.

A page belongs to these when one of its blocks has a title, which is the name of a file (support/transcript.py); README
does in any case.
"""

from pathlib import Path

import pytest
from support.programs import ROOT
from support.transcript import check, transcripts

README = ROOT / "README.md"
PAGES = [README, *(page for page in sorted((ROOT / "docs").glob("*.md")) if ' title="' in page.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path, tmp_path: Path) -> None:
    cases = transcripts(page)
    assert cases or page == README, "files that nothing is done with"
    for case in cases:
        check(case, tmp_path)
