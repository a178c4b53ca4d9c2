"""The verb `lint`: files, folders and stdin, comments that ignore, formats, fixes, statuses."""

import io
import json
import re
import sys
from pathlib import Path

import pytest

from pointsman.verbs.lint.command import main
from pointsman.verbs.lint.render import wants_colour
from pointsman.verbs.lint.rule import RULES

GOOD = """\
frontend www
    mode http
    bind :8080
    timeout client 10s
    default_backend app
backend app
    mode http
    timeout connect 5s
    timeout server 10s
    server one 192.0.2.1:80
"""
UNUSED = GOOD.replace("    default_backend", "    acl old path_beg /old   # since 2019\n    default_backend")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    return tmp_path


def write(folder: Path, text: str, name: str = "haproxy.cfg") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_a_good_file_is_no_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, GOOD)
    assert main(["-f", "haproxy.cfg"]) == 0
    assert capsys.readouterr().out == "1 file: nothing found.\n"


def test_a_finding_shows_its_line_underlined(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, UNUSED)
    assert main(["haproxy.cfg"]) == 1
    out = capsys.readouterr().out
    assert out.startswith(
        "haproxy.cfg:5:9: warning [unused-acl]\n"
        "    nothing in frontend 'www' asks for the ACL 'old'\n"
        "      |     acl old path_beg /old   # since 2019\n"
        "      |         ^^^\n"
        "    fix: remove the line\n"
    )
    assert "1 file: 1 finding (1 warning).\n" in out
    assert max(len(line) for line in out.split("\n")) <= 80


@pytest.mark.parametrize(
    ("level", "status"), [("info", 1), ("warning", 0), ("error", 0)], ids=["info", "warning", "error"]
)
def test_the_status_is_about_the_level_that_counts(
    folder: Path, capsys: pytest.CaptureFixture[str], level: str, status: int
) -> None:
    write(folder, GOOD.replace("192.0.2.1:80", "192.0.2.1"))  # server-without-port is info
    assert main(["-f", "haproxy.cfg", "--level", level]) == status
    assert ("[server-without-port]" in capsys.readouterr().out) == (level == "info")


@pytest.mark.parametrize(
    "words",
    [[], ["-f", "haproxy.cfg", "--only", "unused-acls"], ["--explain", "nothing-such"], ["--format", "xml", "x"]],
    ids=["no file", "unknown rule", "unknown explanation", "unknown format"],
)
def test_wrong_usage_is_status_2(folder: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    write(folder, GOOD)
    assert main(words) == 2
    assert capsys.readouterr().err


def test_a_file_that_is_not_there_is_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-f", "none.cfg"]) == 1
    assert "error [unreadable-file]" in capsys.readouterr().out


def test_a_folder_is_all_its_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    front, _, back = UNUSED.partition("\nbackend app\n")
    (folder / "conf").mkdir()
    write(folder, front + "\n", "conf/1.cfg")
    write(folder, "backend app\n" + back, "conf/2.cfg")
    assert main(["-f", "conf", "--format", "lines"]) == 1
    out = capsys.readouterr().out
    assert out == "conf/1.cfg:5:9: warning: nothing in frontend 'www' asks for the ACL 'old' [unused-acl]\n"


def test_each_file_may_be_a_configuration(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, GOOD, "a.cfg")
    write(folder, UNUSED, "b.cfg")
    assert main(["--each", "--format", "lines", "a.cfg", "b.cfg"]) == 1
    assert capsys.readouterr().out.count("\n") == 1


def test_stdin_is_a_file_and_its_fixed_text_goes_to_stdout(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UNUSED.encode())))
    assert main(["-f", "-", "--diff"]) == 1
    seen = capsys.readouterr()
    assert "-    acl old path_beg /old   # since 2019\n+    # since 2019\n" in seen.out
    assert seen.err == "1 finding would be fixed.\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UNUSED.encode())))
    out = io.TextIOWrapper(io.BytesIO(), write_through=True)
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["-f", "-", "--fix"]) == 0
    out.seek(0)
    assert out.read() == GOOD.replace("    default_backend", "    # since 2019\n    default_backend")


def test_fixes_are_written_and_keep_comments_and_ends_of_lines(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(folder, UNUSED.replace("\n", "\r\n"))
    path.chmod(0o640)
    assert main(["-f", "haproxy.cfg", "--fix"]) == 0
    kept = GOOD.replace("    default_backend", "    # since 2019\n    default_backend")
    assert path.read_bytes() == kept.replace("\n", "\r\n").encode()
    assert path.stat().st_mode & 0o777 == 0o640
    assert "1 finding fixed." in capsys.readouterr().out
    assert main(["-f", "haproxy.cfg", "--fix"]) == 0
    assert path.read_bytes() == kept.replace("\n", "\r\n").encode()
    assert [one.name for one in folder.iterdir()] == ["haproxy.cfg"]


def test_a_diff_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(folder, UNUSED)
    assert main(["-f", "haproxy.cfg", "--fix", "--diff"]) == 1
    assert path.read_text() == UNUSED
    assert capsys.readouterr().out.startswith("--- haproxy.cfg\n+++ haproxy.cfg\n@@")


@pytest.mark.parametrize(
    "comment",
    ["    acl old path_beg /old # pointsman: ignore unused-acl, duplicate-line", "    # pointsman: ignore unused-acl\n"
     "    # why not\n    acl old path_beg /old"],
    ids=["at the end", "above"],
)  # fmt: skip
def test_a_comment_ignores_a_finding(folder: Path, capsys: pytest.CaptureFixture[str], comment: str) -> None:
    write(folder, GOOD.replace("    default_backend", f"{comment}\n    default_backend"))
    main(["-f", "haproxy.cfg", "--format", "lines"])
    assert "[unused-acl]" not in capsys.readouterr().out


def test_a_comment_that_ignores_nothing_is_a_finding_and_goes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(folder, GOOD.replace("mode http\n    bind", "mode http # pointsman: ignore unused-acl\n    bind"))
    assert main(["-f", "haproxy.cfg", "--format", "lines"]) == 1
    out = capsys.readouterr().out
    assert out == "haproxy.cfg:2:35: warning: nothing of 'unused-acl' is found here [useless-ignore]\n"
    assert main(["-f", "haproxy.cfg", "--fix"]) == 0
    assert path.read_text() == GOOD


def test_a_comment_with_an_unknown_name_is_a_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, UNUSED.replace("# since 2019", "# pointsman: ignore unusedacl"))
    main(["-f", "haproxy.cfg"])
    out = capsys.readouterr().out
    assert "[unknown-ignore]" in out and "did you mean 'unused-acl'?" in out and "[unused-acl]" in out


def test_rules_can_be_chosen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, UNUSED)
    assert main(["-f", "haproxy.cfg", "--ignore", "unused-acl"]) == 0
    assert main(["-f", "haproxy.cfg", "--only", "unused-backend,duplicate-bind"]) == 0
    assert main(["-f", "haproxy.cfg", "--only", "unused-acl"]) == 1
    assert "[unused-acl]" in capsys.readouterr().out


def test_json_has_stable_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, UNUSED)
    assert main(["-f", "haproxy.cfg", "--json"]) == 1
    made = json.loads(capsys.readouterr().out)
    assert set(made) == {"version", "files", "loads", "findings", "fixed", "summary"}
    assert made["version"] == 1 and made["loads"] is True and made["files"] == ["haproxy.cfg"]
    assert made["summary"] == {"error": 0, "warning": 1, "info": 0}
    (one,) = made["findings"]
    edit = {"file": "haproxy.cfg", "line": 5, "column": 1, "length": 0, "text": "", "whole_line": True}
    assert one == {
        "name": "unused-acl",
        "level": "warning",
        "file": "haproxy.cfg",
        "line": 5,
        "column": 9,
        "length": 3,
        "message": "nothing in frontend 'www' asks for the ACL 'old'",
        "expected": "",
        "hint": "",
        "fix": {"title": "remove the line", "edits": [edit]},
    }


def test_github_gets_annotations(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, UNUSED.replace("mode http\n    bind", "mode http\n    blance x\n    bind"), "a,b.cfg")
    assert main(["-f", "a,b.cfg", "--format", "github"]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("::error file=a%2Cb.cfg,line=3,col=5,endColumn=11,title=unknown-word::unknown keyword")
    assert second.startswith("::warning file=a%2Cb.cfg,line=6,col=9,endColumn=12,title=unused-acl::nothing in")


def test_an_explanation_has_why_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    for name in RULES:
        assert main(["--explain", name]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"{name} (")
        assert "# here" not in out
        assert out.rstrip().endswith(f"# pointsman: ignore {name}")


def test_the_list_has_every_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(RULES)


def test_colour_is_for_terminals_alone(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, UNUSED)
    monkeypatch.setattr("pointsman.verbs.lint.render.wants_colour", lambda terminal: True)
    main(["-f", "haproxy.cfg"])
    coloured = capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    main(["-f", "haproxy.cfg"])
    plain = capsys.readouterr().out
    assert "\x1b[" in coloured and "\x1b[" not in plain
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert wants_colour(True) and not wants_colour(False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(True)


def test_no_name_is_looked_up(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*asked: object) -> None:
        raise AssertionError(f"looked up: {asked}")

    monkeypatch.setattr("socket.getaddrinfo", fail)
    text = GOOD.replace(
        "bind :8080", "bind web.internal:8080\n    bind app.internal:8080\n    log logs.internal:514 local0"
    )
    text = text.replace("192.0.2.1:80", "app.internal:80").replace(
        "    default_backend", "    http-request deny if { src office.internal }\n    default_backend"
    )
    write(folder, text)
    assert main(["-f", "haproxy.cfg"]) == 0, capsys.readouterr().out
