"""close-spread-time (manual 3.1): a soft stop ends connections over a time, at a response or while idle."""

from __future__ import annotations

import pytest
from support.stand import End, Stand

CONFIG = """
global
    close-spread-time {time}
defaults
    mode http
    timeout connect 1s
    timeout client 600s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    http-request return status 200 if {{ path /mine }}
    default_backend b
backend b
    server s {a}
"""
MINE = b"GET /mine HTTP/1.1\r\nHost: h\r\n\r\n"
OTHER = b"GET /other HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def stand(time: str) -> Stand:
    return Stand(CONFIG.replace("{time}", time).replace("{{", "{").replace("}}", "}"), "a")


def used(scene: Stand, count: int) -> list[End]:
    """Connections that have had one exchange."""
    clients = [scene.client() for _ in range(count)]
    for client in clients:
        client.send(MINE)
        assert b"connection: close" not in client.take()
    return clients


def look(scene: Stand, milliseconds: int) -> bool:
    """Time passes, and every 50 ms it is looked whether all is over."""
    over = False
    for _ in range(milliseconds // 50):
        scene.wait(50)
        over = scene.live.idle()
    return over


def closed(clients: list[End]) -> int:
    for client in clients:
        client.take()
    return sum(client.closed for client in clients)


def stop(scene: Stand) -> None:
    scene.live.soft_stop()
    scene.live.process.spread_from = scene.live.reactor.now  # the test's clock is not the machine's
    scene.live.idle()


def test_idle_connections_end_one_after_the_other() -> None:
    with stand("10s") as scene:
        clients = used(scene, 60)
        stop(scene)
        look(scene, 2_000)
        first = closed(clients)
        look(scene, 6_000)
        second = closed(clients)
        assert 0 < first < 30 < second < 60  # on the average 12 and 48: it would be odd by seven deviations
        assert look(scene, 2_200)
        assert closed(clients) == 60


def test_at_once_without_it() -> None:
    with stand("0") as scene:
        clients = used(scene, 5)
        stop(scene)
        assert look(scene, 150)
        assert closed(clients) == 5


def test_never() -> None:
    with stand("infinite") as scene:
        clients = used(scene, 5)
        stop(scene)
        assert not look(scene, 20_000)
        assert closed(clients) == 0
        for path in (MINE, OTHER):
            clients[0].send(path)
            if path is OTHER:
                scene.accept("a").send(OK)
            assert b"connection: close" not in clients[0].take()


@pytest.mark.parametrize("path", [MINE, OTHER])
def test_busy_connections_end_with_a_response_the_later_the_likelier(path: bytes) -> None:
    with stand("10s") as scene:
        clients = used(scene, 40)
        stop(scene)
        told: list[int] = []
        servers: list[End] = []
        for wait in (0, 5_000, 5_000):
            scene.wait(wait)
            now = 0
            for client in clients:
                if client.closed:
                    continue
                client.send(path)
                servers += scene.arrivals("a")
                for server in servers:
                    if server.take():
                        server.send(OK)
                if b"connection: close" in client.take():
                    now += 1
            told.append(now)
        assert told[0] == 0
        assert 0 < told[1] < 40
        assert sum(told) == 40
        assert closed(clients) == 40
