"""method-case."""

from collections.abc import Iterator

from pointsman.sample.acl import Acl
from pointsman.sample.types import Type
from pointsman.verbs.lint.rule import Found, Level, replace_with, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    http-request deny if { method -i delete }  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    http-request deny if { method DELETE }
"""
METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")


@rule("method-case", Level.WARNING, FOUND, CLEAN, fixes=True)
def method_case(subject: Subject) -> Iterator[Found]:
    """A method is written in lower case.

    Methods have a case (RFC 9110 9.1): clients send GET, not get, and `-i` changes nothing about methods that are
    known. The pattern never matches.
    """
    for _, acl in subject.every_acl:
        if acl.expression.type != Type.METH or acl.method != "str":
            continue
        for pattern in acl.lists.written:
            right = pattern.key.upper()
            if right != pattern.key and right in METHODS and not _matches(acl, right):
                message = f"methods are in upper case: '{pattern.key}' never matches"
                yield Found(pattern.at, message, "", replace_with(pattern.at, right))


def _matches(acl: Acl, method: str) -> bool:
    return acl.lists.line.test(method.encode())
