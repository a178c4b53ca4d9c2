"""plain-http-to-tls-port."""

from collections.abc import Iterator

from pointsman.config.server_line import ServerLine
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
backend app
    mode http
    server one 192.0.2.1:443  # here
"""
CLEAN = """
backend app
    mode http
    server one 192.0.2.1:443 ssl verify required ca-file @system-ca
"""


HINT = "add 'ssl', or say 'mode tcp' where TLS is to pass through"


@rule("plain-http-to-tls-port", Level.WARNING, FOUND, CLEAN)
def plain_http_to_tls_port(subject: Subject) -> Iterator[Found]:
    """A server on port 443 is spoken to without TLS.

    Its answer is "400 The plain HTTP request was sent to HTTPS port", or none. Say `ssl`, and `verify required` with a
    `ca-file` (manual 5.2); or `mode tcp`, where TLS is to pass through.
    """
    for section in subject.backs:
        if not subject.is_http(section):
            continue
        for line in section.all(ServerLine):
            if line.address.port == 443 and not line.address.port_offset and not line.parameters.tls.ready:
                words = subject.words(line.at)
                at = words[2].at if len(words) > 2 and not line.template else line.at
                yield Found(at, f"server '{line.name}' is spoken to in plain HTTP on port 443", HINT)
                if line.template:
                    break
