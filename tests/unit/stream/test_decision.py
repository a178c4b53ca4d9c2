"""The order in which an exchange is decided, as data: what is in a proxy's plan, in which order, from which place."""

from support.stand import Stand

from pointsman.config.verdict import WAIT
from pointsman.core.address import net_address
from pointsman.proto.h1 import parse_request
from pointsman.sample.context import Context
from pointsman.sample.need import REQUEST_BODY
from pointsman.stream.acceptor import Arrival
from pointsman.stream.decision import Decision, Entries
from pointsman.stream.entries import DECIDED, ROUTED, UNROUTED, Entry
from pointsman.stream.session import ClientSession

ALL = """\
defaults
    mode http
    timeout client 1s
    timeout connect 1s
    timeout server 1s
frontend f
    bind 127.0.0.1:1
    stats uri /stats
    use_backend b if { path /b }
    http-response set-header x y
    option http-restrict-req-hdr-names delete
    http-request set-header a b
    option http-buffer-request
    log-format "%r"
    monitor-uri /monitor
    unique-id-format %[path]
    capture request header host len 8
    default_backend c
backend b
    use-server s if { path /s }
    stats uri /more
    option http-restrict-req-hdr-names reject
    http-request deny if { path /deny }
    option http-buffer-request
    option forwardfor
    option checkcache
    http-response set-header z y
    server s 127.0.0.1:2
backend c
    server s 127.0.0.1:2
"""


def chain(first: Entry | None) -> list[tuple[str, int]]:
    """Names and lines."""
    found: list[tuple[str, int]] = []
    while first is not None:
        found.append((first.name, first.at.line))
        first = first.next
    return found


def plans(stand: Stand, backend: str) -> tuple[list[tuple[str, int]], list[tuple[str, int]], list[tuple[str, int]]]:
    """Of the frontend, of a backend, and of responses between them."""
    decision = decision_of(stand, b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
    decision.begin()
    decision.backend = stand.backend(backend)
    decision.enter()
    decision.begin_response(decision.backend, True)
    ours, theirs = stand.frontend().plan, decision.backend.plan
    assert isinstance(ours, Entries)
    assert isinstance(theirs, Entries)
    return chain(ours.first), chain(theirs.first), chain(ours.response)


def test_the_order_is_not_that_of_the_lines() -> None:
    """Manual 4.2 and 4.4; each entry knows its line, but for use_backend and use-server, whose rules know theirs."""
    with Stand(ALL) as stand:
        frontend, backend = stand.frontend(), stand.backend("b")
        request, in_backend, response = plans(stand, "b")
        assert request == [
            ("capture", 17),
            ("unique-id-format", 16),
            ("monitor-uri", 15),
            ("option http-buffer-request", 13),
            ("http-request", 12),
            ("option http-restrict-req-hdr-names", 11),
            ("stats", 8),
            ("use_backend", 0),
        ]
        assert in_backend == [
            ("option http-buffer-request", 24),
            ("http-request", 23),
            ("option http-restrict-req-hdr-names", 22),
            ("stats", 21),
            ("use-server", 0),
            ("option forwardfor", 25),
        ]
        assert response == [
            ("capture", 17),
            ("http-response", 27),  # the backend's come first
            ("http-response", 10),
            ("option checkcache", 26),
        ]
        assert [one.at.line for one in frontend.use_backend] == [9]
        assert [one.at.line for one in backend.use_server] == [20]


def test_what_is_not_configured_is_not_asked() -> None:
    with Stand(ALL) as stand:
        _, in_backend, response = plans(stand, "c")
        assert in_backend == [("option forwardfor", 0)]  # the frontend may have it
        assert response == [("capture", 17), ("http-response", 10)]
        assert plans(stand, "b")[2] != response
        assert plans(stand, "c")[2] == response


def test_in_tcp_mode_there_are_routes_and_servers() -> None:
    text = ALL[: ALL.index("frontend f")].replace("http", "tcp") + (
        "frontend f\n    bind 127.0.0.1:1\n    use_backend b if { src 10.0.0.0/8 }\n"
        "backend b\n    use-server s if { src 10.0.0.1 }\n    server s 127.0.0.1:2\n"
    )
    with Stand(text) as stand:
        decision = decision_of(stand, b"", "10.0.0.1")
        assert decision.begin(False) == ROUTED
        assert decision.backend is stand.backend("b")
        assert decision.enter() == DECIDED
        assert decision.forced is stand.server("s")
        assert decision_of(stand, b"", "10.9.9.9").begin(False) == ROUTED
        assert decision_of(stand, b"", "192.0.2.1").begin(False) == UNROUTED


def decision_of(stand: Stand, head: bytes, client: str = "192.0.2.1") -> Decision:
    frontend = stand.frontend()
    bind_state = stand.bind_states[id(frontend)]
    arrival = Arrival(-1, net_address(client, 4000), net_address("192.0.2.2", 80), bind_state, stand.clock)
    context = Context(frontend, ClientSession(frontend, arrival, stand.clock))
    context.source = arrival.source
    if head:
        context.request = parse_request(head)
    return Decision(frontend, context)


def test_a_body_is_waited_for_from_the_request_on() -> None:
    """timeout http-request counts from the request's first byte; what has passed of it is gone."""
    text = ALL.replace("timeout client 1s", "timeout client 1s\n    timeout http-request 500ms")
    with Stand(text) as stand:
        decision = decision_of(stand, b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\n")
        context = decision.context
        context.record.begun, context.now = stand.clock, stand.clock + 200
        assert decision.begin() == WAIT
        need = context.need
        assert need is not None
        assert (need.kind, need.time) == (REQUEST_BODY, 300)
        assert decision.entry is not None
        assert decision.entry.name == "option http-buffer-request"
        need.meet()
        assert decision.go_on() == ROUTED
        assert context.need is None
        assert decision.enter() == DECIDED
