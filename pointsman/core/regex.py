"""Regular expressions: PCRE2's, as in HAProxy, by an extension of our own (core/_pcre.c); or, where that was not built,
Python's (core/plain_regex.py), which differ in details and have no limits.

    compile_bytes(pattern, nocase, groups)
                                  a Regex; ValueError(what, where) for what is none. `groups`: whether "(...)" without
                                  a name is a group that can be asked for, and referred to
    regex.test(value)             whether it matches anywhere in the value
    regex.groups(value)           the whole match and its groups, or None; a group that took no part is empty
    regex.locate(value, start)    start and end of the first match behind `start`, and its groups; or None. What stands
                                  there is a text of its own, as in HAProxy's regsub, but "^" does not match
    regex.pattern, regex.nocase   what it was made from

A match that takes too many steps is given up: it is no match. EXHAUSTED counts them, for one who looks at it each
second. With PCRE2's machine code (JIT) a call takes 30 ns, 60 ns with groups; Python's takes 90 to 140 ns, and the
package pypcre 190 to 380 ns (bench/regexes.py).
"""

from typing import TYPE_CHECKING, Final

__all__ = ["EXHAUSTED", "JIT", "VERSION", "Exhausted", "Regex", "compile_bytes"]

if TYPE_CHECKING:
    from pointsman.core._pcre import JIT, VERSION, Regex, compile_bytes, report
else:
    try:
        from pointsman.core._pcre import JIT, VERSION, Regex, compile_bytes, report
    except ImportError:  # no compiler or no library was at hand
        from pointsman.core.plain_regex import Regex, compile_bytes

        JIT, VERSION, report = False, "", None  # "": Python's


class Exhausted:
    """Matches that were given up since somebody last looked, and the first expression that did so."""

    def __init__(self) -> None:
        self.count = 0
        self.pattern = b""

    def add(self, regex: Regex) -> None:
        if not self.count:
            self.pattern = regex.pattern
        self.count += 1

    def clear(self) -> None:
        self.count = 0


EXHAUSTED: Final = Exhausted()
if report is not None:
    report(EXHAUSTED.add)


def how() -> str:
    """As `-vv` says it."""
    if not VERSION:
        return "Python's re: differs in details and has no limits (not built with a C compiler and libpcre2-dev)"
    return f"PCRE2 {VERSION}, {'with' if JIT else 'without'} JIT"
