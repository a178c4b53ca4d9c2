"""Regular expressions where the extension over PCRE2 was not built: Python's `re` under the same names (core/regex.py).

The two agree on nearly all that users of HAProxy write. Differences that occur in configurations are translated: POSIX
classes ("[[:alpha:]]"), flags that are not at the start ("^(?i)foo"), "(?<name>...)", "\\z", "\\Z", "\\h", and brackets
in classes. Nothing limits how long a match takes.
"""

import re
from typing import ClassVar, Final

CLASSES: Final = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "punct": "!-/:-@\\[-`{-~",
    "xdigit": "0-9A-Fa-f",
    "word": r"\w",
    "cntrl": r"\x00-\x1f\x7f",
    "print": r"\x20-\x7e",
    "graph": r"\x21-\x7e",
}
POSIX: Final = re.compile(r"\[:(\^?)([a-z]+):\]")
FLAGS: Final = re.compile(r"\(\?([imsx]+)\)")
LETTERS: Final = {
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
    "h": r"[ \t]",
    "H": r"[^ \t]",
    "R": r"(?:\r\n|[\n\v\f\r])",
    "e": r"\x1b",
}


class Regex:
    """A compiled regular expression."""

    made: ClassVar[int] = 0

    def __init__(self, pattern: bytes, nocase: bool, compiled: re.Pattern[bytes]) -> None:
        self.pattern = pattern
        self.nocase = nocase
        self.search = compiled.search
        Regex.made += 1

    def test(self, value: bytes) -> bool:
        return self.search(value) is not None

    def groups(self, value: bytes) -> tuple[bytes, ...] | None:
        found = self.search(value)
        return None if found is None else (found.group(), *found.groups(b""))

    def locate(self, value: bytes, start: int) -> tuple[int, int, tuple[bytes, ...]] | None:
        found = self.search(value, start)
        return None if found is None else (*found.span(), (found.group(), *found.groups(b"")))


def compile_bytes(pattern: bytes, nocase: bool, groups: bool) -> Regex:
    """ValueError(what, where) for what is no expression, as the extension has it. Groups are always there."""
    try:
        text = translate(pattern.decode("latin-1")).encode("latin-1")
        return Regex(pattern, nocase, re.compile(text, re.IGNORECASE if nocase else 0))
    except re.error as error:
        raise ValueError(error.msg, error.pos or 0) from None
    except (OverflowError, RecursionError) as error:
        raise ValueError(str(error), 0) from None


def translate(text: str) -> str:
    """PCRE's notation as Python's."""
    out: list[str] = []
    inner: list[list[str]] = [[]]  # for each open group the flags set in its middle: each has a group of its own
    index = 0
    while index < len(text):
        char = text[index]
        flags = FLAGS.match(text, index)
        if char == "\\":
            out.append(_escape(text[index + 1 : index + 2]))
            index += 2
        elif char == "[":
            piece, index = _class(text, index)
            out.append(piece)
        elif flags is not None:
            inner[-1].append(f"(?{flags.group(1)}:")
            out.append(inner[-1][-1])
            index = flags.end()
        else:
            if char == "(":
                inner.append([])
                if text.startswith("(?<", index) and text[index + 3 : index + 4] not in ("=", "!"):
                    out.append("(?P")
                    index += 2
                    continue
            elif char == ")" and len(inner) > 1:
                out.append(")" * len(inner.pop()))
            elif char == "|" and inner[-1]:
                # A flag holds for the alternatives behind it too.
                out.append(")" * len(inner[-1]) + "|" + "".join(inner[-1]))
                index += 1
                continue
            out.append(char)
            index += 1
    out.append(")" * len(inner[0]))
    return "".join(out)


def _escape(letter: str) -> str:
    if letter == "K":
        raise re.error("\\K is not supported")
    return LETTERS.get(letter, "\\" + letter)


def _class(text: str, start: int) -> tuple[str, int]:
    """A bracket expression, and the index behind it. Raises re.error for one that is not closed."""
    out = ["["]
    index = start + 1
    if text[index : index + 1] == "^":
        out.append("^")
        index += 1
    first = index
    while index < len(text):
        char = text[index]
        posix = POSIX.match(text, index)
        if char == "]" and index > first:
            return "".join(out) + "]", index + 1
        if posix is not None:
            if posix.group(1) or posix.group(2) not in CLASSES:
                raise re.error(f"unknown class {posix.group()}")
            out.append(CLASSES[posix.group(2)])
            index = posix.end()
        elif char == "\\":
            letter = text[index + 1 : index + 2]
            out.append(r" \t" if letter == "h" else char + letter)
            index += 2
        else:
            out.append("\\" + char if char in "[]&~|" else char)
            index += 1
    raise re.error("missing terminating ] for character class")
