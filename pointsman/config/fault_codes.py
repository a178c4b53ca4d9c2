"""http-err-codes, http-fail-codes: which statuses of servers count as errors and as failures (manual 3.1)."""

import re
from dataclasses import dataclass
from typing import Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.words import Word
from pointsman.sample.arguments import inside
from pointsman.sample.tracking import DEFAULT_ERRORS, DEFAULT_FAILURES

RANGE: Final = re.compile(r"([0-9]{3})(?:-([0-9]{3}))?", re.ASCII)
EXPECTED: Final = "[+-]<range>[,...], each a status or two with '-' between them, from 100 to 599"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultCodesLine(Setting):
    """What one of the two keywords has said so far: `name` is which."""

    name: str
    codes: frozenset[int]

    def key(self) -> object:
        return self.name


@keyword("http-err-codes", In.GLOBAL, "3.1")
def http_err_codes(args: Args) -> FaultCodesLine:
    """http-err-codes [+-]<range>[,...] [...]: which statuses count as errors of clients (http_err_cnt)."""
    return _read(args, "http-err-codes")


@keyword("http-fail-codes", In.GLOBAL, "3.1")
def http_fail_codes(args: Args) -> FaultCodesLine:
    """http-fail-codes [+-]<range>[,...] [...]: which statuses count as failures of servers (http_fail_cnt)."""
    return _read(args, "http-fail-codes")


def fault_codes(main: Section, name: str) -> frozenset[int]:
    """The codes that hold."""
    found = main.one(FaultCodesLine, name)
    if found is not None:
        return found.codes
    return DEFAULT_ERRORS if name == "http-err-codes" else DEFAULT_FAILURES


def _read(args: Args, name: str) -> FaultCodesLine:
    if not args.more():
        raise ConfigError(f"'{name}' expects ranges of status codes.", args.here, EXPECTED)
    codes = fault_codes(args.section, name)
    while args.more():
        word = args.word("<range>")
        sign = word.text[:1] if word.text[:1] in "+-" else ""
        given = _ranges(word, len(sign), name)
        codes = codes | given if sign == "+" else codes - given if sign == "-" else given
    return FaultCodesLine(name=name, codes=codes, at=args.at)


def _ranges(word: Word, start: int, name: str) -> frozenset[int]:
    """The statuses of one word, behind its sign."""
    codes: set[int] = set()
    for text in word.text[start:].split(","):
        at = inside(word, start, len(text))
        start += len(text) + 1
        found = RANGE.fullmatch(text)
        if found is None:
            raise _wrong(f"'{name}': '{text}' is no range of status codes.", at)
        low, high = int(found[1]), int(found[2] or found[1])
        if not 100 <= low <= high <= 599:
            raise _wrong(f"'{name}': '{text}' is not between 100 and 599, the lower code first.", at)
        codes.update(range(low, high + 1))
    return frozenset(codes)


def _wrong(message: str, at: Position) -> ConfigError:
    return ConfigError(message, at, EXPECTED)
