"""The offline engine: what it says of requests, and that nothing is changed by asking."""

import os
from pathlib import Path

import pytest

from pointsman.core.wishes import WISHES
from pointsman.verbs.explain.engine import AskedError, Engine
from pointsman.verbs.explain.model import Answered, Asked, Explanation, Step

SHOP = """\
global
    log 127.0.0.1:514 local0
defaults
    mode http
    log global
    option httplog
    timeout client 30s
    timeout server 1m
    timeout connect 5s
frontend web
    bind 192.0.2.1:80
    bind 192.0.2.2:8080
    option forwardfor
    acl api path_beg /api /v1
    http-request set-var(txn.host) req.hdr(host),lower
    http-request deny deny_status 429 if { path /denied }
    http-request return status 200 content-type text/plain string hello if { path /hello }
    http-request del-header X-Secret
    http-response set-header X-Served %s
    use_backend api if api
    use_backend nobody if { path /nobody }
    use_backend none if { path /none }
    default_backend app
backend api
    balance first
    timeout server 10s
    http-request set-path /internal%[path]
    http-request set-timeout server 3s if { path_end /slow }
    server a1 10.0.0.1:8080 maxconn 100
    server a2 api.example.invalid:8080 disabled
    server a3 10.0.0.3:8080 weight 0
backend app
    balance roundrobin
    cookie SRV insert indirect
    server s1 10.0.1.1:80 cookie s1
    server s2 10.0.1.2:80 cookie s2
    server s3 10.0.1.3:80 backup
backend none
backend nobody
    server n1 10.0.2.1:80 disabled
frontend other
    bind 192.0.2.1:81
    default_backend app
"""


def made(folder: Path, text: str) -> Engine:
    file = folder / "haproxy.cfg"
    file.write_text(text)
    engine = Engine([str(file)])
    assert not engine.failed, [one.message for one in engine.diagnostics.findings]
    return engine


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return made(tmp_path_factory.mktemp("shop"), SHOP)


def steps_of(found: Explanation, stage: str, proxy: str) -> list[Step]:
    return [step for one in found.stages if (one.name, one.proxy) == (stage, proxy) for step in one.steps]


def test_a_request_that_reaches_a_server(shop: Engine) -> None:
    found = shop.explain(
        Asked(url="http://Shop.example/api/x?q=1", headers=(("X-Secret", "1"),), source="198.51.100.7")
    )
    assert (found.frontend, found.bind.line, found.backend, found.backend_why) == ("web", 11, "api", "use_backend")
    assert found.server is not None
    assert (found.server.name, found.server.address, found.server.algorithm) == ("a1", "10.0.0.1:8080", "balance first")
    assert {one.name: one.why for one in found.server.left_out} == {
        "a2": "in maintenance (disabled)",
        "a3": "its weight is 0: it only gets what persists",
    }
    assert found.request == (
        "GET /internal/api/x?q=1 HTTP/1.1",
        "host: Shop.example",
        "x-forwarded-for: 198.51.100.7",
    )
    assert found.response == ("HTTP/1.1 200 OK", "content-length: 0", "x-served: a1")
    assert (found.outcome, found.status, found.letters) == ("server", 200, "----")
    assert found.variables == {"txn.host": "shop.example"}
    assert {one.name: one.value for one in found.limits if one.name in ("timeout server", "timeout client")} == {
        "timeout server": "10s",
        "timeout client": "30s",
    }
    fields = {name: found.log_fields[name] for name in ("b", "s", "ST", "ci", "tsc", "r")}
    assert fields == {
        "b": "api",
        "s": "a1",
        "ST": "200",
        "ci": "198.51.100.7",
        "tsc": "----",
        "r": "GET /api/x?q=1 HTTP/1.1",
    }
    assert " web api/a1 0/0/0/0/0 200 " in found.log_line
    assert found.log_line.endswith('"GET /api/x?q=1 HTTP/1.1"')


def test_what_each_rule_saw_and_did(shop: Engine) -> None:
    found = shop.explain(Asked(url="http://Shop.example/v1/x", headers=(("X-Secret", "1"),)))
    variable, denial, answer, deletion = steps_of(found, "http-request", "frontend 'web'")
    assert variable.variables == (("txn.host", "shop.example"),)
    assert [(one.text, one.value) for one in variable.samples] == [("req.hdr(host),lower", b"shop.example")]
    assert (denial.at.line, denial.ran, answer.ran) == (16, False, False)
    assert deletion.diff is not None
    assert deletion.diff.removed == ("x-secret: 1",)
    route = steps_of(found, "use_backend", "frontend 'web'")[0]
    assert route.condition is not None
    acl = route.condition.alternatives[0][0].lines[0]
    assert (acl.at.line, acl.value, acl.pattern and acl.pattern.text) == (14, b"/v1/x", "/v1")
    path = steps_of(found, "http-request", "backend 'api'")[0]
    assert path.diff is not None
    assert (path.diff.before, path.diff.after) == ("GET /v1/x", "GET /internal/v1/x")
    option = steps_of(found, "options", "backend 'api'")[0]
    assert (option.what, option.at.line) == ("option forwardfor", 13)


@pytest.mark.parametrize(
    ("path", "outcome", "line", "status", "letters"),
    [
        ("/denied", "deny", 16, 429, "PR"),
        ("/hello", "answer", 17, 200, "LR"),
        ("/none", "no server", 0, 503, "SC"),
        ("/nobody", "no server", 0, 503, "SC"),
    ],
)
def test_requests_that_go_nowhere(shop: Engine, path: str, outcome: str, line: int, status: int, letters: str) -> None:
    found = shop.explain(Asked(url=f"http://shop.example{path}"))
    assert (found.outcome, found.ended_by.line, found.status, found.letters[:2]) == (outcome, line, status, letters)
    assert found.request == ()


def test_what_is_no_request(shop: Engine) -> None:
    found = shop.explain(Asked(url="/", frontend="web", method="G T"))
    assert (found.outcome, found.status, found.letters, found.request) == ("answer", 400, "PR--", ())
    assert "<BADREQ>" in found.log_line


def test_turns_are_taken_and_fresh_begins_anew(shop: Engine) -> None:
    def servers(count: int) -> list[str]:
        found = [shop.explain(Asked(url="http://shop.example/")).server for _ in range(count)]
        return [one.name for one in found if one is not None]

    shop.fresh()
    assert servers(3) == ["s1", "s2", "s1"]
    shop.fresh()
    assert servers(1) == ["s1"]


def test_two_engines_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Variables of the process, lists and tables are each one's own."""
    text = """\
defaults
    mode http
    timeout client 1s
    timeout server 1s
    timeout connect 1s
frontend f
    bind :80
    stick-table type ip size 1k store http_req_cnt
    http-request track-sc0 src
    http-request set-var(proc.last) path
    http-request set-map(virt@m) %[path] NAME
    http-request set-header x-count %[sc_http_req_cnt(0)]
    http-request set-header x-map %[str(/a),map(virt@m)]
    http-request set-header x-last %[var(proc.before)]
    http-request set-var(proc.before) path
    default_backend b
backend b
    server s 10.0.0.1:80
"""
    engines = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        engines.append(made(tmp_path / name, text.replace("NAME", name)))
    one, two = engines
    for engine, path in ((one, "/a"), (two, "/a"), (one, "/b"), (two, "/c"), (one, "/d")):
        engine.explain(Asked(url=path))
    assert one.explain(Asked(url="/e")).request[2:] == ("x-count: 4", "x-map: one", "x-last: /d")
    assert two.explain(Asked(url="/e")).request[2:] == ("x-count: 3", "x-map: two", "x-last: /c")
    one.fresh()
    assert one.explain(Asked(url="/e")).request[2:] == ("x-count: 1", "x-map: ", "x-last: ")
    assert two.explain(Asked(url="/e")).request[2] == "x-count: 4"


def test_a_cookie_and_a_server_that_is_down(shop: Engine) -> None:
    asked = Asked(url="http://shop.example/", headers=(("Cookie", "SRV=s2; a=b"),))
    found = shop.explain(asked)
    assert found.server is not None
    assert (found.server.name, found.server.algorithm, found.letters) == ("s2", "cookie", "--VN")
    assert "cookie: a=b" in found.request
    down = Asked(url=asked.url, headers=asked.headers, down=frozenset({"app/s2"}))
    found = shop.explain(down)
    assert found.server is not None
    assert (found.server.name, found.letters) == ("s1", "--DI")
    assert [(one.name, one.why) for one in found.server.left_out] == [
        ("s2", "down, as was asked"),
        ("s3", "backup: it is used when all others are down"),
    ]
    found = shop.explain(asked)  # it is up again
    assert found.server is not None
    assert found.server.name == "s2"


def test_options_that_refuse(tmp_path: Path) -> None:
    text = SHOP.replace("frontend other", "frontend other\n    option http-restrict-req-hdr-names reject")
    text = text.replace("\nbackend app\n", "\nbackend app\n    option checkcache\n")
    engine = made(tmp_path, text)
    found = engine.explain(Asked(url="http://h:81/", headers=(("x_odd", "1"),)))
    assert (found.outcome, found.status, found.ended_by.line) == ("deny", 403, 43)
    assert [step.what for step in steps_of(found, "options", "frontend 'other'")] == [
        "option http-restrict-req-hdr-names"
    ]
    answer = Answered(headers=(("Set-Cookie", "a=1"),))
    found = engine.explain(Asked(url="http://h/", answer=answer))
    assert (found.outcome, found.status, found.letters[:2], found.ended_by.line) == ("server", 502, "PH", 33)


def test_who_tracks_a_server_that_is_down(tmp_path: Path) -> None:
    text = (
        SHOP
        + """\
frontend third
    bind 192.0.2.1:83
    default_backend tracking
backend tracking
    balance roundrobin
    server t1 10.0.4.1:80 track checked/c1
    server t2 10.0.4.2:80
backend checked
    server c1 10.0.4.3:80 check
"""
    )
    engine = made(tmp_path, text)
    found = engine.explain(Asked(url="http://h:83/", down=frozenset({"checked/c1"})))
    assert found.server is not None
    assert found.server.name == "t2"
    assert [(one.name, one.why) for one in found.server.left_out] == [("t1", "the server that it tracks is down")]
    found = engine.explain(Asked(url="http://h:83/"))
    assert found.server is not None
    assert found.server.left_out == ()


def test_what_the_server_answers(shop: Engine) -> None:
    answer = Answered(status=404, headers=(("X-A", "1"),), body=b"gone")
    found = shop.explain(Asked(url="http://shop.example/v1/slow", answer=answer))
    assert (found.status, found.body_from) == (404, "server")
    assert found.response == ("HTTP/1.1 404 Not Found", "x-a: 1", "content-length: 4", "x-served: a1")
    timeout = next(one for one in found.limits if one.name == "timeout server")
    assert (timeout.value, timeout.at.line) == ("3s", 28)


@pytest.mark.parametrize(
    ("asked", "frontend", "line"),
    [
        (Asked(url="/", frontend="other"), "other", 42),
        (Asked(url="/", destination="192.0.2.2:8080"), "web", 12),
        (Asked(url="http://h:81/"), "other", 42),
        (Asked(url="http://h:8080/"), "web", 12),
    ],
)
def test_where_it_comes_in(shop: Engine, asked: Asked, frontend: str, line: int) -> None:
    found = shop.explain(asked)
    assert (found.frontend, found.bind.line) == (frontend, line)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(url="/", frontend="x"), "there is no frontend 'x'; there are: web, other"),
        (Asked(url="http://h:9999/"), "several frontends could be meant"),
        (Asked(url="/", destination="192.0.2.9:80"), "no bind line has the address 192.0.2.9:80"),
        (Asked(url="/", frontend="web", source="here"), "'here' is no address"),
        (Asked(url="/", frontend="web", down=frozenset({"app/x"})), "there is no server 'app/x'"),
    ],
)
def test_what_cannot_be_asked(shop: Engine, asked: Asked, message: str) -> None:
    with pytest.raises(AskedError) as error:
        shop.explain(asked)
    assert message in str(error.value)


def test_nothing_is_opened(shop: Engine) -> None:
    before = set(os.listdir("/proc/self/fd"))
    shop.explain(Asked(url="http://shop.example/api"))
    assert set(os.listdir("/proc/self/fd")) <= before


def test_places(shop: Engine) -> None:
    found = {(one.at.line, one.kind) for one in shop.places()}
    assert {(15, "http-request"), (20, "use_backend"), (23, "default_backend"), (29, "server")} <= found


def test_a_file_with_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text("frontend f\n    bnid :80\n")
    engine = Engine([str(file)])
    assert engine.failed
    assert "bnid" in engine.diagnostics.findings[0].message


def test_the_answer_to_connect_has_no_length(tmp_path: Path) -> None:
    found = made(tmp_path, SHOP).explain(Asked(method="CONNECT", url="a.test:443", destination="192.0.2.1:80"))
    assert found.status == 200
    assert not any(line.lower().startswith("content-length") for line in found.response)


@pytest.mark.parametrize("words", ["192.0.2.7:²", "192.0.2.7:" + "9" * 5_000, ":²", "²"])
def test_ports_are_numbers(shop: Engine, words: str) -> None:
    with pytest.raises(AskedError):
        shop.explain(Asked(source=words))
    with pytest.raises(AskedError):
        shop.explain(Asked(destination=words))


@pytest.mark.parametrize("more", ["", "    pointsman-decisions 100\n"], ids=["plain", "decisions are kept"])
def test_a_table_may_know_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str) -> None:
    for name in ("verdicts", "sending"):  # what the configuration wishes ends with the test
        monkeypatch.setattr(WISHES, name, getattr(WISHES, name))
    text = SHOP.replace("\nbackend app\n", "\nbackend app\n    stick-table type ip size 1k\n    stick on src\n")
    found = made(tmp_path, text.replace("global\n", f"global\n{more}", 1)).explain(Asked(url="http://h/"))
    notes = [note for stage in found.stages for step in stage.steps for note in step.notes]
    assert "the live program's table may know a server for this key" in notes


def test_as_many_fields_as_the_configuration_says(tmp_path: Path) -> None:
    text = SHOP.replace("global\n", "global\n    tune.http.maxhdr 400\n", 1).replace(
        "192.0.2.1:80", "192.0.2.1:80 proto h2", 1
    )
    headers = tuple((f"x-{number}", "1") for number in range(150))
    found = made(tmp_path, text).explain(Asked(url="http://h/", frontend="web", version="2", headers=headers))
    assert (found.outcome, found.status) == ("server", 200)
