"""docs/lint.md lists every name, as the registry has it.

`POINTSMAN_WRITE=1 python -m pytest tests/unit/verbs/lint/test_lint_page.py` writes the list.
"""

import os
import re
from pathlib import Path

from pointsman.verbs.lint import engine
from pointsman.verbs.lint.rule import RULES

assert engine  # the registry is full
PAGE = Path(__file__).parents[4] / "docs" / "lint.md"
LIST = re.compile(r"(<!-- rules: .*? -->\n).*?(<!-- end of rules -->)", re.DOTALL)


def table() -> str:
    lines = ["| name | level | fix | what it finds |", "|---|---|---|---|"]
    for name in RULES:
        rule = RULES.get(name)
        assert rule is not None
        level = rule.level.name.lower() if rule.check is not None or rule.fixes else ""
        summary = rule.summary.replace("|", "\\|")
        lines.append(f"| `{name}` | {level} | {'yes' if rule.fixes else ''} | {summary} |")
    return "\n".join(lines) + "\n"


def test_the_page_lists_every_name() -> None:
    page = PAGE.read_text()
    wanted = LIST.sub(lambda found: found[1] + table() + found[2], page)
    if os.environ.get("POINTSMAN_WRITE"):
        PAGE.write_text(wanted)
    assert page == wanted or os.environ.get("POINTSMAN_WRITE")
    assert LIST.search(page) is not None
