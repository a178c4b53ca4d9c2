"""duplicate-pattern."""

from collections.abc import Iterator

from pointsman.verbs.lint.logic import key_of
from pointsman.verbs.lint.rule import Edit, Fix, Found, Level, remove, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    acl static path_end .css .js .png .js  # here
    acl office src 192.0.2.0/24
    acl office src 192.0.2.0/24  # here
    http-request deny if static !office
"""
CLEAN = """
frontend www
    mode http
    bind :80
    acl static path_end .css .js .png
    acl static path_end -i .js
    acl office src 192.0.2.0/24
    http-request deny if static !office
"""


@rule("duplicate-pattern", Level.INFO, FOUND, CLEAN, fixes=True)
def duplicate_pattern(subject: Subject) -> Iterator[Found]:
    """A pattern stands twice in one ACL.

    The second one changes nothing. Often another pattern was meant, or the line was copied.
    """
    for section in subject.sections:
        seen: dict[tuple[str, ...], int] = {}
        for line in subject.acl_lines(section):
            acl = line.acl
            if acl is None:
                continue
            twice = []
            for pattern in acl.lists.written:
                key = (
                    line.words[0].text,
                    key_of(acl),
                    acl.method,
                    str(acl.nocase),
                    pattern.operator,
                    pattern.key.lower() if acl.nocase else pattern.key,
                )
                if key in seen:
                    twice.append((pattern, seen[key]))
                else:
                    seen[key] = line.at.line
            whole = len(twice) == len(acl.lists.written) and not acl.lists.names
            for pattern, number in twice:
                at = pattern.at
                edit = Edit(at.file, at.line, at.column - 1, at.length + 1)
                fix = remove(line.at) if whole else Fix("remove it", (edit,))
                where = "in this line" if number == line.at.line else f"in line {number}"
                if pattern.operator == "eq" and at.column > 1 and not pattern.key.startswith("-"):
                    yield Found(at, f"'{pattern.key}' stands {where} already", fix=fix)
