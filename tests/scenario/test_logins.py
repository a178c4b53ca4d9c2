"""Userlists with encrypted passwords in a running program (manual 12.2): who gets in, and what others notice of it."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from support.crowd import children, read_response, until
from support.hashes import ENDLESS, HASHES, SLOW, authorization, knows
from support.programs import POINTSMAN, Program

CONFIG = """
global
    nbthread {lanes}
    stats socket {dir}/stats level admin
    {global}
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
userlist staff
    group admins users anna,SHA-512
    user anna password {slow}
    user carl insecure-password secret
    user endless password {endless}
    user impossible password *0
    user nobody
{users}
frontend web
    bind 127.0.0.1:{port:web}
    http-request return status 200 content-type text/plain string plain if { path /plain }
    http-request return status 200 content-type text/plain lf-string %pid if { path /pid }
    http-request auth realm staff unless { http_auth(staff) }
    http-request deny if { path /admins } !{ http_auth_group(staff) admins }
    http-request return status 200 content-type text/plain string in
frontend statistics
    bind 127.0.0.1:{port:statistics}
    stats uri /
    stats http-request auth unless { http_auth(staff) }
    stats admin if { http_auth_group(staff) admins }
"""


def values(lanes: int, more: str = "") -> dict[str, str]:
    known = {name: encrypted for name, encrypted in HASHES.items() if knows(encrypted)}
    assert len(known) >= 4
    return {
        "lanes": str(lanes),
        "global": more,
        "slow": SLOW.decode(),
        "endless": ENDLESS.decode(),
        "users": "\n".join(f"    user {name} password {encrypted.decode()}" for name, encrypted in known.items()),
    }


@pytest.fixture(params=[1, 2])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Program]:
    with Program(POINTSMAN, CONFIG, tmp_path, values(request.param)) as made:
        yield made


def connect(program: Program, port: str = "web") -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", program.ports[port]), 5)
    sock.settimeout(60)
    return sock


def request(path: str, login: tuple[str, str] | None) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: x"]
    if login is not None:
        lines.append(authorization(*login))
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def get(program: Program, path: str, login: tuple[str, str] | None = None, port: str = "web") -> tuple[int, bytes]:
    """Status and all that came."""
    with connect(program, port) as sock:
        sock.sendall(request(path, login).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        data = b""
        while piece := sock.recv(65536):
            data += piece
    return int(data.split(b" ", 2)[1]), data


def threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def test_each_method_lets_in_who_has_the_password(program: Program) -> None:
    for name in [name for name, encrypted in HASHES.items() if knows(encrypted)] + ["anna", "carl"]:
        for password, status in [("secret", 200), ("wrong", 401), ("", 401), ("secret", 200), ("wrong", 401)]:
            assert get(program, "/", (name, password))[0] == status, (name, password)
    for login in [None, ("impossible", "*0"), ("impossible", "*1"), ("nobody", ""), ("stranger", "secret")]:
        assert get(program, "/", login)[0] == 401, login
    assert b'www-authenticate: Basic realm="staff"' in get(program, "/", ("anna", "wrong"))[1]


def test_groups(program: Program) -> None:
    logins = [("anna", "secret"), ("SHA-512", "secret"), ("MD5", "secret"), ("carl", "secret"), ("anna", "wrong")]
    assert [get(program, "/admins", login)[0] for login in logins] == [200, 200, 403, 403, 401]


def test_the_statistics_page(program: Program) -> None:
    for login, status in [(None, 401), (("anna", "wrong"), 401), (("anna", "secret"), 200), (("MD5", "secret"), 200)]:
        found, page = get(program, "/", login, "statistics")
        assert found == status
    assert b"<title>" in page


def test_two_requests_on_one_connection(program: Program) -> None:
    with connect(program) as sock:
        for login, status in [(("anna", "wrong"), 401), (("anna", "secret"), 200), (("anna", "wrong"), 401)]:
            sock.sendall(request("/", login))
            assert read_response(sock).startswith(b"HTTP/1.1 %d " % status)


def test_a_lane_that_is_killed_takes_nobody_along(tmp_path: Path) -> None:
    """Its successor has a thread of its own."""
    with Program(POINTSMAN, CONFIG, tmp_path, values(2)) as program:
        for _ in range(2):
            with connect(program) as sock:
                sock.sendall(request("/pid", None))
                lane = int(read_response(sock).rpartition(b"\r\n\r\n")[2])
                sock.sendall(request("/", ("anna", "wrong")))
                os.kill(lane, signal.SIGKILL)
                with suppress(ConnectionError):
                    assert read_response(sock) == b""
            until(lambda gone=lane: gone not in children(program.pid) and len(children(program.pid)) == 3)
            assert get(program, "/", ("anna", "secret"))[0] == 200


@pytest.mark.parametrize("lanes", [1, 2])
def test_the_end_does_not_wait_for_a_password(lanes: int, tmp_path: Path) -> None:
    with Program(POINTSMAN, CONFIG, tmp_path, values(lanes)) as program, connect(program) as sock:
        sock.sendall(request("/", ("endless", "x")))
        assert get(program, "/plain")[0] == 200
        time.sleep(0.3)
        begun = time.monotonic()
        program.stop()
        assert time.monotonic() - begun < 5


def test_a_soft_stop_waits_for_clients_and_not_for_the_thread(tmp_path: Path) -> None:
    program = Program(POINTSMAN, CONFIG, tmp_path, values(1))
    program.start()
    with connect(program) as leaves, connect(program) as stays:
        stays.sendall(request("/", ("anna", "secret")))
        until(lambda: threads(program.pid) > 1)
        leaves.sendall(request("/", ("endless", "x")))
        assert get(program, "/plain")[0] == 200
        os.kill(program.pid, signal.SIGUSR1)
        assert read_response(stays).startswith(b"HTTP/1.1 200 ")
        assert threads(program.pid) > 1
    begun = time.monotonic()
    assert program.stop(signal.SIGUSR1) == 0
    assert time.monotonic() - begun < 5


@pytest.mark.root
def test_a_jail(tmp_path: Path) -> None:
    """The library was opened before."""
    jail = tmp_path / "jail"
    jail.mkdir()
    with Program(POINTSMAN, CONFIG, tmp_path, values(2, f"chroot {jail}")) as program:
        assert [get(program, "/", ("anna", password))[0] for password in ("secret", "wrong")] == [200, 401]


def delays(program: Program, others: list[Future[tuple[int, bytes]]]) -> list[float]:
    """Seconds that plain requests take, one after the other, while the others are under way."""
    found: list[float] = []
    with connect(program) as sock:
        while len(found) < 200 or not all(one.done() for one in others):
            begun = time.monotonic()
            sock.sendall(request("/plain", None))
            assert read_response(sock).startswith(b"HTTP/1.1 200 ")
            found.append(time.monotonic() - begun)
            time.sleep(0.002)
    return found


@pytest.mark.alone
def test_fifty_logins_do_not_delay_others(tmp_path: Path) -> None:
    """Each takes the thread 60 ms and more: in the lane's turns they would hold it for three seconds."""
    with Program(POINTSMAN, CONFIG, tmp_path, values(1)) as program:
        calm = delays(program, [])
        begun = time.monotonic()
        with ThreadPoolExecutor(50) as pool:
            asked = [pool.submit(get, program, "/", ("anna", f"wrong {number}")) for number in range(49)]
            asked.append(pool.submit(get, program, "/", ("anna", "secret")))
            busy = delays(program, asked)
        took = time.monotonic() - begun
        statuses = [one.result()[0] for one in asked]
    each = took / 50
    print(f"a login {each * 1000:.1f} ms; a plain request, calm {statistics.median(calm) * 1000:.2f} ms, busy", end=" ")
    print(f"{statistics.median(busy) * 1000:.2f} ms, nine of ten {sorted(busy)[len(busy) * 9 // 10] * 1000:.2f} ms")
    assert statuses == [401] * 49 + [200]
    assert len(busy) > 200 and statistics.median(busy) < 0.005
    assert sorted(busy)[len(busy) * 9 // 10] < max(0.01, each / 2)
