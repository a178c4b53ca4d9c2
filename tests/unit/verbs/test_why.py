"""pointsman why: what the running program has decided, in words; and what is said where it cannot be asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.decisions import say
from support.stand import Stand

from pointsman.core.wishes import DECISIONS, REUSED, WISHES
from pointsman.verbs import VERBS, why

CONFIG = """global
    stats socket {socket} level admin
    pointsman-decisions 8
defaults
    mode http
    timeout client 10s
    timeout connect 10s
    timeout server 10s
frontend web
    bind 127.0.0.1:8080
    unique-id-format %[req.hdr(x-id)]
    monitor-uri /alive
    http-request deny if { path_beg /private }
    use_backend api if { path_beg /api/ } !{ path_end .bak }
    default_backend site
backend api
    balance roundrobin
    http-request return status 204 if { path /api/none }
    server a1 {a}
backend site
    cookie SRV insert
    server s1 {a} cookie one
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    WISHES.verdicts &= ~DECISIONS
    WISHES.sending &= ~REUSED


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        status = why.main(words)
        out, err = capsys.readouterr()
        assert all(len(line) <= 80 for line in out.splitlines()), out
        return status, out, err

    return call


def program(answer: str, path: Path) -> str:
    """A stats socket that gives this answer, once. What it is asked has to be a line."""
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(path))
    door.listen(1)

    def serve() -> None:
        with door:
            sock, _ = door.accept()
            with sock:
                assert sock.recv(1000).endswith(b"\n")
                sock.sendall(answer.encode())

    threading.Thread(target=serve, daemon=True).start()
    return str(path)


def decided(folder: Path, requests: list[str], which: str = "last", text: str = CONFIG) -> str:
    """What a program says that has served these, one after the other."""
    with Stand(text.replace("{socket}", str(folder / "sock")), "a") as stand:
        for request in requests:
            client = stand.client()
            client.send(request.replace("\n", "\r\n").encode() + b"\r\n\r\n")
            for server in stand.arrivals("a"):
                server.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                server.close()
            assert client.take()
            client.close()
        return say(stand, f"show decisions {which} json") + "\n"


def file_of(folder: Path, text: str = CONFIG) -> str:
    path = folder / "haproxy.cfg"
    path.write_text(text.replace("{socket}", str(folder / "sock")).replace("{a}", "127.0.0.1:9"))
    return str(path)


def test_it_is_a_verb() -> None:
    assert VERBS["why"][0] == "pointsman.verbs.why"


def test_a_request_and_the_same_by_the_file(run: Run, tmp_path: Path) -> None:
    answer = decided(tmp_path, ["GET /api/x HTTP/1.1\nhost: a.example\nx-id: one\nauthorization: Basic c2VjcmV0"])
    program(answer, tmp_path / "sock")
    status, out, err = run("last", "-f", file_of(tmp_path))
    assert (status, err) == (0, "") and "c2VjcmV0" not in out
    lines = out.splitlines()
    assert lines[:4] == [
        "GET /api/x for a.example: 200 from api/a1, after 0 ms",
        "Backend api: use_backend api if { path_beg /api/ } !{ path_end .bak }",
        "  (haproxy.cfg:14)",
        "Server a1: the algorithm took it, balance roundrobin.",
    ]
    assert "  Unique id   one" in lines and "      authorization: Basic <8 bytes>" in lines
    assert "By the file as it is now: the same." in lines
    (held,) = (line for line in lines if "api if { path_beg /api/ } !{ path_end .bak }" in line and "14" in line)
    (missed,) = (line for line in lines if "deny if { path_beg /private }" in line)
    assert lines.index(missed) < lines.index(held) and 'path_beg is "/api/x"' in missed
    assert "Values of authorization are not told" in out


def test_a_rule_has_ended_it(run: Run, tmp_path: Path) -> None:
    program(decided(tmp_path, ["GET /private HTTP/1.1\nhost: h"]), tmp_path / "sock")
    lines = run("last", "--socket", str(tmp_path / "sock"))[1].splitlines()
    assert lines[:3] == [
        "GET /private for h: 403 by a rule, after 0 ms",
        "Backend: none, a rule came first.",
        "Rule: http-request deny if { path_beg /private }  (haproxy.cfg:13)",
    ]
    assert any(line.startswith("  Ended       PR--  ") for line in lines)
    assert not any(line.startswith("By the file") for line in lines)


def test_a_rule_of_the_backend(run: Run, tmp_path: Path) -> None:
    program(decided(tmp_path, ["GET /api/none HTTP/1.1\nhost: h"]), tmp_path / "sock")
    out = run("last", "--socket", str(tmp_path / "sock"))[1]
    assert out.startswith("GET /api/none for h: 204 by a rule, after 0 ms\nBackend api: use_backend api if ")
    assert "Rule: http-request return status 204 if { path /api/none }  (haproxy.cfg:18)\n" in out


def test_a_cookie_and_the_default(run: Run, tmp_path: Path) -> None:
    program(decided(tmp_path, ["GET / HTTP/1.1\nhost: h\ncookie: SRV=one"]), tmp_path / "sock")
    lines = run("last", "-f", file_of(tmp_path))[1].splitlines()
    assert "      cookie: SRV=<3 bytes>" in lines
    assert lines[1:3] == [
        "Backend site: default_backend site  (haproxy.cfg:15)",
        "Server s1: the persistence cookie named it.",
    ]


def test_what_is_no_request(run: Run, tmp_path: Path) -> None:
    program(decided(tmp_path, ["nothing that anybody knows"]), tmp_path / "sock")
    status, out, _ = run("last", "-f", file_of(tmp_path))
    assert status == 0 and ", which was no request: 400 by the proxy" in out.replace("\n ", "") and "By the" not in out


def test_nobody_could_be_reached(run: Run, tmp_path: Path) -> None:
    text = CONFIG.replace("server a1 {a}", "retries 0\n    server a1 127.0.0.1:1")
    program(decided(tmp_path, ["GET /api/x HTTP/1.1\nhost: h"], text=text), tmp_path / "sock")
    out = run("last", "--socket", str(tmp_path / "sock"))[1]
    assert out.startswith("GET /api/x for h: 503 by the proxy, after 0 ms\n")
    assert "  Ended       SC--  " in out and "refused" in out


def test_the_file_has_changed(run: Run, tmp_path: Path) -> None:
    program(decided(tmp_path, ["GET /api/x HTTP/1.1\nhost: h"]), tmp_path / "sock")
    changed = CONFIG.replace("deny if { path_beg /private }", "deny if { path_beg /private /api/ }")
    out = run("last", "-f", file_of(tmp_path, changed))[1].replace("\n  ", " ")
    assert "haproxy.cfg:13, where it was backend api. The file has changed since" in out


def test_json_has_both(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    program(decided(tmp_path, ["GET /api/x HTTP/1.1\nhost: h"]), tmp_path / "sock")
    assert why.main(["last", "-f", file_of(tmp_path), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["decision"]["backend"] == found["now"]["backend"] == "api" and found["now"]["server"]["name"] == "a1"


def test_nothing_spoils_a_terminal(run: Run, tmp_path: Path) -> None:
    program(decided(tmp_path, ["GET /api/x HTTP/1.1\nhost: h\nx-odd: \x1b[31mred"]), tmp_path / "sock")
    out = run("last", "--socket", str(tmp_path / "sock"))[1]
    assert "\x1b" not in out and "x-odd: \\x1b[31mred" in out


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ("Decisions are not kept. 'set decisions on' begins to keep them.\n\n", 'echo "set decisions on" | socat - '),
        ("Permission denied\n\n", "'level operator'"),
        ("Unknown command, but maybe one of the following ones is a better match:\n", "it is HAProxy, or an older"),
        ("No such decision: it is too old, or of a lane that has ended.\n\n", "No such decision: it is too old"),
        ("", "without an answer"),
        ('{"lanes": [], "silent": 0, "decisions": []}\n', "Nothing was decided yet"),
    ],
)
def test_answers_that_are_none(answer: str, part: str, run: Run, tmp_path: Path) -> None:
    status, out, err = run("x", "--socket", program(answer, tmp_path / "sock"))
    assert (status, out) == (1, "") and part in err


def test_sockets_that_are_not_there(run: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "sock")
    assert run("last", "--socket", path) == (
        1,
        "",
        f"Nobody answers at the stats socket {path}: is the program running?\n",
    )
    assert "Nobody answers" in run("last", "-f", file_of(tmp_path))[2]
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    assert "Nobody answers" in run("last", "--socket", f"127.0.0.1:{port}")[2]
    assert "has no 'stats socket'" in run("last", "-f", file_of(tmp_path, "global\n    maxconn 10\n"))[2]
    assert run("last", "-f", str(tmp_path / "none.cfg"))[2] == f"{tmp_path}/none.cfg cannot be read.\n"


def test_a_socket_of_others(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(why, "_connection", refuse)
    assert "is not for this user" in run("last", "--socket", str(tmp_path / "sock"))[2]


def test_a_file_with_faults_still_names_the_socket(run: Run, tmp_path: Path) -> None:
    program(decided(tmp_path, ["GET /api/x HTTP/1.1\nhost: h"]), tmp_path / "sock")
    status, out, _ = run("last", "-f", file_of(tmp_path, CONFIG + "    nonsense\n"))
    assert status == 0 and out.startswith("GET /api/x for h: 200") and "which has faults" in out


@pytest.mark.parametrize("which", ["", "x\nshutdown frontend web", "x\r"])
def test_an_id_is_no_command(which: str, run: Run, tmp_path: Path) -> None:
    status, out, error = run(which, "--socket", str(tmp_path / "sock"))
    assert (status, out, error) == (1, "", "No such decision: an id is one line.\n")


@pytest.mark.parametrize("words", [[], ["last", "more"], ["--socket"]])
def test_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        why.main(words)
    assert caught.value.code == 2 and "usage: pointsman why" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("/run/haproxy/admin.sock", "/run/haproxy/admin.sock"),
        ("unix@admin.sock", "./admin.sock"),
        ("abns@one", "ABSTRACT-CONNECT:one"),
        ("ipv4@*:9999", "TCP:127.0.0.1:9999"),
        ("ipv6@[::]:9999", "TCP:[::1]:9999"),
    ],
)
def test_sockets_are_named_as_socat_has_them(word: str, name: str, run: Run, tmp_path: Path) -> None:
    text = f"global\n    stats socket {word} level admin\n"
    answer = "Decisions are not kept. 'set decisions on' begins to keep them."
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(why, "_connection", lambda place: _Canned(answer))
        status, _, err = run("last", "-f", file_of(tmp_path, text))
    assert status == 1 and f'  echo "set decisions on" | socat - {name}\n' in err


class _Canned:
    """A connection that gives an answer."""

    def __init__(self, answer: str) -> None:
        self.answers = [answer.encode(), b""]

    def __enter__(self) -> _Canned:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def sendall(self, data: bytes) -> None:
        assert data == b"show decisions last json\n"

    def recv(self, size: int) -> bytes:
        return self.answers.pop(0)


def test_a_request_of_http2_is_asked_about_as_such(run: Run, tmp_path: Path) -> None:
    found = json.loads(decided(tmp_path, ["GET /api/x HTTP/1.1\nhost: h.example\nx-id: two"]))
    head = found["decisions"][0]["head"]
    head["version"] = "2"
    pseudo = [[":method", "GET"], [":scheme", "https"], [":authority", "h.example"], [":path", "/api/x"]]
    head["fields"] = pseudo + head["fields"][1:]
    program(json.dumps(found), tmp_path / "sock")
    out = run("last", "-f", file_of(tmp_path))[1]
    assert "By the file as it is now: the same." in out and "unique id: two" in out
    assert "      :authority: h.example" in out


def test_an_option_has_answered(run: Run, tmp_path: Path) -> None:
    program(decided(tmp_path, ["GET /alive HTTP/1.1\nhost: h"]), tmp_path / "sock")
    out = run("last", "-f", file_of(tmp_path))[1]
    assert out.startswith(
        "GET /alive for h: 200 by the proxy, after 0 ms\nBackend: none was chosen.\nServer: none was "
    )
    assert "By the file as it is now: the same." in out and "monitor-uri" in out


def test_a_connection_of_tcp_mode(run: Run, tmp_path: Path) -> None:
    text = (
        "global\n    stats socket {socket} level admin\n    pointsman-decisions 8\n"
        "defaults\n    mode tcp\n    timeout client 9s\n    timeout connect 9s\n    timeout server 9s\n"
        "listen raw\n    bind 127.0.0.1:8080\n    balance leastconn\n    server r {a}\n"
    )
    with Stand(text.replace("{socket}", str(tmp_path / "sock")), "a") as stand:
        client = stand.client()
        client.send(b"hello")
        server = stand.accept("a")
        server.close()
        client.close()
        said = say(stand, "show decisions last json")
    program(said, tmp_path / "sock")
    lines = run("last", "-f", file_of(tmp_path, text))[1].splitlines()
    assert lines[0].startswith("A connection from 127.0.0.1:") and lines[0].endswith(": went to raw/r, after 0 ms")
    assert lines[1:3] == [
        "Backend raw: that of its listen section, as no rule chose another one.",
        "Server r: the algorithm took it, balance leastconn.",
    ]
    assert "  Time        queue 0, connect 0, all 0 ms" in lines and not any("By the file" in line for line in lines)
