"""Coverage: what no case has reached, as a summary, as lcov, and beside the file."""

from pathlib import Path

import pytest

from pointsman.verbs.routes.command import main

CONFIGURATION = """\
defaults rules
    mode http
    timeout client 1s
    http-request set-header X-From defaults if { path /d }
frontend web from rules
    bind :80
    tcp-request connection reject if { src 203.0.113.9 }
    http-request set-header X-Always 1
    http-request deny if { path /never } { path /no }
    use_backend api unless { path_beg /app }
    use_backend api if { path /late }
    default_backend app
defaults plain
    mode http
    timeout server 1s
    timeout connect 1s
backend app from plain
    balance roundrobin
    server w1 192.0.2.1:80
    server w2 192.0.2.2:80
backend api from plain
    server a1 192.0.2.3:80
    server a2 192.0.2.4:80
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "haproxy.cfg").write_text(CONFIGURATION)
    (tmp_path / "routes.yml").write_text("- /app: app\n- /d: api\n- /x: api\n")
    return tmp_path


def test_what_was_not_reached(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["routes.yml", "-f", "haproxy.cfg", "--coverage"]) == 0
    assert capsys.readouterr().out.splitlines()[:-1] == [
        "  never applied   haproxy.cfg:7  tcp-request connection reject if { src 203.0...",
        "  never applied   haproxy.cfg:9  http-request deny if { path /never } { path ...",
        "  never applied   haproxy.cfg:11  use_backend api if { path /late }",
        "  never chosen    haproxy.cfg:20  server w2 192.0.2.2:80",
        "coverage: 10 of 11 rules and servers reached, 12 of 16 ways gone (75.0 %)",
    ]


def test_a_listing_beside_the_file(folder: Path) -> None:
    assert main(["routes.yml", "-f", "haproxy.cfg", "--listing", "seen"]) == 0
    lines = (folder / "seen" / "haproxy.cfg.coverage").read_text().splitlines()
    assert lines[0] == "applied /  asked         haproxy.cfg"
    assert lines[4:13] == [
        "      1 /      3      4      http-request set-header X-From defaults if { path /d }",
        "                      5  frontend web from rules",
        "                      6      bind :80",
        "   #### /      3 !    7      tcp-request connection reject if { src 203.0.113.9 }",
        "      3 /      3      8      http-request set-header X-Always 1",
        "   #### /      3 !    9      http-request deny if { path /never } { path /no }",
        "      2 /      3     10      use_backend api unless { path_beg /app }",
        "   #### /      1 !   11      use_backend api if { path /late }",
        "      1 /      1     12      default_backend app",
    ]
    # Both servers of 'api' stand there: which of them was drawn is chance.
    assert [line[:18] for line in lines[19:24]] == [
        "      1           ",
        "   ####          !",
        " " * 18,
        "      2           ",
        "      2           ",
    ]
    assert len(lines) == len(CONFIGURATION.splitlines()) + 1


def test_lcov(folder: Path) -> None:
    assert main(["routes.yml", "-f", "haproxy.cfg", "--lcov", "lcov.info", "-k", "/x or /app"]) == 0
    assert (folder / "lcov.info").read_text().splitlines() == [
        "TN:pointsman",
        f"SF:{folder}/haproxy.cfg",
        "BRDA:4,0,0,0",
        "BRDA:4,0,1,2",
        "BRDA:7,0,0,0",
        "BRDA:7,0,1,2",
        "BRDA:9,0,0,0",
        "BRDA:9,0,1,2",
        "BRDA:10,0,0,1",
        "BRDA:10,0,1,1",
        "BRDA:11,0,0,0",
        "BRDA:11,0,1,1",
        "BRF:10",
        "BRH:6",
        "DA:4,2",
        "DA:7,2",
        "DA:8,2",
        "DA:9,2",
        "DA:10,2",
        "DA:11,1",
        "DA:12,1",
        "DA:19,1",
        "DA:20,0",
        "DA:22,1",
        "DA:23,1",
        "LF:11",
        "LH:10",
        "end_of_record",
    ]


def test_less_than_is_wanted_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["routes.yml", "-f", "haproxy.cfg", "--fail-under", "75", "-q"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["routes.yml", "-f", "haproxy.cfg", "--fail-under", "76"]) == 1
    assert capsys.readouterr().err == "coverage is 75.0 %, less than 76 %\n"


@pytest.mark.parametrize("word", ["nan", "-1", "101"])
def test_what_no_share_can_be_is_no_limit(folder: Path, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["routes.yml", "-f", "haproxy.cfg", f"--fail-under={word}"]) == 2
    assert capsys.readouterr().err == f"pointsman test: --fail-under {word}: a number from 0 to 100\n"


def test_rules_that_are_never_asked_have_no_branches_in_lcov(folder: Path) -> None:
    (folder / "routes.yml").write_text("- /d: api\n")
    assert main(["routes.yml", "-f", "haproxy.cfg", "--lcov", "lcov.info", "--listing", "."]) == 0
    text = (folder / "lcov.info").read_text()
    assert "BRDA:11,0,0,-\nBRDA:11,0,1,-\n" in text
    assert "DA:11,0\n" in text
    assert "   #### /   #### !   11      use_backend api" in (folder / "haproxy.cfg.coverage").read_text()
