"""Random limits, and clients that send the same request again and again: the answers and the tables of both programs
are equal, whatever of the decision about a request is remembered (rules/plan.py)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

import pytest
from support.programs import HAPROXY, POINTSMAN, Program
from support.side_by_side import Connections, both, settled
from test_peer_tables import Server, request

pytestmark = pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed")

FEW = 6  # seeds; POINTSMAN_LONG=1: more
STORED = "conn_cnt,conn_cur,conn_rate(1h),sess_cnt,http_req_cnt,http_req_rate(1h),http_err_cnt,gpc0,gpc0_rate(1h),gpt0"
TABLES = ("one", "two")
COUNTS = ("http_req_cnt", "http_req_rate", "http_err_cnt", "conn_cnt", "conn_cur", "sess_cnt", "get_gpc0", "gpc0_rate")


def asked(chance: Random) -> str:
    """A term that asks a table, the client's address, or the head."""
    limit = chance.choice((0, 1, 2, 3, 4, 6))
    count = chance.choice(COUNTS)
    number = chance.randrange(3)
    return chance.choice(
        (
            f"{{ sc{number}_{count} gt {limit} }}",
            f"{{ sc{number}_{count} gt {limit} }}",
            f"{{ sc_{count}({number},{chance.choice(TABLES)}) ge {limit} }}",
            f"{{ src_{count}({chance.choice(TABLES)}) gt {limit} }}",
            f"{{ src_{count}({chance.choice(TABLES)}) gt {limit} }}",
            f"{{ sc_tracked({number}) }}",
            f"{{ sc{number}_trackers gt {limit} }}",
            f"{{ table_cnt({chance.choice(TABLES)}) gt 0 }}",
            "{ src 127.0.0.0/8 }",
            "{ src_port gt 0 }",
            "{ path /a }",
            f"{{ src_inc_gpc0({chance.choice(TABLES)}) gt {limit} }}",
        )
    )


def condition(chance: Random) -> str:
    terms = [chance.choice(("", "", "!")) + asked(chance) for _ in range(chance.randrange(1, 3))]
    return f"{chance.choice(('if', 'if', 'unless'))} {chance.choice((' ', ' or ')).join(terms)}"


def rule(chance: Random) -> str:
    number = chance.randrange(3)
    track = f"track-sc{number} src table {chance.choice(TABLES)}"
    action = chance.choice(
        (
            track,
            track,
            f"track-sc{number} src,ipmask(8) table {chance.choice(TABLES)}",
            f"sc-inc-gpc0({number})",
            f"sc-set-gpt0({number}) 7",
            "deny deny_status 429",
            "deny deny_status 403",
            f"set-header x-c %[sc{number}_http_req_cnt]",
            "set-header x-k v",
            "allow",
        )
    )
    always = action.startswith("track") and chance.random() < 0.6
    return f"http-request {action}" if always else f"http-request {action} {condition(chance)}"


def content(chance: Random) -> str:
    track = f"track-sc{chance.randrange(3)} src table {chance.choice(TABLES)}"
    action = chance.choice((track, track, f"reject {condition(chance)}", f"accept {condition(chance)}"))
    return f"tcp-request content {action}"


def configuration(chance: Random, port: int) -> str:
    front = []
    if chance.random() < 0.3:
        front.append(
            f"tcp-request {chance.choice(('connection', 'session'))} track-sc{chance.randrange(3)} src table one"
        )
    front += [content(chance) for _ in range(chance.choice((0, 0, 1, 2)))]
    front += [rule(chance) for _ in range(chance.randrange(2, 6))]
    if chance.random() < 0.3:
        front.append(f"use_backend other {condition(chance)}")
    back = [content(chance)] * (chance.random() < 0.2)
    back += [rule(chance) for _ in range(chance.randrange(3))]
    back += [f"http-response set-header x-r %[sc{chance.randrange(3)}_http_req_cnt]"] * chance.randrange(2)
    back += [f"http-response sc-inc-gpc0({chance.randrange(3)})"] * chance.randrange(2)
    return whole(front, back, port)


def whole(front: Sequence[str], back: Sequence[str], port: int) -> str:
    lines = "\n".join(f"    {line}" for line in front)
    back_lines = "\n".join(f"    {line}" for line in back)
    tables = "".join(f"backend {name}\n    stick-table type ip size 50 expire 1h store {STORED}\n" for name in TABLES)
    return f"""
global
    stats socket {{dir}}/s level admin
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend web
    bind 127.0.0.1:{{port:front}}
{lines}
    default_backend back
backend back
{back_lines}
    server s 127.0.0.1:{port}
backend other
    http-response set-header x-o 1
    server s 127.0.0.1:{port}
{tables}"""


HEADS = (request("/"), request("/a"), request("/404"), b"POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc")


def story(chance: Random) -> list[tuple[int, bytes, int]]:
    """On which of two connections, the bytes, and how many responses they have."""
    found = []
    data = chance.choice(HEADS)
    for _ in range(14):
        if chance.random() < 0.2:
            data = chance.choice(HEADS)
        many = 3 if chance.random() < 0.15 else 1
        found.append((0 if chance.random() < 0.8 else 1, data * many, many))
    return found


class Client(Connections):
    def send(self, number: int, data: bytes, many: int) -> list[bytes]:
        """What came back: the first lines, and what rules have set."""
        connection = self.get(number)
        answers = []
        with suppress(OSError):
            connection.sendall(data)
            data = b""
            while len(answers) < many:
                while b"\r\n\r\n" not in data:
                    piece = connection.recv(65536)
                    if not piece:
                        break
                    data += piece
                else:
                    head, _, data = data.partition(b"\r\n\r\n")
                    size = [
                        int(x.split(b":")[1]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length")
                    ]
                    while size and len(data) < size[0]:
                        data += connection.recv(65536)
                    data = data[size[0] :] if size else data
                    lines = head.split(b"\r\n")
                    answers.append(b" ".join([lines[0][9:12], *sorted(one for one in lines[1:] if one[:2] == b"x-")]))
                    continue
                break
            if len(answers) == many and b"connection: close" not in head:
                return answers
        self.drop(number)
        return answers


@pytest.mark.parametrize("seed", range(60 if os.environ.get("POINTSMAN_LONG") else FEW))
def test_limits_are_reached_by_the_same_request(seed: int, tmp_path: Path) -> None:
    chance = Random(seed)
    server = Server()
    text = configuration(chance, server.port)
    with both(text, tmp_path) as programs, ExitStack() as stack:
        clients = [Client(program) for program in programs]
        for one in clients:
            stack.callback(one.close)
        for step, (number, data, many) in enumerate(story(chance)):
            where = f"step {step}: {data!r} on connection {number}\n{text}"
            theirs, ours = [one.send(number, data, many) for one in clients]
            assert ours == theirs, where
            their_tables, our_tables = settled(programs, TABLES)
            assert our_tables == their_tables, where
    server.listener.close()


LIMITS = {  # conditions before a rule that tracks, and a limit behind it that is reached
    "not tracked yet": (
        "http-request deny deny_status 401 if { sc_tracked(0) }",
        "http-request track-sc0 src table one",
        "http-request deny deny_status 429 if { sc0_http_req_cnt gt 3 }",
    ),
    "the same limit before and behind": (
        "http-request deny deny_status 403 if { src_http_req_cnt(one) ge 4 }",
        "http-request track-sc0 src table one",
        "http-request deny deny_status 429 if { sc0_http_req_cnt ge 4 }",
    ),
    "a field before": (
        "http-request set-header x-a many if { src_http_req_cnt(one) ge 4 }",
        "http-request track-sc0 src table one",
        "http-request deny deny_status 429 if { sc0_http_req_cnt ge 6 }",
        "http-request return status 200 hdr x-a %[req.hdr(x-a)] if { sc0_http_req_cnt ge 4 }",
    ),
    "content rules": (
        "tcp-request content track-sc0 src table one",
        "tcp-request content reject if { sc0_http_req_cnt ge 3 }",
    ),
    "content rules behind those of connections": (
        "tcp-request connection track-sc0 src table one",
        "tcp-request content track-sc1 src table two",
        "tcp-request content reject if { sc0_http_req_cnt ge 4 } or { sc1_http_req_cnt ge 5 }",
        "http-request deny if { sc1_http_req_cnt gt 4 }",
    ),
    "tracked only then": (
        "http-request track-sc0 src table one",
        "http-request track-sc1 src table two if { sc0_http_req_cnt gt 2 }",
        "http-request deny deny_status 401 unless { sc0_http_req_cnt lt 5 } or { sc_tracked(2) }",
        "http-request track-sc2 src table two",
        "http-request deny deny_status 429 if { sc2_http_req_cnt gt 5 }",
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_stands_before_a_rule_that_tracks_does_not_see_what_that_counts(name: str, tmp_path: Path) -> None:
    server = Server()
    text = whole(LIMITS[name], (), server.port)
    answers = []
    for kind in (HAPROXY, POINTSMAN):
        with Program(kind, text, tmp_path / kind.name) as program:
            client = Client(program)
            answers.append([client.send(0, request("/"), 1) for _ in range(9)])
            client.close()
    assert answers[1] == answers[0]
    assert answers[0][0] == [b"200"]
    assert answers[0][-1] != [b"200"]
    server.listener.close()
