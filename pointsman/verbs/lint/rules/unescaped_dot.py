"""unescaped-dot."""

import re
from collections.abc import Iterator
from typing import Final

from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject
from pointsman.verbs.lint.values import is_host, is_sni

FOUND = """
frontend www
    mode http
    bind :80
    acl admin hdr_reg(host) -i ^admin.example.com$  # here
    http-request deny unless admin
"""
CLEAN = r"""
frontend www
    mode http
    bind :80
    acl admin hdr_reg(host) -i ^admin\\.example\\.com$
    acl any hdr_reg(host) -i ^[a-z]+.*$
    http-request deny unless admin or any
"""
DOT: Final = re.compile(r"(?<![\\\[\]])(?<=[A-Za-z0-9])\.(?=[A-Za-z0-9]{2,})(?![^\[]*\])")


@rule("unescaped-dot", Level.WARNING, FOUND, CLEAN)
def unescaped_dot(subject: Subject) -> Iterator[Found]:
    r"""A dot in a regular expression of a host name stands for any character.

    `^admin.example.com$` matches adminXexample.com too, which somebody else may own. Write `\\.` (in quotes, or as
    `\\.` outside of them), or compare without a regular expression.
    """
    for _, acl in subject.every_acl:
        if acl.method != "reg" or not is_host(acl) and not is_sni(acl):
            continue
        for pattern in acl.lists.written:
            if DOT.search(pattern.key):
                yield Found(pattern.at, "a dot stands for any character here", "write '\\.' where a dot is meant")
