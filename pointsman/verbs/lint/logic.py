"""Whether one condition implies another, as far as that is certain.

    condition  ->  alternatives of literals  ->  literal: lines of an ACL, one of which matches (or none, negated)

Everything here errs on one side: "no" also means "not known". A literal is compared with another only where both ask
the same expression; what they match is compared as sets: equal strings, prefixes, suffixes, ranges, networks. ACLs with
files are compared by the names of these, for their content changes while the program runs. Expressions whose value
moves from one look to the next (rates, random, variables) imply nothing, unless the caller says that variables stand
still.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pointsman.core.diagnostics import ConfigError
from pointsman.sample.acl import Acl
from pointsman.sample.condition import Condition
from pointsman.sample.pattern import Pattern, parse_network, parse_range
from pointsman.sample.types import Reads

MOST_ALTERNATIVES: Final = 16  # of a condition; one with more implies nothing
MOST_PATTERNS: Final = 200  # of a line that is compared pattern by pattern
# Fetches of which a request has one value at most, though their names allow for more.
SINGLE: Final = frozenset({"req.hdr(host)", "req.fhdr(host)"})
STANDING: Final = frozenset({"var", "req.ssl_sni", "req_ssl_sni"})  # the same for all rules of one pass
TEXTS: Final = frozenset({"str", "beg", "end", "sub", "dir", "dom"})


@dataclass(frozen=True, slots=True)
class Literal:
    """One of `acls` matches; `negated`: none does."""

    acls: tuple[Acl, ...]
    negated: bool

    def __invert__(self) -> "Literal":
        return Literal(self.acls, not self.negated)

    @property
    def reads(self) -> int:
        reads = 0
        for acl in self.acls:
            reads |= acl.reads
        return reads

    @property
    def steady(self) -> bool:
        """Two looks at it give the same, variables included."""
        return all(
            acl.reads & Reads.MOVING == 0 or acl.expression.fetch in STANDING and not acl.expression.converters
            for acl in self.acls
        )


Alternative = tuple[Literal, ...]
Formula = tuple[Alternative, ...]  # of nothing: never; with an empty alternative: always
ALWAYS: Final[Formula] = ((),)


def formula(condition: Condition | None, negated: bool = False) -> Formula | None:
    """The alternatives of a condition, `unless` worked in; None: too many."""
    if condition is None:
        return ALWAYS
    made: Formula = tuple(
        tuple(Literal(tuple(term.usable), term.negated) for term in terms) for terms in condition.alternatives
    )
    if not negated:
        return made if len(made) <= MOST_ALTERNATIVES else None
    alternatives: list[Alternative] = [()]
    for terms in made:  # one literal of each alternative does not hold
        alternatives = [(*known, ~literal) for known in alternatives for literal in terms]
        if len(alternatives) > MOST_ALTERNATIVES:
            return None
    return tuple(alternatives)


def implies(one: Formula, other: Formula) -> bool:
    """Wherever the first holds, so does the second."""
    return all(any(covers(terms, wanted) for wanted in other) for terms in one)


def covers(terms: Alternative, wanted: Alternative) -> bool:
    """Terms that hold together make all wanted ones hold."""
    return all(_always(literal) or any(literal_implies(term, literal) for term in terms) for literal in wanted)


def contradiction(terms: Alternative) -> tuple[Literal, Literal] | None:
    """Two of the terms that never hold together."""
    for index, one in enumerate(terms):
        for other in terms[:index]:
            if excludes(other, one):
                return other, one
    return None


def excludes(one: Literal, other: Literal) -> bool:
    """Both never hold together."""
    if not one.steady or not other.steady:
        return False
    if one.negated and other.negated:
        return False
    if one.negated or other.negated:
        return literal_implies(one, ~other) if not one.negated else literal_implies(other, ~one)
    return bool(one.acls and other.acls) and all(apart(mine, its) for mine in one.acls for its in other.acls)


def literal_implies(one: Literal, other: Literal) -> bool:
    """Sound, not complete."""
    if not one.steady or not other.steady:
        return False
    if one.negated != other.negated:
        return not one.negated and excludes(one, ~other)
    if one.negated:
        one, other = other, one
    return bool(one.acls) and all(any(within(mine, its) for its in other.acls) for mine in one.acls)


def _always(literal: Literal) -> bool:
    names = {acl.expression.text for acl in literal.acls}
    return "always_true" in names if not literal.negated else names == {"always_false"}


@lru_cache(4096)
def key_of(acl: Acl) -> str:
    """The same for ACL lines that ask for the same values."""
    expression = acl.expression
    key = expression.key
    if expression.fetch in ("req.hdr", "hdr", "req.fhdr", "res.hdr", "res.fhdr", "req.hdr_cnt", "hdr_cnt"):
        name = expression.arguments[0] if expression.arguments else ""
        key = key.replace(f"({name}", f"({name.lower()}", 1)
    if key.startswith("hdr"):
        key = f"req.{key}"
    return key


def within(one: Acl, other: Acl) -> bool:
    """Each value that the first matches is matched by the second."""
    if one is other:
        return True
    if key_of(one) != key_of(other):
        return False
    if other.method == "found":
        return one.method != "bool" or one.expression.type == other.expression.type
    files, others = set(one.lists.names), set(other.lists.names)
    if files and not (one.method == other.method and files <= others and one.nocase <= other.nocase):
        return False
    if one.method == other.method == "bool":
        return True
    mine, its = one.lists.written, other.lists.written
    if len(mine) > MOST_PATTERNS or len(its) > MOST_PATTERNS:
        return one.method == other.method and one.nocase == other.nocase and _texts(mine) <= _texts(its)
    if not mine and not files:
        return False
    return all(_pattern_within(pattern, one, other, its) for pattern in mine)


def _texts(patterns: Iterable[Pattern]) -> set[tuple[str, str]]:
    return {(pattern.operator, pattern.key) for pattern in patterns}


def _pattern_within(pattern: Pattern, one: Acl, other: Acl, its: Sequence[Pattern]) -> bool:
    """All that one pattern matches is matched by the other line's own patterns."""
    if one.method == other.method and one.nocase <= other.nocase and one.method in ("reg", "bin", "len", "int", "ip"):
        if (pattern.operator, pattern.key) in _texts(its):
            return True
    if one.method == "int" == other.method:
        return _covered(_range(pattern), [_range(that) for that in its])
    if one.method == "ip" == other.method:
        mine = _networks(pattern)
        theirs = [network for that in its for network in _networks(that)]
        return bool(mine) and all(any(_inside(network, wide) for wide in theirs) for network in mine)
    if one.method == "str" and other.method == "reg" and not one.nocase:
        return other.cast is None and other.lists.line.test(pattern.key.encode("utf-8", "surrogateescape"))
    if one.expression.type.name == "METH":
        return other.method == one.method and pattern.key in {that.key for that in its}
    if one.method in TEXTS and other.method in TEXTS:
        return any(_text_within(pattern.key, one, that.key, other) for that in its)
    return False


def _text_within(mine: str, one: Acl, its: str, other: Acl) -> bool:
    """By methods: what is equal to, begins or ends with, or contains `mine`."""
    if one.nocase and not other.nocase:
        return False
    if other.nocase:
        mine, its = mine.lower(), its.lower()
    method, wide = one.method, other.method
    if not its and wide != "str":
        return False
    if method == wide and mine == its:
        return True
    if wide == "str":
        return False
    if wide == "sub":
        return its in mine
    if wide == "beg":
        return method in ("str", "beg") and mine.startswith(its)
    if wide == "end":
        return method in ("str", "end") and mine.endswith(its)
    if method == "str" and wide in ("dir", "dom") and not other.nocase:
        return other.lists.line.test(mine.encode("utf-8", "surrogateescape"))
    return False


def apart(one: Acl, other: Acl) -> bool:
    """No value is matched by both, and there is one value at most."""
    if key_of(one) != key_of(other) or one.lists.names or other.lists.names:
        return False
    if one.expression.many and key_of(one) not in SINGLE:
        return False
    mine, its = one.lists.written, other.lists.written
    if not mine or not its or len(mine) * len(its) > MOST_PATTERNS:
        return False
    test = _disjoint(one, other)
    return test is not None and all(test(first, second) for first in mine for second in its)


def _disjoint(one: Acl, other: Acl) -> Callable[[Pattern, Pattern], bool] | None:
    """What tells whether two patterns of these lines exclude each other."""
    methods = (one.method, other.method)
    if methods == ("int", "int"):
        return _ranges_apart
    if methods == ("ip", "ip"):
        return _networks_apart
    nocase = one.nocase or other.nocase

    def folded(pattern: Pattern) -> str:
        return pattern.key.lower() if nocase else pattern.key

    if methods == ("str", "str"):
        return lambda first, second: folded(first) != folded(second)
    if methods == ("beg", "beg"):
        return lambda first, second: (
            not folded(first).startswith(folded(second)) and not folded(second).startswith(folded(first))
        )
    if methods == ("str", "beg"):
        return lambda first, second: not folded(first).startswith(folded(second))
    if methods == ("beg", "str"):
        return lambda first, second: not folded(second).startswith(folded(first))
    return None


Range = tuple[int, int]


def _range(pattern: Pattern) -> Range:
    try:
        return parse_range(pattern)
    except ConfigError:
        return (0, -1)


def range_of(pattern: Pattern) -> Range | None:
    """What an integer pattern covers, both ends included; None: nothing that can be told."""
    low, high = _range(pattern)
    return (low, high) if low <= high else None


def _ranges_apart(first: Pattern, second: Pattern) -> bool:
    one, other = range_of(first), range_of(second)
    return one is not None and other is not None and (one[1] < other[0] or other[1] < one[0])


def _covered(one: Range, others: Sequence[Range]) -> bool:
    """A range lies within the union of others."""
    low, high = one
    if low > high:
        return False
    for start, end in sorted(others):
        if start > low:
            return False
        if end >= high:
            return True
        low = max(low, end + 1)
    return False


@lru_cache(4096)
def _networks(pattern: Pattern) -> tuple[tuple[bytes, bytes], ...]:
    """Address and mask; none for a name."""
    try:
        return tuple(parse_network(pattern, resolve=False))
    except ConfigError:
        return ()


def networks_of(pattern: Pattern) -> tuple[tuple[bytes, bytes], ...]:
    """Address and mask of an address pattern; none for a name."""
    return _networks(pattern)


def _inside(one: tuple[bytes, bytes], wide: tuple[bytes, bytes]) -> bool:
    if len(one[0]) != len(wide[0]):
        return False
    mask = int.from_bytes(wide[1], "big")
    return (
        int.from_bytes(one[1], "big") & mask == mask
        and int.from_bytes(one[0], "big") & mask == int.from_bytes(wide[0], "big") & mask
    )


def _networks_apart(first: Pattern, second: Pattern) -> bool:
    mine, its = _networks(first), _networks(second)
    if not mine or not its or len(mine[0][0]) != len(its[0][0]):
        return False  # addresses of version 4 may be written in version 6
    for one in mine:
        for other in its:
            mask = int.from_bytes(one[1], "big") & int.from_bytes(other[1], "big")
            if int.from_bytes(one[0], "big") & mask == int.from_bytes(other[0], "big") & mask:
                return False
    return True
