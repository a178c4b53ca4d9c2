"""Rules that name a backend which is not published do not count, but for who is let in; explanations say the same."""

import pytest

import pointsman.keywords  # noqa: F401
from pointsman.assemble import assemble
from pointsman.assemble.live import Live
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics
from pointsman.proto.h1 import parse_request
from pointsman.sample.context import Context, ListenerFacts, Session
from pointsman.sample.trace import RouteRecord, Trace
from pointsman.stream.routing import explain_backend, pick_backend
from pointsman.tables.changes import CHANGES

TEXT = """
defaults
    mode http
    timeout client 1s
    timeout connect 1s
    timeout server 1s
frontend web
    bind 127.0.0.1:1
    force-be-switch if { hdr(x-admin) -m found }
    force-be-switch unless { path -m beg / }
    use_backend new if { path_beg /a }
    use_backend gone if { path_beg /a }
    use_backend old if { path_beg /a }
    use_backend %[path,field(2,/)] if { path_beg /new /none }
    use_backend two if { path_beg /new }
    default_backend spare
listen own
    bind 127.0.0.1:2
    be-unpublished
    default_backend spare
    server s 127.0.0.1:9
backend new
    be-unpublished
backend old
backend two
backend gone
    disabled
backend spare
"""


def build(text: str = TEXT) -> Live:
    diagnostics = Diagnostics()
    live = assemble(load_text(text, diagnostics), diagnostics)
    assert not diagnostics.failed, [finding.message for finding in diagnostics.findings]
    return live


def where(live: Live, path: str, fields: str = "", frontend: int = 0) -> str:
    """The backend's name by both ways; "" for none."""
    front = live.frontends[frontend]
    found: list[bytes] = []
    for trace in (None, Trace()):
        context = Context(front, Session(ListenerFacts("", 1)))
        context.request = parse_request(f"GET {path} HTTP/1.1\r\nhost: h\r\n{fields}\r\n".encode())
        backend = pick_backend(front, context) if trace is None else explain_backend(front, context, trace)
        found.append(backend.name if backend is not None else b"")
    assert found[0] == found[1]
    return found[0].decode()


CASES = [
    ("/a", "", "old"),  # new is not published, gone is disabled
    ("/a", "x-admin: 1\r\n", "new"),
    ("/new", "", "two"),  # a name that is computed
    ("/new", "x-admin: 1\r\n", "new"),
    ("/none", "", "spare"),
    ("/other", "x-admin: 1\r\n", "spare"),
]


@pytest.mark.parametrize(("path", "fields", "name"), CASES)
def test_rules_that_do_not_count(path: str, fields: str, name: str) -> None:
    assert where(build(), path, fields) == name


def test_published_while_running_and_back() -> None:
    live = build()
    CHANGES.apply(["added", "published", "new", True])
    assert where(live, "/a") == where(live, "/new") == "new"
    CHANGES.apply(["added", "published", "new", False])
    assert (where(live, "/a"), where(live, "/new")) == ("old", "two")
    assert CHANGES.followers["added"].snapshot() == [["added", "published", "new", False]]


def test_without_a_default_backend_nobody_serves_but_a_listen_section() -> None:
    live = build()
    assert (where(live, "/x"), where(live, "/x", frontend=1)) == ("spare", "spare")
    CHANGES.apply(["added", "published", "spare", False])
    assert (where(live, "/x"), where(live, "/x", frontend=1)) == ("", "own")
    assert (where(live, "/x", "x-admin: 1\r\n"), where(live, "/x", "x-admin: 1\r\n", 1)) == ("spare", "own")


def test_what_was_asked_is_noted() -> None:
    """So that a decision is not remembered that depends on a field which no other rule asks for."""
    live = build()
    front = live.frontends[0]
    context = Context(front, Session(ListenerFacts("", 1)))
    context.request = parse_request(b"GET /a HTTP/1.1\r\nhost: h\r\n\r\n")
    pick_backend(front, context)
    wanted = front.forced_switches[0].asks
    assert wanted and context.asked & wanted == wanted


def test_the_rule_that_lets_in_is_explained() -> None:
    live = build()
    front = live.frontends[0]
    context = Context(front, Session(ListenerFacts("", 1)))
    context.request = parse_request(b"GET /a HTTP/1.1\r\nhost: h\r\nx-admin: 1\r\n\r\n")
    trace = Trace()
    explain_backend(front, context, trace)
    records = [one for one in trace.records if isinstance(one, RouteRecord)]
    assert [(one.name, one.holds, one.at.line) for one in records] == [(b"new", True, 11), (b"", True, 9)]


MISTAKES = [
    ("backend b\n force-be-switch if TRUE\n", "force-be-switch"),
    ("frontend f\n be-unpublished\n", "'be-unpublished' not allowed because frontend 'f' has no backend capability."),
    ("frontend f\n force-be-switch\n", "'force-be-switch' requires either 'if' or 'unless' followed by a condition."),
    ("backend b\n be-unpublished yes\n", "'be-unpublished' cannot handle unexpected argument 'yes'"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_mistakes(text: str, message: str) -> None:
    diagnostics = Diagnostics()
    load_text(text, diagnostics)
    assert message in diagnostics.findings[0].message
