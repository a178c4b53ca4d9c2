"""Many ACLs on one expression at once: which of them hold is one look-up, not a test for each.

    use_backend a if { path_beg /a/ }        the path is fetched once; its beginnings of the lengths that occur are
    use_backend b if { path_beg /b/ }        looked up in a dictionary that tells the bits of the ACLs
    ... hundreds

Equal strings, beginnings, ends and single numbers are looked up, each with and without case. A regular expression is
tried only where the value begins with the text that it must begin with. All other patterns are tested one by one, but
on a value that was fetched once, as are files of ACLs. When a list of patterns changes the tables are made anew.
"""

from typing import Final

from pointsman.core.epoch import EPOCH
from pointsman.core.regex import Regex
from pointsman.sample.acl import Acl
from pointsman.sample.context import Context
from pointsman.sample.expression import Expression
from pointsman.sample.matcher import LOWER, Exact, Found, Matcher, Never
from pointsman.sample.parts import Delimited, Prefixes, Regexes, Suffixes
from pointsman.sample.ranges import Numbers, Sizes
from pointsman.sample.source import Pure, turned
from pointsman.sample.types import Value

SPECIAL: Final = b".^$*+?{}[]\\|()"
OPTIONAL: Final = b"*?{"  # behind these what stands before need not occur
UNUSUAL: Final = (b"[:", b"[.", b"[=", b"\\Q", b"\\E", b"#")  # classes by name, literal parts, comments


class Trial:
    """A test that is made one by one."""

    def __init__(self, matcher: Matcher, bit: int) -> None:
        self.matcher = matcher
        self.bit = bit


class Dictionaries:
    """What is looked up with one form of a value: as it is, or in lower case."""

    def __init__(self) -> None:
        self.exact = Exact()
        self.begins = Prefixes()
        self.ends = Suffixes()
        self.openings = Prefixes()  # of regular expressions, each with the number of its trial as a bit
        self.trials: list[Trial] = []
        self.used = False

    def add(self, matcher: Exact, bit: int) -> None:
        """All patterns of a matcher."""
        marked = self.begins if isinstance(matcher, Prefixes) else self.exact
        if isinstance(matcher, Suffixes):
            marked = self.ends
        for key in matcher.all_texts():
            marked.mark(key, bit)
        self.used = True

    def add_regex(self, opening: bytes, trial: Trial) -> None:
        self.openings.mark(opening, 1 << len(self.trials))
        self.trials.append(trial)
        self.used = True

    def bits(self, value: bytes, whole: bytes) -> int:
        """`whole`: the value as it is."""
        bits = self.exact.bits(value)
        if self.begins.many:
            bits |= self.begins.bits(value)
        if self.ends.many:
            bits |= self.ends.bits(value)
        if self.trials:
            asked = self.openings.bits(value)
            while asked:
                lowest = asked & -asked
                trial = self.trials[lowest.bit_length() - 1]
                if trial.matcher.test(whole):
                    bits |= trial.bit
                asked ^= lowest
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
        self.plain = Dictionaries()
        self.loose = Dictionaries()
        self.numbers = Numbers()
        self.always = 0
        self.trials: list[Trial] = []
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
        self.plain, self.loose = Dictionaries(), Dictionaries()
        self.numbers = Numbers()
        self.always = 0
        self.trials = []
        for acl, bit in self.acls:
            if acl.cast is not None:
                self.trials.append(Trial(acl.matcher, bit))
                continue
            for matcher in acl.lists.files:  # may be large, and are looked up at once as they are
                self.trials.append(Trial(matcher, bit))
            self._add(acl.lists.line, bit)

    def _add(self, matcher: Matcher, bit: int) -> None:
        if isinstance(matcher, Found):
            self.always |= bit
        elif isinstance(matcher, Regexes):
            for pattern in matcher.patterns:
                self._add_regex(pattern, bit)
        elif isinstance(matcher, Exact) and not isinstance(matcher, Delimited):
            (self.loose if matcher.nocase else self.plain).add(matcher, bit)
        elif not self._add_numbers(matcher, bit) and not isinstance(matcher, Never):
            self.trials.append(Trial(matcher, bit))

    def _add_numbers(self, matcher: Matcher, bit: int) -> bool:
        """Whether all patterns are single numbers."""
        numbers = matcher.numbers() if isinstance(matcher, Numbers) and not isinstance(matcher, Sizes) else None
        for number in numbers or ():
            self.numbers.mark(number, bit)
        return numbers is not None

    def _add_regex(self, pattern: Regex, bit: int) -> None:
        opening = opening_of(pattern)
        trial = Trial(OneRegex(pattern), bit)
        if not opening:
            self.trials.append(trial)
        elif pattern.nocase:
            self.loose.add_regex(opening.lower(), trial)
        else:
            self.plain.add_regex(opening, trial)

    def bits(self, ctx: Context) -> int:
        """The bits of those that hold."""
        if self.source.many:
            bits = 0
            for one in self.source.values(ctx):
                bits |= self.bits_of_value(one)
            return bits
        value = self.source.get(ctx)
        return 0 if value is None else self.bits_of_value(value)

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
            bits |= self.numbers.bits(value)
        for trial in self.trials:
            if not bits & trial.bit and trial.matcher.test(value):
                bits |= trial.bit
        return bits


class OneRegex(Matcher):
    """One regular expression."""

    def __init__(self, pattern: Regex) -> None:
        self.pattern = pattern

    def test(self, value: Value) -> bool:
        assert isinstance(value, bytes)
        return self.pattern.test(value)


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
