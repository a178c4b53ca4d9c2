"""Keywords: the decorator that registers one, and the arguments its parser reads.

    @keyword("balance", In.DEFAULTS | In.BACK, "4.2")
    def balance(args: Args) -> Balance:
        "..."  # the docstring is the keyword's documentation

A parser takes words from the left, raises ConfigError at the first that is wrong, and returns a Setting, several, or
None. What it leaves untaken is an error of the caller ("too many arguments"). `no` and `default` in front of a keyword
(manual 2.1 and 4.1) reach a parser as `args.negated` and `args.reset`; a parser that understands them says so with
negatable=True.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pointsman.config.setting import Configuration, In, Section, Setting
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position
from pointsman.core.registry import Registry, nearest
from pointsman.core.words import Line, Word


class Args:
    """The words of one line behind its keyword."""

    def __init__(
        self, line: Line, start: int, section: Section, configuration: Configuration, diagnostics: Diagnostics
    ) -> None:
        self.line = line
        self.words = line.words
        self.index = start
        self.section = section
        self.configuration = configuration
        self.diagnostics = diagnostics
        self.start = start
        self.said = ""  # what errors call the keyword, where it is not the words in front
        self.negated = False
        self.reset = False

    @property
    def keyword(self) -> str:
        """What errors call it."""
        return self.said or " ".join([word.text for word in self.words[: self.start]])

    @property
    def at(self) -> Position:
        """Where the line is, for a setting."""
        return self.line.at

    @property
    def here(self) -> Position:
        """Where the next word is, or behind the last one."""
        if self.index < len(self.words):
            return self.words[self.index].at
        last = self.words[-1].at
        return Position(last.file, last.line, last.column + max(last.length, 1), 1, last.text)

    def more(self) -> bool:
        return self.index < len(self.words)

    def peek(self) -> str:
        """The next word, or "" at the end."""
        return self.words[self.index].text if self.index < len(self.words) else ""

    def accept(self, *texts: str) -> str:
        """Take the next word if it is one of these; else ""."""
        if self.peek() in texts and self.more():
            self.index += 1
            return self.words[self.index - 1].text
        return ""

    def take(self, expected: str) -> str:
        """The next word. ConfigError if there is none; `expected` names it, as in "<name>"."""
        return self.word(expected).text

    def word(self, expected: str) -> Word:
        if not self.more():
            raise ConfigError(f"'{self.keyword}' expects {expected}", self.here, expected)
        self.index += 1
        return self.words[self.index - 1]

    def rest(self) -> list[Word]:
        """All words that are left."""
        words = list(self.words[self.index :])
        self.index = len(self.words)
        return words

    def choice(self, expected: str, names: Sequence[str]) -> str:
        """The next word, which must be one of `names`."""
        word = self.word(expected)
        if word.text not in names:
            raise self.wrong(word, f"'{self.keyword}': unknown {expected.strip('<>')} '{word.text}'", names)
        return word.text

    def wrong(self, word: Word, message: str, names: Sequence[str] = (), expected: str = "") -> ConfigError:
        """An error at a word, with the nearest of `names`."""
        near = nearest(word.text, names)
        hint = f"did you mean '{near}'?" if near else ""
        return ConfigError(message, word.at, expected or ("one of " + ", ".join(names) if names else ""), hint)

    def integer(self, expected: str, low: int = 0, high: int = (1 << 63) - 1) -> int:
        """The next word as a decimal number in [low, high]."""
        word = self.word(expected)
        text = word.text[1:] if word.text[:1] == "-" else word.text
        if not is_number(text) or not low <= int(word.text) <= high:
            raise ConfigError(
                f"'{self.keyword}': '{word.text}' is not a number", word.at, f"a number from {low} to {high}"
            )
        return int(word.text)

    def time(self, expected: str = "<timeout>", unit: str = "ms") -> int:
        """The next word as a time (manual 2.5), in milliseconds; a bare number counts in `unit`."""
        return parse_time(self.word(expected), unit, self.diagnostics)

    def overlook(self, hint: str = "") -> None:
        """HAProxy overlooks what follows; so do we, but not in silence."""
        left = self.rest()
        if left:
            self.diagnostics.warning(
                f"'{self.keyword}': argument '{left[0].text}' is ignored", left[0].at, "end of line", hint
            )

    def end(self) -> None:
        """Nothing may follow."""
        if self.more():
            word = self.words[self.index]
            raise ConfigError(
                f"'{self.keyword}' cannot handle unexpected argument '{word.text}'", word.at, "end of line"
            )


UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
TIME = re.compile(r"([0-9]+)(us|ms|[smhd]|)(.*)", re.ASCII | re.DOTALL)
SUSPICIOUS = 100  # ms: a smaller time without a unit was probably meant in seconds
LONGEST = (1 << 31) - 1  # ms: about 24.8 days, the longest time (manual 2.5)


def is_number(text: str) -> bool:
    """Decimal digits, and not so many that they could be no sensible number."""
    return text.isascii() and text.isdigit() and len(text) <= 20


def parse_time(word: Word, unit: str = "ms", diagnostics: Diagnostics | None = None) -> int:
    """A time such as "10", "30s", "500us" (manual 2.5), in milliseconds; a positive one below a millisecond is one.

    What follows the unit ("5sec", "1h30m") is ignored with a warning, as in HAProxy. Raises ConfigError at the word.
    """
    found = TIME.match(word.text)
    if found is None or not is_number(found[1]) or (not found[2] and found[3]):
        raise ConfigError(f"'{word.text}' is not a time", word.at, "a number, followed by one of us, ms, s, m, h, d")
    if found[3] and diagnostics is not None:
        diagnostics.warning(
            f"unexpected character '{found[3][0]}' after the timer value '{word.text}', only (us=microseconds,"
            "ms=milliseconds,s=seconds,m=minutes,h=hours,d=days) are supported. This will be reported as an error in "
            f"next versions.",
            word.at,
            "one number with one unit",
            f"'{found[1]}{found[2]}' is what counts",
        )
    microseconds = int(found[1]) * UNITS[found[2] or unit]
    milliseconds = -(-microseconds // 1000)
    if milliseconds > LONGEST:
        raise ConfigError(f"timer overflow in '{word.text}'", word.at, "at most 2147483647 ms (about 24.8 days)")
    return milliseconds


def warn_if_small(word: Word, milliseconds: int, said: str, place: str, diagnostics: Diagnostics) -> None:
    """A number without a unit that was probably meant in seconds."""
    if is_number(word.text) and 0 < milliseconds < SUSPICIOUS:
        diagnostics.warning(
            f"'{said}' in {place} is suspiciously small for a value in milliseconds. Please use an "
            f"explicit unit ('{milliseconds}ms') if that was the intent.",
            word.at,
            hint=f"'{milliseconds}s' if seconds are meant",
        )


def parse_size(word: Word) -> int:
    """A size such as "100", "16k", "4M", "1g" (manual 2.6), in bytes. Raises ConfigError at the word."""
    shift = {"k": 10, "m": 20, "g": 30}.get(word.text[-1:].lower(), 0)
    digits = word.text[:-1] if shift else word.text
    if not is_number(digits):
        raise ConfigError(f"'{word.text}' is not a size", word.at, "a number, followed by one of k, m, g")
    return int(digits) << shift


Parsed = Setting | Sequence[Setting] | None


@dataclass(frozen=True, slots=True)
class Keyword:
    name: str  # one or two words: "balance", "stats socket", "option httplog"
    where: In
    manual: str  # section of the manual
    parse: Callable[[Args], Parsed]
    negatable: bool = False
    named: bool = False  # "http-check set-var(<name>)": something stands in parentheses behind its last word


KEYWORDS: Registry[Keyword] = Registry("keyword")


def keyword(
    name: str, where: In, manual: str, negatable: bool = False, named: bool = False
) -> Callable[[Callable[[Args], Parsed]], Callable[[Args], Parsed]]:
    """Register a parser for the keyword `name` in the sections `where`.

    A name may be registered once for global and once for proxies ("log"): the registry's key is then "global log".
    """

    def record(parse: Callable[[Args], Parsed]) -> Callable[[Args], Parsed]:
        entry = Keyword(name, where, manual, parse, negatable, named)
        if where & In.GLOBAL:
            KEYWORDS.add(f"global {name}", entry)
        if where & ~In.GLOBAL:
            KEYWORDS.add(name, entry)
        return parse

    return record
