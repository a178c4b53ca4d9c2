"""pointsman test, as it is called: what it prints, writes, and returns."""

import json
import os
import sys
import xml.etree.ElementTree as Xml
from pathlib import Path

import pytest

from pointsman import cli
from pointsman.verbs.routes.command import main
from pointsman.verbs.routes.schema import schema_text

CONFIGURATION = """\
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 5s

frontend web
    bind :80
    acl is_static path_beg /static /img
    acl internal src 10.0.0.0/8
    http-request set-header X-Forwarded-Proto http
    http-request set-var(txn.who) str(inside) if internal
    http-request deny if { path_beg /admin } !internal
    http-request return status 200 content-type text/plain string pong if { path /ping }
    http-response set-header Server shop
    use_backend static if is_static
    use_backend api if { req.hdr(host) -i api.example }
    default_backend app

backend static
    server s1 192.0.2.10:80

backend api
    balance roundrobin
    server a1 192.0.2.11:80
    server a2 192.0.2.12:80

backend app
    balance uri
    server w1 192.0.2.21:80
    server w2 192.0.2.22:80 backup
"""
GOOD = """\
cases:
- http://shop.example/static/logo.png: static/s1
- http://shop.example/admin: 403
- name: admins
  src: 10.1.2.3
  cases:
  - http://shop.example/admin:
      backend: app
      to-server: {x-forwarded-proto: http}
      to-client: {server: shop, x-none: {absent: yes}}
      request-line: GET /admin HTTP/1.1
      variables: {txn.who: inside}
      log: {b: app, ST: 404}
      letters: "----"
      frontend: web
      outcome: server
      status: 404
    answer: {status: 404, headers: {Server: nginx}}
- http://api.example/v1: {sequence: [a1, a2, a1]}
- http://shop.example/ping: {status: 200, body: pong, outcome: answer, ended-by: return status 200}
- http://shop.example/: app/w2
  down: app/w1
- http://api.example/: {shares: {a1: 50%, a2: 5}}
  repeat: 10
- http://shop.example/later: app
  skip: not yet
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "haproxy.cfg").write_text(CONFIGURATION)
    (tmp_path / "routes.yml").write_text(GOOD)
    return tmp_path


def test_all_is_as_expected(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["test", "routes.yml", "-f", "haproxy.cfg"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("8 cases: 7 passed, 1 skipped (")
    assert said.err == ""


def test_what_fails_is_told_with_its_reasons(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "routes.yml").write_text(
        """\
- http://api.example/v1: apii
- http://shop.example/imgs/logo.png: app
- http://shop.example/adminx: 200
  headers: {Cookie: a=b}
- http://shop.example/:
    server: w2
    to-server: {x-forwarded-proto: https, x-none: {present: yes}}
    variables: {txn.who: inside}
    log: {bb: app}
    ended-by: 13
- http://api.example/: {shares: {a1: 6}}
  repeat: 10
- http://api.example/: {sequence: [a1, a1]}
- http://shop.example/a: app
  strict: yes
- http://shop.example/: app
  frontend: wbe
"""
    )
    assert main(["routes.yml", "-f", "haproxy.cfg"]) == 1
    said = capsys.readouterr().out
    told = said.rpartition("\n\n")[0] + "\n"
    assert (
        told
        == """\
FAILED  routes.yml:1  http://api.example/v1
  backend: expected apii, got api
    the configuration has no backend 'apii': did you mean 'api'?
    haproxy.cfg:17: use_backend api if { req.hdr(host) -i api.example }
        req.hdr(host) "api.example" matches

FAILED  routes.yml:2  http://shop.example/imgs/logo.png
  backend: expected app, got static
    haproxy.cfg:16: use_backend static if is_static
        is_static: path_beg "/imgs/logo.png" matches /img
    haproxy.cfg:18: default_backend app
        not asked: the rule above holds already

FAILED  routes.yml:3  http://shop.example/adminx
  -H 'Cookie: a=b'
  status: expected 200, got 403
    haproxy.cfg:13: http-request deny if { path_beg /admin } !internal
        path_beg "/adminx" matches /admin, and internal: src 127.0.0.1 does not
        match

FAILED  routes.yml:5  http://shop.example/ (line 5)
  server: expected w2, got w1
    haproxy.cfg:30: balance uri: w1
        it is the only one that may be used
    haproxy.cfg:31: server w2 192.0.2.22:80 backup
        left out: backup: it is used when all others are down
  to-server x-forwarded-proto: expected https, got http
    haproxy.cfg:11: http-request set-header X-Forwarded-Proto http
        + x-forwarded-proto: http
  to-server x-none: expected any value, got none
    no rule that was asked changes it
  variables txn.who: expected inside, got none
    haproxy.cfg:12: http-request set-var(txn.who) str(inside) if internal
        it does not hold: internal: src 127.0.0.1 does not match
  log bb: expected app, got none
    there is no log tag 'bb'
    haproxy.cfg:18: default_backend app
        none of the rules before it holds
  ended-by: expected 13, got none

FAILED  routes.yml:11  http://api.example/ (line 11)
  --repeat 10
  share of a1: expected 6, got 5 of 10 requests (a1 5, a2 5)
    haproxy.cfg:25: balance roundrobin: a1
        it is its turn

FAILED  routes.yml:13  http://api.example/ (line 13)
  --repeat 2
  sequence (request 2): expected a1, a1, got a1, a2
    haproxy.cfg:26: balance roundrobin: a2
        it is its turn

FAILED  routes.yml:14  http://shop.example/a
  strict
    expected  no other changes of heads
    got       + x-forwarded-proto: http (haproxy.cfg:11); + server: shop
              (haproxy.cfg:15)

FAILED  routes.yml:16  http://shop.example/ (line 16)
  --frontend wbe
  there is no frontend 'wbe'; there are: web
"""
    )


def test_the_configuration_is_named_by_the_file_with_its_environment(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "haproxy.cfg").write_text(CONFIGURATION.replace("default_backend app", 'default_backend "${WHERE}"'))
    (folder / "a").mkdir()
    for name, backend in (("one", "api"), ("two", "static")):
        (folder / "a" / f"{name}.yml").write_text(
            f"configuration: ../haproxy.cfg\nenvironment: {{WHERE: {backend}}}\ncases:\n- http://x.example/: {backend}"
        )
    assert main(["a/one.yml", "a/two.yml", "-v"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "passed  a/one.yml:4  http://x.example/",
        "passed  a/two.yml:4  http://x.example/",
    ]
    (folder / "bare.yml").write_text("- /: app")
    assert main(["bare.yml"]) == 2
    assert "name the configuration of bare.yml: -f haproxy.cfg" in capsys.readouterr().err


def test_cases_are_selected_and_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["routes.yml", "--list", "-k", "admin and not 403 or later"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "routes.yml:3  http://shop.example/admin",
        "routes.yml:7  admins / http://shop.example/admin",
        "routes.yml:25  http://shop.example/later  (skipped: not yet)",
    ]
    assert main(["routes.yml", "-f", "haproxy.cfg", "-k", "not shop", "-v"]) == 0
    assert capsys.readouterr().out.startswith("passed  routes.yml:19  http://api.example/v1\n")
    assert main(["routes.yml", "-f", "haproxy.cfg", "-k", "nowhere"]) == 2
    assert "no case has 'nowhere' in its name" in capsys.readouterr().err


def test_it_stops_at_the_first_failure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "routes.yml").write_text("- http://a.example/: 404\n- http://b.example/: 404\n")
    assert main(["routes.yml", "-f", "haproxy.cfg", "-x"]) == 1
    said = capsys.readouterr().out
    assert (said.count("FAILED"), "1 case: 1 failed (" in said) == (1, True)


def test_mistakes_of_files_and_of_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "wrong.yml").write_text("- /: {backnd: a}\n")
    assert main(["wrong.yml", "routes.yml", "-f", "haproxy.cfg"]) == 1
    assert capsys.readouterr().err.startswith("wrong.yml:1:7: unknown key 'backnd' in 'expect'\n")
    (folder / "broken.cfg").write_text(CONFIGURATION.replace("mode http", "mode htpp"))
    assert main(["routes.yml", "-f", "broken.cfg"]) == 1
    assert "parsing [broken.cfg:2]" in capsys.readouterr().err
    assert main([]) == 2
    assert "name a file of cases" in capsys.readouterr().err
    assert main(["--nothing"]) == 2
    assert main(["routes.yml", "-f", "haproxy.cfg", "--junit", "none/j.xml"]) == 2
    assert "'none/j.xml' cannot be written: No such file or directory" in capsys.readouterr().err


def test_without_pyyaml(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.delitem(sys.modules, "pointsman.verbs.routes.tree", raising=False)
    assert main(["routes.yml", "-f", "haproxy.cfg"]) == 2
    assert capsys.readouterr().err == (
        "pointsman test: cases are written in YAML, which needs PyYAML: pip install 'pointsman[test]'\n"
    )


def test_a_case_that_brings_the_engine_down_is_one_failure(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pointsman.verbs.explain.engine import Engine  # noqa: PLC0415

    real = Engine.explain

    def explain(self: Engine, asked: object) -> object:
        if getattr(asked, "url", "").endswith("/ping"):
            raise KeyError("lost")
        return real(self, asked)  # type: ignore[arg-type]

    monkeypatch.setattr(Engine, "explain", explain)
    assert main(["routes.yml", "-f", "haproxy.cfg"]) == 1
    said = capsys.readouterr().out
    assert "internal error while this was played: KeyError: 'lost'" in said
    assert "8 cases: 6 passed, 1 failed, 1 skipped (" in said


def test_junit(folder: Path) -> None:
    (folder / "routes.yml").write_text(
        '- name: group\n  cases:\n  - http://a.example/: app\n  - http://a.example/x: "a\\e\\x07b"\n'
        "- http://a.example/: app\n  skip: later\n- http://a.example/: app\n  frontend: none\n"
    )
    assert main(["routes.yml", "-f", "haproxy.cfg", "--junit", "j.xml"]) == 1
    root = Xml.parse(folder / "j.xml").getroot()
    assert root.tag == "testsuites"
    (suite,) = root
    counts = {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    assert {name: suite.get(name) for name in counts} == {name: root.get(name) for name in counts} == counts
    assert suite.get("name") == "routes.yml"
    tests = list(suite)
    assert [(one.get("classname"), one.get("name"), one.get("line")) for one in tests] == [
        ("routes.group", "http://a.example/", "3"),
        ("routes.group", "http://a.example/x", "4"),
        ("routes", "http://a.example/ (line 5)", "5"),
        ("routes", "http://a.example/ (line 7)", "7"),
    ]
    assert [[child.tag for child in one] for one in tests] == [[], ["failure"], ["skipped"], ["error"]]
    assert tests[1][0].get("message") == "backend: expected a??b, got app"
    assert "haproxy.cfg:18: default_backend app" in (tests[1][0].text or "")
    assert all(float(one.get("time", "")) >= 0 and one.get("file") == "routes.yml" for one in tests)


def test_the_schema_is_json_and_the_one_that_the_documentation_offers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--schema"]) == 0
    said = capsys.readouterr().out
    assert json.loads(said)["$defs"]["expect"]["oneOf"][2]["properties"]["backend"] == {
        "description": "the backend",
        "$ref": "#/$defs/wanted",
    }
    page = Path(__file__).parents[4] / "docs" / "routes.schema.json"
    assert page.read_text() == said == schema_text()


def test_output_that_nobody_reads_ends_quietly(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, text: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdout", Gone())
    assert main(["routes.yml", "-f", "haproxy.cfg"]) == 1
    assert sys.stdout.name == os.devnull
    sys.stdout.close()


def test_colours_are_for_terminals(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["routes.yml", "-f", "haproxy.cfg", "-v"]) == 0
    assert "\x1b[32mpassed\x1b[0m" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["routes.yml", "-f", "haproxy.cfg", "-v"]) == 0
    assert "\x1b" not in capsys.readouterr().out


UNKNOWN = """\
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 5s

frontend web
    bind :80
    stick-table type ip size 1k expire 1m store http_req_rate(10s),bytes_out_rate(10s)
    http-request track-sc0 src
    http-request deny deny_status 429 if { sc0_http_req_rate gt 3 }
    http-request set-header X-Heavy yes if { sc0_bytes_out_rate gt 100 }
    http-request set-header X-Draw %[rand(9)]
    http-request set-var(txn.lot) rand(10)
    use_backend canary if { var(txn.lot) -m int lt 1 }
    use_backend other if { rand(100) lt 5 }
    default_backend app

backend app
    server w1 192.0.2.21:80
    server w2 192.0.2.22:80

backend canary
    server c1 192.0.2.31:80

backend other
    server o1 192.0.2.41:80
"""


def test_what_cannot_be_known_fails_and_says_what_settles_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "haproxy.cfg").write_text(UNKNOWN)
    (folder / "routes.yml").write_text(
        """\
- /a: {backend: app}
  set: {rand(10): 5}
- /b: {status: 200, to-server: {x-draw: {present: yes}}}
- /c: {to-server: {x-draw: 3, x-heavy: {absent: yes}}}
  set: {rand(100): 50, rand(10): 5}
"""
    )
    assert main(["routes.yml", "-f", "haproxy.cfg"]) == 1
    assert (
        capsys.readouterr().out.rpartition("\n\n")[0]
        == """\
FAILED  routes.yml:1  /a
  --set 'rand(10)=5'
  backend: expected app, which is not certain
    rand(100) cannot be known offline: it is drawn for each request
    if rand(100) is 4: other
    say what it is:  set: {rand(100): ...}
    haproxy.cfg:16: use_backend other if { rand(100) lt 5 }
        it does not hold: rand(100) 50 does not match
    haproxy.cfg:17: default_backend app
        none of the rules before it holds

FAILED  routes.yml:4  /c
  --set 'rand(100)=50' --set 'rand(10)=5'
  to-server x-draw: expected 3, got 4
    rand(9) cannot be known offline: it is drawn for each request
    say what it is:  set: {rand(9): ...}
    haproxy.cfg:13: http-request set-header X-Draw %[rand(9)]
        + x-draw: 4
  to-server x-heavy: expected none, which is not certain
    sc0_bytes_out_rate cannot be known offline: a stick table counts it, while
    the program runs
    if sc0_bytes_out_rate is 101: yes
    say what it is:  set: {sc0_bytes_out_rate: ...}
    haproxy.cfg:12: http-request set-header X-Heavy yes if { sc0_bytes_out_rate
        gt 100 }
        it does not hold: sc0_bytes_out_rate 0 does not match"""
    )
    (folder / "routes.yml").write_text("- /d: {server: w1}\n  set: {rand(100): 50, rand(10): 5}\n")
    assert main(["routes.yml", "-f", "haproxy.cfg"]) == 1
    said = capsys.readouterr().out
    assert "balance random draws one of several: expect one of them, server: [w1, w2]" in said


def test_given_values_settle_it_and_tables_count_the_requests_of_a_case(folder: Path) -> None:
    (folder / "haproxy.cfg").write_text(UNKNOWN)
    (folder / "routes.yml").write_text(
        """\
defaults:
  set: {rand(10): 5, rand(100): 50, rand(9): 7, sc0_bytes_out_rate: 0}
cases:
- /a: {backend: app, server: [w1, w2], to-server: {x-draw: 7}}
- /b: {backend: canary}
  set: {rand(10): 0}
- /c: app
  repeat: 3
- /c: {}
  repeat: 4
  last: 429
- /c: app
  repeat: 200
  src: 192.0.2.<n>
- /c: {server: {not: w9}, outcome: server}
"""
    )
    assert main(["routes.yml", "-f", "haproxy.cfg"]) == 0


RICH = """\
global
    log 127.0.0.1:514 local0
defaults
    mode http
    log global
    option httplog
    timeout client 1s
    timeout server 1s
    timeout connect 1s
frontend web
    bind :80
    capture request header Host len 20
    http-request capture path len 10
    http-request set-header X-F 1
    http-request deny if { path /no }
    http-request redirect location /new if { path /old }
    http-response set-header X-R %[status]
    http-response deny if { status 500 }
    option forwardfor
    use_backend stats if { path /stats }
    default_backend app
backend app
    cookie SRV insert indirect
    server a1 192.0.2.1:80 cookie a1
    server a2 192.0.2.2:80 cookie a2
backend stats
    stats enable
    stats uri /stats
"""


def test_captures_logs_cookies_services_and_strictness(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "haproxy.cfg").write_text(RICH)
    (folder / "routes.yml").write_text(
        """\
- http://h.example/x:
    captures: {all: [h.example, /x]}
    log: {hr: "{h.example|/x}", ST: 201, b: app, tsc: --NI}
    log-line: 'web app/a[12] .* 201 .*"GET http://h.example/x|/x HTTP/1.1"$'
    to-client: {x-r: 201, set-cookie: {regex: ^SRV=a}}
    to-server: {x-forwarded-for: 192.0.2.7}
  src: 192.0.2.7
  answer: 201
- http://h.example/x: app/a2
  headers: {Cookie: SRV=a2}
- http://h.example/old: {status: 302, to-client: {location: /new}, ended-by: 16}
- http://h.example/x: {status: 502, ended-by: 'http-response deny'}
  answer: 500
- http://h.example/stats: {outcome: service, status: 200}
- http://h.example/x:
    to-server: {x-f: 1, x-forwarded-for: 127.0.0.1}
    to-client: {x-r: 200, set-cookie: {present: yes}}
  strict: yes
"""
    )
    assert main(["routes.yml", "-f", "haproxy.cfg"]) == 0, capsys.readouterr().out
    (folder / "routes.yml").write_text(
        "- http://h.example/no: {to-server: {x-f: 1}}\n- /x: {to-client: {x-r: 200}}\n  strict: on\n"
    )
    capsys.readouterr()
    assert main(["routes.yml", "-f", "haproxy.cfg"]) == 1
    said = capsys.readouterr().out.rpartition("\n\n")[0].replace(" a1;", " a?;")
    first, second = said.split("\n\n")
    assert first.splitlines()[1:] == [
        "  to-server x-f: expected 1, got none",
        "    haproxy.cfg:15: http-request deny if { path /no }",
        '        path "/no" matches',
    ]
    assert "+ x-f: 1 (haproxy.cfg:14); + x-forwarded-for: 127.0.0.1" in second
    assert "+ set-cookie: SRV=a" in second


TCP = """\
defaults
    mode tcp
    timeout client 30s
    timeout server 30s
    timeout connect 5s
frontend tls
    bind :443
    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend blue if { req.ssl_sni -i blue.example }
    default_backend green
frontend lines
    bind :7000
    tcp-request inspect-delay 5s
    tcp-request content reject if { req.payload(0,4) -m str QUIT }
    default_backend green
backend blue
    server blue1 192.0.2.1:443
backend green
    server green1 192.0.2.2:443
"""


def test_connections_in_mode_tcp(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "haproxy.cfg").write_text(TCP)
    (folder / "routes.yml").write_text(
        """\
- {frontend: tls, sni: blue.example, expect: blue/blue1}
- {frontend: tls, sni: www.example, expect: green}
- {dst: 192.0.2.9:443, sni: www.example, expect: blue}
- {frontend: lines, payload: "HELLO", expect: green}
- {dst: ':7000', payload: "QUIT", expect: {outcome: drop, ended-by: 15}}
"""
    )
    assert main(["routes.yml", "-f", "haproxy.cfg"]) == 1
    assert (
        capsys.readouterr().out.rpartition("\n\n")[0]
        == """\
FAILED  routes.yml:3  connection to 192.0.2.9:443
  --dst 192.0.2.9:443 --sni www.example
  backend: expected blue, got green
    haproxy.cfg:10: use_backend blue if { req.ssl_sni -i blue.example }
        it does not hold: req.ssl_sni "www.example" does not match
    haproxy.cfg:11: default_backend green
        none of the rules before it holds"""
    )
