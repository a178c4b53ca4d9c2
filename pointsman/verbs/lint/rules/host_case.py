"""host-case."""

from collections.abc import Iterator

from pointsman.verbs.lint.rule import Edit, Fix, Found, Level, rule
from pointsman.verbs.lint.subject import Subject
from pointsman.verbs.lint.values import is_host, is_sni, lowered

FOUND = """
frontend www
    mode http
    bind :80
    acl www hdr(host) WWW.Example.com  # here
    http-request deny unless www
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl www hdr(host) -i WWW.Example.com
    http-request deny unless www
"""


@rule("host-case", Level.WARNING, FOUND, CLEAN, fixes=True)
def host_case(subject: Subject) -> Iterator[Found]:
    """A host name with upper case is compared with case.

    Browsers send names in lower case, so that the pattern does not match them. Case means nothing in names: write them
    in lower case and behind `-i` (manual 7.1).
    """
    for _, acl in subject.every_acl:
        if acl.nocase or acl.method == "reg" or not is_host(acl) and not is_sni(acl):
            continue
        for pattern in acl.lists.written:
            if pattern.key == pattern.key.lower() or "$" in pattern.key:
                continue
            if lowered(acl):
                message = f"the name is in lower case: '{pattern.key}' never matches"
                edit = Edit(pattern.at.file, pattern.at.line, pattern.at.column, pattern.at.length, pattern.key.lower())
                yield Found(pattern.at, message, "write it in lower case", Fix("write it in lower case", (edit,)))
                continue
            at = acl.criterion.at
            edit = Edit(at.file, at.line, at.column + at.length, 0, " -i")
            message = f"clients send names in lower case: '{pattern.key}' does not match without '-i'"
            yield Found(pattern.at, message, "", Fix("compare without case: add '-i'", (edit,)))
            break
