"""Fixes: what breaks the load is taken back, what overlaps waits for the next round, edits leave the rest as it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsman.verbs.lint import engine, rules
from pointsman.verbs.lint.engine import Choice, Result, fix_all, lint
from pointsman.verbs.lint.rule import RULES, Edit, Fix, Found, Level, Rule, remove
from pointsman.verbs.lint.subject import Subject, examine
from pointsman.verbs.lint.text import Text, comment_of, compatible

FILE = "haproxy.cfg"
TEXT = """\
frontend www
    mode http # web
    bind :80
    timeout client 9s
    default_backend app
backend app
    mode http
    timeout connect 9s
    timeout server 9s
    server one 192.0.2.1:80
"""
ROOT = Path(__file__).parents[4]


def run(monkeypatch: pytest.MonkeyPatch, *made: Rule) -> Result:
    """--fix with these rules alone."""
    for rule in made:
        monkeypatch.setitem(RULES._entries, rule.name, rule)
    monkeypatch.setattr(rules, "NAMES", [rule.name for rule in made])
    before = {FILE: Text(FILE, TEXT.encode())}
    return fix_all(before, lambda texts: examine([FILE], texts), Choice())


def removing(word: str) -> Rule:
    """Takes the first line with a word away."""

    def check(subject: Subject) -> Iterator[Found]:
        for _, line in subject.lines:
            if word in line.at.text:
                yield Found(line.at, f"away with {word}", fix=remove(line.at))
                return

    return Rule(f"no-{word}", Level.WARNING, check, "", "")


def test_a_fix_that_breaks_the_load_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, removing("frontend www"), removing("connect"))
    assert result.loads
    assert [one.name for one in result.fixed] == ["no-connect"]
    assert result.texts[FILE].content == TEXT.replace("    timeout connect 9s\n", "").encode()
    assert "no-frontend www" in [one.name for one in result.reports]


def test_a_comment_stays_where_its_line_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, removing("# web"))
    assert result.texts[FILE].content == TEXT.replace("    mode http # web", "    # web").encode()


def test_fixes_of_one_place_are_done_one_after_the_other() -> None:
    first = Fix("", (Edit(FILE, 2, 5, 4, "a"),))
    second = Fix("", (Edit(FILE, 2, 7, 4, "b"), Edit(FILE, 9, 1, 1, "c")))
    third = Fix("", (Edit(FILE, 9, 1, 1, "d"),))
    line = Fix("", (Edit(FILE, 2, whole=True),))
    assert compatible([first, second, third, line]) == [first, third]


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_edits_touch_nothing_else(end: str) -> None:
    text = Text(FILE, f"a  b\tc{end}d # e{end}{end}f".encode())
    edits = [Edit(FILE, 1, 4, 1, "X"), Edit(FILE, 1, 7, 0, "\n    new"), Edit(FILE, 2, whole=True)]
    assert text.edited(edits) == f"a  X\tc{end}    new{end}# e{end}{end}f".encode()


def test_bytes_that_are_no_text_survive() -> None:
    text = Text(FILE, b"a \xff\xfe\nb\n")
    assert text.edited([Edit(FILE, 2, 1, 1, "c")]) == b"a \xff\xfe\nc\n"


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("a # b", 2),
        ("#", 0),
        ("a '#' b", -1),
        ('a "#" # b', 6),
        (r"a \# b", -1),
        (r"a '\' # b", 6),
        (r'a "\"#" b', -1),
        ("", -1),
    ],
)
def test_comments_are_told_from_text(line: str, where: int) -> None:
    assert comment_of(line) == where


def test_a_rule_that_fails_costs_that_rule_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(subject: Subject) -> Iterator[Found]:
        raise KeyError("gone")

    monkeypatch.setitem(RULES._entries, "broken", Rule("broken", Level.WARNING, check, "", ""))
    monkeypatch.setattr(rules, "NAMES", ["broken", "unused-backend"])
    text = TEXT.replace("default_backend app", "default_backend app\nbackend old")
    found = lint(examine([FILE], {FILE: Text(FILE, text.encode())}), Choice()).reports
    assert [one.name for one in found] == [engine.CRASHED, "unused-backend"]
    assert "KeyError" in found[0].message


@pytest.mark.parametrize("name", ["haproxy.cfg", "tls.cfg"])
def test_the_demonstration_has_no_finding(name: str) -> None:
    path = ROOT / "pointsman" / "demo" / name
    text = Text(name, path.read_bytes())
    result = lint(examine([name], {name: text}), Choice())
    assert [one for one in result.reports if one.level >= Level.WARNING and one.name != "unreadable-file"] == []
