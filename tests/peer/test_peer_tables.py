"""What is counted in stick tables: the same configuration and bytes through both programs, and `show table` compared.

Bytes are left out: haproxy counts its own representation of messages (docs/differences.md, `%U`). They have a test of
their own below, whose figures are those of the wire.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.dumps import dump
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version

pytestmark = pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed")

COUNTED = (
    "gpc0,gpc0_rate(1h),gpt0,conn_cnt,conn_cur,conn_rate(1h),sess_cnt,sess_rate(1h),http_req_cnt,http_req_rate(1h),"
    "http_err_cnt,http_err_rate(1h),http_fail_cnt,http_fail_rate(1h)"
)
HEAD = """
global
    stats socket {dir}/s level admin
    http-err-codes 400-499
defaults
    mode http
    timeout client 2s
    timeout http-request 2s
    timeout server 1s
    timeout connect 1s
    timeout tarpit 200ms
    retries 0
"""


class Server:
    """Answers with the status in the path, or as its word says."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        data = b""
        with connection, suppress(OSError):
            while True:
                while b"\r\n\r\n" not in data:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    data += piece
                head, _, data = data.partition(b"\r\n\r\n")
                word = head.split()[1].decode().lstrip("/")
                if word == "slow":
                    time.sleep(1.5)
                if word == "close":
                    return
                if word == "junk":
                    connection.sendall(b"junk\r\n\r\n")
                    return
                status = int(word) if word.isdigit() else 200
                connection.sendall(b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n\r\nok" % status)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.listener.close()


def request(path: str, rest: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: a\r\n{rest}\r\n".encode()


def received(connection: socket.socket) -> bytes:
    """One response with a length, or what came before the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: (\d+)", head)
    missing = int(found[1]) - len(body) if found is not None else 0
    while missing > 0:
        piece = connection.recv(65536)
        if not piece:
            break
        missing -= len(piece)
    return data


@dataclass(frozen=True)
class Step:
    """What a client sends on one connection: complete requests whose responses it reads, then bytes, then it leaves.
    `waits`: it reads to the end."""

    paths: tuple[str, ...] = ()
    raw: bytes = b""
    waits: bool = False


STEPS: dict[str, Step] = {
    "one": Step(("/",)),
    "two": Step(("/", "/404")),
    **{status: Step((f"/{status}",)) for status in ("204", "401", "404", "418", "500", "501", "503", "505", "599")},
    **{word: Step((f"/{word}",)) for word in ("deny", "later", "tarpit", "return", "return404", "redirect", "auth")},
    **{word: Step((f"/{word}",)) for word in ("back-deny", "junk", "close", "slow", "nowhere", "refused", "202")},
    "reject": Step(raw=request("/reject"), waits=True),
    "bad": Step(raw=b"GET\r\n\r\n", waits=True),
    "half": Step(raw=b"GET / HT"),
    "nothing": Step(),
    "half behind one": Step(("/",), b"GET /x"),
    "late": Step(raw=b"GET / HT", waits=True),
}


def play(step: Step, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        try:
            for path in step.paths:
                connection.sendall(request(path))
                received(connection)
            if step.raw:
                connection.sendall(step.raw)
            while step.waits and connection.recv(65536):
                pass
        except OSError:
            pass  # it was reset, which some steps are about


PLACES = {
    "connection": ("tcp-request connection track-sc0 str(k) table t", ""),
    "session": ("tcp-request session track-sc0 str(k) table t", ""),
    "content": ("tcp-request content track-sc0 str(k) table t", ""),
    "request": ("http-request track-sc0 str(k) table t", ""),
    "response": ("http-response track-sc0 str(k) table t", ""),
    "request in the backend": ("", "http-request track-sc0 str(k) table t"),
    "response in the backend": ("", "http-response track-sc0 str(k) table t"),
}


def configuration(front: str, back: str, port: int) -> str:
    early = front if front.startswith("tcp") else ""
    late = front if not early else ""
    return f"""{HEAD}
frontend web
    bind 127.0.0.1:{{port:front}}
    {early}
    http-request deny if {{ path /deny }}
    {late}
    http-request sc-inc-gpc0(0)
    http-request deny if {{ path /later }}
    http-request tarpit if {{ path /tarpit }}
    http-request return status 200 if {{ path /return }}
    http-request return status 404 if {{ path /return404 }}
    http-request redirect location /x if {{ path /redirect }}
    http-request auth if {{ path /auth }}
    http-request reject if {{ path /reject }}
    http-response deny if {{ status 202 }}
    use_backend refused if {{ path /refused }}
    use_backend back if !{{ path /nowhere }}
backend back
    {back}
    http-request deny if {{ path /back-deny }}
    server s 127.0.0.1:{port}
backend refused
    server s 127.0.0.1:1
backend t
    stick-table type string size 100 expire 1h store {COUNTED}
"""


def tables(kind: Kind, text: str, folder: Path, started: threading.Barrier) -> dict[str, object]:
    """The table after each step, which has its own program: none shall see what another one left."""
    found: dict[str, object] = {}
    with Program(kind, text, folder) as program:
        started.wait(60)
        console = folder / "s"
        before: dict[str, int] = {}
        for name, step in STEPS.items():
            play(step, program.ports["front"])
            after = settled(lambda: dump(console, "t").get("k", {}))
            found[name] = {word: after[word] - before.get(word, 0) for word in after if after[word] != before.get(word)}
            before = after
    return found


def settled(look: Callable[[], dict[str, int]]) -> dict[str, int]:
    """What it says once it says the same for a while and nobody is tracked any more."""
    last, since = look(), time.monotonic()
    limit = since + 5
    while time.monotonic() < limit and (time.monotonic() - since < 0.15 or last.get("use")):
        time.sleep(0.05)
        now = look()
        if now != last:
            last, since = now, time.monotonic()
    return last


@pytest.fixture(scope="module")
def counted(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Future[dict[str, object]]]]:
    """What haproxy and Pointsman count at each place. All of them run at once, as each mostly waits; nothing is sent
    before all have started, which takes the processors for a while."""
    folder = tmp_path_factory.mktemp("t")
    started = threading.Barrier(2 * len(PLACES))
    found = {}
    with ThreadPoolExecutor(2 * len(PLACES)) as pool:
        for number, (place, rules) in enumerate(PLACES.items()):
            text = configuration(*rules, server.port)
            if peer_version() < (3, 0):
                text = text.replace("    http-err-codes 400-499\n", "")
            found[place] = [
                pool.submit(tables, kind, text, folder / f"{number}{kind.name[0]}", started)
                for kind in (HAPROXY, POINTSMAN)
            ]
    return found


@pytest.mark.parametrize("place", PLACES)
def test_events_count_alike(place: str, counted: dict[str, list[Future[dict[str, object]]]]) -> None:
    """Each of what may become of a request, tracked from each rule set."""
    theirs, ours = (one.result() for one in counted[place])
    assert ours == theirs
    assert sum(bool(one) for one in ours.values()) > 10


# Keys: an expression, and the types of tables that take it in 3.2 (2.6 takes src for integers as well).
EXPRESSIONS = (
    "src",
    "dst_port",
    "int(-1)",
    "int(5000000000)",
    "str(abc)",
    "str(12abc)",
    "str(192.168.1.1)",
    "str(::1)",
    "ipv4(1.2.3.4)",
    "ipv6(::ffff:1.2.3.4)",
    "ipv6(fe80::1)",
    "bin(010203040506)",
    "bin(610062)",
    "str(0123456789012345678901234567890123456789)",
    "method",
    "var(txn.number)",
    "var(txn.text)",
    "var(txn.address)",
    "var(txn.bytes)",
    "req.hdr(none)",
    "bool(1)",
)
TYPES = ("ipv6", "integer", "string", "string len 5", "binary", "binary len 4", "ip")
INCOMPATIBLE = {
    *[(one, kind) for one in ("bin(010203040506)", "bin(610062)", "method") for kind in ("ip", "ipv6", "integer")],
    *[(one, "integer") for one in ("src", "ipv6(::ffff:1.2.3.4)", "ipv6(fe80::1)")],
    *[("bool(1)", kind) for kind in ("ip", "ipv6")],
}


def cast_configuration() -> tuple[str, list[str]]:
    pairs = [(one, kind) for one in EXPRESSIONS for kind in TYPES if (one, kind) not in INCOMPATIBLE]
    rules = "".join(
        f"    http-request track-sc0 {one} table t{number} if {{ path /{number} }}\n"
        for number, (one, _) in enumerate(pairs)
    )
    declared = "".join(
        f"backend t{number}\n    stick-table type {kind} size 10 store http_req_cnt\n"
        for number, (_, kind) in enumerate(pairs)
    )
    text = f"""{HEAD.replace("    http-err-codes 400-499", "")}
frontend web
    bind 127.0.0.1:{{port:front}}
    http-request set-var(txn.number) int(7)
    http-request set-var(txn.text) str(abc)
    http-request set-var(txn.address) src
    http-request set-var(txn.bytes) bin(0102)
{rules}
    http-request return status 200
{declared}"""
    return text.replace("dst_port", "int(80)"), [f"{one} in {kind}" for one, kind in pairs]


def cast_keys(kind: Kind, folder: Path) -> dict[str, list[str]]:
    text, names = cast_configuration()
    with (
        Program(kind, text, folder) as program,
        socket.create_connection(("127.0.0.1", program.ports["front"]), 10) as connection,
    ):
        for number in range(len(names)):
            connection.sendall(request(f"/{number}"))
            received(connection)
        return {name: list(dump(folder / "s", f"t{number}")) for number, name in enumerate(names)}


def test_samples_become_the_same_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        theirs = pool.submit(cast_keys, HAPROXY, tmp_path / "h")
        ours = pool.submit(cast_keys, POINTSMAN, tmp_path / "p")
    assert ours.result() == theirs.result()
    assert sum(len(one) for one in ours.result().values()) > 80


# Values: what each word says of an entry, in tables that store all, nothing, or arrays.
PLAIN = (
    *("conn_cnt", "conn_cur", "conn_rate", "sess_cnt", "sess_rate", "http_req_cnt", "http_req_rate", "http_err_cnt"),
    *("http_err_rate", "http_fail_cnt", "http_fail_rate", "kbytes_in", "kbytes_out", "bytes_in_rate", "bytes_out_rate"),
    *("get_gpc0", "get_gpc1", "get_gpt0", "gpc0_rate", "gpc1_rate"),
)
CHANGES = ("inc_gpc0", "clr_gpc0", "inc_gpc1", "clr_gpc1")
OF_ARRAYS = ("get_gpc", "get_gpt", "gpc_rate", "inc_gpc", "clr_gpc")
ALL_TYPES = (
    "server_id,gpt0,gpc0,gpc0_rate(1h),conn_cnt,conn_rate(1h),conn_cur,sess_cnt,sess_rate(1h),http_req_cnt,"
    "http_req_rate(1h),http_err_cnt,http_err_rate(1h),bytes_in_cnt,bytes_in_rate(1h),bytes_out_cnt,bytes_out_rate(1h),"
    "gpc1,gpc1_rate(1h),http_fail_cnt,http_fail_rate(1h)"
)


def words() -> list[str]:
    """Expressions; tables: all, none, arrays, empty (never tracked), text (of another type)."""
    found = []
    for name in (*PLAIN, *CHANGES, "trackers", "tracked"):
        found += [f"sc0_{name}", f"sc_{name}(1)", f"sc0_{name}(empty)", f"sc0_{name}(none)", f"sc2_{name}"]
        found += [f"sc1_{name}(text)"]
    for name in (*PLAIN, *CHANGES):
        found += [f"src_{name}({table})" for table in ("all", "none", "empty")]
        key = name.removeprefix("get_")
        found += [f"src,table_{key}({table})" for table in ("all", "none", "empty")]
        found.append(f"req.hdr(none),table_{key}(all)")
    for name in OF_ARRAYS:
        found += [f"sc_{name}(1,3)", f"sc_{name}(7,3)", f"sc_{name}(0,0)", f"src_{name}(1,arrays)"]
        if name not in ("inc_gpc", "clr_gpc"):
            found.append(f"src,table_{name.removeprefix('get_')}(1,arrays)")
    for name in ("in_table", "table_trackers", "table_server_id"):
        found += [f"src,{name}({table})" for table in ("all", "none", "empty", "text")]
    found += [
        "src,table_expire(never,7)",
        "src,table_idle(never,7)",
        "src,table_idle(never)",
        "src,table_expire(never)",
    ]
    found += [
        "src_updt_conn_cnt(all)",
        "src_updt_conn_cnt(none)",
        "table_cnt(all)",
        "table_avl(all)",
        "table_cnt(empty)",
    ]
    if peer_version() < (3, 0):  # which lacks some, crashes at others, and says 0 of a table of another type
        found = [
            one for one in found if not re.search(r"table_(inc|clr|trackers)|_(inc|clr)_gpc\(|^sc1_.*\(text\)", one)
        ]
    return found


def values_configuration(expressions: list[str]) -> str:
    rules = "".join(
        f'    http-request return status 200 hdr x-v "[%[{one}]]" if {{ path /{number} }}\n'
        for number, one in enumerate(expressions)
    )
    return f"""{HEAD.replace("    http-err-codes 400-499", "")}
frontend web
    bind 127.0.0.1:{{port:front}}
    http-request track-sc0 src table all
    http-request track-sc1 src table none
    http-request set-header x-y y
    http-request sc-inc-gpc0(0)
    http-request sc-inc-gpc1(0) if {{ path_end 5 }}
    http-request sc-set-gpt0(0) int(77)
{rules}
    http-request return status 404
backend all
    stick-table type ip size 100 expire 1h store {ALL_TYPES}
backend none
    stick-table type ip size 100 expire 1h
backend empty
    stick-table type ip size 100 expire 1h store {ALL_TYPES}
backend never
    stick-table type ip size 100 expire 1h
backend arrays
    stick-table type ip size 100 expire 1h store gpc(3),gpc_rate(3,1h),gpt(3)
backend text
    stick-table type string size 100 expire 1h store conn_cnt,gpc0
"""


def said(kind: Kind, folder: Path) -> dict[str, bytes]:
    expressions = words()
    text = values_configuration(expressions)
    found = {}
    with Program(kind, text, folder) as program:
        for number, one in enumerate(expressions):
            with socket.create_connection(("127.0.0.1", program.ports["front"]), 10) as connection:
                connection.sendall(request(f"/{number}", "connection: close\r\n"))
                answer = received(connection)
                while connection.recv(65536):
                    pass
            match = re.search(rb"x-v: (.*)\r", answer)
            found[one] = match[1] if match is not None else answer
    return found


BYTES = re.compile(r".*(kbytes|bytes_(in|out)_rate).*")  # haproxy's own representation: see above


def test_words_say_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        theirs = pool.submit(said, HAPROXY, tmp_path / "h")
        ours = pool.submit(said, POINTSMAN, tmp_path / "p")
    mine, other = ours.result(), theirs.result()
    different = {one: (mine[one], other[one]) for one in mine if mine[one] != other[one] and not BYTES.fullmatch(one)}
    assert different == {}
    assert len({value for value in mine.values()}) > 20
    assert all(mine[one][:1] == b"[" for one in mine)
