"""How many ways a regular expression has to fail: known ones, and random ones whose steps a plain backtracking matcher
counts. No clock is asked."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import inf

import pytest

from pointsman.verbs.lint.backtracking import EXPONENTIAL, degree

# From what is written about denial of service by regular expressions (OWASP, CVEs of packages, papers).
EVIL = [
    r"^(a+)+$",
    r"^([a-zA-Z]+)*$",
    r"^(a|aa)+$",
    r"^(a|a?)+$",
    r"(x+x+)+y",
    r"(a*)*b",
    r"(a?b?)*c",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"^(([a-zA-Z0-9])+(\.|-)?)+@",
    r"^(\w+\s?)*$",
    r"^([0-9]+)*-",
    r"^(?:[^;]+;?)*=$",
    r"(?i)^(select|s(?:elect)?)*from$",
    r"^(?P<name>(ab|a|b)*)c$",
    r"([^,]*,?)*x",
    r"^(/[^/]*)*/?(\w|\d)*!$",
]
GOOD = [
    r"^/api/v[0-9]+/",
    r"^([a-z0-9-]+\.)+example\.com$",
    r"^(/[^/]+)*$",
    r"(^|\.)example\.com$",
    r"\.(jpg|jpeg|gif)$",
    r"^([^ :]*)\ /(.*)",
    r"^(.*)/(.*)$",
    r"(.*)*",
    r"^(a+)+",  # it has matched when it could fail
    r"^(.*)*$",  # it never fails
    r"(ab|a)(bc|c)*$",
    r"^(\d{1,3}\.){3}\d{1,3}$",
    r"^[a-z]{2,10}(-[a-z]{2,4})?$",
    r"^a{2,}$",
    r"^x*(y+z)*$",
    r"[[:alpha:]][[:digit:]]+-",
    r"^[]a]+[^]a]+$",
]
POWERS = [
    (r"^.*a.*b.*c$", 3),
    (r"^a.*b.*c$", 2),
    (r".*foo.*bar", 2),  # PCRE2 begins nowhere but at the start
    (r"a.*b.*c", 3),  # a search begins anywhere
    (r"^\d+\d+\d+$", 3),
    (r"^[a-z]+[a-z]+[0-9]+$", 2),
    (r"^[^=]*=[^=]*=[^=]*=x$", 1),
    (r"^.*=.*=.*=.*=x$", 4),
]
UNKNOWN = [
    r"(a)\1",
    r"(?=a)b",
    r"(?>a+)b",
    r"a++b",
    r"\bword\b",
    r"(?<!x)y",
    r"\p{L}+",
    r"[é]+",
    "(",
    "a)",
    "*a",
    "a**",
]


@pytest.mark.parametrize("text", EVIL)
def test_known_evil_expressions_are_exponential(text: str) -> None:
    assert degree(text) == EXPONENTIAL


@pytest.mark.parametrize("text", GOOD)
def test_known_good_expressions_are_not_even_cubic(text: str) -> None:
    power = degree(text)
    assert power is not None
    assert power < 3


@pytest.mark.parametrize(("text", "power"), POWERS)
def test_powers(text: str, power: int) -> None:
    assert degree(text) == power


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_is_not_understood_is_not_known(text: str) -> None:
    assert degree(text) is None


def test_case_counts_unless_it_does_not() -> None:
    assert degree("^(a|A)*$") == 1
    assert degree("^(a|A)*$", nocase=True) == EXPONENTIAL
    assert degree("^(?i:a|A)*$") == EXPONENTIAL


def test_what_is_too_large_is_not_known() -> None:
    assert degree("(" + "|".join(f"{chr(97 + n % 26)}*x{n}.*" for n in range(120)) + ")*$") is None
    assert degree("(" * 60 + "a" + ")" * 60) is None


# A matcher that tries one way after the other, and counts what it tries.


@dataclass(frozen=True)
class Node:
    kind: str  # a letter, "." any, "*" "+" "?", "|", "&" one behind the other
    parts: tuple["Node", ...] = ()

    def __str__(self) -> str:
        texts = [str(part) for part in self.parts]
        if self.kind == "|":
            return f"(?:{texts[0]}|{texts[1]})"
        if self.kind == "&":
            return "".join(texts)
        return f"(?:{texts[0]}){self.kind}" if texts else self.kind


class TooMany(Exception):
    pass


class Matcher:
    LIMIT = 6_000

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps = 0

    def ends(self, node: Node, at: int) -> Iterator[int]:
        """Where the node may end, in the order of an engine."""
        self.steps += 1
        if self.steps > self.LIMIT:
            raise TooMany
        kind, parts = node.kind, node.parts
        if kind == "|":
            for part in parts:
                yield from self.ends(part, at)
        elif kind == "&":
            for middle in self.ends(parts[0], at):
                yield from self.ends(parts[1], middle)
        elif kind in ("*", "+", "?"):
            for middle in self.ends(parts[0], at):
                if kind == "?":
                    yield middle
                elif middle > at:
                    yield from self.ends(Node("*", parts), middle)
                elif kind == "+":
                    yield middle
            if kind != "+":
                yield at
        elif at < len(self.text) and kind in (self.text[at], "."):
            yield at + 1

    def search(self, node: Node, whole: bool) -> bool:
        """From the start; `whole`: to the end."""
        return any(not whole or end == len(self.text) for end in self.ends(node, 0))


def steps(node: Node, text: str) -> int | None:
    """How many; None: it matches."""
    matcher = Matcher(text)
    try:
        return None if matcher.search(node, True) else matcher.steps
    except TooMany:
        return Matcher.LIMIT


def made(random_: random.Random, depth: int) -> Node:
    if depth == 0 or random_.random() < 0.15:
        return Node(random_.choice("aabb."))
    kind = random_.choice("|&&&**+?")
    count = 2 if kind in "|&" else 1
    return Node(kind, tuple(made(random_, depth - 1) for _ in range(count)))


def words(longest: int) -> list[str]:
    return ["".join(letters) for length in range(1, longest + 1) for letters in product("ab", repeat=length)]


def growth(node: Node, longest: int, enough: float) -> float:
    """By how much the steps grow where a word of the text is there twice as often, and the whole fails: at most, or
    the first one that is enough."""
    worst = 1.0
    expression = re.compile(str(node))
    for word, prefix, suffix in product(words(longest), ("", "a", "b", "ab"), ("", "c", "ac", "cccc")):
        if expression.fullmatch(prefix + word * 3 + suffix):
            continue
        one = steps(node, prefix + word * 12 + suffix)
        other = steps(node, prefix + word * 24 + suffix) if one else None
        if Matcher.LIMIT in (one, other):
            return inf
        if one and other:
            worst = max(worst, other / one)
            if worst > enough:
                break
    return worst


@pytest.mark.parametrize("seed", range(25))
def test_random_expressions_take_as_many_steps_as_was_said(seed: int) -> None:
    random_ = random.Random(seed)
    for _ in range(4):
        node = made(random_, 3)
        power = degree(f"^{node}$")
        assert power is not None
        if power <= 1:
            grows = growth(node, 3, 3.2)
            assert grows < 3.2, f"{node} grows by {grows}, and is called linear"
        elif power == EXPONENTIAL:
            grows = growth(node, 6, 5)
            assert grows > 5, f"{node} grows by {grows}, and is called exponential"
