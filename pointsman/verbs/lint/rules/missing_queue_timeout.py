"""missing-queue-timeout."""

from collections.abc import Iterator

from pointsman.config.server_line import ServerLine
from pointsman.config.timeouts import Timeout
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    timeout connect 5s
    timeout server 30s
    server one 192.0.2.1:80 maxconn 50  # here
"""
CLEAN = """
backend app
    mode http
    timeout connect 5s
    timeout server 30s
    timeout queue 20s
    server one 192.0.2.1:80 maxconn 50
"""


@rule("missing-queue-timeout", Level.INFO, FOUND, CLEAN)
def missing_queue_timeout(subject: Subject) -> Iterator[Found]:
    """Servers have a `maxconn`, and the backend no `timeout queue`.

    What is too much for the servers waits in a queue, for `timeout connect` where nothing else is said: hardly as long
    as a slow moment lasts. Say how long a client may wait (manual 4.2, "timeout queue").
    """
    for section in subject.backs:
        if section.one(Timeout, "queue") is not None:
            continue
        for line in section.all(ServerLine):
            if line.parameters.maxconn:
                message = f"{section.title} has no 'timeout queue': who waits for a server waits for 'timeout connect'"
                yield Found(subject.word(line.at, "maxconn"), message, "say 'timeout queue' as well")
                break
