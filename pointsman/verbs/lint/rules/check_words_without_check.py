"""check-words-without-check."""

from collections.abc import Iterator

from pointsman.config.server_line import ServerLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    server one 192.0.2.1:80 inter 5s fall 2  # here
    server two 192.0.2.2:80 check inter 5s fall 2
"""
CLEAN = """
backend app
    mode http
    server one 192.0.2.1:80 check inter 5s fall 2
    server two 192.0.2.2:80
"""
OF_CHECKS = frozenset(
    ("inter", "fastinter", "downinter", "rise", "fall", "port", "addr", "check-ssl", "check-sni", "check-alpn")
)


@rule("check-words-without-check", Level.WARNING, FOUND, CLEAN)
def check_words_without_check(subject: Subject) -> Iterator[Found]:
    """A server line says how the server is checked, and not that it is.

    `inter`, `rise`, `fall`, `port` and their kin mean nothing without `check` (manual 5.2): the server counts as up for
    ever.
    """
    for section in subject.backs:
        told: set[int] = set()
        for line in section.all(ServerLine):
            said = line.parameters
            if said.check or said.agent_check or said.track or said.observe or line.at.line in told:
                continue
            words = subject.words(line.at)[3:]
            found = [word for word in words if word.text in OF_CHECKS]
            if found:
                told.add(line.at.line)
                message = f"'{found[0].text}' means nothing without 'check': server '{line.name}' is never checked"
                yield Found(found[0].at, message, "add 'check'")
