"""How a connection to a stats socket is cut into commands, and how it lives."""

import asyncio
import socket

from admin_stand import stand
from hypothesis import given
from hypothesis import strategies as st

from pointsman.admin.command_line import join_words, split_commands
from pointsman.admin.console import RuntimeConnection, SocketConnection


def test_commands_and_words() -> None:
    assert split_commands("show info") == [["show", "info"]]
    assert split_commands("  show \t info ; show stat;") == [["show", "info"], ["show", "stat"], []]
    assert split_commands(r"echo a\;b\ c \\") == [["echo", "a;b c", "\\"]]
    words = ["show", "decisions", "a;b c\\d\te"]
    assert split_commands(join_words(words)) == [words]
    assert split_commands("") == [[]]
    assert split_commands(";x") == [[], ["x"]]


@given(st.lists(st.lists(st.text(min_size=1).filter(lambda word: "\n" not in word), min_size=1), min_size=1))
def test_any_word_can_be_escaped(commands: list[list[str]]) -> None:
    line = ";".join(" ".join("".join("\\" + char for char in word) for word in words) for words in commands)
    assert split_commands(line) == commands


async def _talk(console: RuntimeConnection, sent: bytes) -> bytes:
    """All that the console answers to these bytes and the end of the stream."""
    ours, theirs = socket.socketpair()
    for sock in (ours, theirs):
        sock.setblocking(False)
    loop = asyncio.get_running_loop()

    async def serve() -> None:
        await console.run(SocketConnection(theirs))
        theirs.close()

    async def say() -> None:
        try:
            await loop.sock_sendall(ours, sent)
            ours.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass  # it has heard enough

    serving, saying = loop.create_task(serve()), loop.create_task(say())
    answer = b""
    while some := await _received(loop, ours):
        answer += some
    await serving
    await saying
    ours.close()
    return answer


async def _received(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> bytes:
    try:
        return await loop.sock_recv(sock, 65_536)
    except ConnectionError:  # it did not read all that was said
        return b""


def talk(sent: bytes, timeout: int = 2_000) -> bytes:
    with stand() as one:
        return asyncio.run(_talk(RuntimeConnection(one.view, one.gauge, "admin", "none", timeout), sent))


def test_without_prompt_what_was_sent_at_once_is_answered() -> None:
    assert talk(b"show cli level;show backend\n") == b"admin\n\n# name\nboth\napp\nspare\nraw\n\n"
    assert talk(b"show cli level\nshow cli level\n") == b"admin\n\nadmin\n\n"


def test_a_line_that_does_not_end_is_none() -> None:
    assert talk(b"show cli level") == b""
    assert talk(b"") == b""


def test_prompts() -> None:
    assert talk(b"prompt\nshow cli level\nquit\nshow cli level\n") == b"\n> admin\n\n> "
    assert talk(b"prompt i\nshow cli level\nuser\n") == b"\nadmin\n\n\n"
    assert talk(b"prompt timed\nquit\n") == b"\n[0:00:00:00]> "


def test_a_payload_is_taken_up_to_its_end() -> None:
    assert talk(b"prompt i\necho <<\nshow cli level\n\nshow cli level\n") == b"\n\n\nadmin\n\n"
    assert talk(b"prompt i\necho x <<END\n\nshow stat\nEND\nshow cli level\n") == b"\nx\n\nadmin\n\n"
    assert talk(b"prompt p\necho x <<\na\n\nquit\n") == b"\n> + + x\n\n> "


def test_a_client_that_says_nothing_is_left() -> None:
    async def wait(console: RuntimeConnection) -> bytes:
        ours, theirs = socket.socketpair()
        for sock in (ours, theirs):
            sock.setblocking(False)
        ours.send(b"show info")
        await asyncio.wait_for(console.run(SocketConnection(theirs)), 2)
        ours.close()
        theirs.close()
        return console.received

    with stand() as one:
        assert asyncio.run(wait(RuntimeConnection(one.view, one.gauge, "user", "none", 50))) == b"show info"


def test_a_client_that_takes_no_answer_is_left() -> None:
    async def wait(console: RuntimeConnection) -> None:
        ours, theirs = socket.socketpair()
        for sock in (ours, theirs):
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ours.send(b"prompt i\n" + b"show stat json;" * 100 + b"\n")
        await asyncio.wait_for(console.run(SocketConnection(theirs)), 5)
        ours.close()
        theirs.close()

    with stand() as one:
        asyncio.run(wait(RuntimeConnection(one.view, one.gauge, "user", "none", 100)))


def test_what_is_too_long_is_told_with_the_name_of_its_limit() -> None:
    with stand() as one:

        def limited() -> RuntimeConnection:
            return RuntimeConnection(
                one.view, one.gauge, "admin", "number", 2_000, longest_line=64, longest_payload=100
            )

        def said(sent: bytes) -> str:
            return asyncio.run(_talk(limited(), sent)).decode()

        assert said(b"echo " + b"x" * 58 + b"\n") == "x" * 58 + "\n\n"
        assert said(b"echo " + b"x" * 200) == (
            "[3]: The command line is too long: it takes at most 64 bytes (tune.bufsize).\n\n"
        )
        line = b"0123456789" * 4 + b"\n"
        assert said(b"echo x <<EOF\n" + line * 2 + b"0123456789\nEOF\n") == "x\n\n"
        assert said(b"echo x <<EOF\n" + line * 3 + b"EOF\n") == (
            "[3]: The payload is too large: it takes at most 100 bytes (tune.cli.max-payload-size).\n\n"
        )
