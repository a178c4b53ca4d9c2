"""The demo's servers answer as their docstring says."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from urllib.request import urlopen

import pytest
from support.ports import free_port
from support.programs import environment

from pointsman.demo.server import DemoServer, main

Talk = Callable[[bytes], Awaitable[bytes]]


def play(story: Callable[[DemoServer, Talk], Awaitable[None]]) -> None:
    """Run it with a started server and a function that sends bytes on a new connection and reads to its end."""

    async def run() -> None:
        server = DemoServer("two")
        await server.start()

        async def talk(data: bytes) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(data)
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            await writer.wait_closed()
            return answer

        try:
            await story(server, talk)
        finally:
            await server.stop()

    asyncio.run(run())


def test_says_who_it_is_and_keeps_the_connection() -> None:
    async def story(server: DemoServer, talk: Talk) -> None:
        answer = await talk(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /x HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2
        assert answer.count(b"\r\n\r\nHello from server two!\n") == 2
        assert server.requests == 2

    play(story)


def test_a_browser_gets_a_page_that_is_escaped() -> None:
    async def story(server: DemoServer, talk: Talk) -> None:
        answer = await talk(b"GET /<b>&?q HTTP/1.1\r\nAccept: text/html,*/*\r\nConnection: close\r\n\r\n")
        assert b"Content-Type: text/html; charset=utf-8\r\n" in answer
        assert b"<h1>Hello from server two!</h1>" in answer and b"<code>/&lt;b>&amp;</code>" in answer

    play(story)


def test_head_has_the_length_but_no_body() -> None:
    async def story(server: DemoServer, talk: Talk) -> None:
        answer = await talk(b"HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert b"Content-Length: 23\r\n" in answer and answer.endswith(b"\r\n\r\n")

    play(story)


def test_it_is_switched_off_and_on() -> None:
    async def story(server: DemoServer, talk: Talk) -> None:
        async def status(line: str) -> bytes:
            return (await talk(f"{line} HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab".encode()))[9:12]

        assert await status("GET /health") == b"200"
        assert await status("POST /off") == b"200"
        assert await status("GET /health") == b"503"
        assert await status("GET /") == b"200"
        assert await status("POST /on") == b"200"
        assert await status("GET /health") == b"200"

    play(story)


@pytest.mark.parametrize("line", ["Transfer-Encoding: chunked", "Content-Length: +2", "Content-Length: x"])
def test_framing_beyond_it_is_refused(line: str) -> None:
    async def story(server: DemoServer, talk: Talk) -> None:
        answer = await talk(f"POST / HTTP/1.1\r\n{line}\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 501 ") and b"Connection: close\r\n" in answer

    play(story)


def test_stopping_closes_open_connections() -> None:
    async def story() -> bytes:
        server = DemoServer("one")
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"one!\n")
        await asyncio.wait_for(server.stop(), 5)
        rest = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        return rest

    assert asyncio.run(story()) == b""


def test_servers_on_given_ports(capfd: pytest.CaptureFixture[str]) -> None:
    """`python -m pointsman.demo.server PORT...` runs them until a signal; a port that is taken is said."""
    ports = [free_port(), free_port()]
    command = [sys.executable, "-m", "pointsman.demo.server", *map(str, ports)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            assert process.stdout is not None
            capfd.readouterr()
            said = process.stdout.readline()
            assert said == f"Servers listen on {ports[0]}, {ports[1]} of 127.0.0.1. Ctrl-C ends them.\n"
            for port in ports:
                with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                    assert answer.status == 200
            assert main([str(ports[1])]) == 1
            assert capfd.readouterr().err == f"{ports[1]}: Address already in use\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
        finally:
            process.kill()
    for words in ([], ["x"], ["0"], ["65536"], ["8080", "-1"]):
        assert main(words) == 2
        assert capfd.readouterr().err == "usage: python -m pointsman.demo.server PORT...\n"
