"""Regular expressions as trees of positions, for backtracking.py: a parser of the part of PCRE2's language that
configurations use.

    text -> Tree: one position for each character that the expression may consume; first, last and following positions

It is the position automaton (Glushkov), with one difference: it counts in how many ways one position comes behind
another, up to two, because a backtracking engine tries them all. "(a*)*" has one position, which follows itself in two
ways: within the inner loop, and by the outer one.

The text that is searched is taken for BEGIN, its bytes, END; "^" and "$" consume BEGIN and END. What cannot be told in
these terms (references back, assertions, possessive and atomic parts, code points) is Unreadable: who asks stays quiet.
"""

from dataclasses import dataclass, field
from typing import Final

BEGIN: Final = 1 << 256
END: Final = 1 << 257
BYTES: Final = BEGIN - 1
ANY: Final = BYTES  # ".": heads of HTTP have no line feed, the only byte that it leaves out
MOST_POSITIONS: Final = 400
MOST_COPIES: Final = 3  # of what is repeated a number of times: more make the answer no better
DEEPEST: Final = 40


class Unreadable(Exception):
    """Not an expression that is understood here."""


def _span(first: str, last: str) -> int:
    return sum(1 << code for code in range(ord(first), ord(last) + 1))


DIGITS: Final = _span("0", "9")
LOWER: Final = _span("a", "z")
UPPER: Final = _span("A", "Z")
WORDS: Final = DIGITS | LOWER | UPPER | 1 << ord("_")
BLANKS: Final = sum(1 << ord(char) for char in " \t\n\v\f\r")
KINDS: Final = {
    "d": DIGITS,
    "D": BYTES & ~DIGITS,
    "w": WORDS,
    "W": BYTES & ~WORDS,
    "s": BLANKS,
    "S": BYTES & ~BLANKS,
    "h": 1 << 9 | 1 << 32,
    "N": ANY,
}
CONTROLS: Final = {"n": 10, "r": 13, "t": 9, "f": 12, "a": 7, "e": 27}
POSIX: Final = {
    "alnum": DIGITS | LOWER | UPPER,
    "alpha": LOWER | UPPER,
    "digit": DIGITS,
    "lower": LOWER,
    "upper": UPPER,
    "space": BLANKS,
    "word": WORDS,
    "xdigit": DIGITS | _span("a", "f") | _span("A", "F"),
}


def _folded(mask: int) -> int:
    """With the other case of each letter."""
    return mask | (mask & UPPER) << 32 | (mask & LOWER) >> 32


@dataclass(slots=True)
class Part:
    """A part of an expression. `empty`: in how many ways it matches nothing; `first` and `last`: positions, each with
    the number of ways to get there."""

    empty: int = 1
    first: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Tree:
    masks: list[int] = field(default_factory=list)  # of each position: what it consumes
    follow: list[dict[int, int]] = field(default_factory=list)
    whole: Part = field(default_factory=Part)


def _add(into: dict[int, int], more: dict[int, int], times: int = 1) -> None:
    if times:
        for position, ways in more.items():
            into[position] = min(2, into.get(position, 0) + ways * times)


class _Parser:
    def __init__(self, text: str, nocase: bool) -> None:
        self.text = text
        self.nocase = nocase
        self.at = 0
        self.depth = 0
        self.tree = Tree()

    def parse(self) -> Tree:
        self.tree.whole = self.alternatives()
        if self.at < len(self.text):
            raise Unreadable
        return self.tree

    def peek(self, count: int = 1) -> str:
        return self.text[self.at : self.at + count]

    def take(self) -> str:
        if self.at >= len(self.text):
            raise Unreadable
        self.at += 1
        return self.text[self.at - 1]

    # Parts.

    def alternatives(self) -> Part:
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable
        found = self.sequence()
        while self.peek() == "|":
            self.at += 1
            other = self.sequence()
            found.empty = min(2, found.empty + other.empty)
            _add(found.first, other.first)
            _add(found.last, other.last)
        self.depth -= 1
        return found

    def sequence(self) -> Part:
        found = Part()
        while self.peek() not in ("", "|", ")"):
            found = self.joined(found, self.repeated())
        return found

    def joined(self, one: Part, other: Part) -> Part:
        for before, ways in one.last.items():
            _add(self.tree.follow[before], other.first, ways)
        first, last = dict(one.first), dict(other.last)
        _add(first, other.first, one.empty)
        _add(last, one.last, other.empty)
        return Part(min(2, one.empty * other.empty), first, last)

    def looped(self, part: Part) -> Part:
        """One or more of it."""
        for before, ways in part.last.items():
            _add(self.tree.follow[before], part.first, ways)
        return part

    def optional(self, part: Part) -> Part:
        return Part(min(2, part.empty + 1), part.first, part.last)

    def repeated(self) -> Part:
        start = self.at
        part = self.item()
        end = self.at
        low, high = self.quantifier()
        if (low, high) == (1, 1):
            return part
        if self.peek() == "+":
            raise Unreadable  # possessive
        if self.peek() == "?":
            self.at += 1  # as few as possible: the same ways, in another order
        if self.peek() in ("*", "+", "?") or self.peek() == "{" and self.bounds() is not None:
            raise Unreadable
        behind = self.at
        parts = [part]
        wanted = max(1, min(low, MOST_COPIES)) if high < 0 else max(1, min(high, MOST_COPIES))
        while len(parts) < wanted:  # each copy has positions of its own
            self.at = start
            parts.append(self.item())
            assert self.at == end
        self.at = behind
        if high < 0:
            parts[-1] = self.looped(parts[-1])
        found = Part()
        for number, one in enumerate(parts):
            found = self.joined(found, one if number < low else Part(1, one.first, one.last))
        return Part(1, found.first, found.last) if low == 0 else found

    def quantifier(self) -> tuple[int, int]:
        """How often, at least and at most; -1: without end."""
        char = self.peek()
        if char and char in "*+?":
            self.at += 1
            return {"*": (0, -1), "+": (1, -1), "?": (0, 1)}[char]
        if char == "{":
            bounds = self.bounds()
            if bounds is not None:
                self.at = self.text.index("}", self.at) + 1
                if bounds == (0, 0):
                    raise Unreadable
                return bounds
        return (1, 1)

    def bounds(self) -> tuple[int, int] | None:
        """Of "{m}", "{m,}", "{m,n}" at this place; None: these are characters."""
        said, brace, _ = self.text[self.at + 1 :].partition("}")
        low, comma, high = said.partition(",")
        if not brace or not (low.isascii() and low.isdigit()) or high and not (high.isascii() and high.isdigit()):
            return None
        return int(low), int(high) if high else (-1 if comma else int(low))

    def position(self, mask: int) -> Part:
        number = len(self.tree.masks)
        if number >= MOST_POSITIONS:
            raise Unreadable
        self.tree.masks.append(_folded(mask) if self.nocase else mask)
        self.tree.follow.append({})
        return Part(0, {number: 1}, {number: 1})

    def item(self) -> Part:
        char = self.take()
        if char == "(":
            return self.group()
        if char == "[":
            return self.position(self.set())
        if char == ".":
            return self.position(ANY)
        if char == "^":
            return self.position(BEGIN)
        if char == "$":
            return self.position(END)
        if char == "\\":
            return self.escape()
        if char in "*+?":
            raise Unreadable
        found = Part()
        for byte in char.encode("utf-8", "surrogateescape"):
            found = self.joined(found, self.position(1 << byte))
        return found

    def group(self) -> Part:
        before = self.nocase
        if self.peek() == "?":
            self.at += 1
            if self.peek() == ":":
                self.at += 1
            elif self.peek(2) == "i)":
                self.at += 2
                self.nocase = True  # to the end of the group around it
                return Part()
            elif self.peek(2) == "i:":
                self.at += 2
                self.nocase = True
            elif self.peek() == "P" or self.peek() == "<" and self.peek(2) not in ("<=", "<!"):
                end = self.text.find(">", self.at)
                if end < 0 or self.peek(2) in ("P=", "P>"):
                    raise Unreadable
                self.at = end + 1
            else:
                raise Unreadable  # assertions, atomic groups, conditions
        elif self.peek() == "*":
            raise Unreadable
        found = self.alternatives()
        if self.take() != ")":
            raise Unreadable
        self.nocase = before
        return found

    def escape(self) -> Part:
        char = self.peek()
        if char == "A":
            self.at += 1
            return self.position(BEGIN)
        if char and char in "zZ":
            self.at += 1
            return self.position(END)
        return self.position(self.escaped())

    def escaped(self) -> int:
        """What stands behind a backslash, as a set of characters."""
        char = self.take()
        if char in KINDS:
            return KINDS[char]
        if char in CONTROLS:
            return 1 << CONTROLS[char]
        if char == "x":
            digits = self.peek(2)
            if len(digits) == 2 and all(one in "0123456789abcdefABCDEF" for one in digits):
                self.at += 2
                return 1 << int(digits, 16)
            raise Unreadable
        if char.isalnum() or not char.isascii():
            raise Unreadable
        return 1 << ord(char)

    def set(self) -> int:
        negated = self.peek() == "^"
        self.at += negated
        mask, start = 0, self.at
        while self.peek() != "]" or self.at == start:
            mask |= self.member()
        self.at += 1
        if self.nocase:
            mask = _folded(mask)
        return BYTES & ~mask if negated else mask

    def member(self) -> int:
        """One character, range or class of a set."""
        if self.peek(2) == "[:":
            end = self.text.find(":]", self.at)
            name = self.text[self.at + 2 : end] if end > 0 else ""
            if name not in POSIX:
                raise Unreadable
            self.at = end + 2
            return POSIX[name]
        low = self.single()
        if self.peek() != "-" or self.peek(2) == "-]" or low.bit_count() != 1:
            return low
        self.at += 1
        high = self.single()
        if high.bit_count() != 1 or high < low:
            raise Unreadable
        return (high << 1) - low

    def single(self) -> int:
        char = self.take()
        if char == "\\":
            if self.peek() == "b":
                self.at += 1
                return 1 << 8
            return self.escaped()
        if not char.isascii():
            raise Unreadable
        return 1 << ord(char)


def parse(text: str, nocase: bool = False) -> Tree:
    """Raises Unreadable."""
    return _Parser(text, nocase).parse()
