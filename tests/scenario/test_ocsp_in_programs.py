"""OCSP responses on two lanes: those of files, those that are set, and those that a responder is asked for (OpenSSL's);
openssl's client is told them. What one lane sends all send, also one that replaces another that was killed."""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from support.certificates import Authority, authority
from support.crowd import children, until
from support.ports import free_port, listening_ports
from support.programs import POINTSMAN, Program
from support.receiver import LogReceiver
from support.scenario import query

from pointsman.core.tls import VERSION, Certificate, pem_certificates

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")

CONFIG: Final = """
global
    nbthread 2
    stats socket {dir}/stats level admin
    log {log} local0
    {words}
crt-store
    load crt {crt} ocsp-update {mode} {more}
defaults
    mode http
    timeout client 10s
frontend web
    bind 127.0.0.1:{port:web} ssl crt {crt}
    http-request return status 200 content-type text/plain lf-string "%pid"
"""
HEAD: Final = (
    "OCSP Certid | Path | Next Update | Last Update | Successes | Failures | Last Update Status | "
    "Last Update Status (str)"
)
DATE: Final = r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"
CONNECTIONS: Final = 8  # so many that each lane has some

Start = Callable[..., Program]


@pytest.fixture
def log() -> Iterator[LogReceiver]:
    receiver = LogReceiver()
    yield receiver
    receiver.close()


@pytest.fixture
def start(tmp_path: Path, log: LogReceiver) -> Iterator[Start]:
    made: list[Program] = []

    def run(crt: Path, mode: str = "on", words: str = "", more: str = "") -> Program:
        values = {"crt": str(crt), "mode": mode, "words": words, "more": more, "log": log.where}
        one = Program(POINTSMAN, CONFIG, tmp_path, values=values)
        one.__enter__()
        made.append(one)
        until(lambda: len(children(one.pid)) == 3)
        return one

    yield run
    for one in made:
        one.__exit__(None, None, None)


def ask(program: Program, line: str) -> str:
    return query(program.folder / "stats", line).strip("\n")


def told(program: Program) -> str:
    """What a client is told: the status of the certificate, and until when; "none"."""
    words = ["openssl", "s_client", "-status", "-connect", f"127.0.0.1:{program.ports['web']}"]
    text = subprocess.run(words, input=b"", capture_output=True, check=False).stdout.decode("latin-1")
    if "OCSP response: no response sent" in text:
        return "none"
    found = re.search(r"Cert Status: (\w+)\n.*?Next Update: ([^\n]*)", text, re.S)
    assert found is not None, text
    return f"{found[1]} {found[2]}"


def all_told(program: Program) -> set[str]:
    return {told(program) for _ in range(CONNECTIONS)}


def updates(program: Program) -> list[str]:
    """The columns of the only line of `show ssl ocsp-updates`."""
    head, line = ask(program, "show ssl ocsp-updates").split("\n")
    assert head == HEAD
    return line.split(" | ")


def key_of(path: Path) -> str:
    leaf = Certificate(pem_certificates(path.read_bytes())[0])
    return leaf.ocsp_id(Certificate(pem_certificates(authority().ca)[0])).hex()


def until_date(response: bytes) -> str:
    """As openssl prints when a response ends."""
    words = ["openssl", "ocsp", "-respin", "/dev/stdin", "-noverify", "-resp_text"]
    text = subprocess.run(words, input=response, capture_output=True, check=True).stdout.decode()
    found = re.search("Next Update: ([^\n]*)", text)
    assert found is not None
    return found[1]


def test_responses_are_fetched_at_the_start_and_asked_for_by_command(start: Start, log: LogReceiver) -> None:
    port = free_port()
    path = authority().with_responder(f"fetched{port}.test", f"http://127.0.0.1:{port}")
    with authority().responder(port) as responder:
        try:
            until(lambda: port in listening_ports())
            program = start(path)
            until(lambda: updates(program)[4] == "1")
            (status,) = all_told(program)
            assert status.startswith("good ")
            key, name, due, last, successes, failures, number, text = updates(program)
            assert (key, name) == (key_of(path), str(path))
            assert re.fullmatch(DATE, due) and re.fullmatch(DATE, last)
            assert (successes, failures, number, text) == ("1", "0", "1", "Update successful")
            (line,) = log.wait(1)[-1:]
            assert line.endswith(f'<OCSP-UPDATE> {path} 1 "Update successful" 0 1')
            assert line.startswith("<133>")  # of local0, a notice
            time.sleep(1.1)  # the next response has another date
            answer = ask(program, f"update ssl ocsp-response {path}")
            assert answer.startswith("OCSP Response Data:\n") and "Cert Status: good\n" in answer
            assert updates(program)[4:6] == ["2", "0"]
            (later,) = all_told(program)
            assert later != status
        finally:
            responder.kill()
    ask_in_vain = ask(program, f"update ssl ocsp-response {path}")
    assert ask_in_vain == f"HTTP error!\nCan't send ocsp request for {path}!"
    assert updates(program)[4:] == ["2", "1", "2", "HTTP error"]
    assert all_told(program) == {later}  # the one before stays
    lines = [line.partition("]: ")[2] for line in log.wait(4) if "<OCSP-UPDATE>" in line]
    assert lines[2] == f'<OCSP-UPDATE> {path} 2 "HTTP error" 1 2'
    assert re.fullmatch(
        rf'-:- \[[^]]*\] <OCSP-UPDATE> -/- 0/0/-1/-1/\d+ 503 0 - - SC-- 0/0/0/0/3 0/0 {{}} "GET http://127\.0\.0\.1:'
        rf'{port}/M[A-Za-z0-9%]* HTTP/1\.1"',
        lines[3],
    )


class Canned:
    """A responder that says the same to all."""

    def __init__(self, answer: bytes, context: ssl.SSLContext | None = None) -> None:
        self.context = context
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.answer = answer
        self.requests: list[bytes] = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            with client:
                try:
                    ours = client if self.context is None else self.context.wrap_socket(client, server_side=True)
                    with ours:
                        self.requests.append(ours.recv(65536))
                        ours.sendall(self.answer)
                except OSError:
                    continue  # a client that does not like us


def http(body: bytes, kind: str = "application/ocsp-response", status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_what_responders_may_not_say(start: Start) -> None:
    server = Canned(http(b"x"))
    path = authority().with_responder(f"canned{server.port}.test", f"http://127.0.0.1:{server.port}/way/")
    good = authority().ocsp(path.with_suffix(".crt"))
    other = authority().ocsp(authority().path("other.test"))
    forged = bytearray(authority().ocsp(path.with_suffix(".crt"), "-resp_no_certs", "-ndays", "1"))
    forged[-1] ^= 1
    program = start(path, "on", "httpclient.retries 0")
    until(lambda: updates(program)[5] == "1")
    assert updates(program)[6:] == ["4", "OCSP response check failure (Unable to parse OCSP response)"]
    sent = server.requests[0]
    assert re.match(rb"GET /way/M[A-Za-z0-9%]+ HTTP/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n", sent), sent
    for answer, expected in (
        (http(good, "text/plain"), 'Missing "ocsp-response" header'),
        (http(good, status="500 Oops"), "HTTP error"),
        (b"", "HTTP error"),
        (b"nothing\r\n\r\n", "HTTP error"),
        (http(good)[:-1], "HTTP error"),
        (http(b"x" * 100_000), "HTTP error"),
        (
            http(other),
            "OCSP response check failure (OCSP single response: Certificate ID does not match certificate and issuer)",
        ),
        (
            http(bytes(forged)),
            "OCSP response check failure (the OCSP response is not signed for this issuer: signature failure)",
        ),
    ):
        server.answer = answer
        assert ask(program, f"update ssl ocsp-response {path}").split("!\n")[0] == expected
    assert all_told(program) == {"none"}
    chunked = b"HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\ntransfer-encoding: chunked\r\n\r\n"
    server.answer = chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(good), good)
    assert "Cert Status: good\n" in ask(program, f"update ssl ocsp-response {path}")
    assert all_told(program) == {f"good {until_date(good)}"}
    server.sock.close()


def test_a_proxy_is_asked_where_httpproxy_names_one(start: Start) -> None:
    server = Canned(b"")
    path = authority().with_responder(f"proxy{server.port}.test", "http://responder.invalid/")
    server.answer = http(authority().ocsp(path.with_suffix(".crt")))
    program = start(path, "on", f"ocsp-update.httpproxy 127.0.0.1:{server.port}")
    until(lambda: updates(program)[4] == "1")
    assert server.requests[0].startswith(b"GET http://responder.invalid/M")
    assert b"\r\nhost: responder.invalid\r\n" in server.requests[0]
    server.sock.close()


@pytest.mark.parametrize(("mode", "words"), [("off", ""), ("on", "ocsp-update.disable on")])
def test_responses_that_are_set(start: Start, tmp_path: Path, mode: str, words: str) -> None:
    path = authority().with_responder("set.test", "http://127.0.0.1:1")
    first, second = (authority().ocsp(path.with_suffix(".crt"), "-ndays", days) for days in ("1", "2"))
    (tmp_path / "response").write_bytes(first)
    program = start(path, mode, words, f"ocsp {tmp_path}/response")
    assert all_told(program) == {f"good {until_date(first)}"}
    assert ask(program, "show ssl ocsp-updates") == HEAD
    for _ in range(2):
        assert ask(program, f"set ssl ocsp-response {base64.b64encode(second).decode()}") == "OCSP Response updated!"
        assert all_told(program) == {f"good {until_date(second)}"}
        lane = children(program.pid)[0]
        os.kill(lane, signal.SIGKILL)
        until(lambda: lane not in children(program.pid) and len(children(program.pid)) == 3)  # noqa: B023
        assert all_told(program) == {f"good {until_date(second)}"}
    assert ask(program, f"show ssl ocsp-response base64 {path}") == base64.b64encode(second).decode()
    by_key, by_path = (ask(program, f"show ssl ocsp-response {name}") for name in (key_of(path), path))
    assert by_key == by_path == ask(program, f"show ssl cert {path}.ocsp")
    assert by_key.startswith("OCSP Response Data:\n    OCSP Response Status: successful (0x0)\n")
    listed = ask(program, "show ssl ocsp-response").split("\n")
    assert listed[:3] == ["# Certificate IDs", f"Certificate ID key : {key_of(path)}", f"Certificate path : {path}"]
    assert listed[3] == " Certificate ID:" and re.fullmatch("   Issuer Name Hash: [0-9A-F]{40}", listed[4])
    refused = base64.b64encode(authority().ocsp(authority().path("other.test"))).decode()
    said = "OCSP single response: Certificate ID does not match any certificate or issuer."
    assert ask(program, f"set ssl ocsp-response {refused}") == said
    assert all_told(program) == {f"good {until_date(second)}"}


def test_what_is_too_old_is_not_sent_and_counted(start: Start, tmp_path: Path) -> None:
    path = authority().with_responder("old.test", "http://127.0.0.1:1")
    response = authority().ocsp(path.with_suffix(".crt"))
    dates = re.findall(rb"\d{14}Z", response)
    end = int(time.time()) + 6
    # Its signature is not looked at when it is read from a file, as in HAProxy.
    response = response.replace(dates[2], time.strftime("%Y%m%d%H%M%SZ", time.gmtime(end)).encode())
    (tmp_path / "response").write_bytes(response)
    program = start(path, "off", more=f"ocsp {tmp_path}/response")
    assert all_told(program) == {f"good {until_date(response)}"}
    assert time.time() < end
    until(lambda: time.time() >= end, 10)
    assert all_told(program) == {"none"}
    header, *rows = query(program.folder / "stats", "show stat").strip("\n").split("\n")
    row = dict(zip(header.removeprefix("# ").split(","), rows[0].split(",")))
    assert (row["svname"], row["ssl_ocsp_staple"], row["ssl_failed_ocsp_staple"]) == ("FRONTEND", "8", "8")
    refused = ask(program, f"set ssl ocsp-response {base64.b64encode(response).decode()}")
    assert refused == "OCSP single response: it is no longer valid."


def test_control_that_is_killed_knows_what_was_set(start: Start) -> None:
    server = Canned(b"")
    path = authority().with_responder(f"killed{server.port}.test", f"http://127.0.0.1:{server.port}")
    server.answer = http(authority().ocsp(path.with_suffix(".crt"), "-ndays", "2"))
    program = start(path)
    until(lambda: updates(program)[4] == "1")
    (before,) = all_told(program)
    control = children(program.pid)[-1]
    os.kill(control, signal.SIGKILL)
    until(lambda: control not in children(program.pid) and len(children(program.pid)) == 3)
    until(lambda: updates(program)[4:] == ["0", "0", "0", "Unknown"])  # it need not ask before it is due
    assert all_told(program) == {before} and len(server.requests) == 1
    server.answer = http(authority().ocsp(path.with_suffix(".crt"), "-ndays", "5"))
    assert "Cert Status: good\n" in ask(program, f"update ssl ocsp-response {path}")
    (after,) = all_told(program)
    assert after != before
    server.sock.close()


def test_a_certificate_that_is_replaced_is_asked_for_anew(start: Start) -> None:
    server = Canned(b"")
    uri = f"http://127.0.0.1:{server.port}"
    first, second = (authority().with_responder(f"{name}{server.port}.test", uri) for name in ("first", "second"))
    server.answer = http(authority().ocsp(first.with_suffix(".crt")))
    program = start(first)
    until(lambda: updates(program)[4] == "1")
    server.answer = http(authority().ocsp(second.with_suffix(".crt"), "-ndays", "2"))
    payload = second.read_text().replace("\n\n", "\n")
    assert "Transaction created" in ask(program, f"set ssl cert {first} <<%END%\n{payload}\n%END%")
    wrong = base64.b64encode(authority().ocsp(first.with_suffix(".crt"))).decode()
    assert "Transaction updated" in ask(program, f"set ssl cert {first}.ocsp <<%END%\n{wrong}\n%END%")
    assert "does not match certificate and issuer" in ask(program, f"commit ssl cert {first}")
    ask(program, f"abort ssl cert {first}")
    ask(program, f"set ssl cert {first} <<%END%\n{payload}\n%END%")
    assert ask(program, f"commit ssl cert {first}").endswith("Success!")
    until(lambda: (updates(program)[0], updates(program)[4]) == (key_of(second), "1"))
    (status,) = all_told(program)
    assert status.startswith("good ")
    assert len(ask(program, "show ssl ocsp-response").split("\n")) == 7
    server.sock.close()


def test_a_responder_over_tls_is_verified(start: Start, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority().path("localhost"))
    server = Canned(b"", context)
    path = authority().with_responder(f"secure{server.port}.test", f"https://localhost:{server.port}/")
    server.answer = http(authority().ocsp(path.with_suffix(".crt")))
    (tmp_path / "ca.pem").write_bytes(authority().ca)
    program = start(path, "on", f"httpclient.ssl.ca-file {tmp_path}/ca.pem")
    until(lambda: updates(program)[4] == "1")
    server.sock.close()


def test_a_responder_over_tls_of_strangers_is_not_believed(start: Start, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority().path("localhost"))
    server = Canned(b"", context)
    path = authority().with_responder(f"strange{server.port}.test", f"https://localhost:{server.port}/")
    server.answer = http(authority().ocsp(path.with_suffix(".crt")))
    (tmp_path / "ca.pem").write_bytes(Authority("strangers").ca)
    program = start(path, "on", f"httpclient.retries 0\n    httpclient.ssl.ca-file {tmp_path}/ca.pem")
    until(lambda: updates(program)[5] == "1")
    assert updates(program)[6:] == ["2", "HTTP error"] and not server.requests
    server.sock.close()
