"""errorfile, errorfiles, errorloc*, http-error, http-errors sections (manual 4.2, 12.4)."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_stand import error, exchange
from support.configs import good, section
from support.stand import Stand

from pointsman.core.diagnostics import NOWHERE, ConfigError
from pointsman.rules.errors import error_pages
from pointsman.rules.pages import LARGEST, parse_page, unread_page
from pointsman.rules.reply import Reply


def pages(*lines: str, before: str = "", kind: str = "frontend") -> dict[int, Reply]:
    loaded = good(kind, *lines, before=before)
    return error_pages(loaded.proxy, loaded.configuration, loaded.diagnostics)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "x.http"
    path.write_bytes(b"HTTP/1.1 418 Teapot\r\nConnection: close\r\nX-A: 1\r\nContent-Length: 3\r\n\r\nabc")
    return str(path)


def test_errorfile(file: str) -> None:
    page = pages(f"errorfile 403 {file}")[403]
    assert (page.status, page.reason, page.fields, page.body) == (
        418,
        b"Teapot",
        [(b"x-a", b"1"), (b"content-length", b"3")],
        b"abc",
    )
    assert (page.logged, page.close, page.silent) == (403, True, False)


def test_no_answer_at_all() -> None:
    assert pages("errorfile 408 /dev/null")[408].silent


@pytest.mark.parametrize("keyword, status", [("errorloc", 302), ("errorloc302", 302), ("errorloc303", 303)])
def test_errorloc(keyword: str, status: int) -> None:
    page = pages(f"{keyword} 404 http://sorry/")[404]
    head, body = page.render(exchange())
    assert (head.status, head.reason, body, page.logged) == (
        status,
        b"Found" if status == 302 else b"See Other",
        b"",
        404,
    )
    assert head.get(b"location") == b"http://sorry/"


def test_http_error() -> None:
    made = pages("http-error status 429 content-type a/b hdr x %[method] lf-string %[path]")
    head, body = made[429].render(exchange())
    assert (head.status, head.get(b"x"), head.get(b"content-type"), body) == (429, b"GET", b"a/b", b"/path")


def test_sections(file: str) -> None:
    before = f"http-errors mine\n errorfile 404 {file}\n errorfile 503 {file}\n"
    assert sorted(pages("errorfiles mine", before=before)) == [404, 503]
    assert sorted(pages("errorfiles mine 503", before=before)) == [503]
    assert sorted(pages("http-error status 404 errorfiles mine", before=before)) == [404]


def test_the_later_line_holds(file: str) -> None:
    before = f"http-errors mine\n errorfile 404 {file}\n"
    made = pages("errorfiles mine", "errorloc 404 /x", before=before)
    assert made[404].status == 302
    assert pages("errorloc 404 /x", "http-error status 404 default-errorfiles") == {}


def test_what_a_section_lacks(file: str) -> None:
    before = f"http-errors mine\n errorfile 404 {file}\n"
    loaded = good("frontend", "errorfiles mine 404 503", before=before)
    error_pages(loaded.proxy, loaded.configuration, loaded.diagnostics)
    assert loaded.warnings == ["status '503' not declared in http-errors section 'mine'"]


def test_a_section_that_is_not_there() -> None:
    loaded = section("frontend", "errorfiles nope")
    with pytest.raises(ConfigError, match="unable to find the http-errors section 'nope'"):
        error_pages(loaded.proxy, loaded.configuration)


@pytest.mark.parametrize(
    "line, message, column",
    [
        ("errorfile", "'errorfile' expects <code>", 10),
        ("errorfile 404", "'errorfile' expects <file>", 14),
        ("errorfile 418 /dev/null", "'errorfile': status code '418' not handled", 11),
        ("errorfile abc /dev/null", "'errorfile': status code 'abc' not handled", 11),
        ("errorfile 403 /nope", "unable to read error file '/nope': No such file or directory", 15),
        ("errorfile 403 /dev/null x", "'errorfile' cannot handle unexpected argument 'x'", 25),
        ("errorfiles", "'errorfiles' expects <name>", 11),
        ("errorfiles mine 418", "'errorfiles': status code '418' not handled", 17),
        ("errorloc 403", "'errorloc' expects <url>", 13),
        ("http-error", "'http-error': missing the status code", 11),
        ("http-error status", "'http-error' expects <code>", 18),
        ("http-error status 418", "'http-error': status code '418' not handled", 19),
        ("http-error status 403 string x", "a content-type must be defined with 'string' argument", 30),
        ("http-error content-type a string x", "'http-error': missing the status code", 35),
        ("http-error status 403 foo", "'http-error': unknown argument 'foo'", 23),
    ],
)
def test_errors(line: str, message: str, column: int) -> None:
    assert error(line) == (message, column)


@pytest.mark.parametrize(
    "data, message",
    [
        (b"nonsense", "unable to parse 'p' as an HTTP response"),
        (b"HTTP/1.1 200 OK\r\nX: 1\r\n", "unable to parse 'p' as an HTTP response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", "the body is longer than its Content-Length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", r"shorter than its Content-Length \(3 of 4 bytes\)"),
    ],
)
def test_files_that_are_no_response(data: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_page(data, "p", NOWHERE)


def test_files_that_are_too_large(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * (LARGEST + 1))
    assert error(f"errorfile 403 {path}")[0] == f"error file '{path}' is larger than {LARGEST} bytes"


def test_pages_for_what_could_not_be_read() -> None:
    status, reason, content, closes = unread_page(400)
    assert (status, reason, closes) == (400, b"Bad request", True)
    assert content.startswith(b"<html><body><h1>400 Bad request</h1>")
    assert unread_page(431)[0::3] == (431, False)
    assert unread_page(299)[0] == 400


def test_what_could_not_be_read_is_answered_with_a_page_of_ones_own(file: str) -> None:
    text = f"frontend f\n bind 127.0.0.1:1\n mode http\n timeout client 9s\n errorfile 400 {file}\n"
    with Stand(text) as scene:
        client = scene.client()
        client.send(b"GET / nonsense\r\n\r\n")
        assert client.take() == (b"HTTP/1.1 418 Teapot\r\nx-a: 1\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc")
        assert scene.lines == ["400 PR"]


@given(st.one_of(st.binary(), st.binary().map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail)))
def test_garbage_is_only_ever_refused(data: bytes) -> None:
    try:
        page = parse_page(data, "p", NOWHERE)
    except ConfigError:
        return
    assert page.silent or 100 <= page.status <= 999
