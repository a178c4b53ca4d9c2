"""missing-tunnel-timeout."""

from collections.abc import Iterator

from pointsman.config.timeouts import Timeout
from pointsman.verbs.lint.logic import key_of
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    timeout client 30s
    acl websocket hdr(Upgrade) -i websocket  # here
    use_backend chat if websocket
backend chat
    mode http
    timeout connect 5s
    timeout server 30s
"""
CLEAN = """
frontend www
    mode http
    bind :80
    timeout client 30s
    acl websocket hdr(Upgrade) -i websocket
    use_backend chat if websocket
backend chat
    mode http
    timeout connect 5s
    timeout server 30s
    timeout tunnel 1h
"""
LONG = 600_000  # ms: a `timeout server` that does for WebSockets


@rule("missing-tunnel-timeout", Level.INFO, FOUND, CLEAN)
def missing_tunnel_timeout(subject: Subject) -> Iterator[Found]:
    """WebSockets are told apart, and no backend has a `timeout tunnel`.

    A WebSocket is cut when both sides are silent for `timeout client` or `timeout server`, which are made for requests.
    `timeout tunnel` replaces both once the connection is a tunnel (manual 4.2).
    """
    for section in subject.backs:
        server = section.one(Timeout, "server")
        if section.one(Timeout, "tunnel") is not None or server is None or server.milliseconds >= LONG:
            return
    for section, acl in subject.every_acl:
        if key_of(acl) == "req.hdr(upgrade)" and "websocket" in [one.lower() for one in acl.patterns]:
            if subject.backs and subject.is_http(section):
                message = "no backend has a 'timeout tunnel': silent WebSockets are cut by 'timeout server'"
                yield Found(acl.criterion.at, message, "'timeout tunnel 1h' in the backend of WebSockets")
                return
