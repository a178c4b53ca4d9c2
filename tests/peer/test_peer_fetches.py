"""What fetches give, asked of the peer and of Pointsman for the same requests: each where it can be, in a rule of the
request and in a rule of the response. support/sources.py has the list, and says where the other fetches are proved."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.oracle import quoted
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.receiver import LogReceiver
from support.sources import ASKED, DIFFERENT, MAPS, NEWER

import pointsman.keywords
from pointsman.sample.registry import FETCHES
from pointsman.sample.types import Where

assert pointsman.keywords
pytestmark = pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older")

CONFIG = """
global
    tune.http.maxhdr 32767
    tune.bufsize 262144
    tune.maxrewrite 200000
defaults
    mode http
    timeout connect 5s
    timeout client 7s
    timeout server 6s
    timeout tarpit 4s
    timeout queue 3s
    timeout tunnel 2s
    retries 2
    option http-buffer-request
userlist people
    group g1 users user
    user user insecure-password secret
backend t
    stick-table type ip size 100 expire 1h store {stored}
backend limited
    balance roundrobin
    server s1 127.0.0.1:9 maxconn 5 weight 3
    server s2 127.0.0.1:9 maxconn 6
    server off 127.0.0.1:9 disabled maxconn 5
frontend f
    bind 127.0.0.1:{port:front} name door id 44
    id 77
    unique-id-format constant
    declare capture request len 20
    declare capture request len 20
    declare capture response len 20
    http-request track-sc0 src table t
    http-request capture path id 0
    http-response capture res.hdr(server) id 0
    http-request set-var(txn.set) str(there)
{requests}
{responses}
{shown}
    default_backend b
backend b
    id 88
{backends}
    server s1 127.0.0.1:{port:server} id 99
frontend server
    bind 127.0.0.1:{port:server}
    http-request return status 200 hdr server x hdr x-list "a, b,c" hdr x-list "\\"q,r\\", d" hdr x-ip "1.2.3.4:80, ::1" hdr x-number "12, 7x" hdr set-cookie "a=1; path=/" hdr set-cookie "n=5" hdr set-cookie "b=2" content-type text/plain string body if { path /a }
    http-request return status 404
"""  # noqa: E501
STORED = (
    "gpc(2),gpc_rate(2,1h),gpt(2),conn_cnt,conn_cur,conn_rate(1h),sess_cnt,sess_rate(1h),http_req_cnt,http_req_rate(1h),"
    "http_err_cnt,http_err_rate(1h),http_fail_cnt,http_fail_rate(1h),bytes_in_cnt,bytes_in_rate(1h),bytes_out_cnt,"
    "bytes_out_rate(1h),glitch_cnt,glitch_rate(1h)"
)
REQUESTS = (
    b"GET /a?a=1&b=2&n=12x&A=3;c=5?x HTTP/1.1\r\nHost: h.example:81\r\nX-List: a, b,c\r\n"
    b'X-List: "q,r", d\r\nX-Ip: 1.2.3.4:80, ::1\r\nX-Number: 12, -7x\r\nCookie: a=1; b="x y"; n=9; c\r\n'
    b"Cookie: a=2\r\nAuthorization: Basic dXNlcjpzZWNyZXQ=\r\nX-Token: Bearer abc\r\n\r\n",
    b"POST http://192.0.2.7:8080/b/c HTTP/1.1\r\nHost: 192.0.2.7:8080\r\nContent-Length: 13\r\n"
    b"Authorization: Bearer x.y.z\r\n\r\na=1&A=2&b=%20",
    b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
)


PHASES = {  # a rule, where it stands, its column in the list of fetches, and what Pointsman calls the place
    "request": ("http-request", "{requests}", 3, Where.HTTP_REQ),
    "backend": ("http-request", "{backends}", 7, Where.HTTP_REQ),
    "response": ("http-response", "{responses}", 16, Where.HTTP_RES),
}


def known(kind: Kind) -> dict[str, list[bool]]:
    """The fetches of a program (-dKsmp), and where each may be asked."""
    words = [*kind.command, "-dKsmp", "-f", "/dev/null", "-c", "-q"]
    printed = subprocess.run(words, capture_output=True, check=False, text=True).stdout
    found: dict[str, list[bool]] = {}
    for line in printed.splitlines():
        if line.startswith("["):
            columns, _, rest = line[1:].partition("]")
            found[rest.strip().partition("(")[0].partition(":")[0]] = [one == "Y" for one in columns.split()]
    return found


def name_of(text: str) -> str:
    """The fetch of an expression."""
    return re.split("[(,]", text)[0]


def config(expressions: list[str], places: dict[str, list[bool]]) -> str:
    made, shown = CONFIG.replace("{stored}", STORED), []
    for phase, (rule, placeholder, column, where) in PHASES.items():
        rules = []
        for number, text in enumerate(expressions):
            entry = FETCHES.get(name_of(text))
            assert entry is not None, text
            if places[name_of(text)][column]:
                assert entry.where & where, f"{text} cannot be asked in {phase}"
                variable = f"txn.{phase}{number}"
                rules.append(f"    {rule} set-var({variable}) {quoted(text)}")
                shown.append(
                    f"    http-after-response set-header x-{phase}-{number} %[var({variable}),hex] "
                    f"if {{ var({variable}) -m found }}"
                )
        made = made.replace(placeholder, "\n".join(rules))
    return made.replace("{shown}", "\n".join(shown))


def play(kind: Kind, expressions: list[str], places: dict[str, list[bool]], folder: Path) -> list[dict[str, bytes]]:
    folder.mkdir()
    for name, content in MAPS.items():
        (folder / name).write_bytes(content)
    found: list[dict[str, bytes]] = []
    with Program(kind, config(expressions, places), folder, {}) as program:
        for request in REQUESTS:
            time.sleep(0.1)  # so that it is noticed in all lanes that the connection before is over
            with socket.create_connection(("127.0.0.1", program.ports["front"]), 5) as sock:
                sock.sendall(request)
                answer = b""
                while b"\r\n\r\n" not in answer:
                    data = sock.recv(1 << 20)
                    assert data, answer
                    answer += data
            fields = dict(line.partition(b": ")[::2] for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:])
            found.append(
                {
                    f"{phase}: {text}": bytes.fromhex(fields[name].decode()).replace(str(folder).encode(), b"<folder>")
                    for phase in PHASES
                    for number, text in enumerate(expressions)
                    if (name := f"x-{phase}-{number}".encode()) in fields
                }
            )
    return found


SMALL = """
defaults
    mode http
    log {{log}} format raw local0
    timeout connect 5s
    timeout client 7s
    timeout server 6s
frontend f
    bind 127.0.0.1:{{port:front}}
    log-format "%[src_port] %[fc_src_port] %[dst_port] %[fc_dst_port] %[bc_src_port] %[bc_dst_port] {bytes}"
    default_backend b
backend b
    server s1 127.0.0.1:{{port:server}}
frontend server
    bind 127.0.0.1:{{port:server}}
    no log
    http-request return status 200 content-type text/plain string "eleven char" hdr x-port %[src_port]
"""
BYTES = ("bytes_in", "bytes_out", "req.bytes_in", "req.bytes_out", "res.bytes_in", "res.bytes_out")


def ask(kind: Kind, folder: Path, names: tuple[str, ...]) -> tuple[dict[str, int], bytes, list[str]]:
    """Ports by what they are, the answer, and the log line of one exchange."""
    folder.mkdir()
    receiver = LogReceiver()
    text = SMALL.format(bytes=" ".join(f"%[{name}]" for name in names))
    with Program(kind, text, folder, {"log": receiver.where}) as program:
        ports = dict(program.ports)
        with socket.create_connection(("127.0.0.1", ports["front"]), 5) as sock:
            ports["client"] = sock.getsockname()[1]
            sock.sendall(b"POST /path HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello")
            answer = b""
            while not answer.endswith(b"eleven char"):
                answer += sock.recv(65536)
        receiver.wait(1)
    return ports, answer, receiver.close()[0].split()


@pytest.mark.parametrize("kind", [HAPROXY, POINTSMAN], ids=lambda kind: kind.name)
def test_ports(kind: Kind, tmp_path: Path) -> None:
    """src_port, fc_src_port, dst_port, fc_dst_port, bc_src_port, bc_dst_port: those of the sockets."""
    ports, answer, line = ask(kind, tmp_path / "p", ())
    seen = answer.partition(b"x-port: ")[2].partition(b"\r\n")[0].decode()  # by the server, of our connection to it
    client, front = str(ports["client"]), str(ports["front"])
    assert line == [client, client, front, front, seen, str(ports["server"])]


def test_bytes_of_an_exchange(tmp_path: Path) -> None:
    """bytes_in, bytes_out, req.bytes_in, req.bytes_out, res.bytes_in, res.bytes_out: those of the wires, heads included
    (manual 7.3.3). HAProxy counts heads as it keeps them."""
    sizes: dict[str, int] = {}
    request = b"POST /path HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"
    response = b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\neleven char"
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            sock = listening.accept()[0]
            with sock:
                data = b""
                while not data.endswith(b"hello"):
                    data += sock.recv(65536)
                sizes["request"] = len(data)
                sock.sendall(response)
                sock.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        receiver = LogReceiver()
        text = SMALL.format(bytes=" ".join(f"%[{name}]" for name in BYTES)).replace(
            "server s1 127.0.0.1:{port:server}", f"server s1 127.0.0.1:{listening.getsockname()[1]}"
        )
        folder = tmp_path / "p"
        folder.mkdir()
        with Program(POINTSMAN, text, folder, {"log": receiver.where}) as program:
            with socket.create_connection(("127.0.0.1", program.ports["front"]), 5) as sock:
                sock.sendall(request)
                answer = b""
                while not answer.endswith(b"eleven char"):
                    answer += sock.recv(65536)
            receiver.wait(1)
        thread.join(5)
        line = [int(one) for one in receiver.close()[0].split()[6:]]
    whole = len(request)
    assert line == [whole, len(answer), whole, sizes["request"], len(response), len(answer)]


def test_fetches_as_the_peer_has_them(tmp_path: Path) -> None:
    places = known(HAPROXY)
    expressions = [text for text in ASKED if name_of(text) in places]
    if peer_version() >= (3, 2):
        assert {name_of(text) for text in ASKED} - set(places) == set(NEWER)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(play, HAPROXY, expressions, places, tmp_path / "h")
        mine = play(POINTSMAN, expressions, places, tmp_path / "p")
        theirs = first.result()
    wrong = {
        (number, text): (its.get(text), own.get(text))
        for number, (its, own) in enumerate(zip(theirs, mine, strict=True))
        for text in {**its, **own}
        if its.get(text) != own.get(text) and text not in DIFFERENT
    }
    assert wrong == {}
    assert sum(len(one) for one in mine) > 300
