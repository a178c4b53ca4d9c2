"""rewritten-before."""

from collections.abc import Iterator

from pointsman.config.action import HTTP_REQUEST
from pointsman.config.setting import Section
from pointsman.core.diagnostics import Position
from pointsman.rules.keywords import UseBackendLine
from pointsman.rules.rule import Rule
from pointsman.sample.acl import Acl
from pointsman.sample.condition import Condition
from pointsman.verbs.lint.exposure import terms_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject
from pointsman.verbs.lint.values import is_host, is_path

FOUND = """
frontend www
    mode http
    bind :80
    http-request set-path /app%[path]
    http-request set-header Host app.example.com
    http-request deny if { path_beg /admin }  # here
    use_backend api if { hdr(host) -i api.example.com }  # here
backend api
    mode http
    server one 192.0.2.1:80
"""
CLEAN = """
frontend www
    mode http
    bind :80
    http-request deny if { path_beg /admin }
    http-request set-path /app%[path]
    http-request deny if { path_beg /app/admin }
    http-request set-path %[path,lower]
    http-request deny if { path_beg /other }
"""
SETTING = ("set-path", "set-pathq", "set-uri", "replace-path", "replace-pathq", "replace-uri", "normalize-uri")


@rule("rewritten-before", Level.WARNING, FOUND, CLEAN)
def rewritten_before(subject: Subject) -> Iterator[Found]:
    """A rule asks for what another one above has rewritten: path or Host.

    Behind `http-request set-path /app%[path]` all paths begin with /app: what asks for another one never matches. Ask
    first, and rewrite afterwards; use_backend lines come behind all http-request rules (manual 4.2), so put what they
    ask for into a variable, or rewrite in the backend.
    """
    for section in subject.proxies:
        yield from _section(subject, section)


def _section(subject: Subject, section: Section) -> Iterator[Found]:
    path: tuple[str, Rule] | None = None
    host: tuple[str, Rule] | None = None
    for one in subject.own(section, Rule):
        if one.rule_set != HTTP_REQUEST:
            continue
        yield from _asked(one.condition, path, host)
        words = [word.text for word in subject.words(one.at)]
        name = one.action.name
        if name in SETTING:
            start = words[2].partition("%")[0] if one.condition is None and name == "set-path" else ""
            path = (start, one) if len(start) > 1 and start[0] == "/" else None
        elif name.startswith(("lua.", "python.", "use-service")):
            path = host = None
        elif name.endswith("-header") and len(words) > 2 and words[2].lower() == "host":
            whole = words[3] if one.condition is None and name == "set-header" and len(words) == 4 else "%"
            host = None if "%" in whole else (whole, one)
    for line in subject.own(section, UseBackendLine):
        yield from _asked(line.condition, path, host)


def _asked(
    condition: Condition | None, path: tuple[str, Rule] | None, host: tuple[str, Rule] | None
) -> Iterator[Found]:
    if path is None and host is None:
        return
    for term in terms_of(condition):
        for acl in term.acls:
            at = acl.criterion.at if not term.name else term.word.at
            if path is not None and is_path(acl) and _misses_path(acl, path[0]):
                yield _found(at, f"each path begins with '{path[0]}' here", path[1])
            elif host is not None and is_host(acl) and _misses_host(acl, host[0]):
                yield _found(at, f"Host is always '{host[0]}' here", host[1])


def _found(at: Position, what: str, before: Rule) -> Found:
    return Found(at, f"{what}, as line {before.at.line} has rewritten it: this never matches", "ask above that line")


def _misses_path(acl: Acl, start: str) -> bool:
    """No pattern can match a path that begins so."""
    if acl.lists.names or not acl.lists.written or acl.method not in ("beg", "str"):
        return False
    begin = start.lower() if acl.nocase else start
    keys = [pattern.key.lower() if acl.nocase else pattern.key for pattern in acl.lists.written]
    if acl.method == "str":
        return not any(key.startswith(begin) for key in keys)
    return not any(key.startswith(begin) or begin.startswith(key) for key in keys)


def _misses_host(acl: Acl, host: str) -> bool:
    if acl.lists.names or not acl.lists.written or acl.method != "str":
        return False
    return host.lower() not in {pattern.key.lower() for pattern in acl.lists.written}
