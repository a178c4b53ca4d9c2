"""unquoted-variable."""

import re
from collections.abc import Iterator
from typing import Final

from pointsman.verbs.lint.rule import Edit, Fix, Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl www hdr(host) -i www.${DOMAIN}  # here
    http-request deny unless www
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl www hdr(host) -i "www.${DOMAIN-example.com}"
    acl regex path_reg ^/a${1}
    http-request deny unless www or regex
"""
VARIABLE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(?:-[^}]*)?\}")
RESOLVING: Final = frozenset(
    (
        "bind",
        "server",
        "server-template",
        "source",
        "log",
        "peer",
        "nameserver",
        "mailer",
        "stats",
        "default-path",
        "usesrc",
    )
)  # their addresses have variables without quotes, too


@rule("unquoted-variable", Level.WARNING, FOUND, CLEAN, fixes=True)
def unquoted_variable(subject: Subject) -> Iterator[Found]:
    """A variable of the environment stands outside of double quotes.

    Variables are resolved within double quotes alone (manual 2.3), and in addresses: elsewhere `${NAME}` is the text
    as it stands. `--fix` puts the word between double quotes.
    """
    for _, line in subject.lines:
        if line.words[0].text in RESOLVING or "${" not in line.at.text:
            continue
        for word in line.words[1:]:
            at = word.at
            written = at.text[at.column - 1 : at.column - 1 + at.length]
            if VARIABLE.search(written) is None or any(sign in written for sign in "\"'\\"):
                continue
            edits = (
                Edit(at.file, at.line, at.column, 0, '"'),
                Edit(at.file, at.line, at.column + at.length, 0, '"'),
            )
            yield Found(
                at, f"'{written}' is taken as it stands: there are no double quotes", "", Fix("quote it", edits)
            )
