"""Many ACLs on one expression at once: which of them hold is one look-up, not a test for each.

    use_backend a if { path_beg /a/ }        the path is fetched once; its beginnings of the lengths that occur are
    use_backend b if { path_beg /b/ }        looked up in a dictionary that tells the bits of the ACLs
    ... hundreds

Equal strings, beginnings, ends and single numbers are looked up, each with and without case. A regular expression is
tried only where the value begins with the text that it must begin with. All other patterns are tested one by one, but
on a value that was fetched once. When a list of patterns changes the tables are made anew.
"""

from typing import Final

from pointsman.core.epoch import EPOCH
from pointsman.core.regex import Regex
from pointsman.sample.acl import Acl
from pointsman.sample.context import Context
from pointsman.sample.expression import Expression
from pointsman.sample.head import COMMA, split_list
from pointsman.sample.matcher import (
    LOWER,
    Either,
    Found,
    Lowered,
    Matcher,
    Never,
    Numbers,
    Prefixes,
    Regexes,
    Sizes,
    Suffixes,
    Texts,
)
from pointsman.sample.source import NO_LINES, SPLIT, WHOLE, Pure, turned
from pointsman.sample.types import Value

SPECIAL: Final = b".^$*+?{}[]\\|()"
OPTIONAL: Final = b"*?{"  # behind these what stands before need not occur
UNUSUAL: Final = (b"[:", b"[.", b"[=", b"\\Q", b"\\E", b"#")  # classes by name, literal parts, comments


class _Trial:
    """A test that is made one by one."""

    def __init__(self, matcher: Matcher, bit: int) -> None:
        self.matcher = matcher
        self.bit = bit


class _Lengths:
    """Texts by their lengths: a dictionary for each."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.tables: list[dict[bytes, int]] = []

    def add(self, text: bytes, bit: int) -> None:
        if len(text) not in self.sizes:
            self.sizes.append(len(text))
            self.tables.append({})
        table = self.tables[self.sizes.index(len(text))]
        table[text] = table.get(text, 0) | bit

    def of_start(self, value: bytes) -> int:
        bits = 0
        for index, size in enumerate(self.sizes):
            if size <= len(value):
                found = self.tables[index].get(value[:size])
                if found is not None:
                    bits |= found
        return bits

    def of_end(self, value: bytes) -> int:
        bits = 0
        for index, size in enumerate(self.sizes):
            if size <= len(value):
                found = self.tables[index].get(value[len(value) - size :])
                if found is not None:
                    bits |= found
        return bits


class _Table:
    """What is looked up with one form of a value: as it is, or in lower case."""

    def __init__(self) -> None:
        self.exact: dict[bytes, int] = {}
        self.begins = _Lengths()
        self.ends = _Lengths()
        self.openings = _Lengths()  # of regular expressions, each with the number of its trial as a bit
        self.trials: list[_Trial] = []
        self.used = False

    def add(self, matcher: Matcher, bit: int) -> bool:
        """Whether the matcher could be entered."""
        if isinstance(matcher, Texts):
            for text in matcher.many:
                self.exact[text] = self.exact.get(text, 0) | bit
        elif isinstance(matcher, Prefixes):
            for text in matcher.many:
                self.begins.add(text, bit)
        elif isinstance(matcher, Suffixes):
            for text in matcher.many:
                self.ends.add(text, bit)
        else:
            return False
        self.used = True
        return True

    def add_regex(self, opening: bytes, pattern: Regex, bit: int) -> None:
        self.openings.add(opening, 1 << len(self.trials))
        self.trials.append(_Trial(Regexes([pattern]), bit))
        self.used = True

    def bits(self, value: bytes, whole: bytes) -> int:
        """`whole`: the value as it is."""
        found = self.exact.get(value)
        bits = 0 if found is None else found
        if self.begins.sizes:
            bits |= self.begins.of_start(value)
        if self.ends.sizes:
            bits |= self.ends.of_end(value)
        if self.trials:
            asked = self.openings.of_start(value)
            for trial in self.trials if asked else ():
                if asked & 1 and trial.matcher.match(whole):
                    bits |= trial.bit
                asked >>= 1
        return bits


class Index:
    """ACLs on one and the same expression (equal `expression.key`), each with its bit."""

    def __init__(self, expression: Expression, acls: list[tuple[Acl, int]]) -> None:
        self.expression = expression
        self.source = expression.source
        self.steps: list[Pure] = [step for step in expression.steps if isinstance(step, Pure)]
        self.acls = acls
        self.versions: list[int] = []
        self.changes = -1
        self.plain = _Table()
        self.loose = _Table()
        self.numbers: dict[int, int] = {}
        self.always = 0
        self.trials: list[_Trial] = []
        self._renew()

    @staticmethod
    def takes(acl: Acl) -> bool:
        """Whether an index of its expression may hold it: nothing moves, and no converter asks the exchange."""
        return not acl.moving and len(acl.steps) == len(acl.expression.steps)

    def _renew(self) -> None:
        self.changes = EPOCH.number
        versions = [acl.version for acl, _ in self.acls]
        if versions == self.versions:
            return
        self.versions = versions
        self.plain, self.loose = _Table(), _Table()
        self.numbers = {}
        self.always = 0
        self.trials = []
        for acl, bit in self.acls:
            if acl.cast is None:
                self._add(acl.lists.matcher if acl.lists.renewed else acl.lists.renew(), bit)
            else:
                self.trials.append(_Trial(Followed(acl), bit))

    def _add(self, matcher: Matcher, bit: int) -> None:
        if isinstance(matcher, Either):
            for one in matcher.matchers:
                self._add(one, bit)
        elif isinstance(matcher, Lowered) and self.loose.add(matcher.inner, bit) or self.plain.add(matcher, bit):
            return
        elif isinstance(matcher, Found):
            self.always |= bit
        elif isinstance(matcher, Regexes):
            for pattern in matcher.patterns:
                self._add_regex(pattern, bit)
        elif isinstance(matcher, Numbers) and not isinstance(matcher, Sizes) and not matcher.lows:
            for number in matcher.singles:
                self.numbers[number] = self.numbers.get(number, 0) | bit
        elif not isinstance(matcher, Never):
            self.trials.append(_Trial(matcher, bit))

    def _add_regex(self, pattern: Regex, bit: int) -> None:
        opening = opening_of(pattern)
        if not opening:
            self.trials.append(_Trial(Regexes([pattern]), bit))
        elif pattern.nocase:
            self.loose.add_regex(opening.lower(), pattern, bit)
        else:
            self.plain.add_regex(opening, pattern, bit)

    def bits(self, ctx: Context) -> int:
        """The bits of those that hold."""
        if self.source.many:
            bits = 0
            for one in self.source.values(ctx):
                bits |= self.bits_of_value(one)
            return bits
        value = self.source.get(ctx)
        return 0 if value is None else self.bits_of_value(value)

    def bits_of_line(self, value: bytes) -> int:
        """The bits of those that one field's value alone makes true; for ACLs with a `header`."""
        lines = self.source.lines
        if lines == WHOLE or lines == SPLIT and COMMA not in value:
            return self.bits_of_value(value)
        assert lines != NO_LINES
        bits = 0
        for part in list[Value](split_list(value)) if lines == SPLIT else self.source.of_line(value):
            bits |= self.bits_of_value(part)
        return bits

    def bits_of_value(self, value: Value) -> int:
        """The bits of those that hold for one value of the fetch."""
        if self.changes != EPOCH.number:
            self._renew()
        if self.steps:
            found = turned(self.steps, value)
            if found is None:
                return 0
            value = found
        bits = self.always
        if isinstance(value, bytes):
            if self.plain.used:
                bits |= self.plain.bits(value, value)
            if self.loose.used:
                bits |= self.loose.bits(value.translate(LOWER), value)
        else:
            bits |= self.numbers.get(value, 0)
        for trial in self.trials:
            if not bits & trial.bit and trial.matcher.match(value):
                bits |= trial.bit
        return bits


class Followed(Matcher):
    """The matcher that an ACL has at the time."""

    def __init__(self, acl: Acl) -> None:
        self.acl = acl

    def match(self, value: Value) -> bool:
        return self.acl.matcher.match(value)


def opening_of(pattern: Regex) -> bytes:
    """What every match begins with, at the beginning of the value; b"" where that is not easily told."""
    text = pattern.pattern
    if not text.startswith(b"^") or any([mark in text for mark in UNUSUAL]) or _alternatives(text):
        return b""
    out = bytearray()
    index = 1
    while index < len(text):
        char = text[index]
        if char == 0x5C and index + 1 < len(text) and not chr(text[index + 1]).isalnum():
            index += 1
            char = text[index]
        elif char in SPECIAL:
            break
        if index + 1 < len(text) and text[index + 1] in OPTIONAL:
            break
        out.append(char)
        index += 1
    return bytes(out)


def _alternatives(text: bytes) -> bool:
    """Whether the whole of a regular expression is one of several."""
    depth = 0
    index = 0
    while index < len(text):
        char = text[index]
        if char == 0x5C:
            index += 1
        elif char == 0x5B:  # a class, up to its end: the first "]" that does not stand at its beginning
            index += 1 if text[index + 1 : index + 2] == b"^" else 0
            index += 1 if text[index + 1 : index + 2] == b"]" else 0
            while index + 1 < len(text) and text[index + 1] != 0x5D:
                index += 2 if text[index + 1] == 0x5C else 1
            index += 1
        elif char == 0x28:
            depth += 1
        elif char == 0x29:
            depth -= 1
        elif char == 0x7C and depth == 0:
            return True
        index += 1
    return False
