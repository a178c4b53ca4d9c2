"""limit-above-global."""

from collections.abc import Iterator

from pointsman.config.global_section import GlobalNumber
from pointsman.config.proxy import ProxyNumber
from pointsman.config.server_line import ServerLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
global
    maxconn 1000
frontend www
    mode http
    bind :80
    maxconn 2000  # here
backend app
    mode http
    server one 192.0.2.1:80 maxconn 5000  # here
"""
CLEAN = """
global
    maxconn 10000
frontend www
    mode http
    bind :80
    maxconn 2000
backend app
    mode http
    server one 192.0.2.1:80 maxconn 5000
"""


@rule("limit-above-global", Level.WARNING, FOUND, CLEAN)
def limit_above_global(subject: Subject) -> Iterator[Found]:
    """A `maxconn` is higher than that of the whole process.

    The limit of the `global` section comes first: the other one is never reached (manual 3.2, "maxconn").
    """
    most = subject.configuration.main.one(GlobalNumber, "maxconn")
    if most is None or not most.value:
        return
    than = f"'maxconn {most.value}' of the global section"
    for section in subject.sections[1:]:
        for one in subject.own(section, ProxyNumber):
            if one.name == "maxconn" and one.value > most.value:
                yield Found(
                    one.at, f"this limit is never reached: {than} is lower", "raise that one, or lower this one"
                )
        for line in section.all(ServerLine):
            if line.parameters.maxconn > most.value:
                at = subject.word(line.at, "maxconn", 3)
                yield Found(at, f"this limit is never reached: {than} is lower", "raise that one, or lower this one")
                break
