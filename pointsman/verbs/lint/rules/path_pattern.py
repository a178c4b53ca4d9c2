"""path-pattern."""

import re
from collections.abc import Iterator

from pointsman.sample.acl import Acl
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject
from pointsman.verbs.lint.values import is_path

FOUND = """
frontend www
    mode http
    bind :80
    acl api path_beg api/  # here
    acl search path /search?q=1  # here
    acl old path_beg /old/*  # here
    acl new path_reg ^new/  # here
    http-request deny if api or search or old or new
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl api path_beg /api/
    acl search path /search
    acl old path_dir old
    acl new path_reg ^/new/
    http-request deny if api or search or old or new
"""
ANCHORED = re.compile(r"\^[A-Za-z0-9_-]")


@rule("path-pattern", Level.WARNING, FOUND, CLEAN)
def path_pattern(subject: Subject) -> Iterator[Found]:
    """A pattern that no path can match.

    A path begins with a slash and ends in front of the question mark (manual 7.3.6). Patterns are compared as they are:
    "*" stands for nothing else. `url` and `pathq` have the query string, too; `path_dir` and `path_sub` look inside.
    """
    for _, acl in subject.every_acl:
        if not is_path(acl):
            continue
        for pattern in acl.lists.written:
            wrong = _wrong(pattern.key, acl)
            if wrong:
                yield Found(pattern.at, f"{wrong}: '{pattern.key}' never matches", HINTS.get(wrong, ""))


SLASH = "a path begins with a slash"
QUERY = "a path ends in front of '?'"
FRAGMENT = "clients send no '#'"
STAR = "'*' stands for nothing else here"
HINTS = {
    SLASH: "put a '/' in front",
    QUERY: "ask 'pathq' or 'url' for path and query, or 'urlp(name)' for a parameter",
    STAR: "leave it out: 'path_beg' looks at the beginning alone; or use 'path_reg'",
}


def _wrong(text: str, acl: Acl) -> str:
    if acl.method == "reg":
        return SLASH if ANCHORED.match(text) and "|" not in text else ""
    if acl.method not in ("str", "beg", "end", "sub", "dir"):
        return ""
    if acl.method in ("str", "beg") and text and text[0] != "/":
        return SLASH
    if "?" in text:
        return QUERY
    if "#" in text:
        return FRAGMENT
    return STAR if text.endswith("/*") or "/*/" in text else ""
