"""What is special about sockets towards servers (manual 5.2): what the kernel does not have is told at start-up."""

from __future__ import annotations

import socket

import pytest
from support.configs import Loaded, read

from pointsman.assemble import assemble
from pointsman.assemble.live import Live
from pointsman.core.address import UNIX_ADDRESS
from pointsman.net.tcp_options import IPPROTO_MPTCP


def assembled(server: str, expected: list[str] | None = None) -> tuple[Live, Loaded]:
    loaded = read(
        "defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
        f"listen x\n bind 127.0.0.1:1\n server s {server}\n"
    )
    live = assemble(loaded.configuration, loaded.diagnostics)
    assert loaded.errors == (expected or [])
    return live, loaded


def opened(words: str, host: str = "127.0.0.1") -> socket.SocketType:
    with socket.create_server((host, 0)) as listener:
        live, loaded = assembled(f"{host}:{listener.getsockname()[1]} {words}")
        assert loaded.warnings == []
        return live.backends[0].servers[0].dial.open(UNIX_ADDRESS)


def test_plain_ones_are_made_plainly() -> None:
    live, _ = assembled("127.0.0.1:1")
    assert live.backends[0].servers[0].dial.maker is None


def test_congestion_control() -> None:
    sock = opened("cc reno")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0") == b"reno"
    sock.close()


def test_times_and_fast_open() -> None:
    sock = opened("tcp-ut 5s tfo")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5_000
    assert sock.getsockopt(socket.IPPROTO_TCP, 30) == 1  # TCP_FASTOPEN_CONNECT of <linux/tcp.h>
    sock.close()


def test_a_congestion_control_that_the_kernel_does_not_have_is_a_warning() -> None:
    live, loaded = assembled("127.0.0.1:1 cc nosuch")
    assert loaded.warnings == ["'server x/s' : cannot set congestion control 'nosuch' (No such file or directory)."]
    maker = live.backends[0].servers[0].dial.maker
    assert maker is not None and maker.congestion == b""


def test_a_namespace_that_is_not_there() -> None:
    assembled("127.0.0.1:1 namespace nosuch-1", ["'server x/s' : Cannot open namespace 'nosuch-1'."])
    assembled("127.0.0.1:1 namespace a/b", ["'server x/s' : Cannot open namespace 'a/b'."])


def test_a_namespace_of_a_bind_line_that_is_not_there() -> None:
    loaded = read(
        "global\n stats socket 127.0.0.1:2 namespace nosuch-2\n"
        "defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
        "listen x\n bind 127.0.0.1:1 namespace nosuch-1\n"
    )
    assemble(loaded.configuration, loaded.diagnostics)
    assert loaded.errors == [
        "'bind 127.0.0.1:1' : Cannot open namespace 'nosuch-1'.",
        "'stats socket' : Cannot open namespace 'nosuch-2'.",
    ]


def test_mptcp_and_options_that_it_does_not_have() -> None:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP).close()
    except OSError as error:
        _, loaded = assembled("mptcp@127.0.0.1:1")
        assert loaded.warnings == [f"'server x/s' : MPTCP: {error.strerror}; connections to it will fail."]
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        live, loaded = assembled(f"mptcp@127.0.0.1:{listener.getsockname()[1]} tcp-ut 5s")
        dial = live.backends[0].servers[0].dial
        kept = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5_000) in dial.options
        assert kept == (loaded.warnings == [])
        sock = dial.open(UNIX_ADDRESS)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) == IPPROTO_MPTCP
        sock.close()


@pytest.mark.parametrize("words", ["cc reno tcp-md5sig x", "tcp-md5sig x"])
def test_unix_sockets_have_nothing_of_tcp(words: str) -> None:
    live, loaded = assembled(f"/nowhere {words}")
    assert loaded.warnings == [] and live.backends[0].servers[0].dial.maker is None
