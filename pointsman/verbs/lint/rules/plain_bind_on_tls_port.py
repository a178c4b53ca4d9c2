"""plain-bind-on-tls-port."""

from collections.abc import Iterator

from pointsman.config.bind import Bind
from pointsman.verbs.lint.exposure import is_local
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :443  # here
"""
CLEAN = """
frontend www
    mode http
    bind :443 ssl crt site.pem
    bind 127.0.0.1:443
    bind :80
frontend through
    mode tcp
    bind 192.0.2.7:443
"""


@rule("plain-bind-on-tls-port", Level.WARNING, FOUND, CLEAN)
def plain_bind_on_tls_port(subject: Subject) -> Iterator[Found]:
    """A frontend of mode http listens on port 443 without TLS.

    Browsers speak TLS there, which is answered with 400. Say `ssl crt <file>`, or `mode tcp` where servers speak TLS.
    """
    for section in subject.fronts:
        if not subject.is_http(section):
            continue
        for bind in section.all(Bind):
            said = bind.parameters
            if said.tls.ssl or said.accept_proxy:
                continue
            if any(one.port == 443 and not one.datagram and not is_local(one) for one in bind.addresses):
                at = subject.words_at(bind.at, 2)
                yield Found(at, "HTTP in clear on port 443, where browsers speak TLS", "say 'ssl crt <file>'")
