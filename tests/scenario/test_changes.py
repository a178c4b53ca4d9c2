"""Changes of what is no cell, with two lanes: in force everywhere once a command is answered, whoever dies then.

Maps, ACLs, variables of the process, addresses of servers; and which lanes a `bind` line is for.
"""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from support.crowd import children, until
from support.origin import Origin, answering
from support.programs import POINTSMAN, Program
from support.scenario import query

LANES: Final = slice(0, 2)
CONTROL: Final = slice(2, 3)
EVERYBODY: Final = slice(0, 3)

CONFIG: Final = """
global
    nbthread 2
    cpu-map auto:1/1-2 {cpus}
    stats socket {dir}/stats level admin
    set-var proc.word str(first)
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port:web}
    acl bad path -f {dir}/bad.lst
    acl line path /line
    http-request deny if bad
    http-request deny deny_status 410 if line
    http-request set-map({dir}/names.map) %[path,field(3,/)] %[path,field(4,/)] if { path_beg /map/ }
    http-request del-map({dir}/names.map) %[path,field(3,/)] if { path_beg /unmap/ }
    http-request add-acl({dir}/bad.lst) /%[path,field(3,/)] if { path_beg /bad/ }
    http-request set-var(proc.word) path,field(3,/) if { path_beg /word/ }
    use_backend app if { path_beg /app }
    http-request return status 200 unless { path_beg /app }
frontend first
    bind 127.0.0.1:{port:first} thread 1
    http-request return status 200 content-type text/plain lf-string "%[thread] %pid" if { path / }
    http-request set-var(txn.name) path,field(2,/),map({dir}/names.map,none)
    http-request return status 200 content-type text/plain lf-string "%[var(txn.name)] %[var(proc.word)]"
frontend second
    bind 127.0.0.1:{port:second} thread 1/2
    http-request return status 200 content-type text/plain lf-string "%[thread] %pid" if { path / }
    http-request set-var(txn.name) path,field(2,/),map({dir}/names.map,none)
    http-request return status 200 content-type text/plain lf-string "%[var(txn.name)] %[var(proc.word)]"
backend app
    server s1 127.0.0.1:{one} check inter 100ms
"""


@pytest.fixture
def origins() -> Iterator[tuple[Origin, Origin]]:
    one, two = Origin(answering(b"one", b"connection: close")), Origin(answering(b"two", b"connection: close"))
    yield one, two
    one.close()
    two.close()


@pytest.fixture
def program(tmp_path: Path, origins: tuple[Origin, Origin]) -> Iterator[Program]:
    (tmp_path / "names.map").write_text("a old\n")
    (tmp_path / "bad.lst").write_text("/worst\n")
    cpus = sorted(os.sched_getaffinity(0))
    values = {"one": str(origins[0].port), "cpus": f"{cpus[0]} {cpus[-1]}" if len(cpus) > 1 else "0-1"}
    with Program(POINTSMAN, CONFIG, tmp_path, values) as made:
        until(lambda: len(children(made.pid)) == 3)
        yield made


def ask(program: Program, line: str) -> str:
    return query(program.folder / "stats", line).strip()


def get(program: Program, path: str, port: str = "web") -> str:
    """Status, unless it is 200, or body."""
    with socket.create_connection(("127.0.0.1", program.ports[port]), 5) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while piece := sock.recv(65536):
            data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    status = head.split(b" ")[1].decode()
    return body.decode() if status == "200" else status


def all_say(program: Program, path: str, *expected: str) -> None:
    """Every lane answers with these words."""
    assert both(program, path) == [" ".join(expected)] * 2


def both(program: Program, path: str) -> list[str]:
    """What the first and the second lane answer."""
    return [get(program, path, port) for port in ("first", "second")]


def pids(program: Program) -> list[int]:
    """Of lane, lane and control."""
    lanes = [int(get(program, "/", port).split()[1]) for port in ("first", "second")]
    return [*lanes, *(pid for pid in children(program.pid) if pid not in lanes)]


def kill(program: Program, places: slice) -> None:
    """These of lane, lane and control, and until they are back."""
    gone = pids(program)[places]
    for pid in gone:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(children(program.pid)) == 3 and not set(gone) & set(children(program.pid)))
    until(lambda: answers(program))


def answers(program: Program) -> bool:
    try:
        return ask(program, "show map").startswith("# id")
    except OSError:
        return False


def name_of(program: Program, text: str) -> str:
    return f"{program.folder}/{text}"


def test_maps_and_acls_are_the_same_everywhere_and_outlive_everybody(program: Program) -> None:
    names, bad = name_of(program, "names.map"), name_of(program, "bad.lst")
    all_say(program, "/a", "old", "first")
    assert ask(program, f"set map {names} a new") == ask(program, f"add map {names} b added") == ""
    for path, expected in (("/a", "new"), ("/b", "added")):
        all_say(program, path, expected, "first")
    assert ask(program, f"add acl {bad} /bad") == ask(program, f"del acl {bad} /worst") == ""
    numbers = [one.split()[0] for one in ask(program, "show acl").splitlines() if "() acl 'path' " in one]
    assert ask(program, f"add acl #{numbers[1]} /extra") == ""
    assert [get(program, path) for path in ("/bad", "/extra", "/line")] == ["403", "410", "410"]
    assert get(program, "/worst") != "403"
    version = ask(program, f"prepare map {names}").rpartition(" ")[2]
    assert ask(program, f"add map @{version} {names} a prepared") == ""
    listed = [
        ask(program, f"show map {names}"),
        ask(program, f"show map @{version} {names}"),
        ask(program, f"show acl {bad}"),
    ]
    kill(program, LANES)
    for path, expected in (("/a", "new"), ("/b", "added"), ("/c", "none")):
        all_say(program, path, expected, "first")
    kill(program, EVERYBODY)
    assert listed == [
        ask(program, f"show map {names}"),
        ask(program, f"show map @{version} {names}"),
        ask(program, f"show acl {bad}"),
    ]
    assert [get(program, path) for path in ("/bad", "/extra", "/line")] == ["403", "410", "410"]
    assert ask(program, f"commit map @{version} {names}") == ""
    for path, expected in (("/a", "prepared"), ("/b", "none")):
        all_say(program, path, expected, "first")


def test_what_traffic_changes_reaches_every_lane(program: Program) -> None:
    names = name_of(program, "names.map")
    get(program, "/map/a/traffic")
    until(lambda: "a traffic" in ask(program, f"show map {names}"))
    until(lambda: both(program, "/a") == ["traffic first"] * 2)
    get(program, "/word/second")
    until(lambda: ask(program, "get var proc.word") == "proc.word: type=str value=<second>")
    until(lambda: both(program, "/a") == ["traffic second"] * 2)
    get(program, "/bad/now")
    until(lambda: get(program, "/now") == get(program, "/now") == "403")
    kill(program, EVERYBODY)
    all_say(program, "/a", "traffic", "second")
    assert get(program, "/now") == "403"
    get(program, "/unmap/a/")
    until(lambda: ask(program, f"show map {names}") == "")


def test_a_server_moves_for_all_lanes_and_its_checks_follow(program: Program, origins: tuple[Origin, Origin]) -> None:
    two = origins[1].port
    assert get(program, "/app") == "one"
    assert f"port changed from '{origins[0].port}' to '{two}'" in ask(
        program, f"set server app/s1 addr 127.0.0.1 port {two}"
    )
    assert {get(program, "/app") for _ in range(20)} == {"two"}
    kill(program, LANES)
    assert {get(program, "/app") for _ in range(20)} == {"two"}
    kill(program, CONTROL)
    assert f" {two} " in ask(program, "show servers state").splitlines()[-1]
    assert {get(program, "/app") for _ in range(20)} == {"two"}
    assert ask(program, "set server app/s1 check-port 1") == ""
    until(lambda: get(program, "/app") == "503")
    kill(program, CONTROL)
    assert ask(program, "show servers state").splitlines()[-1].split()[-4] == "1"
    assert ask(program, f"set server app/s1 check-port {two}") == ""
    until(lambda: get(program, "/app") == "two")


def test_many_entries_at_once_and_a_long_history(program: Program) -> None:
    names = name_of(program, "names.map")
    entries = "".join(f"key{number} value{number}\n" for number in range(4000))
    assert ask(program, f"add map {names} <<\n{entries}") == ""
    all_say(program, "/key3999", "value3999", "first")
    for number in range(150):
        assert ask(program, f"add map {names} <<\n" + f"big{number} {'x' * 15_000}\n") == ""
        assert ask(program, f"del map {names} big{number}") == ""
    assert ask(program, f"set map {names} key3999 other") == ""
    kill(program, EVERYBODY)
    all_say(program, "/key3999", "other", "first")
    assert ask(program, f"show map {names}").count("\n") == 4000


def test_a_bind_line_is_for_its_lanes_only(program: Program) -> None:
    def lane_of(port: str) -> set[str]:
        return {get(program, "/", port).split()[0] for _ in range(20)}

    assert (lane_of("first"), lane_of("second")) == ({"0"}, {"1"})
    kill(program, LANES)
    assert (lane_of("first"), lane_of("second")) == ({"0"}, {"1"})


def test_lanes_run_on_their_cpus(program: Program) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("one CPU only")
    for _ in range(2):
        found = {frozenset(os.sched_getaffinity(pid)) for pid in pids(program)[LANES]}
        assert found == {frozenset({cpus[0]}), frozenset({cpus[-1]})}
        kill(program, LANES)
