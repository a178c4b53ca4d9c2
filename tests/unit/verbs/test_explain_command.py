"""`pointsman explain`: its words, what it says about wrong ones, what it prints about real configurations."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from support.json_schema import complaints
from support.programs import POINTSMAN, ROOT, environment
from support.stock import forked

from pointsman.cli import main
from pointsman.verbs import explain
from pointsman.verbs.explain.command import Wrong, arguments, asked_of
from pointsman.verbs.explain.model import Asked

SCHEMA = json.loads((Path(explain.__file__).parent / "explanation.schema.json").read_text(encoding="utf-8"))
SITE = """\
defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 50s
    timeout server 50s
global
    log stdout format raw daemon
frontend web
    bind :8080
    acl is_api path_beg /api/
    http-request deny if { path_beg /admin } !{ src 10.0.0.0/8 }
    http-request set-header X-Client %[src]
    use_backend api if is_api
    default_backend site
backend site
    balance roundrobin
    server site1 192.0.2.1:80
    server site2 192.0.2.2:80 weight 3
backend api
    server api1 192.0.2.3:80
frontend raw
    mode tcp
    bind :7000
    tcp-request inspect-delay 5s
    tcp-request content reject if { req.payload(0,3) -m str BAD }
    default_backend rawback
backend rawback
    mode tcp
    server raw1 192.0.2.4:7000
"""


def asked(*words: str) -> Asked:
    return asked_of(arguments().parse_intermixed_args(list(words)))


def test_words_become_what_is_asked(tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"a=1")
    made = asked(
        "-f", "x.cfg", "PUT", "-H", "Host: a.test", "-H", "X-A:b: c ", "/p?q=1", "--src", "192.0.2.7", "--body",
        str(body), "--http", "2", "--down", "a/b,a/c", "--down", "d/e", "--set", "req.hdr(a=b)=c=d", "--set",
        "rand(5)=", "--status", "404", "--answer-header", "Server: x", "--sni", "a.test", "--dst", ":443",
    )  # fmt: skip
    assert (made.method, made.url, made.version, made.body) == ("PUT", "/p?q=1", "2", b"a=1")
    assert made.headers == (("Host", "a.test"), ("X-A", "b: c"))
    assert made.down == {"a/b", "a/c", "d/e"}
    assert made.given == {"req.hdr(a=b)": "c=d", "rand(5)": ""}
    assert (made.answer.status, made.answer.headers) == (404, (("Server", "x"),))
    assert (made.source, made.destination, made.sni, made.payload) == ("192.0.2.7", "443", "a.test", None)
    assert asked("/", "--body", str(body)).method == "POST"
    for text in ("443", "192.0.2.1:443", "[::1]:443", ":::443"):
        assert asked("/", "--dst", text).destination == text
    assert asked("--frontend", "raw", "--data", str(body)).payload == b"a=1"


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("/a", "/a"),
        ("shop.test/a", "http://shop.test/a"),
        ("localhost:8080", "http://localhost:8080"),
        ("https://a/", "https://a/"),
        ("OPTIONS *", "*"),
        ("http://b\u00fccher.test/\u00e9/a%20b?c=\u00e9&d", "http://xn--bcher-kva.test/%C3%A9/a%20b?c=%C3%A9&d"),
        ("/\u00e9", "/%C3%A9"),
        ("CONNECT a:443", "a:443"),
        ("/\udc80", "/%80"),  # a byte that is none of UTF-8
    ],
)
def test_urls(words: str, url: str) -> None:
    assert asked(*words.split()).url == url


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["GET"], "'GET' is a method: a URL is missing behind it"),
        (["GET", "/", "x"], "'x' is one word too many: [METHOD] URL"),
        (["cart"], "'cart' is no URL: is it a path (/cart) or a host (http://cart)?"),
        ([], "what is asked for? Name a URL: pointsman explain -f haproxy.cfg /some/path"),
        (["/", "-H", "nothing"], "-H 'nothing': a field is 'Name: value'"),
        (["/", "-H", ": x"], "-H ': x': a field is 'Name: value'"),
        (["/", "--down", "app1"], "--down 'app1': a server is named with its backend, as in app/app1"),
        (["/", "--down", "app/"], "--down 'app/': a server is named with its backend, as in app/app1"),
        (["/", "--set", "x"], "--set 'x': an expression and its value, as in 'sc_http_req_rate(0)=20'"),
        (["/", "--set", "=1"], "--set '=1': an expression and its value, as in 'sc_http_req_rate(0)=20'"),
        (["/", "--body", "/nowhere/x"], "--body /nowhere/x: No such file or directory"),
        (["/", "--client-cert", "/nowhere/x"], "--client-cert /nowhere/x: No such file or directory"),
        (["/", "--repeat", "-1"], "--repeat -1: a number from 1 to 100,000"),
        (["/", "-H", "a: b\nc: d"], r"-H 'a: b\nc: d': a field has no line ends in it"),
        (["/", "--repeat", "0"], "--repeat 0: a number from 1 to 100,000"),
        (["/", "--status", "20"], "--status 20: a status has three digits"),
    ],
)
def test_wrong_words(words: list[str], said: str) -> None:
    with pytest.raises(Wrong) as error:
        asked(*words)
    assert str(error.value) == said


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "site.cfg").write_text(SITE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["/", "--down", "site/site3"], "--down site/site3: backend 'site' has no server 'site3'. Did you mean "),
        (["/", "--down", "sit/site1"], "there is no backend 'sit' with servers. Did you mean site/site1?"),
        (["/", "--down", "zzz/yyy"], "--down zzz/yyy: there is no backend 'zzz' with servers\n"),
        (["/", "--frontend", "wob"], "there is no frontend 'wob'"),
        (["/", "--src", "nobody"], "nobody"),
        (["/", "--down", "a\x1b[2J/b"], "--down a\\x1b[2J/b: there is no backend"),
    ],
)  # fmt: skip
def test_what_the_configuration_does_not_have(
    site: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["explain", "-f", "site.cfg", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("pointsman explain: ") and said in printed.err
    assert printed.err.count("\n") == 1


def test_no_file_was_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "/"]) == 2
    assert capsys.readouterr().err == "pointsman explain: which configuration? Name it with -f\n"


def test_a_file_with_faults_is_told_as_by_a_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.cfg"
    path.write_text(SITE.replace("default_backend site", "default_backend sight"), encoding="utf-8")
    assert main(["explain", "-f", str(path), "/"]) == 1
    explained = capsys.readouterr()
    assert main(["-c", "-f", str(path)]) == 1
    checked = capsys.readouterr()
    assert explained.out == "" and "sight" in explained.err
    assert explained.err == checked.err


def test_pages(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "-f", "site.cfg", "/api/x", "--src", "192.0.2.7"]) == 0
    api = capsys.readouterr().out
    assert api.startswith("GET /api/x -> backend api -> server api1 -> 200\n")
    assert '[path_beg is "/api/x"]' in api
    assert "│  │     + x-client: 192.0.2.7\n" in api or "│        + x-client: 192.0.2.7\n" in api
    assert 'is_api: path_beg is "/api/x", matches /api/ (true)' in api
    assert main(["explain", "-f", "site.cfg", "/admin", "--status", "500"]) == 0
    assert capsys.readouterr().out.startswith("GET /admin -> denied: 403\n")
    down = ["--down", "site/site1", "--down", "site/site2"]
    assert main(["explain", "-f", "site.cfg", "/", *down]) == 0
    none = capsys.readouterr().out
    assert none.startswith("GET / -> backend site -> no server: 503\n") and "site2  left out: " in none


def test_a_tcp_frontend(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "data").write_bytes(b"BAD")
    assert main(["explain", "-f", "site.cfg", "--frontend", "raw"]) == 0
    assert capsys.readouterr().out.startswith("connection from 127.0.0.1 -> backend rawback -> server raw1\n")
    assert main(["explain", "-f", "site.cfg", "--frontend", "raw", "--data", "data"]) == 0
    assert capsys.readouterr().out.startswith("3 bytes from 127.0.0.1 -> dropped without an answer\n")
    (site / "data").write_bytes(b"GOOD\x1b\xff")
    assert main(["explain", "-f", "site.cfg", "--frontend", "raw", "--data", "data"]) == 0
    good = capsys.readouterr().out
    assert good.startswith("6 bytes from 127.0.0.1 -> backend rawback -> server raw1\n")
    assert "\nthe bytes that the server would get (6)\n│ GOOD\\x1b\\xff\n" in good
    assert main(["explain", "-f", "site.cfg", "--frontend", "raw", "--sni", "a.test"]) == 0
    hello = capsys.readouterr().out
    assert hello.startswith("GET https://a.test/ -> backend rawback -> server raw1\n")
    assert "[req.payload(0,3) is 160301]" in hello and "has no TLS" not in hello
    assert main(["explain", "-f", "site.cfg", "--frontend", "web", "https://a.test/"]) == 0
    assert "note: the bind line has no TLS (ssl)" in capsys.readouterr().out


def test_shares(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "-f", "site.cfg", "/", "--repeat", "8"]) == 0
    out = capsys.readouterr().out
    assert "  site/site2  6   75.0 %  " in out and "  site/site1  2   25.0 %  " in out


@pytest.mark.parametrize(
    "words",
    [
        ["/api/x", "-H", "X: \x1b\xff"],
        ["/admin"],
        ["/", "--repeat", "3"],
        ["/", "--down", "site/site1,site/site2"],
        ["--frontend", "raw"],
        ["https://a.test/", "--frontend", "web", "--http", "2", "--set", "path=/x"],
    ],
)
def test_json_fits_its_schema(site: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(["explain", "-f", "site.cfg", "--json", *words]) == 0
    made = json.loads(capsys.readouterr().out)
    assert complaints(made, SCHEMA) == []
    assert made["frontend"] in ("web", "raw")
    assert ("repeat" in made) == ("--repeat" in words)


def test_who_stops_reading_ends_it_quietly(site: Path) -> None:
    reading, writing = os.pipe()
    words = ["explain", "-f", "site.cfg", "/", "--repeat", "300", "--all"]
    with (site / "stderr").open("wb") as err, os.fdopen(writing, "wb") as out:
        command = [*POINTSMAN.command, *words]
        process = forked(words, environment(), site, out, err) or subprocess.Popen(
            command, stdout=out, stderr=err, env=environment(), cwd=site
        )
    with os.fdopen(reading, "rb") as lines:
        assert lines.readline().startswith(b"GET / -> ")
    assert process.wait(30) == 0
    assert (site / "stderr").read_bytes() == b""


def test_log_lines_are_another_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from pointsman.verbs.explain import command  # noqa: PLC0415

    seen: list[list[str]] = []
    monkeypatch.setattr(command, "_explain_logs", lambda words: seen.append(list(words)) or 7)
    assert main(["explain", "--log", "-", "-f", "x"]) == 7
    assert main(["explain", "--log=x"]) == 7
    assert seen == [["--log", "-", "-f", "x"], ["--log=x"]]


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    os.environ["COLUMNS"] = "80"
    assert main(["explain", "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: pointsman explain -f FILE [METHOD] URL") and max(map(len, out.splitlines())) <= 80
    assert main(["explain", "/", "--dwon", "a/b"]) == 2
    assert "unrecognized arguments: --dwon" in capsys.readouterr().err


def test_nobody_is_asked_for_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "names.cfg"
    path.write_text(
        "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n"
        "resolvers mine\n nameserver a 192.0.2.1:53\n"
        "frontend web\n bind :80\n http-request do-resolve(txn.ip,mine) hdr(host)\n"
        " http-request return status 503 unless { var(txn.ip) -m found }\n",
        encoding="utf-8",
    )
    assert main(["explain", "-f", str(path), "http://a.test/"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("GET http://a.test/ -> answered by the proxy: 503\n") and "\nnote: " in said


BLOCK = re.compile(r"(?ms)^```haproxy\n(.*?)^```$")
BLOCKS = [
    pytest.param(text, id=f"{page}-{number}")
    for page in ("acls", "cookies", "layer4", "persistence", "rate-limits", "waiting")
    for number, text in enumerate(BLOCK.findall((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")), 1)
]


@pytest.mark.parametrize("text", BLOCKS)
def test_configurations_of_the_documentation(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each can be asked: eighty columns, and JSON that fits its schema."""
    path = tmp_path / "haproxy.cfg"
    path.write_text(text, encoding="utf-8")
    found = re.search(r"(?m)^(?:frontend|listen) (\S+)", text)
    assert found
    words = [
        "explain",
        "-f",
        str(path),
        "--frontend",
        found[1],
        "http://www.example.com/api/x?a=1",
        "-H",
        "Cookie: a=b",
    ]
    assert main(words) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert out.startswith("GET http://www.example.com/api/x?a=1 -> ") and max(map(len, out.splitlines())) <= 80
    assert main([*words, "--json"]) == 0
    assert complaints(json.loads(capsys.readouterr().out), SCHEMA) == []
