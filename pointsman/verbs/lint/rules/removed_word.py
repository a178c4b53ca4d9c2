"""removed-word."""

import re
from collections.abc import Iterator
from typing import Final

from pointsman.config.removed import removed
from pointsman.config.setting import In
from pointsman.core.words import Line, Word
from pointsman.verbs.lint.rule import Edit, Fix, Found, Level, remove, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
global
    nbproc 1  # here
frontend www
    mode http
    bind :80
    option forceclose  # here
    reqadd X-Forwarded-Proto:\\ http  # here
    rspidel ^Server:.*  # here
    block if { path_beg /admin }  # here
    default_backend app
backend app
    mode http
    redispatch  # here
    server one 192.0.2.1:80
"""
CLEAN = """
frontend www
    mode http
    bind :80
    option httpclose
    http-request add-header X-Forwarded-Proto http
    http-response del-header Server
    http-request deny if { path_beg /admin }
    default_backend app
backend app
    mode http
    option redispatch
    server one 192.0.2.1:80
"""
HEADER: Final = re.compile(r"([A-Za-z0-9-]+):\s*(.*)")
DELETED: Final = re.compile(r"\^?([A-Za-z0-9-]+):?(?:\.\*)?\$?")
GONE: Final = {  # one for one: a text, or "" where the line goes
    "option forceclose": "option httpclose",
    "option http-tunnel": "",
    "option http-use-htx": "",
    "bind-process": "",
    "redispatch": "option redispatch",
    "block": "http-request deny",
}
PLAIN: Final = frozenset("\"'\\ \t#%")


@rule("removed-word", Level.ERROR, FOUND, CLEAN, fixes=True)
def removed_word(subject: Subject) -> Iterator[Found]:
    """A word that HAProxy has removed: the file does not load.

    Where there is one thing that does the same, `--fix` writes it: `reqadd` and `rspadd` become `http-request
    add-header` and `http-response add-header`, `reqidel` and `rspidel` of one header `del-header`, `block` becomes
    `http-request deny`, `nbproc` becomes `nbthread`. Rewrites by `reqrep` and `rsprep` need a look by somebody who
    knows what they are for.
    """
    for section, line in subject.lines:
        words = line.words
        if section.kind == In.GLOBAL and words[0].text != "nbproc":
            continue
        for count in (2, 1):
            text = " ".join(word.text for word in words[:count])
            gone = removed(text) if len(words) >= count else None
            if gone is not None:
                at = subject.words_at(line.at, count)
                since = f" in {gone[0]}" if gone[0] else ""
                yield Found(at, f"HAProxy has removed '{text}'{since}", gone[1], _fix(text, line))
                break


def _fix(text: str, line: Line) -> Fix | None:
    """What does the same."""
    words = line.words
    if text == "nbproc" and len(words) == 2:
        return remove(line.at) if words[1].text == "1" else _replaced(words, f"nbthread {words[1].text}")
    if text in GONE:
        if not GONE[text]:
            return remove(line.at)
        first, last = words[0].at, words[text.count(" ")].at
        length = last.column + last.length - first.column
        edit = Edit(first.file, first.line, first.column, length, GONE[text])
        return Fix(f"write '{GONE[text]}'", (edit,))
    rules = "http-request" if text.startswith("req") else "http-response"
    if text in ("reqadd", "rspadd") and len(words) > 1:
        found = HEADER.fullmatch(words[1].text)
        if found is None or PLAIN.intersection(found[2]) or not found[2]:
            return None
        return _replaced(words, f"{rules} add-header {found[1]} {found[2]}")
    if text in ("reqidel", "rspidel", "reqdel", "rspdel") and len(words) > 1:
        found = DELETED.fullmatch(words[1].text)
        return _replaced(words, f"{rules} del-header {found[1]}") if found is not None else None
    return None


def _replaced(words: tuple[Word, ...], text: str) -> Fix:
    """The keyword and its argument become another text; a condition behind them stays."""
    first, last = words[0].at, words[1].at
    edit = Edit(first.file, first.line, first.column, last.column + last.length - first.column, text)
    return Fix(f"write '{text}'", (edit,))
