"""Functions of python-load files in a running program: async ones in control, slow ones in a lane, deaths of both."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.crowd import children, until
from support.programs import POINTSMAN, Program
from support.service import Service

PATIENCE = 15.0
RULES = """
import asyncio, os, sys, time
import pointsman
from pointsman import Transaction

waiting = 0

@pointsman.action(timeout=20, variables=["txn.who"], samples=["src_port"])
async def check(txn: Transaction, how: str = "") -> None:
    global waiting
    assert txn.sample("src_port") == txn.source.port
    if how == "wait":
        waiting += 1
        pointsman.logger.info(f"waiting {os.getpid()}")
        try:
            await asyncio.sleep(30)
        finally:
            waiting -= 1
            pointsman.logger.info(f"waited {os.getpid()} {waiting}")
    await asyncio.sleep(0)
    if how == "raise":
        raise ValueError("async trouble")
    if how == "interrupt":
        raise KeyboardInterrupt("async trouble")
    if how == "cancel":
        raise asyncio.CancelledError("async trouble")
    if how == "late":
        await late()
    if how == "deny":
        txn.deny(401)
    if how == "group":
        async with asyncio.TaskGroup() as group:
            group.create_task(refuse(txn))
    if how == "unnamed":
        txn.variables["txn.other"]
    if how == "large":
        txn.request.headers["x-large"] = "x" * 70_000
    if how == "many":
        txn.request.headers["x-large"] = "x" * 20_000
    if how == "die":
        os._exit(1)
    txn.request.headers["x-checked"] = f"{txn.variables['txn.who']} {txn.request.headers.get('x-a')} {txn.frontend}"
    txn.variables["txn.pid"] = os.getpid()
    txn.variables["txn.seen"] = txn.request.body.decode()

async def refuse(txn: Transaction) -> None:
    txn.deny(402)

async def late() -> None:
    await asyncio.sleep(30)

@pointsman.action("soon", timeout=0.1)
async def times_out(txn: Transaction) -> None:
    await asyncio.sleep(30)

@pointsman.fetch
async def role(txn: Transaction) -> str | None:
    await asyncio.sleep(0)
    return txn.request.headers.get("x-role")

@pointsman.converter(default=-1)
async def size(value: str, factor: int = 1) -> int:
    await asyncio.sleep(0)
    return factor * len(value) if value != "bad" else int(value)

@pointsman.action
async def later(txn: Transaction) -> None:
    await asyncio.sleep(0)
    txn.response.headers["x-later"] = str(txn.response.status)

@pointsman.action
async def first_bytes(txn: Transaction) -> None:
    await asyncio.sleep(0)
    if txn.sample("str(x),length") == 1 and txn.source.ip is not None:
        txn.variables["sess.looked"] = "yes"

@pointsman.service
def page(txn: Transaction) -> pointsman.Reply:
    "A page."
    if txn.request.parameters.get("deny"):
        txn.deny(403)
    if txn.request.parameters.get("fork") and not (child := os.fork()):
        sys.exit()
    if txn.request.parameters.get("fork"):
        os.waitpid(child, 0)  # it has ended, or this lane does not turn any more
    if txn.request.parameters.get("raise"):
        raise ValueError("no page")
    return pointsman.Reply(f"{txn.request.path}\\n", 203, {"x-own": "1", "content-length": "7"})

@pointsman.service
def counted(txn: Transaction) -> pointsman.Reply:
    def pieces(most: int):
        for number in range(most):
            if number == 3:
                raise ValueError("in the middle of the pieces")
            yield f"{number}," * 20_000
    return pointsman.Reply(pieces(int(txn.request.query)), content_type="text/plain")

@pointsman.service
async def streamed(txn: Transaction) -> pointsman.Reply:
    async def pieces():
        try:
            for number in range(int(txn.request.query)):
                await asyncio.sleep(0)
                if number == 3:
                    raise ValueError("in the middle of the stream")
                yield b"%d" % number * 100_000
            if txn.request.path == "/streamed/wait":
                await asyncio.sleep(30)
        finally:
            pointsman.logger.info("closed the stream")
    return pointsman.Reply(pieces())

@pointsman.service
async def data() -> dict:
    await asyncio.sleep(0)
    return {"ticks": pointsman.variable("proc.ticks") is not None, "none": pointsman.variable("proc.none")}

@pointsman.service
async def fetched(txn: Transaction) -> str:
    found = await pointsman.http.get(txn.request.query, headers={"x-checked": "by http"}, timeout=2)
    return f"{found.status} {found.headers['content-type']} {found.text}"

ticks = 0

@pointsman.task(every=0.05)
async def tick() -> None:
    global ticks
    ticks += 1
    await pointsman.set_variable("proc.ticks", ticks)
    await pointsman.set_map("virt@ticks", "now", str(ticks))

@pointsman.task
async def unlucky() -> None:
    raise RuntimeError("this task fails")

@pointsman.action
def connected(txn: Transaction, name: str) -> None:
    assert not txn.is_http and txn.source.port > 0 and txn.frontend == "raw"
    txn.variables[f"sess.{name}"] = txn.destination.port

@pointsman.action
def hold(txn: Transaction, milliseconds: int) -> None:
    time.sleep(milliseconds / 1000)
"""
CONFIG = """
global
    nbthread {lanes}
    log {dir}/log len 4096 format raw local0
    stats socket {dir}/s level admin
    tune.python.slow 50
    pointsman-lane-timeout 1s
    python-load {dir}/rules.py
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend web
    bind 127.0.0.1:{port:web}
    option http-buffer-request
    acl admin python.role admin
    http-request set-var(txn.who) str(me)
    http-request return status 200 content-type text/plain string fine if { path /other }
    http-request use-service python.page if { path /page }
    http-request use-service python.counted if { path /counted }
    http-request use-service python.streamed if { path_beg /streamed }
    http-request use-service python.data if { path /data }
    http-request use-service python.fetched if { path /fetched }
    http-request set-var-fmt(txn.ticks) "%[str(now),map(virt@ticks)] %[var(proc.ticks)]"
    http-request return status 200 content-type text/plain lf-string %[var(txn.ticks)] if { path /ticks }
    http-response set-header x-passed yes if { var(txn.who) -m found }
    http-request python.soon fail-open if { path /soon }
    http-request python.hold %[path,field(3,/)] if { path_beg /hold/ }
    http-request python.check "%[path,field(3,/)]" fail-open if { path_beg /open/ }
    http-request python.check "%[path,field(2,/)]" unless { path_beg /open/ } || { path_beg /hold/ } || { path /soon }
    http-request set-var(txn.size) path,python.size(10)
    http-request return status 204 if admin
    http-request set-var-fmt(txn.text) "%[str(bad),python.size]/%[str(good),python.size]"
    http-response python.later
    default_backend be
backend be
    server own 127.0.0.1:{port:be}
frontend behind
    bind 127.0.0.1:{port:be}
    http-request return status 200 content-type text/plain lf-string "%[req.hdr(x-checked)]|%[req.hdr(x-vars)]"
frontend raw
    mode tcp
    bind 127.0.0.1:{port:raw}
    tcp-request inspect-delay 5s
    tcp-request connection python.connected one
    tcp-request session python.connected two
    tcp-request content python.first_bytes
    tcp-request content reject unless { var(sess.one) -m int {port:raw} } { var(sess.two) -m int {port:raw} }
    tcp-request content reject unless { var(sess.looked) -m str yes }
    default_backend rawbe
backend rawbe
    mode tcp
    server own 127.0.0.1:{port:be}
"""
CONFIG = CONFIG.replace(
    "    http-response python.later",
    '    http-request set-header x-vars "%[var(txn.pid)] %[var(txn.size)] %[var(txn.text)] %[var(txn.seen)]"\n'
    "    http-response python.later if { var(txn.size) -m found }",
)


class Running(Program):
    """`log`: where its lines come, one each."""

    folder: Path
    log: socket.socket
    lines: list[str]

    def read(self) -> list[str]:
        """All lines so far."""
        while True:
            try:
                self.lines.append(self.log.recv(65536).decode())
            except BlockingIOError:
                return self.lines

    def said(self, text: str) -> bool:
        return any(text in line for line in self.read())


def start(folder: Path, lanes: str) -> Running:
    (folder / "rules.py").write_text(RULES)
    (folder / "rules.py").chmod(0o644)
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind(str(folder / "log"))
    log.setblocking(False)
    made = Running(POINTSMAN, CONFIG, folder, {"lanes": lanes})
    made.folder, made.log, made.lines = folder, log, []
    return made


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("p")
    made = start(folder, "2")
    with made.log, made:
        yield made


def connect(program: Program, port: str = "web") -> socket.socket:
    return socket.create_connection(("127.0.0.1", program.ports[port]), PATIENCE)


def ask(program: Program, path: str, *fields: str, body: str = "") -> tuple[int, str, str]:
    """Status, head, body."""
    with connect(program) as client:
        lines = [f"POST {path} HTTP/1.1", "host: h", "x-a: b", "connection: close", f"content-length: {len(body)}"]
        client.sendall("\r\n".join([*lines, *fields, "", body]).encode())
        found = b""
        while data := client.recv(65_536):
            found += data
    head, _, content = found.decode().partition("\r\n\r\n")
    return int(head[9:12]) if head else 0, head, content


def query(path: Path, line: str) -> str:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(str(path))
        sock.sendall(f"{line}\n".encode())
        found = b""
        while data := sock.recv(65536):
            found += data
        return found.decode()


def control(program: Program) -> int:
    """The process in which async functions run."""
    return int(ask(program, "/")[2].partition("|")[2].split()[0])


def test_an_exchange_waits_for_what_control_does(program: Running) -> None:
    status, head, content = ask(program, "/", body="text")
    checked, _, rest = content.partition("|")
    pid, size, text, seen = rest.split(" ")
    assert (status, checked, size, text, seen) == (200, "me b web", "10", "-1/4", "text")
    assert int(pid) in children(program.pid) and "\r\nx-later: 200" in head
    assert ask(program, "/", "x-role: admin")[0] == 204
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: ask(program, f"/{'x' * number}"), range(40)))
    assert [one[2].split()[3] for one in found] == [str(10 * (1 + number)) for number in range(40)]


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ("raise", 500, "python.check failed, http-request refuses (fail-closed): ValueError: async trouble (rules.py:"),
        ("interrupt", 500, "KeyboardInterrupt: async trouble (rules.py:"),
        ("cancel", 500, "CancelledError: async trouble (rules.py:"),
        ("deny", 401, ""),
        ("group", 402, ""),
        ("unnamed", 500, "NotPossible: an async function can ask for 'txn.other' only if its decorator says so"),
        ("large", 500, "or what comes back, is longer than 65536 bytes"),
        ("many", 500, ""),  # it comes back, but does not fit into the head's buffer
    ],
)
def test_how_it_ends(program: Running, how: str, status: int, words: str) -> None:
    assert ask(program, f"/{how}")[0] == status
    if words:
        until(lambda: program.said(words))
        assert ask(program, f"/open/{how}")[:1] == (200,)


def test_a_function_that_takes_too_long_for_its_deadline(program: Running) -> None:
    assert ask(program, "/soon")[0] == 200
    until(lambda: program.said("python.soon failed, http-request goes on (fail-open): no answer within 100 ms."))


def test_a_client_that_leaves_cancels_the_call(program: Running) -> None:
    before = sum("waited" in line for line in program.read())
    client = connect(program)
    client.sendall(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n")
    until(lambda: program.said("waiting "))
    client.close()
    until(lambda: sum("waited" in line for line in program.read()) == before + 1)
    assert program.said(f"waited {control(program)} 0")


def test_services(program: Running) -> None:
    status, head, content = ask(program, "/page?a=b")
    assert (status, content) == (203, "/page\n") and "\r\nx-own: 1" in head and "\r\nx-passed: yes" in head
    assert "\r\ncontent-length: 6" in head and head.count("content-length") == 1
    assert [ask(program, f"/page?{how}=1")[0] for how in ("deny", "raise", "fork")] == [403, 500, 203]
    until(lambda: program.said("python.page failed, the client gets 500: ValueError: no page (rules.py:"))
    assert ask(program, "/data")[2] == '{"ticks": true, "none": null}'
    behind = f"http://127.0.0.1:{program.ports['be']}/"
    assert ask(program, f"/fetched?{behind}")[2] == "200 text/plain by http|"
    assert ask(program, "/fetched?http://127.0.0.1:1/")[0] == 500


@pytest.mark.parametrize("service", ["counted", "streamed"])
def test_bodies_in_pieces(program: Running, service: str) -> None:
    _, head, content = ask(program, f"/{service}?2")
    assert "\r\ntransfer-encoding: chunked" in head and content.endswith("0\r\n\r\n")
    body = unchunked(content)
    assert body == ("0," * 20_000 + "1," * 20_000 if service == "counted" else "0" * 100_000 + "1" * 100_000)
    assert not ask(program, f"/{service}?9")[2].endswith("0\r\n\r\n")  # cut short
    until(lambda: program.said(f"python.{service} failed, its answer is cut short: ValueError: in the middle"))


def unchunked(content: str) -> str:
    found = ""
    while content:
        size, _, content = content.partition("\r\n")
        found, content = found + content[: int(size, 16)], content[int(size, 16) + 2 :]
    return found


def test_a_stream_that_nobody_reads_any_more_is_closed(program: Running) -> None:
    before = sum("closed the stream" in line for line in program.read())
    with connect(program) as client:
        client.sendall(b"GET /streamed/wait?1 HTTP/1.1\r\nhost: h\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    until(lambda: sum("closed the stream" in line for line in program.read()) == before + 1)


def test_tasks(program: Running) -> None:
    """What they share is in all lanes; one that fails is tried again."""
    first = ask(program, "/ticks")[2].split()
    until(lambda: all(int(now) > int(was) for now, was in zip(ask(program, "/ticks")[2].split(), first, strict=True)))
    until(lambda: program.said("python.unlucky failed, it is tried again: RuntimeError: this task fails (rules.py:"))


def test_a_slow_function_is_reported_where_it_stands(program: Running) -> None:
    assert ask(program, "/hold/200")[0] == 200
    until(lambda: program.said("python.hold has been running for "))


def test_what_was_counted(program: Running) -> None:
    """Of all processes."""
    for _ in range(20):
        assert ask(program, "/")[0] == 200
    assert ask(program, "/hold/200")[0] == ask(program, "/soon")[0] == 200
    answer = query(program.folder / "s", "show python")
    rows = {line.split()[0]: line.split()[1:] for line in answer.splitlines()[1:] if line}
    assert rows["python.check"][0] == "async-action" and int(rows["python.check"][1]) >= 20
    assert rows["python.role"][2] == "0" and int(rows["python.size"][2]) >= 20  # "bad" is one of three
    calls, errors, slow, _, longest = rows["python.hold"][1:6]
    assert int(calls) == int(slow) >= 1 and errors == "0" and float(longest) >= 200
    assert rows["python.soon"][2] != "0" and rows["python.tick"][0] == "async-task"
    assert query(program.folder / "s", "show python page").splitlines()[2] == "  A page."
    assert query(program.folder / "s", "show python nobody").strip() == "No such function: python.nobody"


def test_bytes_that_are_no_http(program: Running) -> None:
    with connect(program, "raw") as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_lane_that_does_not_return(program: Running) -> None:
    """It is killed as any lane that does not turn; others go on, and so does its successor."""
    before = set(children(program.pid))
    assert ask(program, "/hold/20000")[0] == 0
    until(lambda: len(set(children(program.pid)) - before) == 1 and len(children(program.pid)) == 3)
    assert ask(program, "/")[0] == 200
    assert "in hold (rules.py:" in program.stderr() or program.said("in hold (rules.py:")


def test_control_dies(program: Running) -> None:
    """What it was asked has failed; what comes next is asked of its successor."""
    old = control(program)
    with ThreadPoolExecutor(3) as pool:
        begun = sum("waiting" in line for line in program.read())
        closed, opened = pool.submit(ask, program, "/wait"), pool.submit(ask, program, "/open/wait")
        until(lambda: sum("waiting" in line for line in program.read()) == begun + 2)
        os.kill(old, signal.SIGKILL)
        assert closed.result()[0] == 500 and opened.result()[0] == 200
    assert ask(program, "/die")[0] == 500
    assert control(program) not in (0, old)


def test_one_process_does_the_same(tmp_path: Path) -> None:
    made = start(tmp_path, "1")
    with made.log, made as program:
        assert control(program) == program.pid
        assert ask(program, "/", body="text")[2].endswith(" 10 -1/4 text")
        assert [ask(program, f"/{how}")[0] for how in ("raise", "deny", "open/raise", "soon")] == [500, 401, 200, 200]
        assert ask(program, "/", "x-role: admin")[0] == 204


GENERATION = """
import asyncio
import os
import pointsman

@pointsman.fetch
def which() -> str:
    return "{text}"

@pointsman.task
async def lasting() -> None:
    try:
        print("{text} has begun", os.getpid(), file=open("{file}", "a"), flush=True)
        await asyncio.sleep(60)
    finally:
        print("{text} has ended", file=open("{file}", "a"), flush=True)
"""


def test_a_reload_reads_files_anew(tmp_path: Path) -> None:
    """What the new generation runs is the new text; tasks of the old one end."""

    def write(text: str) -> None:
        path = tmp_path / "generation.py"
        path.write_text(GENERATION.replace("{text}", text).replace("{file}", str(tmp_path / "ended")))
        path.chmod(0o644)

    service = Service(tmp_path)
    service.head += "    python-load {dir}/generation.py\n"
    service.body = service.body.replace('string "{text}"', "lf-string %[python.which]")
    write("first")
    service.begin("")
    try:
        assert service.ask() == "first"
        said = tmp_path / "ended"
        until(lambda: said.exists() and "first has begun" in said.read_text(), 20)
        write("second")
        service.reload("")
        assert service.comes_to("second")
        old = said.read_text().partition("first has begun ")[2].split()[0]
        # Its process may be gone before it has its turn.
        until(lambda: "first has ended" in said.read_text() or not Path(f"/proc/{old}").exists(), 20)
        assert "second has ended" not in said.read_text()
    finally:
        service.end(signal.SIGTERM)
