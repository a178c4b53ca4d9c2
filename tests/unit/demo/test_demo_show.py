"""The whole demonstration: it balances, shows statistics, notices an ill server, and ends cleanly at Ctrl-C."""

import http.client
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.programs import environment

from pointsman.core.tls import VERSION
from pointsman.demo.balancer import free_port


@dataclass
class Running:
    process: subprocess.Popen[str]
    said: str
    port: int
    statistics: int
    two: int

    def ask(self, path: str = "/", port: int = 0, method: str = "GET") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=5)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def end(self, number: int) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, out, err


@pytest.fixture
def demo() -> Iterator[Running]:
    command = [sys.executable, "-m", "pointsman.demo", "--port", "0", "--statistics", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment(), stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield _ready(process)
        finally:
            if process.poll() is None:
                process.terminate()  # not kill: its balancer is to end with it
                process.communicate(timeout=10)


def _ready(process: subprocess.Popen[str]) -> Running:
    said = ""
    assert process.stdout is not None and process.stderr is not None
    for line in process.stdout:
        said += line
        if "Ctrl-C" in line:
            break
    else:
        raise AssertionError(said + process.stderr.read())
    parts = (
        r"balances http://127.0.0.1:(\d+)/",
        r"http://127.0.0.1:(\d+)/ +the stat",
        r"POST http://127.0.0.1:(\d+)/off",
    )
    found = [re.search(part, said) for part in parts]
    port, statistics, two = (int(one[1]) for one in found if one)
    return Running(process, said, port, statistics, two)


def test_requests_go_round(demo: Running) -> None:
    seen = [demo.ask() for _ in range(6)]
    assert sorted(set(seen)) == [(200, f"Hello from server {name}!\n") for name in ("one", "three", "two")]
    assert seen[:3] == seen[3:]
    assert {demo.ask("/third") for _ in range(3)} == {(200, "Hello from server three!\n")}
    status, page = demo.ask(port=demo.statistics)
    assert status == 200 and "servers" in page
    code, out, err = demo.end(signal.SIGINT)
    assert code == 0
    assert "Traceback" not in err and "config :" not in err, err
    assert out.count(" servers/one ") == 2 and out.endswith("That was all.\n")


def test_an_ill_server_is_left_out_and_comes_back(demo: Running) -> None:
    def answering() -> set[str]:
        return {demo.ask()[1].split()[-1] for _ in range(6)}

    def until(wanted: set[str]) -> None:
        limit = time.monotonic() + 8
        while answering() != wanted:
            assert time.monotonic() < limit, f"not {wanted}"
            time.sleep(0.1)

    assert demo.ask("/off", demo.two, "POST") == (200, "Server two is off.\n")
    until({"one!", "three!"})
    assert demo.ask("/on", demo.two, "POST") == (200, "Server two is on.\n")
    until({"one!", "two!", "three!"})
    assert demo.end(signal.SIGTERM)[0] == 0


@pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
def test_tls_in_front() -> None:
    """What is printed works: a redirection, an answer over TLS, a line of the log that tells of both."""
    command = [sys.executable, "-m", "pointsman.demo", "--tls", "--port", "0", "--tls-port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment(), stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            said = ""
            while "Ctrl-C" not in said:
                line = process.stdout.readline()
                assert line, said + process.stderr.read()
                said += line
            plain = re.search(r"http://localhost:(\d+)/page", said)
            secure = re.search(r"https://localhost:(\d+)/ ", said)
            assert plain is not None and secure is not None
            connection = http.client.HTTPConnection("127.0.0.1", int(plain[1]), timeout=5)
            connection.request("GET", "/page?x=1")
            response = connection.getresponse()
            assert (response.status, response.headers["Location"]) == (301, f"https://localhost:{secure[1]}/page?x=1")
            connection.close()
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            encrypted = http.client.HTTPSConnection("localhost", int(secure[1]), timeout=5, context=context)
            encrypted.request("GET", "/")
            response = encrypted.getresponse()
            assert response.read() == b"Hello from server one!\n"
            assert response.headers["Strict-Transport-Security"] == "max-age=60"
            encrypted.close()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=10)
        finally:
            if process.poll() is None:
                process.terminate()
                process.communicate(timeout=10)
    assert process.returncode == 0 and "Traceback" not in err, err
    assert re.search(r" secure~ servers/one .* localhost/TLSv1\.3/TLS_AES_256_GCM_SHA384\n", out), out


def test_a_taken_port_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port) not in (0, port)
    assert free_port(port) == port
