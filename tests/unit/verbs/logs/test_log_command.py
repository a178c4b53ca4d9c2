"""`pointsman explain --log` as its user calls it."""

import gzip
import io
import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.verbs.logs.command import main
from pointsman.verbs.logs.page import show_reading
from pointsman.verbs.logs.reader import Reader
from pointsman.verbs.logs.reading import read_meaning
from pointsman.verbs.logs.text import Paper, fold
from pointsman.verbs.terminal import Terminal, columns, safe

LINES = Path(__file__).parent / "lines"
SLOW = (
    "<134>Nov 29 21:42:58 lb haproxy[9]: 127.0.0.1:593 [29/Nov/2026:21:42:58.334] http-in app/s2 0/0/0/-1/301 504 198 "
    'SID=abc - sH-- 1/1/0/0/0 0/0 {curl} {} "GET /slow HTTP/1.1"'
)


def out(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(words) == status
    return capsys.readouterr().out


def test_a_line_in_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    text = out(capsys, "--log", SLOW)
    lines = text.splitlines()
    assert lines[0] == "The server did not answer in time: given up after 301 ms."
    assert "  way      frontend http-in, backend app, server s2" in lines
    assert "  - `timeout server`" in lines
    assert "How it ended: sH-- (manual 8.5)" in lines
    assert any(line.startswith("  Tr  301 ms  ") and "cut" in line for line in lines)
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in text


def test_a_line_with_a_configuration(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(LINES)
    text = " ".join(out(capsys, "-f", "haproxy.cfg", "--log", SLOW).split())
    assert "`timeout server 300ms` of defaults, haproxy.cfg:10" in text
    assert "`server s2 127.0.0.1:" in text


def test_json_of_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(out(capsys, "--json", "--log", SLOW))
    assert (data["kind"], data["format"], data["cut"]) == ("exchange", "httplog", False)
    assert data["heading"] == {
        "date": "Nov 29 21:42:58",
        "host": "lb",
        "program": "haproxy",
        "pid": "9",
        "level": "info",
    }
    assert data["fields"]["client_ip"] == "127.0.0.1"
    assert data["fields"]["captured_response_cookie"] is None
    assert data["timers"]["spans"][-1]["unfinished"] is True
    assert data["termination"]["letters"] == "sH--"
    assert data["termination"]["timeout"] == "server"
    data = json.loads(out(capsys, "--json", "--log", "backend app has no server available!"))
    assert (data["kind"], data["fields"]) == ("backend_empty", {"backend_name": "app"})


@pytest.mark.parametrize("program", ["haproxy-2.6", "haproxy-3.2", "pointsman"])
def test_each_line_of_each_program_fits_into_80_columns(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    for line in (LINES / f"{program}.log").read_text().splitlines()[::2]:
        main(["--log", line])
        assert max([len(one) for one in capsys.readouterr().out.splitlines()], default=0) <= 80


def test_a_file_is_summed_up(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = out(capsys, "--log", str(LINES / "haproxy-2.6.log"))
    for title in ("How they ended", "Status", "Timers (ms)", "Servers", "Slowest", "Messages", "Not read: 3 lines"):
        assert title in text
    lines = text.splitlines()
    assert max(len(line) for line in lines[1:]) <= 80
    (tmp_path / "log.gz").write_bytes(gzip.compress((LINES / "haproxy-2.6.log").read_bytes()))
    monkeypatch.chdir(tmp_path)
    again = out(capsys, "--log", "log.gz").partition(": 33 lines")[2]
    assert again == text.partition(": 33 lines")[2]
    monkeypatch.chdir(LINES)
    with_file = out(capsys, "-f", "haproxy.cfg", "--log", "haproxy-3.2.log")
    assert "Not read" not in with_file
    in_force = " ".join(with_file.partition("Timeouts in force")[2].partition("Status")[0].split())
    assert "sH `timeout server 300ms` of defaults, haproxy.cfg:10" in in_force
    assert "cR `timeout http-request 200ms` of defaults, haproxy.cfg:12" in in_force
    assert "log-format of free-in" in with_file


def test_json_of_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(out(capsys, "--json", "--log", str(LINES / "pointsman.log")))
    assert (data["kind"], data["lines"], data["exchanges"], data["messages"], data["not_read"]) == (
        "summary",
        33,
        26,
        4,
        3,
    )
    assert {one["letters"]: one["lines"] for one in data["termination"]}["sH"] == 1
    assert data["timers"]["Tr"]["never"] >= 1


@pytest.mark.parametrize(
    ("content", "words"), [(SLOW + "\n", "did not answer in time"), (SLOW + "\n" + SLOW, "2 lines")]
)
def test_standard_input(
    content: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    assert words in out(capsys, "--log", "-")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("no-such-file.log", "there is no such file, and it is no log line either"),
        ("what is this line", "no known form of a log line fits"),
        (" ", "the line is empty"),
    ],
)
def test_what_cannot_be_read(source: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--log", source]) == 1
    printed = capsys.readouterr()
    assert words in printed.err
    assert not printed.out


def test_a_file_without_lines_and_one_of_others(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    empty, other = tmp_path / "empty", tmp_path / "other"
    empty.write_text("\n\n")
    other.write_text("one\ntwo\n")
    assert main(["--log", str(empty)]) == 1
    assert "there is no line in it" in capsys.readouterr().err
    assert "Not read: 2 lines" in out(capsys, "--log", str(other), status=1)


def test_folders_pipes_and_damaged_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--log", str(tmp_path)]) == 1
    assert "it is a folder" in capsys.readouterr().err
    content = b"".join((SLOW.replace("59376", str(port)) + "\n").encode() for port in range(2000))
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(content)[:-50])
    assert main(["--log", str(cut)]) == 0
    printed = capsys.readouterr()
    assert "cannot be read to its end" in printed.err
    assert "HTTP format" in printed.out
    reading, writing = os.pipe()
    os.write(writing, SLOW.encode())
    os.close(writing)
    assert "did not answer" in out(capsys, "--log", f"/dev/fd/{reading}")
    os.close(reading)


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--log", "--help"])
    assert ended.value.code == 0
    assert "--top N" in capsys.readouterr().out


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--log"], ["--log", "x y", "--top", "0"], ["--log", "x y", "--what"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
    assert "usage: pointsman explain" in capsys.readouterr().err


def test_mistakes_in_the_configuration_do_not_hide_its_formats(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text(
        "defaults\n  mode http\n  nonsense\nfrontend web\n  bind :80\n  log stdout format raw local0\n"
        '  log-format "%ci => %ST"\n'
    )
    assert main(["-f", str(file), "--log", "192.0.2.1 => 204"]) == 0
    printed = capsys.readouterr()
    assert "1 mistake;" in printed.err
    assert "answered with status 204" in printed.out


@pytest.mark.parametrize("line", ['{"a":"192.0.2.7","b":404}', "bf616169" + b"192.0.2.7".hex() + "6162190194ff"])
def test_a_line_without_a_blank(line: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    encoding = "json" if line.startswith("{") else "cbor"
    file = tmp_path / "haproxy.cfg"
    file.write_text(
        "defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n"
        f"frontend web\n bind :80\n log 127.0.0.1:514 local0\n log-format '%{{+{encoding}}}o%(a)ci %(b)ST'\n"
    )
    lines = out(capsys, "-f", str(file), "--log", line).splitlines()
    assert "  client  192.0.2.7" in lines
    assert "  answer  status 404" in lines


def test_control_bytes_never_reach_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    evil = SLOW.replace("{curl}", "{\x1b[31m\x07\u202e\x9b}").replace("/slow", "/\x1b]0;x\x07")
    assert "\\x1b[31m\\x07\\u202e\\x9b" in out(capsys, "--log", evil)
    path = tmp_path / "log"
    path.write_bytes((evil + "\n").encode() * 2 + b"un\x1b[2Jread \xff\n" + b"Server a/b \x1b[2J is odd\n")
    text = out(capsys, "--log", str(path))
    for bad in ("\x1b", "\x07", "\u202e", "\x9b"):
        assert bad not in text
    assert "un\\x1b[2Jread \\xff" in text


def test_bars() -> None:
    paper = Paper(Terminal(unicode=False))
    assert paper.bar(0, 10, 20, 10) == "#####     "
    assert paper.bar(10, 10, 20, 10, faint=True) == "     ....."
    assert paper.bar(19, 1, 20, 10) == "         #"
    assert paper.bar(0, 0, 20, 10) == paper.bar(0, 5, 0, 10) == " " * 10


def test_what_went_wrong_is_red_on_a_terminal() -> None:
    paper = Paper(Terminal(coloured=True))
    entry = Reader().read(SLOW.encode())
    assert entry is not None
    show_reading(read_meaning(entry), paper)
    assert paper.lines[0] == "\x1b[31mThe server did not answer in time: given up after 301 ms.\x1b[0m"


@given(st.text(max_size=60), st.integers(2, 30))
def test_folded_text_loses_nothing_but_blanks(text: str, room: int) -> None:
    lines = fold(text, room)
    assert "".join(lines).replace(" ", "") == safe(text).replace(" ", "")
    assert all(columns(line) <= room for line in lines)
