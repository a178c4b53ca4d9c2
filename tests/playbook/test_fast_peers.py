"""A peer that sends as fast as loopback goes: how much of it others have to wait for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest
from support.stand import Stand

from pointsman.net.wire import LARGE
from pointsman.sample.record import Record
from pointsman.stream.connections import client_connections
from pointsman.stream.tunnel import ROUNDS

SIZE = 32 << 20
CONFIG = """
defaults
    mode {mode}
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    server a {a}
"""
HEADS = {  # what the sender begins with, and what the other has to say before
    "http up": (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % SIZE, b""),
    "http down": (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    "tcp up": (b"", b""),
    "tcp down": (b"", b"hello"),
}


def drain(sock: socket.socket, pieces: list[int]) -> None:
    try:
        while size := len(sock.recv(1 << 20)):
            pieces.append(size)
    except ConnectionResetError:
        pass  # its client has left without waiting for an answer


@pytest.mark.parametrize("story", HEADS)
def test_a_turn_takes_two_goes_of_it_at_most(story: str) -> None:
    """One for its event, and the one that it asks for; then others are looked at."""
    mode, direction = story.split()
    head, before = HEADS[story]
    with Stand(CONFIG.replace("{mode}", mode), "a") as stand:
        client = stand.client()
        client.send(before or head)
        server = stand.accept("a")
        sender, receiver = (client, server) if direction == "up" else (server, client)
        if before:
            sender.send(head)
        for end in (sender, receiver):
            end.sock.setblocking(True)
        pieces: list[int] = []
        threads = [
            threading.Thread(target=sender.sock.sendall, args=(bytes(SIZE),)),
            threading.Thread(target=drain, args=(receiver.sock, pieces)),
        ]
        for thread in threads:
            thread.start()
        record = record_of(stand)
        moved = lambda: record.uploaded if direction == "up" else record.sent  # noqa: E731
        steps = turns(stand, moved, SIZE)
        while sum(pieces) < SIZE:  # before the end: a client that leaves ends its request at once
            stand.settle()
        sender.sock.close()
        receiver.sock.shutdown(socket.SHUT_WR)
        while threads[1].is_alive():
            stand.settle()
        for thread in threads:
            thread.join()
        assert max(steps) <= 2 * LARGE * (1 if direction == "up" else ROUNDS)
        assert sum(pieces) >= SIZE


def record_of(stand: Stand) -> Record:
    (connection,) = client_connections(stand.reactor)
    return connection.wake().record


def turns(stand: Stand, moved: Callable[[], int], size: int) -> list[int]:
    """Bytes that each turn moves, until all have gone."""
    steps: list[int] = []
    begin = known = moved()
    while known - begin < size - LARGE // 2:
        stand.reactor.turn(100)
        steps.append(moved() - known)
        known += steps[-1]
    return steps
