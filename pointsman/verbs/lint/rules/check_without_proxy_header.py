"""check-without-proxy-header."""

from collections.abc import Iterator

from pointsman.config.server_line import ServerLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    server one 192.0.2.1:80 send-proxy check port 80  # here
"""
CLEAN = """
backend app
    mode http
    server one 192.0.2.1:80 send-proxy check
    server two 192.0.2.2:80 send-proxy check port 8080
    server three 192.0.2.3:80 send-proxy check port 80 check-send-proxy
"""


@rule("check-without-proxy-header", Level.WARNING, FOUND, CLEAN)
def check_without_proxy_header(subject: Subject) -> Iterator[Found]:
    """Traffic has a PROXY header, checks of the same port have none.

    Where a line says `port` or `addr`, checks have no header unless it says `check-send-proxy` too (manual 5.2). A
    server that waits for one refuses the check, and is taken for down.
    """
    for section in subject.backs:
        for line in section.all(ServerLine):
            said = line.parameters
            if not (said.check and said.send_proxy) or said.check_send_proxy:
                continue
            if said.check_port == line.address.port and not said.check_address:
                at = subject.word(line.at, "port", 3)
                yield Found(at, "checks go to the same port without a PROXY header", "add 'check-send-proxy'")
