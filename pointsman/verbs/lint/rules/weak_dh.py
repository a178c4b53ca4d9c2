"""weak-dh."""

from collections.abc import Iterator
from typing import Final

from pointsman.verbs.lint.rule import Found, Level, replace_with, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
global
    tune.ssl.default-dh-param 1024  # here
frontend www
    mode http
    bind :80
"""
CLEAN = """
global
    tune.ssl.default-dh-param 2048
frontend www
    mode http
    bind :80
"""
LEAST: Final = 2048


@rule("weak-dh", Level.WARNING, FOUND, CLEAN, fixes=True)
def weak_dh(subject: Subject) -> Iterator[Found]:
    """A group of less than 2048 bits for the exchange of keys.

    Groups of 1024 bits can be broken by who has the means (RFC 7919, CVE-2015-4000), and clients of today refuse them.
    """
    for line in subject.lines_of(subject.configuration.main):
        words = line.words
        if words[0].text == "tune.ssl.default-dh-param" and len(words) > 1:
            bits = words[1].text
            if bits.isascii() and bits.isdigit() and int(bits) < LEAST:
                message = f"a group of {bits} bits is too small for the exchange of keys"
                yield Found(words[1].at, message, "", replace_with(words[1].at, str(LEAST)))
