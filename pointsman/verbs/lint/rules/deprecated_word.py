"""deprecated-word."""

import re
from collections.abc import Iterator
from typing import Final

from pointsman.config import options, timeouts
from pointsman.verbs.lint.rule import Found, Level, replace_with, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
defaults
    mode http
    contimeout 5s  # here
frontend www
    bind :80
    option accept-invalid-http-request  # here
"""
CLEAN = """
defaults
    mode http
    timeout connect 5s
frontend www
    bind :80
    option accept-unsafe-violations-in-http-request
"""
REPLACED: Final = {  # words of a line: those that mean the same
    **{old: f"timeout {new}" for old, new in timeouts.OLD_SPELLINGS.items()},
    **{f"option {old}": f"option {new}" for old, new in options.OLD_SPELLINGS.items()},
    "tune.ssl.ocsp-update.mindelay": "ocsp-update.mindelay",
    "tune.ssl.ocsp-update.maxdelay": "ocsp-update.maxdelay",
}
SIZES: Final = re.compile(r"tune\.ssl\.capture-cipherlist-size")


@rule("deprecated-word", Level.WARNING, FOUND, CLEAN, fixes=True)
def deprecated_word(subject: Subject) -> Iterator[Found]:
    """A word that HAProxy has replaced by another one.

    The old one will be an error some day, or is one already in the newest version. `--fix` writes the new one, which
    means the same.
    """
    for _, line in subject.lines:
        words = line.words
        start = 1 if words[0].text in ("no", "default") else 0
        for count in (2, 1):
            part = words[start : start + count]
            text = " ".join(word.text for word in part)
            new = REPLACED.get(text)
            if new is None and SIZES.fullmatch(text):
                new = "tune.ssl.capture-buffer-size"
            if new is not None and len(part) == count:
                first, last = part[0].at, part[-1].at
                at = first._replace(length=last.column + last.length - first.column)
                yield Found(at, f"'{text}' is an old word for '{new}'", "", replace_with(at, new))
                break
