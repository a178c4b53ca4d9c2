"""Random rules that track and count, and random requests: the tables of both programs are equal after each step."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

import pytest
from support.programs import HAPROXY
from support.side_by_side import Connections, both, settled
from test_peer_tables import Server, received

pytestmark = pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed")

STEPS = 14
FEW = 6  # seeds; POINTSMAN_LONG=1: more
TABLES = {  # types, and what is stored
    "texts": (
        "string len 6",
        "conn_cnt,conn_cur,conn_rate(1h),sess_cnt,http_req_cnt,http_req_rate(1h),http_err_cnt,http_fail_cnt,gpc0,"
        "gpc0_rate(1h),gpt0",
    ),
    "clients": ("ipv6", "conn_cnt,conn_cur,sess_cnt,sess_rate(1h),http_req_cnt,http_err_rate(1h),gpc(3),gpt(2)"),
    "small": ("integer", "http_req_cnt,gpc0,gpc1,gpc1_rate(1h)"),
}
KEYS = {
    "texts": ("path", "req.hdr(x-k)", "method", "src", "str(fixed)"),
    "clients": ("src", "req.hdr_ip(x-ip)"),
    "small": ("req.hdr(x-n)", "path,length", "int(-1)"),
}
EARLY_KEYS = {"texts": ("str(early)", "src"), "clients": ("src",), "small": ("int(3)", "so_id")}
PATHS = ("/a", "/a/long/path", "/404", "/500", "/deny", "/back-deny")
CONDITIONS = (
    *("if { path /a }", "if { path_beg /a }", "unless { path /404 }", "if { req.hdr(x-k) -m found }", "", "", ""),
    *("if { sc0_http_req_cnt gt 2 }", "if { sc_tracked(1) }", "if { src_http_req_cnt(clients) gt 4 }"),
)


def track(chance: Random, rule_set: str, keys: dict[str, tuple[str, ...]], conditions: tuple[str, ...]) -> str:
    table = chance.choice(sorted(TABLES))
    key = chance.choice(keys[table])
    return f"{rule_set} track-sc{chance.randrange(3)} {key} table {table} {chance.choice(conditions)}".rstrip()


def change(chance: Random) -> str:
    counter = chance.randrange(3)
    action = chance.choice(
        (
            f"sc-inc-gpc0({counter})",
            f"sc-inc-gpc1({counter})",
            f"sc-inc-gpc({chance.randrange(4)},{counter})",
            f"sc-set-gpt0({counter}) {chance.choice(('5', 'int(-2)', 'req.hdr(x-n)', 'path'))}",
            f"sc-set-gpt({chance.randrange(3)},{counter}) src_port,mul(0),add(9)",
            f"set-header x-s %[sc{counter}_inc_gpc0]%[src_inc_gpc0(texts)]%[path,table_conn_cnt(texts)]",
            f"set-header x-c %[sc{counter}_clr_gpc0]",
        )
    )
    return f"http-request {action} {chance.choice(CONDITIONS)}".rstrip()


def configuration(chance: Random, port: int) -> str:
    front = [track(chance, "tcp-request connection", EARLY_KEYS, ("",)) for _ in range(chance.randrange(2))]
    front += [track(chance, "tcp-request session", EARLY_KEYS, ("",)) for _ in range(chance.randrange(2))]
    rules = [track(chance, "http-request", KEYS, CONDITIONS) for _ in range(chance.randrange(1, 4))]
    rules += [change(chance) for _ in range(chance.randrange(4))]
    rules.append("http-request deny if { path /deny }")
    chance.shuffle(rules)
    back = [track(chance, "http-request", KEYS, CONDITIONS) for _ in range(chance.randrange(2))]
    back += ["http-request deny if { path /back-deny }"]
    back += [f"http-response sc-inc-gpc0({chance.randrange(3)})" for _ in range(chance.randrange(2))]
    declared = "".join(
        f"backend {name}\n    stick-table type {kind} size 50 expire 1h store {store}\n"
        for name, (kind, store) in TABLES.items()
    )
    lines = "\n".join(f"    {line}" for line in [*front, *rules])
    back_lines = "\n".join(f"    {line}" for line in back)
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
{declared}"""


def requests(chance: Random) -> list[tuple[int, bytes]]:
    """On which of three connections, and the bytes."""
    found = []
    for _ in range(STEPS):
        fields = [f"x-k: {chance.choice(('one', 'another key', ''))}"] * chance.randrange(2)
        fields += [f"x-n: {chance.choice(('7', '-1', '99999999999', 'no'))}"] * chance.randrange(2)
        fields += [f"x-ip: {chance.choice(('192.0.2.1', '2001:db8::1', 'no'))}"] * chance.randrange(2)
        lines = [
            f"{chance.choice(('GET', 'GET', 'DELETE'))} {chance.choice(PATHS)} HTTP/1.1",
            "host: a",
            *fields,
            "",
            "",
        ]
        found.append((chance.randrange(3), "\r\n".join(lines).encode()))
    return found


class Client(Connections):
    def send(self, number: int, data: bytes) -> None:
        """One request and its response; a connection that is over is made anew the next time."""
        connection = self.get(number)
        with suppress(OSError):
            connection.sendall(data)
            answer = received(connection)
            if answer and b"connection: close" not in answer:
                return
        self.drop(number)


@pytest.mark.parametrize("seed", range(40 if os.environ.get("POINTSMAN_LONG") else FEW))
def test_tables_are_equal_after_each_step(seed: int, tmp_path: Path) -> None:
    chance = Random(seed)
    server = Server()
    text = configuration(chance, server.port)
    with both(text, tmp_path) as programs, ExitStack() as stack:
        clients = [Client(program) for program in programs]
        for one in clients:
            stack.callback(one.close)
        for step, (number, data) in enumerate(requests(chance)):
            for one in clients:
                one.send(number, data)
            theirs, ours = settled(programs, TABLES)
            assert ours == theirs, f"step {step}: {data!r} on connection {number}\n{text}"
        assert seed >= FEW or any(theirs.values())
    server.listener.close()
