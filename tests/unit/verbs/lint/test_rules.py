"""Every rule of lint: it finds its first example, on the lines that are marked, and is content with the second one; its
fixes leave files that load and in which it finds nothing; its documentation says what, why, and what to do."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsman.verbs.lint import rules
from pointsman.verbs.lint.engine import Choice, Result, fix_all, lint
from pointsman.verbs.lint.rule import RULES, Rule
from pointsman.verbs.lint.subject import Subject, examine
from pointsman.verbs.lint.text import Text
from tests.support.certificates import Authority

FILE = "haproxy.cfg"
FOLDER = Path(rules.__file__).parent


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Files of examples, in a folder that everybody may enter, as those of pytest are not."""
    made = Path(tempfile.mkdtemp(prefix="lint-"))
    made.chmod(0o755)
    authority = Authority("Lint")
    lasting = authority.pem("lint.example.com")
    contents = {"expired.pem": authority.pem("old.example.com", expired=True), "lasting.pem": lasting}
    contents |= {"open.pem": lasting, "closed.pem": lasting, "cert.pem": lasting.partition(b"-----BEGIN PRIV")[0]}
    for name, content in (contents | {FILE: b""}).items():
        (made / name).write_bytes(content)
        (made / name).chmod(0o600 if name == "closed.pem" else 0o644)
    yield made
    shutil.rmtree(made)


@pytest.fixture(autouse=True)
def _raising(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(rules, "RAISES", True)
    monkeypatch.setattr("os.cpu_count", lambda: 2)


def subject(text: str) -> Subject:
    return examine([FILE], {FILE: Text(FILE, text.encode())})


def found(text: str) -> Result:
    return lint(subject(text), Choice())


def example(text: str) -> tuple[str, list[int]]:
    """Without its marks; and the lines that have one."""
    lines = text.removeprefix("\n").split("\n")
    marked = [number for number, line in enumerate(lines, 1) if line.endswith("# here")]
    return "\n".join(line.removesuffix("# here").rstrip() for line in lines), marked


def rule(name: str) -> Rule:
    entry = RULES.get(name)
    assert entry is not None
    return entry


@pytest.mark.parametrize("name", rules.NAMES)
def test_a_rule_finds_its_example_and_leaves_the_other_alone(name: str) -> None:
    entry = rule(name)
    text, marked = example(entry.found)
    assert marked, "no line of FOUND is marked"
    result = found(text)
    assert [one.at.line for one in result.reports if one.name == name] == marked
    for one in result.reports:
        if one.name == name:
            assert one.level == entry.level
            line = text.split("\n")[one.at.line - 1]
            assert one.at.text == line, "the place does not belong to its line"
            assert line[one.at.column - 1 : one.at.column - 1 + one.at.length].strip(), "nothing is underlined"
            assert one.message[-1] != "."
            assert (one.fix is not None) == entry.fixes
    clean, marks = example(entry.clean)
    assert not marks
    result = found(clean)
    assert [one for one in result.reports if one.name == name] == []


@pytest.mark.parametrize("name", [name for name in rules.NAMES if rule(name).fixes])
def test_a_fix_leaves_nothing_to_find_and_a_file_that_loads(name: str) -> None:
    text, _ = example(rule(name).found)
    before = {FILE: Text(FILE, text.encode())}
    choice = Choice(only=frozenset({name}))
    result = fix_all(before, lambda texts: examine([FILE], texts), choice)
    assert result.fixed
    assert [one for one in result.reports if one.name == name] == []
    assert result.loads
    again = fix_all(result.texts, lambda texts: examine([FILE], texts), choice)
    assert again.texts[FILE].content == result.texts[FILE].content
    assert not again.fixed


def test_a_rule_is_a_file_with_its_name_and_says_why() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert {name.replace("-", "_") for name in rules.NAMES} == files
    for name in rules.NAMES:
        entry = rule(name)
        assert entry.summary, name
        assert len(entry.reason) > 60, f"{name} does not say why it matters"
