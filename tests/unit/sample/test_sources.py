"""Each fetch and each converter has a test whose value comes from somewhere else than from the program itself: from the
manual, an RFC, a published vector, or the peer (support/sources.py says which). Who registers one adds a line there."""

from __future__ import annotations

import ast
import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest
from support.sources import ASKED, CONVERTED_ELSEWHERE, DIFFERENT, ELSEWHERE

import pointsman.keywords
from pointsman.core.diagnostics import NOWHERE
from pointsman.core.words import Word
from pointsman.sample.arguments import split_arguments
from pointsman.sample.expression import EXPRESSION_NAME
from pointsman.sample.registry import CONVERTERS, FETCHES

assert pointsman.keywords
ROOT = Path(__file__).resolve().parents[3]
SOURCE = re.compile("manual [0-9.]+.*|RFC [0-9]+|NIST.*|openssl|the peer, (live|measured)|Linux, tcp.7.")


def names(text: str) -> tuple[str, list[str]]:
    """The fetch of an expression, and its converters."""
    found: list[str] = []
    at = 0
    while at < len(text):
        match = EXPRESSION_NAME.match(text, at)
        assert match is not None
        found.append(match[0])
        at = match.end()
        if text[at : at + 1] == "(":
            at = split_arguments(Word(text, NOWHERE), at + 1, text)[1]
        at += 1
    return found[0], found[1:]


@cache
def in_bulk() -> set[str]:
    """Converters that tests/peer/test_peer_converters.py compares."""
    tree = ast.parse((ROOT / "tests/peer/test_peer_converters.py").read_text())
    spec = importlib.util.spec_from_loader("lists", loader=None)
    assert spec is not None
    space: dict[str, object] = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and target.id in ("VARINTS", "FIXED", "OF_BYTES", "OF_NUMBERS"):
            exec(compile(ast.Module([node], []), "lists", "exec"), space)
    chains = [*space["OF_BYTES"], *space["OF_NUMBERS"]]  # type: ignore[misc]
    return {name for chain in chains for name in names(str(chain))[1] or [names(str(chain))[0]]} | {
        names(str(chain))[0] for chain in chains
    }


def rows_of(name: str, table: tuple[tuple[str, str, str], ...]) -> list[tuple[str, str, str]]:
    return [row for row in table if re.fullmatch(row[0], name)]


def test_each_fetch_has_a_source() -> None:
    asked = {names(text)[0] for text in ASKED}
    assert sorted(name for name in FETCHES if name not in asked and not rows_of(name, ELSEWHERE)) == []


def test_each_converter_has_a_source() -> None:
    asked = {name for text in ASKED for name in names(text)[1]} | in_bulk()
    assert sorted(name for name in CONVERTERS if name not in asked and not rows_of(name, CONVERTED_ELSEWHERE)) == []


def test_what_is_named_exists() -> None:
    """No row and no expression speaks of a name that nobody has registered."""
    assert {names(text)[0] for text in ASKED} <= set(FETCHES)
    assert {name for text in ASKED for name in names(text)[1]} <= set(CONVERTERS)
    assert in_bulk() <= set(CONVERTERS)
    assert [row[0] for row in ELSEWHERE if not any(re.fullmatch(row[0], name) for name in FETCHES)] == []
    assert [row[0] for row in CONVERTED_ELSEWHERE if not any(re.fullmatch(row[0], name) for name in CONVERTERS)] == []
    assert {text.partition(": ")[2] for text in DIFFERENT} <= set(ASKED)


@pytest.mark.parametrize("row", [*ELSEWHERE, *CONVERTED_ELSEWHERE], ids=lambda row: row[0])
def test_the_source_is_said_and_the_test_is_there(row: tuple[str, str, str]) -> None:
    _, source, test = row
    assert SOURCE.fullmatch(source)
    path, _, function = test.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert not function or f"\ndef {function}(" in text
