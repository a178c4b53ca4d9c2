"""Functions of python-load files at work in the lane: what they see, change and decide; what their failures cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stand import End, Stand

from pointsman.extension.calls import CALLS
from pointsman.extension.load import functions_of
from pointsman.extension.reports import REPORTS
from pointsman.log.events import STDERR

RULES = """
import ipaddress, json, pointsman
from pointsman import Transaction

calls = 0

@pointsman.fetch
def user(txn: Transaction, cookie: str = "session") -> str | None:
    return txn.request.cookies.get(cookie)

@pointsman.fetch
def bad() -> int:
    raise ValueError("no value")

@pointsman.fetch(default="guest")
def worse() -> str:
    return 1 / 0

@pointsman.fetch
def liar() -> str:
    return 7

@pointsman.fetch(reads="request-headers")
def counted(txn: Transaction) -> int:
    global calls
    calls += 1
    return len(txn.request.headers.get("x-long", ""))

@pointsman.fetch
def moving_count() -> int:
    global calls
    calls += 1
    return calls

@pointsman.converter(pure=True)
def shout(value: str, mark: str = "!") -> str:
    return value.upper() + mark

@pointsman.converter
def net(value: ipaddress.IPv4Address) -> ipaddress.IPv4Address:
    return ipaddress.ip_network(f"{value}/24", strict=False).network_address

@pointsman.converter
def field(value: dict, name: str) -> str | None:
    return value.get(name)

@pointsman.action
def edit(txn: Transaction, *words: str) -> None:
    request = txn.request
    request.headers["X-Set"] = ",".join(words)
    request.headers.add("x-many", "1")
    request.headers.add("x-many", "2")
    request.headers.remove("x-drop")
    request.path = "/edited"
    request.query = "q=1"
    txn.variables["txn.who"] = txn.sample("req.hdr(x-who),lower") or "nobody"
    txn.variables["txn.address"] = txn.source.ip
    txn.variables["txn.raw"] = b"\\x00\\xff"
    assert txn.variables["txn.address"] == ipaddress.ip_address("127.0.0.1")
    assert txn.variables["txn.raw"] == b"\\x00\\xff" and txn.variables.get("txn.none", 3) == 3
    assert request.headers.get_all("x-many") == ["1", "2"] and "X-MANY" in request.headers
    assert (request.method, request.uri, request.version) == ("GET", "/edited?q=1", "1.1")
    assert (request.parameters, request.host) == ({"q": "1"}, "h") and txn.frontend == "f" and txn.backend == ""

kept = None

@pointsman.action
def keeps(txn: Transaction) -> None:
    global kept
    if kept is None:
        kept = txn
        return
    kept.request.headers["x-late"] = "1"

@pointsman.action
def half(txn: Transaction, then: str) -> None:
    txn.request.headers["x-half"] = "1"
    txn.request.headers.remove("x-keep")
    txn.request.headers["host"] = "other"
    txn.request.path = "/half"
    txn.request.method = "PUT"
    txn.variables["txn.half"] = "1"
    txn.variables.unset("txn.before")
    if then == "raise":
        raise RuntimeError("in the middle")
    if then == "exit":
        raise SystemExit
    if then == "break":
        txn.request.headers["x-bad"] = "a\\r\\nb: c"
    if then == "response":
        txn.response.status = 200

@pointsman.action
def decide(txn: Transaction, what: str) -> None:
    try:
        if what == "deny":
            txn.deny()
        if what == "deny429":
            txn.deny(429)
        if what == "reply":
            txn.reply(201, "made", {"x-made": "yes"})
        if what == "json":
            txn.reply(200, b'{"a":1}', content_type="application/json")
        if what == "redirect":
            txn.redirect("https://h/elsewhere", 307)
        if what == "allow":
            txn.allow()
        if what == "drop":
            txn.drop()
    except Exception:
        pass  # a verdict is none

@pointsman.action
def answer(txn: Transaction, what: str = "") -> None:
    response = txn.response
    if what == "deny":
        txn.deny()
    response.status = 202
    response.headers["x-from"] = txn.server + txn.backend
    response.headers.remove("x-secret")
    if what == "raise":
        raise LookupError("late")
"""
CONFIG = """
global
    python-load {rules}
defaults
    mode http
    timeout connect 2s
    timeout client 3s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    {lines}
    default_backend b
backend b
    {back}
    server one {a}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "rules.py"
    file.write_text(RULES)
    file.chmod(0o644)
    STDERR.quiet = True
    yield file
    STDERR.quiet = False


def stand(rules: Path, *lines: str, back: str = "") -> Stand:
    text = CONFIG.replace("{rules}", str(rules)).replace("{lines}", "\n    ".join(lines)).replace("{back}", back)
    made = Stand(text, "a")
    REPORTS.attach(None)
    return made


GET = b"GET / HTTP/1.1\r\nHost: h\r\n%b\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Secret: s\r\n\r\nok"


def got(running: Stand, fields: bytes = b"") -> bytes:
    """What the client gets, at once."""
    client = running.client()
    client.send(GET % fields)
    found = client.take()
    client.close()
    return found


def forwarded(running: Stand, fields: bytes = b"", answer: bytes = OK) -> tuple[bytes, bytes]:
    """What the server gets, and what the client gets when it has answered."""
    client = running.client()
    client.send(GET % fields)
    server = running.accept("a")
    request = server.take()
    server.send(answer)
    found = client.take()
    client.close()
    server.close()
    return request, found


def text(expression: str) -> str:
    return f"http-request return status 200 content-type text/plain lf-string '{expression}'"


@pytest.mark.parametrize(
    ("expression", "fields", "value"),
    [
        ("%[python.user]", b"cookie: a=1; session=anna\r\n", b"anna"),
        ("%[python.user(a),python.shout]", b"cookie: a=anna\r\n", b"ANNA!"),
        ("%[python.user(b)]-", b"", b"-"),
        ("%[str(x),python.shout(?),length]", b"", b"2"),
        ("%[src,python.net]", b"", b"127.0.0.0"),
        ("%[str(text),python.net]-", b"", b"-"),
        ("%[req.fhdr(j),python.field(a)]", b'j: {"a": "v", "b": 2}\r\n', b"v"),
        ("%[req.fhdr(j),python.field(b)]-", b'j: {"a": "v", "b": 2}\r\n', b"-"),  # an int where str is said
        ("%[req.fhdr(j),python.field(b)]-", b"j: {\r\n", b"-"),
        ("%[python.bad]-%[python.worse]-%[python.liar]", b"", b"-guest-"),
    ],
)
def test_fetches_and_converters(rules: Path, expression: str, fields: bytes, value: bytes) -> None:
    with stand(rules, text(expression)) as running:
        assert got(running, fields).partition(b"\r\n\r\n")[2] == value


def test_they_stand_where_expressions_stand(rules: Path) -> None:
    with stand(
        rules,
        "acl anna python.user -m str anna",
        "http-request set-header X-User %[python.user,python.shout()] if anna",
        "http-request deny if { python.bad 0 }",
        "http-request deny unless { python.worse guest }",
        "use_backend %[python.user(to)] if anna",
        back="balance hash python.user",
    ) as running:
        request, _ = forwarded(running, b"cookie: session=anna; to=b\r\n")
        assert b"\r\nx-user: ANNA!\r\n" in request
        assert b"x-user" not in forwarded(running)[0]


def test_an_action_edits(rules: Path) -> None:
    with stand(
        rules,
        "http-request python.edit one %[req.hdr(x-who)]",
        "http-request set-header X-Var %[var(txn.who)]-%[var(txn.address)]-%[var(txn.raw),hex]",
    ) as running:
        request, _ = forwarded(running, b"x-who: Me\r\nx-drop: 1\r\nx-many: 0\r\n".replace(b"x-many: 0\r\n", b""))
        head = request.split(b"\r\n")
        assert head[0] == b"GET /edited?q=1 HTTP/1.1"
        assert [line for line in head if line[:2] == b"x-"] == [
            *(b"x-who: Me", b"x-set: one,Me", b"x-many: 1", b"x-many: 2"),
            b"x-var: me-127.0.0.1-00FF",
        ]


@pytest.mark.parametrize("then", ["raise", "exit", "break", "response"])
def test_a_failure_takes_back_what_was_changed(rules: Path, then: str) -> None:
    with stand(
        rules,
        "http-request set-var(txn.before) str(was)",
        f"http-request python.half {then} fail-open",
        "http-request set-header X-After %[var(txn.half)]%[var(txn.before)]",
    ) as running:
        request, _ = forwarded(running, b"x-keep: 1\r\n")
        assert request == b"GET / HTTP/1.1\r\nhost: h\r\nx-keep: 1\r\nx-after: was\r\n\r\n"
    with stand(rules, f"http-request python.half {then}") as running:
        assert got(running).startswith(b"HTTP/1.1 500 ")
        assert running.logs["f"].lines == ["500 PR"]
    assert CALLS.totals(next(one for one in CALLS.functions if one.name == "half")).errors == 1


def test_a_transaction_ends_with_its_call(rules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with stand(rules, "http-request python.keeps fail-open") as running:
        assert b"x-late" not in forwarded(running)[0]
        STDERR.quiet = False
        assert b"x-late" not in forwarded(running)[0]
    assert "NotPossible: the call is over, and what it was about as well" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("what", "status", "fields"),
    [
        ("deny", 403, []),
        ("deny429", 429, []),
        ("reply", 201, [b"x-made: yes", b"content-type: text/plain; charset=utf-8", b"\r\n\r\nmade"]),
        ("json", 200, [b"content-type: application/json", b"content-length: 7"]),
        ("redirect", 307, [b"location: https://h/elsewhere"]),
        ("allow", 200, [b"X-Secret: s"]),
    ],
)
def test_verdicts_end_the_function(rules: Path, what: str, status: int, fields: list[bytes]) -> None:
    with stand(rules, f"http-request python.decide {what}", "http-request deny status 418") as running:
        answer = forwarded(running)[1] if what == "allow" else got(running)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert all(one.lower() in answer.lower() for one in fields)


def test_drop_and_layer_4(rules: Path) -> None:
    with stand(rules, "http-request python.decide drop") as running:
        client = running.client()
        client.send(GET % b"")
        assert client.ended()
    with stand(rules, "tcp-request content python.decide deny if { src 127.0.0.1 }") as running:
        client = running.client()
        client.send(GET % b"")
        assert client.ended()
    with stand(rules, "tcp-request content python.decide reply") as running:  # not possible there: a failure
        client = running.client()
        client.send(GET % b"")
        assert client.ended()
    with stand(rules, "tcp-request content python.decide reply fail-open") as running:
        assert forwarded(running)[1].endswith(b"ok")


def test_responses(rules: Path) -> None:
    with stand(rules, "http-response python.answer") as running:
        answer = forwarded(running)[1]
        assert answer.startswith(b"HTTP/1.1 202 Accepted\r\n")
        assert b"\r\nx-from: oneb\r\n" in answer and b"secret" not in answer.lower()
    with stand(rules, "http-response python.answer raise fail-open") as running:
        answer = forwarded(running)[1]
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and b"secret" in answer.lower() and b"x-from" not in answer
    with stand(rules, "http-response python.answer raise") as running:
        assert forwarded(running)[1].startswith(b"HTTP/1.1 500 ")
    with stand(rules, "http-response python.answer deny") as running:
        assert forwarded(running)[1].startswith(b"HTTP/1.1 502 ")
    with stand(rules, "http-after-response python.answer deny") as running:  # too late: as if it were not there
        assert forwarded(running)[1].startswith(b"HTTP/1.1 200 OK\r\n")


def test_what_is_declared_is_remembered(rules: Path) -> None:
    """The same request of the same connection is not decided anew, unless a function may be another one each time."""
    for name, last in (("counted", b"4"), ("moving_count", b"3")):
        with stand(rules, f"http-request set-header X-Count %[python.{name}]") as running:
            client = running.client()
            servers: list[End] = []
            for _ in range(3):
                client.send(GET % b"X-Long: abcd\r\n")
                servers = servers or [running.accept("a")]
                request = servers[0].take()
                servers[0].send(OK)
                assert client.take().endswith(b"ok")
            assert b"x-count: " + last in request
            (one,) = [each for each in CALLS.functions if each.name == name]
            assert CALLS.totals(one).count == (2 if name == "counted" else 3)


def test_reports_are_short_and_few(rules: Path, capfd: pytest.CaptureFixture[str]) -> None:
    STDERR.quiet = False
    with stand(rules, "http-request python.half raise fail-open") as running:
        for _ in range(5):
            forwarded(running)
    said = capfd.readouterr().err
    assert said.count("python.half failed") == 1
    assert ") : python.half failed, http-request goes on (fail-open): RuntimeError: in the middle (rules.py:" in said
    assert said.endswith(
        f'  File "{rules}", line {RULES[: RULES.index("in the middle")].count(chr(10)) + 1}, in half\n'
        '    raise RuntimeError("in the middle")\nRuntimeError: in the middle\n'
    )
    assert not functions_of_nobody()


RAISING = """
import asyncio, pointsman

class Mute(Exception):
    def __str__(self):
        raise ValueError("not even that")

ERRORS = {"interrupt": KeyboardInterrupt, "cancelled": asyncio.CancelledError, "exit": GeneratorExit, "mute": Mute,
          "group": lambda: BaseExceptionGroup("group", [KeyboardInterrupt()]),
          "escape": lambda: ValueError("a\\n\\x1bb")}

@pointsman.fetch
def fetched(which: str) -> str:
    raise ERRORS[which]()

@pointsman.action
def act(which: str) -> None:
    raise ERRORS[which]()

@pointsman.service
def serve(txn):
    raise ERRORS[txn.request.headers["x-which"]]()

@pointsman.service
def pieces(txn):
    which = txn.request.headers["x-which"]
    def body():
        yield "begun"
        raise ERRORS[which]()
    return body()
"""


@pytest.mark.parametrize("which", ["interrupt", "cancelled", "exit", "mute", "group", "escape"])
def test_whatever_is_raised_costs_its_rule_alone(rules: Path, which: str, capfd: pytest.CaptureFixture[str]) -> None:
    rules.write_text(RAISING)
    rules.chmod(0o644)
    STDERR.quiet = False
    field = b"x-which: %b\r\n" % which.encode()
    with stand(rules, text(f"-%[python.fetched({which})]-")) as running:
        assert got(running).endswith(b"--")
    with stand(rules, f"http-request python.act {which}") as running:
        assert got(running).startswith(b"HTTP/1.1 500 ")
    with stand(rules, f"http-request python.act {which} fail-open", text("on")) as running:
        assert got(running).endswith(b"on")
    with stand(rules, "http-request use-service python.serve") as running:
        assert got(running, field).startswith(b"HTTP/1.1 500 ")
    with stand(rules, "http-request use-service python.pieces") as running:
        client = running.client()
        client.send(GET % field)
        found = client.take()
        assert found.endswith(b"\r\nbegun\r\n") and client.closed
        client.close()
    said = capfd.readouterr().err
    assert said.count(" failed, ") == 5 and "\x1b" not in said


def functions_of_nobody() -> list[object]:
    """A configuration without a file has no functions."""
    from support.configs import read  # noqa: PLC0415

    return list(functions_of(read("global\n").main))
