"""covered-pattern."""

from collections.abc import Iterator

from pointsman.sample.acl import Acl
from pointsman.sample.pattern import Pattern
from pointsman.verbs.lint.logic import networks_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl api path_beg /api /api/users  # here
    acl office src 192.0.2.0/24 192.0.2.7  # here
    http-request deny if api !office
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl api path_beg /api /app
    acl office src 192.0.2.0/24 198.51.100.7
    http-request deny if api !office
"""
MOST = 500  # patterns of a line that are compared


@rule("covered-pattern", Level.INFO, FOUND, CLEAN)
def covered_pattern(subject: Subject) -> Iterator[Found]:
    """A pattern of an ACL matches nothing that another one of the same line does not match.

    A prefix covers all that begin with it, a suffix all that end with it, a network all that lie in it. The narrower
    one can go, or the wider one is wider than it was meant.
    """
    for _, acl in subject.every_acl:
        if acl.method not in ("beg", "end", "ip") or not 1 < len(acl.lists.written) <= MOST:
            continue
        for pattern, wide in _by_network(acl) if acl.method == "ip" else _by_text(acl):
            yield Found(
                pattern.at, f"'{pattern.key}' is covered by '{wide.key}'", "remove it, if the wider one is meant"
            )


def _by_text(acl: Acl) -> Iterator[tuple[Pattern, Pattern]]:
    """Sorted, a text stands behind those that it begins with."""
    ends = acl.method == "end"

    def text(pattern: Pattern) -> str:
        key = pattern.key.lower() if acl.nocase else pattern.key
        return key[::-1] if ends else key

    wide: Pattern | None = None
    for pattern in sorted(acl.lists.written, key=text):
        if wide is not None and text(wide) and text(pattern) != text(wide) and text(pattern).startswith(text(wide)):
            yield pattern, wide
        else:
            wide = pattern


def _by_network(acl: Acl) -> Iterator[tuple[Pattern, Pattern]]:
    known: dict[tuple[int, int, int], Pattern] = {}  # version, mask, network
    sizes: dict[int, set[int]] = {}
    found = []
    for pattern in acl.lists.written:
        for address, mask in networks_of(pattern):
            bits, size = int.from_bytes(address, "big"), int.from_bytes(mask, "big")
            found.append((pattern, len(address), bits, size))
            known.setdefault((len(address), size, bits & size), pattern)
            sizes.setdefault(len(address), set()).add(size)
    for pattern, length, bits, size in found:
        for wider in sizes[length]:
            wide = known.get((length, wider, bits & wider)) if wider < size and wider & size == wider else None
            if wide is not None:
                yield pattern, wide
                break
