"""How a connection to a stats socket is cut into commands, and how it lives."""
import asyncio

from admin_stand import stand
from hypothesis import given
from hypothesis import strategies as st

from pointsman.admin.console import Console, split_commands


def test_commands_and_words() -> None:
    assert split_commands("show info") == [["show", "info"]]
    assert split_commands("  show \t info ; show stat;") == [["show", "info"], ["show", "stat"], []]
    assert split_commands(r"echo a\;b\ c \\") == [["echo", "a;b c", "\\"]]
    assert split_commands("") == [[]]
    assert split_commands(";x") == [[], ["x"]]


@given(st.lists(st.lists(st.text(min_size=1).filter(lambda word: "\n" not in word), min_size=1), min_size=1))
def test_any_word_can_be_escaped(commands: list[list[str]]) -> None:
    line = ";".join(" ".join("".join("\\" + char for char in word) for word in words) for words in commands)
    assert split_commands(line) == commands


async def _talk(console: Console, sent: bytes) -> bytes:
    """All that the console answers to these bytes and the end of the stream."""
    server_done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await console.run(reader, writer)
        writer.close()
        await writer.wait_closed()
        server_done.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(sent)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    await server_done.wait()
    server.close()
    await server.wait_closed()
    return answer


def talk(sent: bytes, timeout: int = 2_000) -> bytes:
    with stand() as one:
        return asyncio.run(_talk(Console(one.view, one.gauge, "admin", "none", timeout), sent))


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
    async def wait(console: Console) -> bytes:
        reader = asyncio.StreamReader()
        reader.feed_data(b"show info")
        await console.run(reader, None)  # type: ignore[arg-type]  # nothing is written
        return console.received

    with stand() as one:
        assert asyncio.run(wait(Console(one.view, one.gauge, "user", "none", 50))) == b"show info"


