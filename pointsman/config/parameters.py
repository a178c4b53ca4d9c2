"""Parameters behind an address: the words of `bind`, `stats socket`, `server` and `default-server` (manual 5).

Each word is a small function that takes its values and returns the parameters with one thing changed:

    @bind_word("name")
    def name(words: Words, bind: BindParameters) -> BindParameters:
        "name <name>: ..."
        return replace(bind, name=words.value("missing name").text)

A word that is known but not built is an error that cites the manual; a pure tuning hint gives a notice; words of TLS
are collected, so that a line which asks for `ssl` gives one error, and words that mean nothing without it a notice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pointsman.config.keyword import Args, is_number, parse_time
from pointsman.config.vocabulary import not_built
from pointsman.core.diagnostics import ConfigError
from pointsman.core.registry import Registry, nearest
from pointsman.core.words import Word

P = TypeVar("P")


class Words:
    """The words of one line behind its address. `said` begins each error, as HAProxy has it: "'bind :80' in ..."."""

    def __init__(self, args: Args, said: str) -> None:
        self.args = args
        self.said = said
        self.word = args.words[0]  # the parameter that is being read

    def wrong(self, message: str, at: Word | None = None, expected: str = "", hint: str = "") -> ConfigError:
        return ConfigError(f"{self.said} : '{self.word.text}' : {message}", (at or self.word).at, expected, hint)

    def value(self, missing: str, expected: str = "") -> Word:
        """The next word; `missing` is said if there is none."""
        if not self.args.more():
            error = self.wrong(missing, None, expected)
            raise ConfigError(str(error), self.args.here, expected)
        return self.args.word(expected or "a value")

    def integer(self, low: int, high: int, missing: str = "missing value") -> int:
        """The next word as a decimal number in [low, high]."""
        word = self.value(missing, f"a number from {low} to {high}")
        digits = word.text[1:] if word.text[:1] == "-" else word.text
        if not is_number(digits):
            raise self.wrong(f"'{word.text}' is not a number", word, f"a number from {low} to {high}")
        if not low <= int(word.text) <= high:
            raise self.wrong(f"invalid value {word.text}, allowed range is {low}..{high}", word)
        return int(word.text)

    def time(self, missing: str = "expects a delay as argument") -> int:
        """The next word as a time in milliseconds (manual 2.5)."""
        return parse_time(self.value(missing, "a time"), "ms", self.args.diagnostics)

    def choice(self, names: tuple[str, ...], missing: str = "missing value") -> str:
        word = self.value(missing, "one of " + ", ".join(names))
        if word.text not in names:
            listed = ", ".join(f"'{name}'" for name in names)
            near = nearest(word.text, names)
            raise self.wrong(
                f"only supports {listed} (got '{word.text}')",
                word,
                "one of " + ", ".join(names),
                f"did you mean '{near}'?" if near else "",
            )
        return word.text


@dataclass(frozen=True, slots=True)
class Parameter(Generic[P]):
    name: str
    parse: Callable[[Words, P], P]
    values: int = 1  # words that follow it; -1: as many as it likes. For lists alone: `parse` takes what it takes
    argued: bool = False  # an argument in parentheses stands behind its name, in the same word


@dataclass(frozen=True, slots=True)
class Others:
    """The words of one family of lines that change nothing here. Each has the number of its values.

    `tls` means nothing without one of `encrypts`; `hints` are tuning alone; `coming` are not built yet.
    """

    kind: str  # in the vocabulary
    manual: str
    tls: Mapping[str, int]
    encrypts: tuple[str, ...]
    hints: Mapping[str, int]
    coming: Mapping[str, int]


def read_parameters(words: Words, table: Registry[Parameter[P]], others: Others, start: P) -> P:
    """All words that are left, applied to `start`. Raises ConfigError at the first that is wrong.

    One that is not built yet is an error too, but what stands behind its values is still looked at.
    """
    args = words.args
    result = start
    without: list[Word] = []
    encrypted = False  # by a word that is built
    encrypts: list[Word] = []
    missing: list[ConfigError] = []  # words that are not built
    try:
        while args.more():
            words.word = args.word("a parameter")
            text = words.word.text
            found = _find(table, text)
            if found is not None:
                if text in others.encrypts:
                    encrypted = True
                elif text in others.tls:
                    without.append(words.word)
                result = found.parse(words, result)
            elif text in others.encrypts:
                encrypts.append(words.word)
            elif text in others.tls:
                without.append(words.word)
                _skip(words, others.tls[text])
            elif text in others.hints:
                _skip(words, others.hints[text])
                args.diagnostics.notice(
                    f"{words.said} : '{text}' tunes what does not exist here and has no effect "
                    f"(manual {others.manual})",
                    words.word.at,
                )
            else:
                missing.append(
                    not_built(others.kind, text, words.word.at, table, f"{words.said} : unknown keyword '{text}'")
                )
                if text not in others.coming:
                    raise missing.pop()
                _skip(words, others.coming[text])
        if encrypts:
            raise ConfigError(
                f"{words.said} : '{encrypts[0].text}' asks for TLS, which is not had here (manual {others.manual})",
                encrypts[0].at,
            )
        if missing:
            raise missing.pop()
    except ConfigError:
        for one in missing:
            args.diagnostics.add(one.finding)
        raise
    for word in () if encrypted else without:
        args.diagnostics.notice(
            f"{words.said} : '{word.text}' has no effect without TLS (manual {others.manual})", word.at
        )
    return result


def _find(table: Registry[Parameter[P]], text: str) -> Parameter[P] | None:
    """The parameter that a word names, with an argument behind the name or without."""
    found = table.get(text)
    if found is None and "(" in text:
        found = table.get(text.partition("(")[0])
        return found if found is not None and found.argued else None
    return found


def _skip(words: Words, values: int) -> None:
    for _ in range(values):
        words.value("missing value")
