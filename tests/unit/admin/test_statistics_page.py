"""The statistics by HTTP: who is admitted, which form is sent, what the page says."""
import base64
import html.parser

import pytest
from admin_stand import TEXT, Stand, stand

from pointsman.admin.page import age, colour, size
from pointsman.proto.h1 import parse_request
from pointsman.sample.context import Context, ListenerFacts

PAGE = """    stats enable
    stats uri /stats
    stats refresh 7s
"""


def with_page(more: str = "") -> str:
    return TEXT.replace("    default_backend spare\n", f"    default_backend spare\n{PAGE}{more}")


def ask(one: Stand, uri: str, *fields: str, method: str = "GET") -> tuple[int, dict[str, str], str] | None:
    """Status, fields and body; None: the request is not for the page."""
    front = one.view.front("web")
    assert front is not None
    context = Context(front.frontend, ListenerFacts("", 1))
    head = "\r\n".join([f"{method} {uri} HTTP/1.1", "Host: x", *fields, "", ""])
    context.request = parse_request(head.encode(), True, 100)
    reply = front.frontend.services[0].answer(context)
    if reply is None:
        return None
    response, content = reply.render(context)
    found = {one.name.decode(): one.value.decode() for one in response.fields}
    assert method == "HEAD" or response.length == len(content)
    return response.status, found, content.decode()


def text_of(one: Stand, uri: str) -> str:
    answer = ask(one, uri)
    assert answer is not None and answer[0] == 200
    return answer[2]


class Outline(html.parser.HTMLParser):
    """Complains about tags that do not fit, and notes what would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link"):
            self.open.append(tag)
        self.fetched += [value for name, value in attrs if name == "src" or tag == "link" and name == "href" if value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-2:] == ["h2", "a"]:
            self.headings.append(data)


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    with stand(with_page()) as one:
        text = text_of(one, "/stats")
    outline = Outline()
    outline.feed(text)
    assert outline.open == [] and outline.fetched == ["data:,"]
    assert outline.headings == ["web", "both", "app", "spare", "raw"]
    assert '<meta http-equiv="refresh" content="7">' in text and 'name="viewport"' in text


def test_fields_of_the_answer() -> None:
    with stand(with_page()) as one:
        for uri, kind, refresh in (("/stats", "text/html", "7"), ("/stats;csv", "text/plain", "7"),
                                   ("/stats/;csv;norefresh", "text/plain", None),
                                   ("/stats;json", "application/json", "7"),
                                   ("/stats;norefresh", "text/html", None), ("/stats?anything", "text/html", "7"),
                                   ("/stats;typed", "text/plain", "7"),
                                   ("/stats;json-schema", "application/json", None)):
            answer = ask(one, uri)
            assert answer is not None
            assert (answer[0], answer[1]["content-type"], answer[1].get("refresh")) == (200, kind, refresh)
            assert answer[1]["cache-control"] == "no-cache"


def test_what_is_not_for_the_page_goes_on() -> None:
    with stand(with_page()) as one:
        assert ask(one, "/statistic") is None and ask(one, "/") is None
        assert ask(one, "/stats", method="PUT") is None
        assert ask(one, "/statsx") is not None  # the URI is a prefix (manual 4.2, stats uri)


def test_a_post_changes_nothing() -> None:
    with stand(with_page()) as one:
        answer = ask(one, "/stats", "Content-Length: 0", method="POST")
        assert answer is not None and answer[0] == 303 and answer[1]["location"] == "/stats;st=DENY"
        assert "may not change anything" in text_of(one, "/stats;st=DENY")


@pytest.mark.parametrize(("credentials", "status"), [
    ("admin:secret", 200), ("other:word:with:colons", 200), ("admin:wrong", 401), ("other:secret", 401), (":", 401),
    ("admin:", 401), ("", 401)])
def test_accounts(credentials: str, status: int) -> None:
    more = "    stats auth admin:secret\n    stats auth other:word:with:colons\n    stats realm My\\ Place\n"
    with stand(with_page(more)) as one:
        answer = ask(one, "/stats", f"Authorization: Basic {base64.b64encode(credentials.encode()).decode()}")
        nobody = ask(one, "/stats")
    assert answer is not None and answer[0] == status
    assert nobody is not None and nobody[0] == 401
    assert nobody[1]["www-authenticate"] == 'Basic realm="My Place"'


def test_rows_are_chosen_by_configuration_and_by_the_uri() -> None:
    with stand(with_page("    stats scope app\n    stats scope .\n")) as one:
        names = [line.split(",")[:2] for line in text_of(one, "/stats;csv").splitlines()[1:]]
        assert names == [["web", "FRONTEND"], ["web", "one"], ["app", "s1"], ["app", "s2"], ["app", "s3"],
                         ["app", "BACKEND"]]
        some = [line.split(",")[:2] for line in text_of(one, "/stats;csv;up;scope=ap").splitlines()[1:]]
        assert some == [["app", "s1"], ["app", "s2"], ["app", "BACKEND"]]


def test_legends_and_modules_and_names() -> None:
    with stand(with_page()) as one:
        plain = text_of(one, "/stats")
    more = ("    stats show-legends\n    stats show-modules\n    stats show-node\n    stats show-version\n"
            "    stats show-desc What it is <for>\n")
    with stand(with_page(more)) as one:
        rich = text_of(one, "/stats")
    for part in ("127.0.0.1:81", "Algorithm", "Connections: Reused", "Statistics of here", "What it is &lt;for&gt;",
                 "Pointsman version"):
        assert part in rich and part not in plain


def test_everything_is_escaped() -> None:
    with stand(with_page()) as one:
        server = one.server("app", "s1")
        server.checked, server.check_status, server.last_check = True, "L7STS", '<script>"&\'</script>'
        text = text_of(one, "/stats")
        searched = text_of(one, '/stats;scope="><script>')
    assert "&lt;script&gt;&quot;&amp;&#x27;&lt;/script&gt;" in text
    assert "<script" not in text and "<script" not in searched


def test_words_for_numbers() -> None:
    assert [age(seconds) for seconds in (-1, 0, 59, 60, 192, 7500, 90_000)] == [
        "", "0s", "59s", "1m", "3m12s", "2h5m", "1d1h"]
    assert [size(count) for count in (0, 9_999, 10_000, 12_345_678)] == ["0", "9999", "10.0 k", "12.3 M"]


def test_colours() -> None:
    for status, expected in (
            ("UP", "up"), ("UP 1/3", "changing"), ("DOWN", "down"), ("DOWN 1/2", "changing"), ("MAINT", "maint"),
            ("DRAIN", "drain"), ("NOLB", "drain"), ("no check", "unchecked"), ("OPEN", "up"), ("FULL", "changing"),
            ("STOP", "maint"), ("UP (1/2)", "up")):
        assert colour(status) == expected
