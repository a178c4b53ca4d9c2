"""trusted-forwarded-for."""

from collections.abc import Iterator
from typing import Final

from pointsman.config.action import HTTP_REQUEST
from pointsman.config.setting import Section
from pointsman.core.diagnostics import Position
from pointsman.rules.keywords import UseBackendLine
from pointsman.rules.rule import Rule
from pointsman.sample.condition import Condition
from pointsman.verbs.lint.exposure import asks_who, guarded, header_of, public_binds, tells_apart
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl office req.hdr_ip(X-Forwarded-For) 192.0.2.0/24  # here
    http-request set-src hdr(X-Real-IP)  # here
    http-request track-sc0 hdr(X-Forwarded-For) table limits  # here
    http-request deny if { path_beg /admin } !office
    http-request deny unless { hdr(X-Real-IP) 192.0.2.7 }  # here
backend limits
    stick-table type string len 40 size 1k store http_req_rate(10s)
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl office req.hdr_ip(X-Forwarded-For,-1) 192.0.2.0/24
    acl near src 198.51.100.0/24
    http-request set-src hdr(X-Real-IP) if near
    http-request deny if { path_beg /admin } !office
    http-request deny if { hdr_ip(X-Forwarded-For) 203.0.113.0/24 }
    http-request set-header X-Forwarded-For %[src] unless { req.hdr(X-Forwarded-For) -m found }
frontend behind
    mode http
    bind 127.0.0.1:8080
    http-request set-src hdr(X-Real-IP)
frontend cleans
    mode http
    bind :81
    acl near src 198.51.100.0/24
    http-request del-header X-Forwarded-For unless near
    http-request set-src hdr(X-Forwarded-For)
"""
HEADERS: Final = frozenset(
    {"x-forwarded-for", "x-real-ip", "true-client-ip", "cf-connecting-ip", "x-client-ip", "forwarded"}
)
METHODS: Final = frozenset({"ip", "str", "beg", "end", "sub", "reg"})
HEADER_FETCHES: Final = ("hdr", "req.hdr", "req.fhdr", "hdr_ip", "req.hdr_ip")
DENYING: Final = frozenset({"deny", "tarpit", "reject", "silent-drop"})
REPLACING: Final = ("set-header", "del-header")


@rule("trusted-forwarded-for", Level.WARNING, FOUND, CLEAN)
def trusted_forwarded_for(subject: Subject) -> Iterator[Found]:
    """A client says itself who it is: X-Forwarded-For counts, whoever sends it.

    Everybody can write that header. What is allowed for an address is allowed for who claims it, and a limit by it is
    none. Believe the header from your own proxies alone: `http-request set-src hdr(x-forwarded-for) if { src
    <network> }`, or remove it first from all others. Its last value, `req.hdr_ip(x-forwarded-for,-1)`, is that of the
    proxy right in front, if all clients come by one.
    """
    for section in subject.fronts:
        if public_binds(section) and not guarded(section, whole=True):
            yield from _section(subject, section)


def _section(subject: Subject, section: Section) -> Iterator[Found]:
    known = HEADERS - _cleaned(subject, section)
    for one in section.all(Rule):
        name = one.action.name
        words = subject.words(one.at)
        if len(words) > 2 and (name == "set-src" or name.startswith("track-sc")) and not tells_apart(one.condition):
            header = _header(words[2].text)
            if header in known:
                what = "the address of a client is" if name == "set-src" else "what is counted is by"
                message = f"{what} what it says itself in '{header}'"
                yield Found(words[2].at, message, "add 'if { src <network of your proxies> }'")
        denied = not one.negated if name in DENYING else None
        yield from (_found(at, header) for at, header in _asked(one.condition, known, denied))
    for line in section.all(UseBackendLine):
        yield from (_found(at, header) for at, header in _asked(line.condition, known))


def _found(at: Position, header: str) -> Found:
    message = f"everybody may write '{header}', and is believed"
    return Found(at, message, "ask 'src', after 'http-request set-src' for your own proxies")


def _header(text: str) -> str:
    """The header that an expression asks as a whole, or its first value; the last one is another matter."""
    name, parenthesis, rest = text.partition("(")
    arguments = rest.partition(")")[0].split(",")
    if (
        not parenthesis
        or name not in ("hdr", "req.hdr", "req.fhdr", "hdr_ip", "req.hdr_ip")
        or "-" in arguments[-1][:1]
    ):
        return ""
    return arguments[0].lower()


def _asked(
    condition: Condition | None, known: frozenset[str], denied: bool | None = None
) -> Iterator[tuple[Position, str]]:
    """ACLs about such a header, in alternatives that ask nothing else about who the client is.

    `denied`: who matches (True) or who does not (False) is turned away. A client that names itself on a list of those
    that are not wanted has won nothing.
    """
    for terms in condition.alternatives if condition is not None else ():
        if any(asks_who(term.acls) for term in terms):
            continue
        for term in terms:
            if denied is not None and denied != term.negated:
                continue
            for acl in term.acls:
                header = header_of(acl)
                last = len(acl.expression.arguments) > 1 and acl.expression.arguments[1].startswith("-")
                if header in known and acl.method in METHODS and not last:
                    yield acl.criterion.at, header


def _cleaned(subject: Subject, section: Section) -> set[str]:
    """Headers that the frontend removes, or writes itself, for all or for strangers."""
    found: set[str] = set()
    for one in section.all(Rule):
        words = subject.words(one.at)
        if one.rule_set == HTTP_REQUEST and one.action.name in REPLACING and len(words) > 2:
            if one.condition is None or tells_apart(one.condition):
                found.add(words[2].text.lower())
    return found
