"""Messages that pause, in whole programs: a reload lets them finish, a hard stop ends them, and a lane that is killed
takes nothing with it but its own connections. Each of the four HTTP rule lists."""

import os
import re
import signal
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest
from support.crowd import Crowd, children, get, read_response, until
from support.ports import free_port
from support.programs import POINTSMAN, Program
from support.receiver import LogReceiver
from test_reload import Service, service

assert service  # a fixture

LISTS = ["frontend http-request", "backend http-request", "backend http-response", "frontend http-response"]
CONFIG = """
global
    nbthread 2
    stats socket {dir}/stats mode 600 level admin
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    timeout queue 10s
frontend web
    bind 127.0.0.1:{port}
    {front}
    default_backend farm
backend farm
    {back}
    server one 127.0.0.1:{origin} maxconn 2
frontend origin
    bind 127.0.0.1:{origin}
    http-request return status 200 content-type text/plain string "{text}"
"""


def config_of(where: str, rule: str) -> str:
    side, keyword = where.split(" ")
    line = f"{keyword} {rule}"
    front, back = (line, "") if side == "frontend" else ("", line)
    return CONFIG.replace("{front}", front).replace("{back}", back)


def slow(port: int) -> socket.socket:
    """A client whose message is going to pause."""
    client = socket.create_connection(("127.0.0.1", port), timeout=15)
    client.sendall(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
    return client


@pytest.mark.parametrize("where", LISTS)
def test_a_reload_lets_a_pause_finish(service: Service, where: str) -> None:
    """By the old generation; who comes meanwhile is served by the new one."""
    rule = "pause 5s if { path /slow }" if where.endswith("request") else "pause 5s if { capture.req.uri /slow }"
    service.head, service.body = "", config_of(where, rule).replace("{origin}", str(free_port()))
    service.begin("first")
    until(lambda: get(service.port, "/") == 200)
    began = time.monotonic()
    with closing(slow(service.port)) as client:
        time.sleep(0.2)
        old = children(service.pid)
        service.reload("second")
        assert get(service.port, "/") == 200
        assert time.monotonic() - began < 5
        assert read_response(client).startswith(b"HTTP/1.1 200")
        assert 5 <= time.monotonic() - began < 10
    until(lambda: not set(old) & set(children(service.pid)), 10)
    assert get(service.port, "/") == 200


@pytest.mark.parametrize("where", LISTS)
def test_reloads_while_all_messages_pause(service: Service, where: str) -> None:
    service.head, service.body = "", config_of(where, "pause 50").replace("{origin}", str(free_port()))
    service.begin("first")
    until(lambda: get(service.port, "/") == 200)
    with Crowd(service.port, 4) as crowd:
        for text in ("second", "third"):
            time.sleep(0.3)
            service.reload(text)
    assert crowd.failures == []
    assert crowd.answered > 10


@pytest.mark.parametrize("where", LISTS)
def test_a_killed_lane_gives_back_the_slots_of_messages_that_pause(tmp_path: Path, where: str) -> None:
    rule = "pause 5s if { path /slow }" if where.endswith("request") else "pause 5s if { capture.req.uri /slow }"
    text = config_of(where, rule).replace("{port}", "{port:web}").replace("{origin}", "{port:origin}")
    with Program(POINTSMAN, text.replace("{text}", "x"), tmp_path) as program:
        port = program.ports["web"]
        until(lambda: get(port, "/") == 200)
        waiting = [slow(port) for _ in range(2)]
        held = where.endswith("response")
        if held:
            until(lambda: gauge(tmp_path, "farm,one,") == 2)  # all slots of the server
        else:
            until(lambda: gauge(tmp_path, "web,FRONTEND,") == 2)
        lanes = children(program.pid)[:2]
        for lane in lanes:
            os.kill(lane, signal.SIGKILL)
        for client in waiting:
            assert gone(client)
            client.close()
        until(lambda: not set(lanes) & set(children(program.pid)) and len(children(program.pid)) == 3)
        until(lambda: get(port, "/") == 200)
        until(lambda: [gauge(tmp_path, row) for row in ("farm,one,", "farm,BACKEND,", "web,FRONTEND,")] == [0, 0, 0])
        assert get(port, "/slow" if not held else "/") == 200


@pytest.mark.parametrize("where", LISTS)
def test_shutdown_session_ends_a_pause(tmp_path: Path, where: str) -> None:
    """Its letters are KC, as those of the peer program."""
    text = config_of(where, "pause 20s").replace("{port}", "{port:web}").replace("{origin}", "{port:origin}")
    text = text.replace("{text}", "x").replace(
        "defaults\n", "defaults\n    log {log} format raw local0\n    option httplog\n"
    )
    with closing(LogReceiver(tmp_path / "log")) as log:
        text = text.replace("{log}", str(tmp_path / "log"))
        with Program(POINTSMAN, text, tmp_path) as program, closing(slow(program.ports["web"])) as client:
            until(lambda: gauge(tmp_path, "web,FRONTEND,") == 1)
            time.sleep(0.2)
            [shown] = [line for line in command(tmp_path, "show sess").splitlines() if "fe=web " in line]
            command(tmp_path, f"shutdown session {shown.partition(':')[0]}")
            assert gone(client)
            until(lambda: any(" KC-- " in line and "GET /slow" in line for line in log.wait(0)))
            until(lambda: gauge(tmp_path, "farm,BACKEND,") == 0)


@pytest.mark.parametrize("where", LISTS)
def test_a_hard_stop_ends_a_pause(tmp_path: Path, where: str) -> None:
    text = config_of(where, "pause 20s").replace("{port}", "{port:web}").replace("{origin}", "{port:origin}")
    text = text.replace("nbthread 2", "nbthread 2\n    hard-stop-after 300ms").replace("{text}", "x")
    program = Program(POINTSMAN, text, tmp_path)
    program.start()
    with closing(slow(program.ports["web"])) as client:
        time.sleep(0.3)
        began = time.monotonic()
        assert program.stop(signal.SIGUSR1) == 0
        assert 0.25 < time.monotonic() - began < 5
        assert gone(client)


def gone(client: socket.socket) -> bool:
    """The connection has ended without an answer."""
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def command(folder: Path, text: str) -> str:
    """One command on the runtime socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(folder / "stats"))
        client.sendall(text.encode() + b"\n")
        answer = b""
        while data := client.recv(65536):
            answer += data
    return answer.decode()


def gauge(folder: Path, row: str) -> int:
    """Current sessions of a row of `show stat`."""
    lines = command(folder, "show stat").splitlines()
    names = re.sub("^# ", "", lines[0]).split(",")
    found = next(line for line in lines if line.startswith(row)).split(",")
    return int(found[names.index("scur")] or 0)
