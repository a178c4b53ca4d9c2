"""acl-shadows-predefined."""

from collections.abc import Iterator

from pointsman.sample.acl import PREDEFINED
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl LOCALHOST src 192.0.2.0/24  # here
    http-request deny unless LOCALHOST
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl office src 192.0.2.0/24
    http-request deny unless office || LOCALHOST
"""


@rule("acl-shadows-predefined", Level.WARNING, FOUND, CLEAN)
def acl_shadows_predefined(subject: Subject) -> Iterator[Found]:
    """An ACL has the name of one that is predefined.

    TRUE, FALSE, HTTP, LOCALHOST, METH_GET and their kin exist everywhere (manual 7.4). A section that declares one of
    these names gives it another meaning, which a reader does not expect. An ACL that says the very same is in vain.
    """
    for section in subject.sections:
        seen: set[str] = set()
        for line in subject.acl_lines(section):
            name = line.words[0] if line.words else None
            if name is not None and name.text in PREDEFINED and name.text not in seen:
                seen.add(name.text)
                meaning = PREDEFINED[name.text]
                yield Found(name.at, f"'{name.text}' is predefined as '{meaning}'", "give this ACL another name")
