"""Keys of session tickets in both programs: which files are good, and what the stats socket says of them."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.certificates import authority
from support.programs import HAPROXY, POINTSMAN, Kind, Program, environment
from support.scenario import query

from pointsman.core.tls import MISSING

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed"),
    pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL"),
]

TEXT = """
global
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 2s
    timeout client 2s
    timeout server 2s
frontend web
    bind 127.0.0.1:{port:a} ssl crt {pem} tls-ticket-keys {files}/m
    bind 127.0.0.1:{port:b} ssl crt {pem} tls-ticket-keys {files}/z
    bind 127.0.0.1:{port:c} ssl crt {pem} tls-ticket-keys {files}/a no-tls-tickets
    bind 127.0.0.1:{port:d} ssl crt {pem} tls-ticket-keys {files}/m
    bind 127.0.0.1:{port:e} ssl crt {pem}
"""


def word(number: int, size: int = 80) -> str:
    return base64.b64encode(bytes([number]) * size).decode()


def ask(kind: Kind, folder: Path, lines: Sequence[str]) -> list[str]:
    values = {"pem": str(authority().path("www.example.test")), "files": str(folder)}
    with Program(kind, TEXT, folder / kind.name, values) as program:
        return [query(program.folder / "stats", line) for line in lines]


def test_what_the_stats_socket_says(tmp_path: Path) -> None:
    """Also of several commands in a row, each of which sees what the ones before have changed."""
    for name, size in (("m", 80), ("z", 48), ("a", 80)):
        (tmp_path / name).write_text("".join(word(number, size) + "\n" for number in range(4)))
    lines = [
        "show tls-keys",
        "show tls-keys *",
        "show tls-keys #1",
        "show tls-keys #",
        "show tls-keys #01",
        "show tls-keys #9",
        "show tls-keys #x",
        "show tls-keys 0",
        f"show tls-keys {tmp_path}/z",
        "show tls-keys * more",
        "set ssl tls-key",
        "set ssl tls-key #0",
        f"set ssl tls-key #9 {word(7)}",
        "set ssl tls-key #0 !!",
        "set ssl tls-key #0 AAE",
        f"set ssl tls-key #0 {word(7, 48)}",
        f"set ssl tls-key #1 {word(7)}",
        f"set ssl tls-key #2 {word(7)}",
        f"set ssl tls-key {tmp_path}/m {word(8)} more",
        f"set ssl tls-key {tmp_path}/z {word(8, 48)}",
        "show tls-keys *",
        f"set severity-output number; set ssl tls-key #2 {word(9)}",
        "set severity-output number; set ssl tls-key #2 x",
        "help show tls-keys",
    ]
    theirs, ours = ask(HAPROXY, tmp_path, lines), ask(POINTSMAN, tmp_path, lines)
    # The prompt's own line is each program's.
    pairs = [
        (line, one.partition("  help [")[0], other.partition("  help [")[0])
        for line, one, other in zip(lines, theirs, ours)
    ]
    assert [one for one in pairs if one[1] != one[2]] == []
    assert word(8) in ours[20]
    assert ours[17].strip() == "TLS ticket key updated!"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("".join(word(number) + "\n" for number in range(3)), 0),
        ("\r\n".join(word(number, 48) for number in range(5)), 0),
        ("", -1),
        (word(1) + "\n" + word(2) + "\n", -1),
        (word(1) + "\n" + word(2, 48) + "\n" + word(3) + "\n", 2),
        (word(1) + "\n" + word(2) + " \n" + word(3) + "\n", 2),
        (word(1) + "\n" + word(2) + "\n" + word(3, 49) + "\n", 3),
        ("# keys\n" + word(1) + "\n", 1),
        ("\n" + word(1) + "\n", 1),
    ],
)
def test_which_files_are_good(tmp_path: Path, text: str, line: int) -> None:
    """`line`: of the file, that is wrong; 0: none; -1: there are too few."""
    for name in "mza":
        (tmp_path / name).write_text(text)
    config = TEXT.replace("{files}", str(tmp_path)).replace("{pem}", str(authority().path("www.example.test")))
    for number, name in enumerate("abcde", 1):
        config = config.replace(f"{{port:{name}}}", str(number))
    (tmp_path / "test.cfg").write_text(config.replace("{dir}", str(tmp_path)))
    for kind in (HAPROXY, POINTSMAN):
        done = subprocess.run(
            [*kind.command, "-c", "-f", str(tmp_path / "test.cfg")],
            capture_output=True,
            check=False,
            text=True,
            env=environment(),
        )
        assert (done.returncode == 0) == (line == 0), done.stderr
        if line > 0:
            assert f"on line {line}" in done.stderr
        elif line:
            assert "at least 3" in done.stderr
