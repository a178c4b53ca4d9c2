"""plain-check-on-tls-port."""

from collections.abc import Iterator

from pointsman.config.server_line import ServerLine
from pointsman.server.checks.plan import HTTP, CheckKind, rules_of
from pointsman.server.checks.steps import Connect
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode tcp
    option httpchk GET /health
    server one 192.0.2.1:443 check  # here
"""
CLEAN = """
backend app
    mode tcp
    option httpchk GET /health
    server one 192.0.2.1:443 check check-ssl verify none
    server two 192.0.2.1:443 check port 8080
"""
TLS_PORTS = (443, 6443)


@rule("plain-check-on-tls-port", Level.WARNING, FOUND, CLEAN)
def plain_check_on_tls_port(subject: Subject) -> Iterator[Found]:
    """An HTTP check goes to port 443 without TLS.

    A server of TLS refuses it, and is taken for down. Say `check-ssl` where TLS only passes through, or `ssl` where the
    program itself speaks it (manual 5.2).
    """
    for section in subject.backs:
        kind = section.one(CheckKind)
        if kind is None or kind.kind != HTTP:
            continue
        if any(isinstance(one.step, Connect) for one in rules_of(section, HTTP)):
            continue
        for line in section.all(ServerLine):
            said = line.parameters
            port = said.check_port or (line.address.port if not line.address.port_offset else 0)
            if said.check and port in TLS_PORTS and not (said.tls.ssl or said.tls.check or said.healthcheck):
                if subject.is_http(section) and not said.check_port:
                    continue  # plain-http-to-tls-port says it
                at = subject.word(line.at, "check", 3)
                yield Found(
                    at, f"the HTTP check of server '{line.name}' goes to port {port} without TLS", "'check-ssl'"
                )
