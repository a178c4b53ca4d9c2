"""The regular expressions that stand in a configuration: of ACLs, of the converter regsub, and of replace-* rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.words import Word
from pointsman.sample.arguments import inside, split_arguments
from pointsman.verbs.lint.subject import Subject

CALL: Final = "regsub("
RULES: Final = ("http-request", "http-response", "http-after-response")
# Where the expression stands behind the action's name.
PLACES: Final = {"replace-header": 3, "replace-value": 3, "replace-path": 2, "replace-pathq": 2, "replace-uri": 2}


@dataclass(frozen=True, slots=True)
class Written:
    at: Position
    text: str
    nocase: bool


def regexes_of(subject: Subject) -> Iterator[Written]:
    """Those of the lines themselves, not those of files of ACLs and maps."""
    for _, acl in subject.every_acl:
        if acl.method == "reg":
            for pattern in acl.lists.written:
                yield Written(pattern.at, pattern.key, acl.nocase)
    for _, line in subject.lines:
        words = line.words
        if words[0].text in RULES and len(words) > 3:
            place = PLACES.get(words[1].text, len(words))
            if place < len(words):
                yield Written(words[place].at, words[place].text, False)
        for word in words[1:]:
            if CALL in word.text:
                yield from _calls(word)


def _calls(word: Word) -> Iterator[Written]:
    start = word.text.find(CALL)
    while start >= 0:
        try:
            arguments, end = split_arguments(word, start + len(CALL), "regsub")
        except ConfigError:
            return  # the load says so
        if arguments and arguments[0]:
            flags = arguments[2] if len(arguments) > 2 else ""
            yield Written(inside(word, start, end - start), arguments[0], "i" in flags)
        start = word.text.find(CALL, end)
