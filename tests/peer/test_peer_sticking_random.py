"""Random stick rules, cookies and servers; random requests, answers and changes of servers: after each step both
programs have answered alike, by the same server, and have the same tables."""

from __future__ import annotations

import os
import random
import re
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from support.normalise import table_line
from support.ports import free_port
from support.programs import HAPROXY, POINTSMAN, Kind, Program
from support.scenario import query

SEEDS = int(os.environ.get("STICKING_SEEDS", "6"))
STEPS = int(os.environ.get("STICKING_STEPS", "30"))
HEAD = """
global
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    retries 1
"""
TABLES = {
    "text": "type string len 10 size 100 expire 1h store server_id",
    "where": "type string len 10 size 100 expire 1h srvkey addr",
    "number": "type integer size 100 expire 1h",
    "address": "type ip size 100 expire 1h",
    "bytes": "type binary len 4 size 100 expire 1h store gpc0",
}
KEYS = ("a", "b", "c")
HEADERS = ("x-a", "x-b", "x-if", "x-use", "x-force")


class Origin:
    """A server: it answers with its name, and the header lines that the request asks for (x-answer)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.sock.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                accepted = self.sock.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(accepted,), daemon=True).start()

    def serve(self, accepted: socket.socket) -> None:
        with accepted, suppress(ConnectionError):
            while data := accepted.recv(65536):
                wanted = re.findall(rb"x-answer: ([^\r]*)", data)
                cookie = b"\r\n".join(re.findall(rb"(?i)cookie: [^\r]*", data))  # what of it has come here
                fields = b"".join(line + b"\r\n" for line in wanted) + b"X-Saw: " + cookie.replace(b"\r\n", b"|")
                body = self.name.encode()
                accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n\r\n%s" % (len(body), fields, body))


def condition(chance: random.Random, response: bool) -> str:
    """Nothing, more often than not."""
    if chance.random() < 0.6:
        return ""
    term = "{ res.hdr(x-if) 1 }" if response else "{ req.hdr(x-if) 1 }"
    return f" {chance.choice(('if', 'unless'))} {term}"


def stick_lines(chance: random.Random) -> list[str]:
    lines = []
    for _ in range(chance.randint(1, 6)):
        rule = chance.choice(("on", "on", "match", "store-request", "store-response"))
        response = rule == "store-response"
        header = f"{'res' if response else 'req'}.hdr({chance.choice(('x-a', 'x-b'))})"
        patterns = [header, header + ",lower", header + ",length"]
        patterns.append("res.cook(sid)" if response else chance.choice(("src", "req.cook(sid)", "path")))
        table = chance.choice(list(TABLES))
        pattern = "src" if table == "address" else chance.choice(patterns)
        if pattern == "src" and table == "number":
            continue  # 2.6 takes it, and 3.2 does not
        lines.append(f"stick {rule} {pattern} table {table}{condition(chance, response)}")
    return lines


def server_lines(chance: random.Random, name: str, address: str, number: int) -> str:
    words = [f"server {name} {address}"]
    if chance.random() < 0.2:
        words.append("non-stick")
    if chance.random() < 0.2:
        words.append("disabled")
    if number and chance.random() < 0.2:
        words.append("backup")
    if chance.random() < 0.15:
        words.append("weight 0")
    if chance.random() < 0.3:
        words.append(f"id {10 + number}")
    if chance.random() < 0.8:
        words.append(f"cookie c{name}")
    return " ".join(words)


def a_backend(chance: random.Random, name: str, addresses: Sequence[tuple[str, str]]) -> str:
    lines = ["balance first", *stick_lines(chance)]
    for line in (
        "option persist",
        "option redispatch",
        "use-server s2 if { req.hdr(x-use) 1 }",
        "force-persist if { req.hdr(x-force) 1 }",
        "ignore-persist if { req.hdr(x-if) 1 }",
        f"cookie SRV {chance.choice(('insert', 'insert indirect', 'prefix', 'rewrite', 'insert indirect nocache'))}",
        "http-response set-header x-a later",
        "http-request set-header x-b %[req.hdr(x-a),upper]",
    ):
        if chance.random() < 0.3:
            lines.append(line)
    servers = list(addresses)
    chance.shuffle(servers)
    lines += [server_lines(chance, one, address, number) for number, (one, address) in enumerate(servers)]
    return f"backend {name}\n" + "".join(f"    {line}\n" for line in lines)


def a_configuration(chance: random.Random, addresses: Sequence[tuple[str, str]]) -> str:
    return (
        HEAD
        + "".join(f"backend {name}\n    stick-table {words}\n" for name, words in TABLES.items())
        + a_backend(chance, "one", addresses)
        + a_backend(chance, "two", addresses)
        + "frontend front\n    bind 127.0.0.1:{port:front}\n    use_backend two if { path_beg /two }\n"
        "    default_backend one\n"
    )


def a_request(chance: random.Random) -> bytes:
    lines = [f"GET {chance.choice(('/', '/', '/two', '/two/x'))} HTTP/1.1", "Host: h", "Connection: close"]
    for name in HEADERS:
        if chance.random() < 0.4:
            values = (*KEYS, "") if name in ("x-a", "x-b") else ("1", "0")
            lines.append(f"{name}: {chance.choice(values)}")
    if chance.random() < 0.4:
        lines.append(f"Cookie: sid={chance.choice(KEYS)}; SRV={chance.choice(('cs1', 'cs2', 'cs3', 'x', 'cs1~v'))}")
    for line in ("x-a: ", "x-b: ", "Set-Cookie: sid=", "Set-Cookie: SRV="):
        if chance.random() < 0.3:
            lines.append(f"x-answer: {line}{chance.choice(KEYS)}")
    if chance.random() < 0.3:
        lines.append("x-answer: x-if: 1")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def a_command(chance: random.Random) -> str:
    server = f"{chance.choice(('one', 'two'))}/s{chance.randint(1, 3)}"
    return chance.choice(
        [f"set server {server} state {state}" for state in ("ready", "ready", "drain", "maint")]
        + [f"set server {server} weight {weight}" for weight in (0, 1)]
        + [f"set table text key {chance.choice(KEYS)} data.server_id {chance.choice((0, 1, 2, 3, 10, 11, 99))}"]
        + [f"clear table {chance.choice(('text', 'where'))} key {chance.choice(KEYS)}"]
    )


class Side:
    """One of the programs."""

    def __init__(self, kind: Kind, text: str, folder: Path) -> None:
        self.folder = folder
        self.program = Program(kind, text, folder)

    def ask(self, request: bytes) -> list[str]:
        """Status, body, and the fields that matter."""
        with socket.create_connection(("127.0.0.1", self.program.ports["front"]), 10) as sock:
            sock.sendall(request)
            data = b""
            while piece := sock.recv(65536):
                data += piece
        head, _, body = data.decode("latin-1").partition("\r\n\r\n")
        first, *fields = head.split("\r\n")
        kept = [line for line in fields if re.match("(?i)(set-cookie|x-|cache-control)", line)]
        return [first, body if first.endswith("200 OK") else "", *(line.lower() for line in kept)]

    def command(self, text: str) -> str:
        return query(self.folder / "stats", text)

    def tables(self) -> list[str]:
        found = []
        for name in TABLES:
            lines = [table_line(line) for line in self.command(f"show table {name}").splitlines() if line]
            found += lines[:1] + sorted(lines[1:])
        return found


@pytest.mark.peer
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_stickiness(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    origins = [Origin(f"s{number}") for number in (1, 2)]
    addresses = [(origin.name, f"127.0.0.1:{origin.port}") for origin in origins]
    addresses.append(("s3", f"127.0.0.1:{free_port()}"))  # nobody is there
    text = a_configuration(chance, addresses)
    theirs = Side(HAPROXY, text, tmp_path / "theirs")
    ours = Side(POINTSMAN, text, tmp_path / "ours")
    done: list[str] = []
    try:
        with theirs.program, ours.program:
            for _ in range(STEPS):
                if chance.random() < 0.25:
                    command = a_command(chance)
                    done.append(command)
                    for side in (theirs, ours):
                        side.command(command)
                else:
                    request = a_request(chance)
                    done.append(repr(request))
                    assert ours.ask(request) == theirs.ask(request), f"{text}\n" + "\n".join(done)
                assert ours.tables() == theirs.tables(), f"{text}\n" + "\n".join(done)
    finally:
        for origin in origins:
            origin.sock.close()
