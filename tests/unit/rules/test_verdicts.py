"""allow, deny, return, tarpit, auth, reject, silent-drop: verdicts and answers (manual 4.4)."""

from pathlib import Path

import pytest
from rule_stand import answered, error, exchange, reply_of, run, values, warnings
from support.configs import section

from pointsman.config.action import ALLOW, ANSWER, CONTINUE, DENY, DROP, SILENT_DROP, TARPIT
from pointsman.proto.reasons import reason_of
from pointsman.rules.pages import CODES, DEFAULT_PAGES
from pointsman.rules.reply import Challenge, Reply

PAGE = "HTTP/1.0 200 OK\r\nX-Page: mine\r\nContent-Length: 3\r\n\r\nabc"
SECTION = "http-errors mine\n errorfile 404 {}\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.http"
    path.write_text(PAGE)
    return path


@pytest.mark.parametrize(
    "line, verdict, answer",
    [
        ("http-request allow", ALLOW, None),
        ("http-response allow", ALLOW, None),
        ("http-after-response allow", ALLOW, None),
        ("http-request deny", DENY, 403),
        ("http-request deny deny_status 429", DENY, 429),
        ("http-response deny", DENY, 502),
        ("http-request tarpit", TARPIT, 500),
        ("http-request tarpit deny_status 404", TARPIT, 404),
        ("http-request deny status 404 default-errorfiles", DENY, 404),
        ("http-request return default-errorfiles", ANSWER, 200),
        ("http-request return status 503 default-errorfiles", ANSWER, 503),
        ("http-request reject", DROP, None),
        ("http-request silent-drop", SILENT_DROP, 0),
        ("http-response silent-drop rst-ttl 3", SILENT_DROP, 3),
    ],
)
def test_verdicts_that_need_no_reply(line: str, verdict: int, answer: object) -> None:
    ctx = exchange(answer=("200 OK",))
    assert run(ctx, line) == verdict
    assert ctx.answer == answer


def test_a_verdict_ends_the_list() -> None:
    ctx = exchange()
    assert run(ctx, "http-request allow if { path /path }", "http-request deny") == ALLOW
    assert run(ctx, "http-request deny unless { path /path }", "http-request set-header x 1") == CONTINUE
    assert values(ctx.request, "x") == ["1"]


@pytest.mark.parametrize(
    "words, status, fields, body",
    [
        ("return", 200, [("content-length", "")], b""),
        (
            "return status 299 hdr X-A %[path] hdr x-a 2",
            299,
            [("x-a", "/path"), ("x-a", "2"), ("content-length", "")],
            b"",
        ),
        (
            "return content-type text/plain string %[path]",
            200,
            [("content-length", ""), ("content-type", "text/plain")],
            b"%[path]",
        ),
        (
            "return status 404 content-type text/plain lf-string %[path]%%",
            404,
            [("content-length", ""), ("content-type", "text/plain")],
            b"/path%",
        ),
        (
            "return string x content-type a/b hdr Content-Length 9 hdr transfer-encoding chunked "
            "hdr Content-Type c hdr y z",
            200,
            [("y", "z"), ("content-length", ""), ("content-type", "a/b")],
            b"x",
        ),
        ("deny status 403 hdr x y", 403, [("x", "y"), ("content-length", "")], b""),
        (
            "deny deny_status 403 content-type a/b string no",
            403,
            [("content-length", ""), ("content-type", "a/b")],
            b"no",
        ),
        ("deny status 418", 418, [("content-length", "")], b""),
        (
            "tarpit status 418 content-type a/b lf-string %[method]",
            418,
            [("content-length", ""), ("content-type", "a/b")],
            b"GET",
        ),
    ],
)
def test_replies(words: str, status: int, fields: list[tuple[str, str]], body: bytes) -> None:
    ctx = exchange()
    run(ctx, f"http-request {words}")
    assert answered(ctx) == (status, fields, body)
    assert reply_of(ctx).reason == reason_of(status)


def test_bytes_that_would_end_a_line_are_encoded() -> None:
    ctx = exchange("GET /a%0d%0ab HTTP/1.1")
    run(ctx, 'http-request return status 200 content-type a/b hdr x "%[path,url_dec]" lf-string "%[path,url_dec]"')
    assert answered(ctx) == (200, [("x", "/a%0D%0Ab"), ("content-length", ""), ("content-type", "a/b")], b"/a%0D%0Ab")


def test_payloads_from_files(page: Path) -> None:
    ctx = exchange()
    run(ctx, f"http-request return content-type a/b file {page}")
    assert answered(ctx)[2] == PAGE.encode()
    page.write_text("<%[path]>")
    run(ctx, f"http-request return content-type a/b lf-file {page}")
    assert answered(ctx)[2] == b"</path>"
    page.write_text("")
    run(ctx, f"http-request return content-type a/b file {page}")
    assert answered(ctx) == (200, [("content-length", "")], b"")


def test_error_files(page: Path) -> None:
    ctx = exchange()
    run(ctx, f"http-request return status 418 errorfile {page}")
    assert answered(ctx) == (200, [("x-page", "mine"), ("content-length", "3")], b"abc")
    assert reply_of(ctx).logged == 418
    run(ctx, "http-request deny status 404 errorfiles mine", before=SECTION.format(page))
    assert answered(ctx)[2] == b"abc"
    run(ctx, "http-request deny status 403 errorfiles mine", before=SECTION.format(page))
    assert ctx.answer == 403


def test_a_section_that_is_not_there() -> None:
    loaded = section("frontend", "mode http", "http-request deny errorfiles other")
    assert loaded.errors == []


@pytest.mark.parametrize("realm, said", [("", b"back"), ("realm here ", b"here"), ('realm "a b" ', b"a b")])
def test_auth(realm: str, said: bytes) -> None:
    ctx = exchange(answer=("200 OK",))
    assert run(ctx, f"http-request auth {realm}if {{ always_true }}") == ANSWER
    challenge = ctx.answer
    assert isinstance(challenge, Challenge)
    assert (challenge.status, challenge.name, challenge.value) == (401, b"www-authenticate", b'Basic realm="%b"' % said)
    page = DEFAULT_PAGES[401].challenging(challenge).challenging(challenge)
    assert [one for one in page.fields if one[0] == b"www-authenticate"] == [(b"www-authenticate", challenge.value)]
    ctx.backend = None
    if not realm:
        run(ctx, "http-request auth")
        assert isinstance(ctx.answer, Challenge)
        assert ctx.answer.value == b'Basic realm="front"'


def test_a_reply_may_close_the_connection() -> None:
    ctx = exchange()
    run(ctx, "http-request return status 200 hdr connection close")
    head, _ = reply_of(ctx).render(ctx)
    assert head.close_asked


def test_every_page_is_there() -> None:
    assert sorted(DEFAULT_PAGES) == sorted(CODES)
    for status, page in DEFAULT_PAGES.items():
        head, body = page.render(exchange())
        assert (head.status, head.length) == (status, len(body))
        assert body.startswith(b"<html><body><h1>%d " % status)


def test_statuses_without_a_reason_have_that_of_their_class() -> None:
    assert [reason_of(status) for status in (199, 299, 399, 498, 599, 999)] == [
        b"Informational",
        b"Success",
        b"Redirection",
        b"Client Error",
        b"Server Error",
        b"Other",
    ]
    assert Reply(418, [], b"").reason == b"I'm a teapot"


IGNORED = "content-type 'x' ignored by the http reply because neither errorfile nor payload defined."
IN_PAGE = "content-type 'x' ignored by the http reply when used with an errorfile."
HEADERS = "hdr parameters ignored by the http reply when used with an errorfile."
NOOP = "previous 'http-request' action is final and has no condition attached, further entries are NOOP."


@pytest.mark.parametrize(
    "lines, expected",
    [
        (["http-request return content-type x"], [IGNORED]),
        (["http-request return content-type x default-errorfiles"], [IN_PAGE]),
        (["http-request return default-errorfiles hdr a b"], [HEADERS]),
        (["http-request return errorfiles mine content-type x hdr a b"], [IN_PAGE, HEADERS]),
        (["http-request deny if { path / }", "http-request allow"], []),
        (["http-request deny", "http-response deny"], []),
        (["http-request deny", "http-request allow", "http-request set-header a b"], [NOOP, NOOP]),
        (["http-request auth", "http-request allow"], [NOOP]),
        (["http-request tarpit", "http-request allow"], [NOOP]),
        (["http-request redirect location /", "http-request allow"], [NOOP]),
        (["http-request redirect location %[path] ignore-empty", "http-request allow"], []),
        (["http-request deny if"], ["'http-request deny': empty condition behind 'if', it never holds"]),
        (["http-request deny unless"], ["'http-request deny': empty condition behind 'unless', it never holds"]),
    ],
)
def test_warnings(lines: list[str], expected: list[str]) -> None:
    assert warnings(*lines) == expected


def test_empty_conditions() -> None:
    assert run(exchange(), "http-request deny if") == CONTINUE
    assert run(exchange(), "http-request deny unless") == DENY


@pytest.mark.parametrize(
    "line, message, column",
    [
        ("http-request", "'http-request' expects <action>", 13),
        ("http-request deni", "'http-request': unknown action 'deni'", 14),
        ("http-request cache-use x", "action 'cache-use' is not built yet", 14),
        ("http-after-response deny", "'http-after-response': action 'deny' is not possible here", 21),
        ("http-response reject", "'http-response': action 'reject' is not possible here", 15),
        ("http-request deny(x)", "'http-request': invalid or incomplete action 'deny(x)'", 14),
        ("http-request allow foo", "'http-request allow' cannot handle unexpected argument 'foo'", 20),
        ("http-request allow if nosuch", "no such ACL : 'nosuch'", 23),
        ("http-request deny foo", "'http-request deny': unknown argument 'foo'", 19),
        ("http-request deny deny_status", "'http-request deny' expects <code>", 30),
        ("http-request deny deny_status 999", "'http-request deny': '999' is not a number", 31),
        (
            "http-request deny deny_status 418",
            "status code '418' not handled by default with 'default-errorfiles' argument",
            31,
        ),
        ("http-request return status 199", "'http-request return': '199' is not a number", 28),
        (
            "http-request return status 418 errorfiles x",
            "status code '418' not handled by default with 'errorfiles' argument",
            28,
        ),
        ("http-request return string x", "a content-type must be defined with 'string' argument", 28),
        ("http-request return status 204 content-type x string y", "No body expected for 204 responses.", 54),
        ("http-request return string", "'http-request return' expects an argument of 'string'", 27),
        ("http-request return string a string b", "'string': another payload was given already ('string')", 30),
        ("http-request return hdr x", "'http-request return' expects <fmt>", 26),
        ('http-request return hdr "a b" c', "'http-request return': 'a b' is no header name", 25),
        ("http-request return errorfile", "'http-request return' expects an argument of 'errorfile'", 30),
        ("http-request return errorfile /none", "unable to read error file '/none': No such file or directory", 31),
        ("http-request return content-type a file /none", "unable to read file '/none': No such file or directory", 41),
        ("http-request return content-type a lf-string %[nope]", "unknown fetch method 'nope'", 48),
        (
            "http-response return content-type a lf-string %[path]",
            "sample fetch <path> may not be reliably used here because it is not available in http-response rules",
            49,
        ),
        ("http-request auth realm", "'http-request auth' expects <realm>", 24),
        ("http-request auth foo", "'http-request auth' cannot handle unexpected argument 'foo'", 19),
        ("http-request reject foo", "'http-request reject' cannot handle unexpected argument 'foo'", 21),
        ("http-request silent-drop rst-ttl", "'http-request silent-drop' expects <ttl>", 33),
        ("http-request silent-drop rst-ttl 0", "'http-request silent-drop': '0' is not a number", 34),
        ("http-request silent-drop rst-ttl 256", "'http-request silent-drop': '256' is not a number", 34),
        ("http-request tarpit foo", "'http-request tarpit': unknown argument 'foo'", 21),
    ],
)
def test_errors(line: str, message: str, column: int) -> None:
    assert error(line) == (message, column)
