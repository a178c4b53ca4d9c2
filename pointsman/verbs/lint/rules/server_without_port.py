"""server-without-port."""

from collections.abc import Iterator

from pointsman.config.server_line import ServerLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    server one 192.0.2.1  # here
"""
CLEAN = """
backend app
    mode http
    server one 192.0.2.1:8080
"""


@rule("server-without-port", Level.INFO, FOUND, CLEAN)
def server_without_port(subject: Subject) -> Iterator[Found]:
    """A server of mode http has no port.

    Connections go to the port that the client connected to (manual 4.2, "server"): 443 for clients of TLS, whatever the
    server listens on. Where that is meant, all is well.
    """
    for section in subject.backs:
        if not subject.is_http(section):
            continue
        for line in section.all(ServerLine):
            address = line.address
            if address.kind != "inet" or address.port is not None or not address.host or address.host.startswith("_"):
                continue
            words = subject.words(line.at)
            if "$" in line.at.text:
                continue  # a variable that is not set here
            at = words[2].at if len(words) > 2 and not line.template else line.at
            yield Found(at, f"server '{line.name}' has no port: it is that of the client's connection", "say it")
            if line.template:
                break
