"""What a value is to be. `fields` are the values that there are: none, one, or several of a header that is repeated.

    cart                        is           it, and nothing else
    [cart, basket]              is           one of them
    {not: cart}                 not          none of them: another value, or no value
    {contains: art}             contains     one of the values has it in it
    {regex: '^ca'}              regex        one of the values matches (Python's re, anywhere in it)
    {all: [a, b]}               all          these values in this order, of a header that stands there twice
    {present: yes}              present      there is a value
    {absent: yes}               absent       there is none

Several of them in one mapping must all hold.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Test:
    """One of the above. `values`: what stands behind the word."""

    kind: str
    values: tuple[str, ...] = ()

    def holds(self, fields: Sequence[str]) -> bool:
        return TESTS[self.kind](self.values, fields)

    def __str__(self) -> str:
        """As a person would say it, behind the word "expected"."""
        shown = " or ".join(quoted(one) for one in self.values)
        if self.kind in ("present", "absent"):
            return WORDS[self.kind]
        if self.kind == "all":
            shown = ", then ".join(quoted(one) for one in self.values)
        return f"{WORDS[self.kind]}{shown}"


def _is(values: tuple[str, ...], fields: Sequence[str]) -> bool:
    return len(fields) == 1 and fields[0] in values


def _not(values: tuple[str, ...], fields: Sequence[str]) -> bool:
    return not any(one in values for one in fields)


def _contains(values: tuple[str, ...], fields: Sequence[str]) -> bool:
    return any(value in one for one in fields for value in values)


def _regex(values: tuple[str, ...], fields: Sequence[str]) -> bool:
    return any(re.search(value, one) for one in fields for value in values)


def _all(values: tuple[str, ...], fields: Sequence[str]) -> bool:
    return tuple(fields) == values


def _present(values: tuple[str, ...], fields: Sequence[str]) -> bool:
    return bool(fields)


def _absent(values: tuple[str, ...], fields: Sequence[str]) -> bool:
    return not fields


TESTS: Final[dict[str, Callable[[tuple[str, ...], Sequence[str]], bool]]] = {
    "is": _is,
    "not": _not,
    "contains": _contains,
    "regex": _regex,
    "all": _all,
    "present": _present,
    "absent": _absent,
}
WORDS: Final = {
    "is": "",
    "not": "anything but ",
    "contains": "a value with ",
    "regex": "a value that matches ",
    "all": "",
    "present": "any value",
    "absent": "none",
}
FLAGS: Final = frozenset({"present", "absent"})  # these take "yes"


def quoted(text: str) -> str:
    """A name stands alone; what has spaces or nothing in it, in quotes."""
    return text if text and not re.search(r"[\s\"']", text) else f'"{text}"'


def listed(fields: Sequence[str]) -> str:
    """What came, behind the word "got"."""
    return ", then ".join(quoted(one) for one in fields) if fields else "none"
