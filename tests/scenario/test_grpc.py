"""gRPC from end to end, by grpcio on both sides: in clear, and over TLS with ALPN; the program runs with two lanes.

POINTSMAN_TEST_PROXY=haproxy puts the peer (POINTSMAN_PEER) in the program's place.
"""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from support.certificates import authority
from support.grpc_stand import Client, GrpcServer
from support.programs import HAPROXY, POINTSMAN, Program
from support.tls_origin import HOST

KIND = HAPROXY if os.environ.get("POINTSMAN_TEST_PROXY") == "haproxy" else POINTSMAN
TEXT = """
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    http-reuse always
frontend clear
    bind 127.0.0.1:{port:clear} proto h2
    http-request return status 503 if { path /t.T/Nowhere }
    default_backend clear
frontend tls
    bind 127.0.0.1:{port:tls} ssl crt {pem} alpn h2
    http-request return status 503 if { path /t.T/Nowhere }
    default_backend tls
backend clear
    server s 127.0.0.1:{clear} proto h2
backend tls
    server s 127.0.0.1:{tls} ssl alpn h2 ca-file {ca} verifyhost {host}
"""
CALLS = 1000
CHANNELS = 8
PATIENCE = 10  # s


@dataclass(frozen=True, slots=True)
class Running:
    program: Program
    server: GrpcServer

    def client(self, kind: str) -> Client:
        return Client(self.program.ports[kind], authority().ca if kind == "tls" else None)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("grpc")
    pem = authority().path(HOST)
    (folder / "ca.pem").write_bytes(authority().ca)
    with ExitStack() as stack:
        server = stack.enter_context(GrpcServer(pem))
        values = {"pem": str(pem), "ca": str(folder / "ca.pem"), "host": HOST}
        values |= {"clear": str(server.port), "tls": str(server.tls)}
        yield Running(stack.enter_context(Program(KIND, TEXT, folder / "program", values)), server)


@pytest.fixture(scope="module", params=["clear", "tls"])
def client(running: Running, request: pytest.FixtureRequest) -> Iterator[Client]:
    """One connection for all tests of a kind: whatever one of them does to it, the next still finds it in order."""
    with running.client(request.param) as one:
        yield one


def test_unary(client: Client) -> None:
    assert client.unary("Unary")(b"hello", timeout=PATIENCE) == b"olleh"
    assert client.unary("Unary")(b"", timeout=PATIENCE) == b"", "a message of no bytes"


def test_server_streaming(client: Client) -> None:
    assert list(client.down("Down")(b"200", timeout=PATIENCE)) == [b"message %d" % number for number in range(200)]
    assert list(client.down("Down")(b"0", timeout=PATIENCE)) == [], "no message at all"


def test_client_streaming(client: Client) -> None:
    messages = (b"x" * number for number in range(200))
    assert client.up("Up")(messages, timeout=PATIENCE) == b"200 messages, 19900 bytes"
    assert client.up("Up")(iter(()), timeout=PATIENCE) == b"0 messages, 0 bytes"


def test_both_directions_in_turns(client: Client) -> None:
    """Each message is sent when the one before it has been answered."""
    waiting: queue.Queue[bytes | None] = queue.Queue()
    answers = client.both("Both")(iter(waiting.get, None), timeout=PATIENCE)
    for number in range(50):
        waiting.put(b"message %d" % number)
        assert next(answers) == (b"message %d" % number)[::-1]
    waiting.put(None)
    assert list(answers) == []
    assert answers.code() is grpc.StatusCode.OK


def test_both_directions_at_once(client: Client) -> None:
    messages = [b"%06d" % number * 500 for number in range(300)]
    answers = client.both("Both")(iter(messages), timeout=PATIENCE)
    assert list(answers) == [message[::-1] for message in messages]


def test_metadata_goes_both_ways(client: Client) -> None:
    raw = bytes(range(256))
    sent = [("x-one", "1"), ("x-two", "a, b"), ("x-raw-bin", raw)]
    _, call = client.unary("Metadata").with_call(b"", timeout=PATIENCE, metadata=sent)
    head, trailers = dict(call.initial_metadata()), dict(call.trailing_metadata())
    assert (head["x-one-head"], head["x-two-head"], head["x-raw-bin"]) == ("1", "a, b", raw)
    assert (trailers["x-one"], trailers["x-two"], trailers["x-raw-bin"]) == ("1", "a, b", raw)


@pytest.mark.parametrize("size", (70_000, 8_000_000))
def test_large_messages(client: Client, size: int) -> None:
    message = bytes(range(250)) * (size // 250)
    assert client.unary("Unary")(message, timeout=PATIENCE) == message[::-1]


def failure(client: Client, name: str, request: bytes = b"", **more: float) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        client.unary(name)(request, **{"timeout": PATIENCE, **more})
    return caught.value


def test_errors_without_a_message(client: Client) -> None:
    """Trailers are the whole answer; the details are percent-encoded in them."""
    error = failure(client, "Fail", "not there: ä %".encode())
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "not there: ä %")
    assert ("x-why", "told") in error.trailing_metadata()
    assert failure(client, "Unheard").code() is grpc.StatusCode.UNIMPLEMENTED


def test_an_error_behind_a_message(client: Client) -> None:
    answers = client.down("Half")(b"", timeout=PATIENCE)
    assert next(answers) == b"first"
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.DATA_LOSS, "behind the first")


def test_an_answer_of_the_proxy_is_a_status_of_grpc(client: Client) -> None:
    assert failure(client, "Nowhere").code() is grpc.StatusCode.UNAVAILABLE


def test_a_deadline_reaches_the_server(running: Running, client: Client) -> None:
    calls = running.server.calls
    calls.expect(b"deadline")
    calls.remaining.clear()
    assert failure(client, "Hold", b"deadline", timeout=0.3).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert calls.cancelled[b"deadline"].wait(PATIENCE)
    assert calls.remaining[0] is not None and 0 < calls.remaining[0] < 0.4


def test_cancels_reach_the_server_and_leave_the_connections(running: Running, client: Client) -> None:
    """RST_STREAM with CANCEL: the call ends at the server, whose connection serves the next ones."""
    calls = running.server.calls
    client.unary("Peer")(b"", timeout=PATIENCE)
    for number in range(5):
        name = b"cancel %d" % number
        calls.expect(name)
        future = client.unary("Hold").future(name)
        assert calls.begun[name].wait(PATIENCE)
        future.cancel()
        assert calls.cancelled[name].wait(PATIENCE)
        assert client.unary("Unary")(b"next", timeout=PATIENCE) == b"txen"
    client.unary("Peer")(b"", timeout=PATIENCE)
    assert calls.peers[-1] == calls.peers[-2]


def test_a_stream_is_cancelled_while_messages_come(running: Running, client: Client) -> None:
    calls = running.server.calls
    for number in range(3):
        name = b"flood %d" % number
        calls.expect(name)
        answers = client.down("Flood")(name)
        for _ in range(20):
            assert next(answers) == b"x" * 10_000
        answers.cancel()
        assert calls.cancelled[name].wait(PATIENCE)
    assert client.unary("Unary")(b"after", timeout=PATIENCE) == b"retfa"


def test_who_does_not_read_holds_only_the_own_call(running: Running, client: Client) -> None:
    """Flow control holds the server of a call whose messages nobody takes; others on the connection go on."""
    calls = running.server.calls
    calls.expect(b"unread")
    answers = client.down("Flood")(b"unread")
    assert next(answers) == b"x" * 10_000
    message = b"m" * 300_000
    for _ in range(10):
        assert client.unary("Unary")(message, timeout=PATIENCE) == message
    answers.cancel()
    assert calls.cancelled[b"unread"].wait(PATIENCE)


@pytest.mark.parametrize("kind", ("clear", "tls"))
def test_a_thousand_calls_at_once(running: Running, kind: str) -> None:
    """On connections of both lanes."""
    with ExitStack() as stack:
        clients = [stack.enter_context(running.client(kind)) for _ in range(CHANNELS)]
        waiting = [
            (number, clients[number % CHANNELS].unary("Unary").future(b"%d" % number, timeout=60))
            for number in range(CALLS)
        ]
        for number, future in waiting:
            assert future.result() == (b"%d" % number)[::-1]
