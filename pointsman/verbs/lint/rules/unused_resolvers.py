"""unused-resolvers."""

from collections.abc import Iterator

from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
resolvers dns  # here
    nameserver one 192.0.2.53:53
backend app
    mode http
    server one 192.0.2.1:80
"""
CLEAN = """
resolvers dns
    nameserver one 192.0.2.53:53
backend app
    mode http
    server one app.example.com:80 resolvers dns init-addr none
"""


@rule("unused-resolvers", Level.WARNING, FOUND, CLEAN)
def unused_resolvers(subject: Subject) -> Iterator[Found]:
    """No server and no rule names a resolvers section.

    Names are then looked up once, at the start, by the system. Servers that shall follow a name that changes say
    `resolvers NAME` (manual 5.3). The section `default` is used by HAProxy itself.
    """
    for name, section in subject.configuration.resolvers.items():
        if name != "default" and name not in subject.named and not subject.may_be_used(name):
            message = f"nothing names the resolvers section '{name}'"
            yield Found(section.at, message, f"say 'resolvers {name}' on the lines of servers with a name")
