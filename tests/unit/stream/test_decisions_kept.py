"""Decisions that are kept (show decisions): what is noted of an exchange, whatever becomes of it, and that nothing of
it is there when they are not kept."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.decisions import decisions, say
from support.h2_stand import H2Stand
from support.stand import Stand

from pointsman.core.wishes import DECISIONS, REUSED, WISHES
from pointsman.stream.ring import Kept, Ring

CONFIG = """
global
    pointsman-decisions 8
    stats socket /nowhere level admin
defaults
    mode http
    timeout client 10s
    timeout connect 10s
    timeout server 10s
    retries 1
    option redispatch 1
frontend web
    bind :1
    unique-id-format %{+X}o%rt-%pid
    http-request deny deny_status 429 if { path /denied }
    http-request return status 200 if { path /returned }
    http-request redirect location /there if { path /moved }
    http-request allow if { path /allowed }
    http-response deny if { status 418 }
    use_backend api if { path_beg /api }
    use_backend sticky if { path_beg /sticky }
    use_backend %[path,field(2,/)] if { path_beg /named/ }
    use_backend nobody if { path /nobody }
    use_backend plain if { path /plain }
    use_backend stuck if { path /stuck }
    use_backend limited if { path_beg /limited }
    use_backend elsewhere if { path /elsewhere }
    default_backend site
    monitor-uri /alive
backend api
    use-server a if { path /api/a }
    server a {a}
    server b {b} backup
backend site
    balance roundrobin
    server s {a}
backend sticky
    cookie SRV insert
    server t {a} cookie one
backend named
    server n {a}
backend stuck
    stick-table type string size 100
    stick on path
    server k {a}
backend limited
    tcp-request content reject if { path_end /no }
    server l {a}
backend nobody
backend elsewhere
    balance first
    server dead 127.0.0.1:1
    server e {a}
backend plain
    server p {a}
"""
TCP = """
frontend raw
    mode tcp
    bind :2
    tcp-request inspect-delay 1s
    tcp-request content reject if { req.payload(0,3) -m str bad }
    default_backend bytes
backend bytes
    mode tcp
    server r {a}
"""
LINES = {line.strip(): number for number, line in enumerate(CONFIG.splitlines(), 1)}


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What is wished for is the process's."""
    yield
    WISHES.verdicts &= ~DECISIONS
    WISHES.sending &= ~REUSED


def line_of(place: dict[str, Any]) -> int:
    assert place["text"] in LINES
    return int(place["line"])


def asked(
    stand: Stand, path: str, *fields: str, answer: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
) -> Any:
    """A request by a connection of its own, and what was noted of it. b"": no server sees it."""
    client = stand.client()
    client.send("\r\n".join((f"GET {path} HTTP/1.1", "host: site.example", *fields, "", "")).encode())
    if answer:
        server = stand.accept("a")
        assert server.take()
        server.send(answer)
        server.close()
    assert client.take()
    client.close()
    return decisions(stand)[-1]


def test_a_request_that_went_to_a_server() -> None:
    with Stand(CONFIG, "a", "b") as stand:
        one = asked(stand, "/api/b?x=1")
    assert one["request"] == "GET /api/b?x=1 HTTP/1.1" and one["host"] == "site.example" and one["frontend"] == "web"
    assert one["backend"] == "api" and one["server"] == "a" and one["status"] == 200 and one["letters"] == "----"
    assert one["route"]["by"] == "use_backend"
    assert line_of(one["route"]["at"]) == LINES["use_backend api if { path_beg /api }"]
    assert one["chosen"] == {"by": "balance random", "at": [], "algorithm": "random", "last_server": False}
    assert one["ended_by"] is None and one["unique_id"] and not one["early"]
    assert one["timers"] == {"TR": 0, "Tw": 0, "Tc": 0, "Tr": 0, "Ta": 0, "Tt": 0} and not one["reused"]
    head = b"GET /api/b?x=1 HTTP/1.1\r\nhost: site.example\r\n\r\n"
    assert one["bytes"] == {"received": len(head), "sent": len(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")}


def test_what_has_chosen_the_backend() -> None:
    with Stand(CONFIG, "a", "b") as stand:
        default, named, unknown = (asked(stand, path)["route"] for path in ("/", "/named/x", "/named/"))
        assert asked(stand, "/named/x")["backend"] == "named"
    computed = LINES["use_backend %[path,field(2,/)] if { path_beg /named/ }"]
    assert default["by"] == "default_backend" and line_of(default["at"]) == LINES["default_backend site"]
    assert named["by"] == "use_backend" and line_of(named["at"]) == computed
    assert unknown == named  # its second part is "named" as well


def test_what_has_chosen_the_server() -> None:
    with Stand(CONFIG, "a", "b") as stand:
        rule = asked(stand, "/api/a")["chosen"]
        cookie = asked(stand, "/sticky", "cookie: SRV=one; other=2")["chosen"]
        first = asked(stand, "/sticky")["chosen"]
    assert rule["by"] == "use-server" and [line_of(at) for at in rule["at"]] == [
        LINES["use-server a if { path /api/a }"]
    ]
    assert cookie["by"] == "cookie" and first["by"] == "balance random"


@pytest.mark.parametrize(
    ("path", "rule", "status", "letters"),
    [
        ("/denied", "http-request deny deny_status 429 if { path /denied }", 429, "PR--"),
        ("/returned", "http-request return status 200 if { path /returned }", 200, "LR--"),
        ("/moved", "http-request redirect location /there if { path /moved }", 302, "LR--"),
    ],
)
def test_the_rule_that_has_ended_it(path: str, rule: str, status: int, letters: str) -> None:
    with Stand(CONFIG, "a", "b") as stand:
        one = asked(stand, path, answer=b"")
    assert (one["status"], one["letters"], one["backend"], one["route"]) == (status, letters, "", None)
    assert line_of(one["ended_by"]) == LINES[rule]


def test_a_stick_table_names_the_server() -> None:
    with Stand(CONFIG, "a", "b") as stand:
        first, second = (asked(stand, "/stuck")["chosen"]["by"] for _ in range(2))
    assert (first, second) == ("balance random", "stick")


def test_what_monitors_the_proxy() -> None:
    with Stand(CONFIG, "a", "b") as stand:
        one = asked(stand, "/alive", answer=b"")
    assert (one["status"], one["letters"], one["ended_by"], one["server"]) == (200, "LR--", None, "")


def test_rules_of_layer_4() -> None:
    with Stand(CONFIG + TCP, "a", "b") as stand:
        ends = (stand.client(), b"GET /limited/no HTTP/1.1\r\nhost: x\r\n\r\n"), (stand.client("raw"), b"bad bytes")
        for client, data in ends:
            client.send(data)
            assert client.ended()
            client.close()
        first, second = decisions(stand)
    for one, rule in ((first, "{ path_end /no }"), (second, "{ req.payload(0,3) -m str bad }")):
        assert one["ended_by"]["text"] == f"tcp-request content reject if {rule}" and one["letters"] == "PR--"
    assert (first["backend"], second["backend"]) == ("limited", "")


def test_a_response_that_a_rule_has_denied() -> None:
    with Stand(CONFIG, "a", "b") as stand:
        one = asked(stand, "/", answer=b"HTTP/1.1 418 Teapot\r\ncontent-length: 0\r\n\r\n")
    assert one["letters"] == "PH--" and line_of(one["ended_by"]) == LINES["http-response deny if { status 418 }"]
    assert one["server"] == "s"


def test_the_next_exchange_knows_nothing_of_the_one_before() -> None:
    with Stand(CONFIG, "a", "b") as stand:
        client = stand.client()
        for path in ("/sticky", "/returned", "/nobody"):
            client.send(f"GET {path} HTTP/1.1\r\nhost: x\r\ncookie: SRV=one\r\n\r\n".encode())
            if path == "/sticky":
                server = stand.accept("a")
                server.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            client.take()
        sticky, returned, nobody = decisions(stand)
        client.close()
        server.close()
    assert sticky["chosen"]["by"] == "cookie" and sticky["ended_by"] is None
    assert returned["chosen"] is returned["route"] is None and returned["ended_by"] is not None
    assert nobody["ended_by"] is None and nobody["chosen"] is None and nobody["route"]["by"] == "use_backend"
    assert (nobody["backend"], nobody["server"], nobody["status"], nobody["letters"]) == ("nobody", "", 503, "SC--")


def test_outcomes_that_are_remembered_are_noted_like_those_that_were_evaluated() -> None:
    """The same head again and again: its rules are asked twice at most. Allowed ones stay remembered."""
    differs = ("ended", "decision", "unique_id", "reused")
    for path in ("/plain", "/allowed", "/"):
        with Stand(CONFIG.replace("unique-id-format", "#"), "a", "b") as stand:
            client = stand.client()
            server = None
            for _ in range(5):
                client.send(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
                server = server or stand.accept("a")
                assert server.take()
                server.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                client.take()
            ring = stand.live.program.ring
            assert ring is not None
            found = ring.latest()
            assert found[3].request is found[4].request is not found[0].request, "it was not remembered"
            shown = decisions(stand)
            client.close()
            assert server is not None
            server.close()
        assert [one["reused"] for one in shown] == [False, True, True, True, True]
        first = {name: value for name, value in shown[0].items() if name not in differs}
        for one in shown[1:]:
            again = {name: value for name, value in one.items() if name not in differs}
            assert again == first and one["route"] is not None


def test_redispatch_and_retries() -> None:
    with Stand(CONFIG, "a", "b") as stand:
        one = asked(stand, "/elsewhere")
    assert (one["retries"], one["redispatched"], one["status"], one["server"]) == (1, True, 200, "e")
    assert one["chosen"]["by"] == "redispatch"


def test_nobody_could_be_reached() -> None:
    with Stand(CONFIG.replace("server e {a}", ""), "a", "b") as stand:
        client = stand.client()
        client.send(b"GET /elsewhere HTTP/1.1\r\nhost: x\r\n\r\n")
        stand.wait(1_100)
        client.take()
        client.close()
        one = decisions(stand)[-1]
    assert (one["retries"], one["status"], one["letters"], one["server"]) == (1, 503, "SC--", "dead")
    assert one["timers"]["Tc"] == -1 and one["timers"]["Ta"] >= 1_000


def test_bad_requests_and_clients_that_leave() -> None:
    with Stand(CONFIG, "a", "b") as stand:
        bad = stand.client()
        bad.send(b"no request\r\n\r\n")
        bad.take()
        bad.close()
        left = stand.client()
        left.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        left.abort()
        first, second = decisions(stand)
    assert (first["status"], first["letters"], first["request"], first["head"]) == (400, "PR--", "", None)
    assert second["letters"].startswith("C") and second["backend"] == "site"


def test_connections_of_tcp() -> None:
    with Stand(CONFIG + TCP, "a", "b") as stand:
        client = stand.client("raw")
        client.send(b"hello")
        server = stand.accept("a")
        assert server.take() == b"hello"
        server.send(b"bye")
        server.close()
        assert client.take() == b"bye"
        client.close()
        one = decisions(stand)[-1]
    assert (one["mode"], one["frontend"], one["backend"], one["server"]) == ("tcp", "raw", "bytes", "r")
    assert one["route"]["by"] == "default_backend" and one["head"] is None
    assert one["timers"].keys() == {"Tw", "Tc", "Tt"} and one["bytes"] == {"received": 5, "sent": 3}


def test_exchanges_of_http2_are_noted_as_they_came() -> None:
    with H2Stand(CONFIG, "a", "b") as stand:
        client = stand.h2()
        server = None
        for number in (1, 3, 5, 7):
            client.ask(number, "/api/b", "GET", ("x-one", "1"))
            server = server or stand.accept("a")
            server.take()
            server.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            assert client.answer(number).status == 200
        shown = decisions(stand)
        client.end.close()
        assert server is not None
        server.close()
    assert len(shown) == 4
    for one in shown:
        assert one["backend"] == "api" and one["route"]["by"] == "use_backend" and one["head"]["version"] == "2"
        assert [":path", "/api/b"] in one["head"]["fields"] and ["x-one", "1"] in one["head"]["fields"]


def test_heads_are_kept_as_they_came_but_for_secrets() -> None:
    changed = CONFIG.replace("default_backend site", "default_backend site\n    http-request set-header x-one changed")
    fields = (
        "X-One: received",
        "Authorization: Basic c2VjcmV0",
        "Cookie: SRV=hidden; plain",
        "Proxy-Authorization: tok",
    )
    with Stand(changed, "a", "b") as stand:
        head = asked(stand, "/", *fields)["head"]
        told = [say(stand, f"show decisions{which}") for which in ("", " json", " last 5 json", " #1.0 json")]
    assert head["received"] and head["line"] == "GET / HTTP/1.1" and head["version"] == "1.1"
    assert head["fields"] == [
        ["host", "site.example"],
        ["x-one", "received"],
        ["authorization", "Basic <8 bytes>"],
        ["cookie", "SRV=<6 bytes>; <5 bytes>"],
        ["proxy-authorization", "<3 bytes>"],
    ]
    for text in told:
        assert "c2VjcmV0" not in text and "hidden" not in text and "plain" not in text


def test_a_password_in_a_uri_is_not_told() -> None:
    with Stand(CONFIG, "a", "b") as stand:
        one = asked(stand, "http://me:hidd:en@site.example/a@b:c@d")
        told = [say(stand, f"show decisions{which}") for which in ("", " json", " #1.0 json")]
    assert one["request"] == one["head"]["line"] == "GET http://me:***@site.example/a@b:c@d HTTP/1.1"
    for text in told:
        assert "me:***@site.example/a@b" in text and "hidd" not in text and "en@" not in text


def test_a_ring_wraps_and_is_asked_in_many_ways() -> None:
    with Stand(CONFIG, "a", "b") as stand:
        for number in range(11):
            asked(stand, "/returned" if number % 2 else "/denied", answer=b"")
        shown = decisions(stand)
        assert [one["decision"] for one in shown] == [f"#1.{number}" for number in range(3, 11)]
        assert [one["decision"] for one in decisions(stand, "last")] == ["#1.10"]
        assert [one["decision"] for one in decisions(stand, "last 2")] == ["#1.9", "#1.10"]
        assert [one["decision"] for one in decisions(stand, "#1.7")] == ["#1.7"] and decisions(stand, "#7")
        assert decisions(stand, shown[2]["unique_id"]) == [shown[2]]
        assert decisions(stand, "backend site") == []
        text = say(stand, "show decisions last 3").splitlines()
        assert text[0].startswith("# lane 1: 11 noted since ") and text[0].endswith(", 8 kept")
        assert [line.split(":")[0] for line in text[1:]] == ["#1.8", "#1.9", "#1.10"]
        assert (
            f" rule=haproxy.cfg:{LINES['http-request deny deny_status 429 if { path /denied }']} st=429 ts=PR-- "
            in text[3]
        )
        assert say(stand, "show decisions #1.2") == "No such decision: it is too old, or of a lane that has ended.\n"
        assert say(stand, "show decisions backend nope") == "No such backend.\n"
        assert say(stand, "show decisions last 0") == "Expects a number of decisions, from 1 to 1000.\n"
        endless = "9" * 5_000
        assert say(stand, f"show decisions last {endless}") == "Expects a number of decisions, from 1 to 1000.\n"
        assert say(stand, f"show decisions #{endless}").startswith("No such decision")
        assert say(stand, "show decisions", "user") == "Permission denied\n"
        about = json.loads(say(stand, "show decisions json"))["lanes"]
        assert [(one["lane"], one["size"], one["noted"]) for one in about] == [(1, 8, 11)]


def test_on_and_off_under_traffic() -> None:
    off = CONFIG.replace("pointsman-decisions 8", "maxconn 100")
    with Stand(off, "a", "b") as stand:
        frontend, program = stand.frontend(), stand.live.program
        client = stand.client()
        client.send(b"GET /api/x HTTP/1.1\r\nhost: x\r\n\r\n")
        assert say(stand, "show decisions") == "Decisions are not kept. 'set decisions on' begins to keep them.\n"
        assert program.ring is None and not frontend.watched and not WISHES.verdicts & DECISIONS
        assert say(stand, "set decisions on 4") == ""  # in the middle of an exchange
        stand.wait(10)
        server = stand.accept("a")
        for _ in range(3):
            server.take()
            server.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            assert client.take()
            client.send(b"GET /api/x HTTP/1.1\r\nhost: x\r\n\r\n")
        ring = program.ring
        first, *others = decisions(stand)
        assert [one["backend"] for one in (first, *others)] == ["api"] * 3
        assert all(one["route"]["by"] == "use_backend" and not one["early"] for one in others) and len(others) == 2
        assert say(stand, "set decisions on 4") == "" and program.ring is ring  # once more: nothing is lost
        assert say(stand, "set decisions off") == "" and program.ring is None and not frontend.watched
        server.take()
        server.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        assert client.take()
        assert say(stand, "set decisions off") == say(stand, "set decisions on") == ""
        assert decisions(stand) == [] and program.ring is not None and program.ring.size == 1_000
        client.send(b"GET /api/x HTTP/1.1\r\nhost: x\r\n\r\n")
        server.take()
        server.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        assert client.take() and [one["route"]["by"] for one in decisions(stand)] == ["use_backend"]
        client.close()
        server.close()


def test_what_was_decided_before_says_so() -> None:
    with Stand(CONFIG.replace("pointsman-decisions 8", "maxconn 100"), "a", "b") as stand:
        client = stand.client()
        client.send(b"GET /api/x HTTP/1.1\r\nhost: x\r\n\r\n")
        stand.wait(100)
        say(stand, "set decisions on")
        server = stand.accept("a")
        server.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        client.take()
        one = decisions(stand)[-1]
        client.close()
        server.close()
    assert one["early"] and one["route"] == {"by": "", "at": None, "passed": None} and one["backend"] == "api"


@pytest.mark.parametrize("words", ["", "maybe", "on x", "on 0", "on 65537", "on 5 6", "off 5"])
def test_what_is_no_way_to_switch(words: str) -> None:
    with Stand(CONFIG, "a", "b") as stand:
        assert say(stand, f"set decisions {words}").startswith("Expects ")
        assert say(stand, "set decisions off", "operator") == "Permission denied\n"
        assert stand.live.program.ring is not None and stand.live.program.ring.size == 8


def test_memory_is_bounded() -> None:
    """Heads go before their records do; a ring that is taken apart leaves nothing."""
    before = records()  # of stands that others have left
    with Stand(CONFIG, "a", "b") as stand:
        stand.live.program.ring = ring = Ring(6, 2, 0)
        for number in range(9):
            asked(stand, f"/returned?{number}", answer=b"")
            asked(stand, "/returned", answer=b"")
            held = [one.request is not None for one in ring.latest()]
            assert sum(held) == 2 and held[-2:] == [True, True]
        assert [one["head"] is not None for one in decisions(stand)] == [False] * 4 + [True] * 2
        say(stand, "set decisions off")
    del ring
    assert records() <= before


def records() -> int:
    """How many there are."""
    gc.collect()
    return sum(isinstance(one, Kept) for one in gc.get_objects())
