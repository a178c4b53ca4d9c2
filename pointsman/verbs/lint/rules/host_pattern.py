"""host-pattern."""

from collections.abc import Iterator

from pointsman.config.bind import Bind
from pointsman.config.keyword import is_number
from pointsman.config.setting import In, Section
from pointsman.sample.acl import Acl
from pointsman.sample.pattern import Pattern
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject
from pointsman.verbs.lint.values import is_host, is_sni

FOUND = """
frontend www
    mode http
    bind :80
    acl one hdr(host) -i http://www.example.com  # here
    acl two hdr(host) -i www.example.com:80  # here
    acl three hdr(host) -i *.example.com  # here
    acl four hdr(host) -i www.example.com/shop  # here
    http-request deny unless one or two or three or four
"""
CLEAN = """
frontend www
    mode http
    bind :80
    bind :8080
    acl one hdr(host) -i www.example.com
    acl two hdr(host) -i www.example.com:8080
    acl three hdr(host) -i -m end .example.com
    acl four hdr(host) -i shop.example.com shop.example.com:443
    http-request deny unless one or two or three or four
"""


@rule("host-pattern", Level.WARNING, FOUND, CLEAN)
def host_pattern(subject: Subject) -> Iterator[Found]:
    """A pattern that no Host field (or no name of TLS) can match.

    The Host field is a name, and a port only where that is not the usual one: no scheme, no path, no ":80". Patterns
    are compared as they are: "*" stands for nothing else; `-m end .example.com` matches all names below one.
    Whoever wants to match with and without a port asks `req.hdr(host),host_only`.
    """
    for section, acl in subject.every_acl:
        sni = is_sni(acl)
        if not sni and not is_host(acl) or acl.method not in ("str", "beg", "end", "dom"):
            continue
        written = {pattern.key for pattern in acl.lists.written}
        for pattern in acl.lists.written:
            if not sni and pattern.key.rpartition(":")[0] in written:
                continue  # some clients do send the port, and the name alone is listed beside it
            wrong = _wrong(pattern, acl, section, sni)
            if wrong:
                yield Found(pattern.at, *wrong)


def _wrong(pattern: Pattern, acl: Acl, section: Section, sni: bool) -> tuple[str, str] | None:
    """What is wrong, and what to write."""
    text = pattern.key
    what = "the name of a TLS hello" if sni else "the Host field"
    if "://" in text:
        return f"{what} has no scheme: '{text}' never matches", f"write '{text.split('://')[1].partition('/')[0]}'"
    if "/" in text:
        return f"{what} has no path: '{text}' never matches", "ask 'path' or 'base' for the path"
    if text.startswith("*.") and acl.method == "str":
        return f"'*' stands for nothing else here: '{text}' never matches", f"write '-m end {text[1:]}'"
    if "*" in text:
        return f"'*' stands for nothing else here: '{text}' never matches", "leave it out, or use '-m reg'"
    name, colon, port = text.rpartition(":")
    if not colon or not is_number(port) or "]" in port or acl.method == "beg" or ":" in name and not name.endswith("]"):
        return None
    if sni:
        return f"{what} has no port: '{text}' never matches", f"write '{name}'"
    if port in ("80", "443"):
        return f"clients leave out the port {port}: '{text}' hardly ever matches", f"write '{name}'"
    if section.kind & In.FRONT and _listens_elsewhere(section, int(port)):
        message = f"no bind line of {section.title} has the port {port}: '{text}' hardly ever matches"
        return message, f"write '{name}', or ask 'req.hdr(host),host_only'"
    return None


def _listens_elsewhere(section: Section, port: int) -> bool:
    """All ports are known, and this is none of them."""
    ports = [address.port for bind in section.all(Bind) for address in bind.addresses]
    return bool(ports) and None not in ports and port not in ports
