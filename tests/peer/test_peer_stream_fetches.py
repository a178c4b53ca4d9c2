"""Fetches of streams in both programs (manual 7.3.3, 7.3.4): what rules see of a request, and its log line."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import pytest
from support.h2_peer import CANCEL, NO_ERROR, RawClient, asking, headers, literals, rst_stream
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.receiver import LogReceiver
from support.threaded_servers import ThreadedServers

pytestmark = [pytest.mark.peer, pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older")]

FRONT = ("fs.id", "fs.aborted", "fs.rst_code", "fc_settings_streams_limit", "fc_http_major")
BACK = ("bs.id", "bs.aborted", "bs.rst_code", "bc_nb_streams", "bc_settings_streams_limit", "bc_http_major")
FORMAT = "/".join(f"%[{name}]" for name in FRONT)
CONFIG = f"""
global
    log {{log}} format raw local0
defaults
    mode http
    log global
    log-format "%ST %HU {FORMAT} {"/".join(f"%[{name}]" for name in BACK)} %[var(txn.early)]"
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    timeout tarpit 5s
    retries 0
frontend f
    bind 127.0.0.1:{{port:h1}}
    bind 127.0.0.1:{{port:h2}} proto h2
    http-request set-var-fmt(txn.early) "{FORMAT}/%[fc_nb_streams]"
    http-request return status 200 if {{ path /own }}
    use_backend dead if {{ path /dead }}
    default_backend b
backend b
    http-reuse never
    server a 127.0.0.1:{{server}}
backend dead
    server d 127.0.0.1:{{port:dead}}
frontend t
    mode tcp
    bind 127.0.0.1:{{port:tcp}}
    log-format "tcp {FORMAT} {"/".join(f"%[{name}]" for name in BACK)}"
    default_backend tcp
backend tcp
    mode tcp
    server a 127.0.0.1:{{server}}
"""


class Server(ThreadedServers):
    """Answers on a connection that is kept, but not what asks for /slow."""

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        self.kept_waiting = threading.Semaphore(0)

    async def talk(self, server: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"/slow" in head:
                    self.kept_waiting.release()
                    continue
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def asked(port: int, *paths: str) -> None:
    """Requests of HTTP/1, one after the other on a connection."""
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        for path in paths:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            assert client.recv(65_536)


def lines(kind: Kind, folder: Path) -> list[str]:
    log = LogReceiver()
    with (
        Server("a") as server,
        Program(kind, CONFIG, folder / kind.name, {"log": log.where, "server": str(server.ports["a"])}) as program,
    ):
        asked(program.ports["h1"], "/1", "/own", "/2")
        asked(program.ports["h1"], "/3", "/dead")
        asked(program.ports["tcp"], "/")
        with RawClient(program.ports["h2"]) as client:
            for stream, path in ((1, "/1"), (5, "/own"), (9, "/2")):
                client.send(headers(stream, literals(asking("GET", path))))
                assert client.collect(stream).status == 200
            for stream, code in ((11, CANCEL), (13, NO_ERROR), (15, 77)):
                client.send(headers(stream, literals(asking("GET", "/slow"))))
                assert server.kept_waiting.acquire(timeout=5)
                client.send(rst_stream(stream, code))
                client.pinged()
        found = log.wait(12)
    log.close()
    return found


def test_both_programs_say_the_same(tmp_path: Path) -> None:
    theirs, ours = lines(HAPROXY, tmp_path), lines(POINTSMAN, tmp_path)
    assert len(ours) == 12
    assert sorted(ours) == sorted(theirs)
