"""The statistics by HTTP: who is admitted, which form is sent, what the page says and what its forms do."""

import asyncio
import base64
import hashlib
import html.parser
import re
from collections.abc import Mapping

import pytest
from admin_stand import TEXT, Stand, stand

from pointsman.admin.answers import AnswerWriter
from pointsman.admin.cells import age, look_of, size
from pointsman.admin.history import SAMPLES, ProxyHistory, RingBuffer
from pointsman.admin.page import ACTIONS
from pointsman.admin.service import Statistics
from pointsman.proto.h1 import parse_request
from pointsman.rules.reply import Served
from pointsman.sample.context import Context, ListenerFacts, Session
from pointsman.server.server import FORCED_DRAIN, FORCED_MAINT, STOPPED

PAGE = """    stats enable
    stats uri /stats
    stats refresh 7s
"""


def with_page(more: str = "") -> str:
    return TEXT.replace("    default_backend spare\n", f"    default_backend spare\n{PAGE}{more}")


class Paper(AnswerWriter):
    """What a writer writes, kept."""

    def __init__(self) -> None:
        self.text = ""

    async def write(self, text: str) -> None:
        self.text += text

    async def pause(self) -> None:
        pass


def ask(
    one: Stand, uri: str, *fields: str, method: str = "GET", body: str = ""
) -> tuple[int, dict[str, str], str] | None:
    """Status, fields and body; None: the request is not for the page."""
    front = one.view.front("web")
    assert front is not None
    context = Context(front.frontend, Session(ListenerFacts("", 1)))
    length = [f"Content-Length: {len(body)}"] if method == "POST" else []
    head = "\r\n".join([f"{method} {uri} HTTP/1.1", "Host: x", *length, *fields, "", ""])
    context.request = parse_request(head.encode(), True, 100)
    context.body = body.encode()
    service = front.frontend.services[0]
    assert isinstance(service, Statistics)
    questions: list[Mapping[str, str]] = []
    service.ask = lambda name, question: questions.append(question) or -1
    reply = service.answer(context)
    if reply is None:
        return None
    if isinstance(reply, Served):
        reply.open(context)
        paper = Paper()
        asyncio.run(one.writer.write(paper, questions[0]))
        lines, _, content = paper.text.partition("\n\n")
        status, *others = lines.split("\n")
        return int(status), dict(line.split(": ", 1) for line in others), content
    response, page = reply.render(context)
    found = {one.name.decode(): one.value.decode() for one in response.fields}
    return response.status, found, page.decode()


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
        if tag not in ("meta", "link", "input"):
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
    assert '<noscript><meta http-equiv="refresh" content="7"></noscript>' in text and 'name="viewport"' in text


def test_nothing_runs_but_what_the_policy_names() -> None:
    """One style and one script, each by its digest; no handlers and styles within tags, which it would not let pass."""
    with stand(with_page("    stats admin if TRUE\n")) as one:
        answer = ask(one, "/stats")
    assert answer is not None
    policy = answer[1]["content-security-policy"]
    for tag in ("style", "script"):
        [text] = re.findall(f"<{tag}>(.*?)</{tag}>", answer[2], re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert not re.search(r"<[^>]*\s(on[a-z]+|style)=", answer[2])


def test_fields_of_the_answer() -> None:
    """A page refreshes itself by what stands in it, where there is no JavaScript; other forms by a field."""
    with stand(with_page()) as one:
        for uri, kind, refresh in (
            ("/stats", "text/html", None),
            ("/stats;csv", "text/plain", "7"),
            ("/stats/;csv;norefresh", "text/plain", None),
            ("/stats;json", "application/json", "7"),
            ("/stats;norefresh", "text/html", None),
            ("/stats?anything", "text/html", None),
            ("/stats;typed", "text/plain", "7"),
            ("/stats;json-schema", "application/json", None),
        ):
            answer = ask(one, uri)
            assert answer is not None
            assert (answer[0], answer[1]["content-type"], answer[1].get("refresh")) == (200, kind, refresh)
            assert answer[1]["cache-control"] == "no-cache"
            assert ask(one, uri, method="HEAD") == (200, answer[1], "")


def test_what_is_not_for_the_page_goes_on() -> None:
    with stand(with_page()) as one:
        assert ask(one, "/statistic") is None and ask(one, "/") is None
        assert ask(one, "/stats", method="PUT") is None
        assert ask(one, "/statsx") is not None  # the URI is a prefix (manual 4.2, stats uri)


def post(one: Stand, body: str, *fields: str, uri: str = "/stats") -> str:
    """Where a form's answer leads."""
    answer = ask(one, uri, *fields, method="POST", body=body)
    assert answer is not None and answer[0] == 303
    return answer[1]["location"]


def test_a_form_changes_nothing_without_stats_admin() -> None:
    with stand(with_page()) as one:
        assert post(one, "s=s1&action=maint&b=app") == "/stats;st=DENY"
        assert one.server("app", "s1").admin == 0
        assert "Denied" in text_of(one, "/stats;st=DENY") and "<form" not in text_of(one, "/stats")


def test_forms_change_servers() -> None:
    with stand(with_page("    stats admin if TRUE\n")) as one:
        assert post(one, "s=s1&s=s2&action=maint&b=app") == "/stats;st=DONE"
        assert one.server("app", "s1").admin == one.server("app", "s2").admin == FORCED_MAINT
        assert post(one, "action=drain&b=app&s=s1") == "/stats;st=DONE"
        assert one.server("app", "s1").admin == FORCED_DRAIN
        assert post(one, "s=s1&b=spare&action=maint&b=app&action=ready") == "/stats;st=DONE"  # the last ones hold
        assert one.server("app", "s1").admin == 0
        assert post(one, "s=%731&action=disable&b=a%70p") == "/stats;st=DONE"
        assert post(one, "s=s1&action=disable&b=app") == "/stats;st=NONE"
        assert (
            post(one, "s=s1&action=enable&b=app", uri="/stats;up;norefresh;scope=ap")
            == "/stats;st=DONE;up;norefresh;scope=ap"
        )
        for body, outcome in (
            ("", "NONE"),
            ("x=y", "NONE"),
            ("s=s1&action=maint", "NONE"),
            ("s=s1&b=app", "NONE"),
            ("action=maint&b=app", "NONE"),
            ("s=s1&action=other&b=app", "ERRP"),
            ("s=s9&action=maint&b=app", "ERRP"),
            ("s=s1&action=maint&b=web", "ERRP"),
            ("s=&action=&b=", "ERRP"),
            ("s=s1;action=maint;b=app", "NONE"),
            ("s=s9&s=s1&action=ready&b=app", "PART"),
            ("s=s1&action=eagent&b=app", "NONE"),
        ):
            assert post(one, body) == f"/stats;st={outcome}", body
        for outcome in ("DONE", "NONE", "PART", "ERRP", "EXCD", "DENY"):
            assert '<p class="message ' in text_of(one, f"/stats;st={outcome}")
        assert "is not known" in text_of(one, "/stats;st=X")
        assert '<p class="message ' not in text_of(one, "/stats")


def test_what_does_not_fit_into_a_buffer_is_not_done() -> None:
    with stand(with_page("    stats admin if TRUE\n")) as one:
        limit = one.live.program.head_limit
        form = "s=s1&action=maint&b=app&x="
        assert post(one, form + "y" * (limit - len(form))) == "/stats;st=DONE"
        one.server("app", "s1").admin = 0
        front = one.view.front("web")
        assert front is not None
        context = Context(front.frontend, Session(ListenerFacts("", 1)))
        head = f"POST /stats HTTP/1.1\r\nHost: x\r\nContent-Length: {limit + 1}\r\n\r\n"
        context.request = parse_request(head.encode(), True, 100)
        context.body = (form + "y" * (limit - len(form))).encode()
        service = front.frontend.services[0]
        assert isinstance(service, Statistics)
        assert service.wants_body(context)
        questions: list[Mapping[str, str]] = []
        service.ask = lambda name, question: questions.append(question) or -1
        reply = service.answer(context)
        assert isinstance(reply, Served)
        reply.open(context)
        assert questions[0]["outcome"] == "EXCD"


def test_a_browser_must_come_from_the_page_itself() -> None:
    """With the page's token, and from the host that it asks; scripts, which nobody leads astray, need neither."""
    form = "s=s1&action=maint&b=app"
    browser = "User-Agent: Mozilla/5.0 (X11)"
    with stand(with_page("    stats admin if TRUE\n")) as one:
        [token] = set(re.findall('name="token" value="([0-9a-f]{32})"', text_of(one, "/stats")))
        for fields, body, outcome in (
            ([browser], form, "DENY"),
            ([browser], f"{form}&token={token}", "DONE"),
            ([browser], f"{form}&token={'0' * 32}", "DENY"),
            (["Cookie: a=b"], form, "DENY"),
            (["Sec-Fetch-Site: cross-site"], form, "DENY"),
            (["Origin: http://evil"], f"{form}&token={token}", "DENY"),
            (["Origin: null"], f"{form}&token={token}", "DENY"),
            (["Origin: http://x"], form, "DENY"),
            (["Origin: http://x"], f"{form}&token={token}", "DONE"),
            (["Referer: http://x/stats;up"], f"token={token}&{form}", "DONE"),
            (["Referer: http://x.evil/stats"], f"{form}&token={token}", "DENY"),
            (["Origin: http://x", "Referer: http://evil/"], f"{form}&token={token}", "DONE"),
            (["User-Agent: curl/7.88"], form, "DONE"),
        ):
            assert post(one, body, *fields) == f"/stats;st={outcome}", (fields, body)
            assert (one.server("app", "s1").admin == FORCED_MAINT) == (outcome == "DONE")
            one.server("app", "s1").admin = 0
    with stand(with_page("    stats admin if TRUE\n")) as one:  # another start, other tokens
        assert post(one, f"{form}&token={token}", browser) == "/stats;st=DENY"


def test_conditions_and_scopes_of_stats_admin() -> None:
    more = "    stats admin if { hdr(x-one) 1 }\n    stats admin unless { hdr(x-two) -m found }\n    stats scope app\n"
    with stand(with_page(more)) as one:
        assert post(one, "s=s1&action=ready&b=app", "X-One: 1", "X-Two: 2") == "/stats;st=DONE"
        assert post(one, "s=s1&action=ready&b=app", "X-Two: 2") == "/stats;st=DENY"
        assert post(one, "s=s1&action=ready&b=app") == "/stats;st=DONE"
        assert post(one, "s=l1&action=ready&b=both") == "/stats;st=DENY"


def test_each_backend_has_a_form_with_all_actions() -> None:
    with stand(with_page("    stats admin if TRUE\n")) as one:
        text = text_of(one, "/stats")
    forms = re.findall('<form method="post" action="/stats">.*?</form>', text, re.S)
    assert [re.findall('name="b" value="(.*?)"', form) for form in forms] == [["both"], ["app"], ["spare"]]
    assert re.findall('name="s" value="(.*?)"', forms[1]) == ["s1", "s2", "s3"]
    assert re.findall('<option value="([a-z]+)"', forms[1]) == list(ACTIONS) and len(ACTIONS) == 13


def test_who_may_look_by_stats_http_request() -> None:
    more = (
        "    stats http-request allow if { hdr(x-friend) 1 }\n    stats http-request deny if { hdr(x-foe) 1 }\n"
        "    stats http-request auth realm Mine unless { hdr(x-known) 1 }\n    stats auth a:b\n"
    )
    with stand(with_page(more)) as one:
        for fields, status in (
            (["X-Friend: 1", "X-Foe: 1"], 200),
            (["X-Foe: 1"], 403),
            ([], 401),
            (["X-Known: 1"], 401),
            (["X-Known: 1", "Authorization: Basic YTpi"], 200),
        ):
            answer = ask(one, "/stats", *fields)
            assert answer is not None and answer[0] == status, fields
        answer = ask(one, "/stats")
        assert answer is not None and answer[1]["www-authenticate"] == 'Basic realm="Mine"'


@pytest.mark.parametrize(
    ("credentials", "status"),
    [
        ("admin:secret", 200),
        ("other:word:with:colons", 200),
        ("admin:wrong", 401),
        ("other:secret", 401),
        (":", 401),
        ("admin:", 401),
        ("", 401),
    ],
)
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
        assert names == [
            ["web", "FRONTEND"],
            ["web", "one"],
            ["app", "s1"],
            ["app", "s2"],
            ["app", "s3"],
            ["app", "BACKEND"],
        ]
        some = [line.split(",")[:2] for line in text_of(one, "/stats;csv;up;scope=ap").splitlines()[1:]]
        assert some == [["app", "s1"], ["app", "s2"], ["app", "BACKEND"]]


def test_legends_and_modules_and_names() -> None:
    with stand(with_page()) as one:
        plain = text_of(one, "/stats")
    more = (
        "    stats show-legends\n    stats show-modules\n    stats show-node\n    stats show-version\n"
        "    stats show-desc What it is <for>\n"
    )
    with stand(with_page(more)) as one:
        rich = text_of(one, "/stats")
    for part in (
        "127.0.0.1:81",
        "Algorithm",
        "Reused connections",
        "Statistics of here",
        "What it is &lt;for&gt;",
        "Pointsman version",
    ):
        assert part in rich and part not in plain


def test_everything_is_escaped() -> None:
    with stand(with_page()) as one:
        server = one.server("app", "s1")
        server.checked, server.check_status, server.last_check = True, "L7STS", "<script>\"&'</script>"
        text = text_of(one, "/stats")
        searched = text_of(one, '/stats;scope="><script>')
    assert "&lt;script&gt;&quot;&amp;&#x27;&lt;/script&gt;" in text
    assert text.count("<script") == 1 and searched.count("<script") == 1  # ours


def test_words_for_numbers() -> None:
    assert [age(seconds) for seconds in (-1, 0, 59, 60, 192, 7500, 90_000)] == [
        "",
        "0s",
        "59s",
        "1m",
        "3m12s",
        "2h5m",
        "1d1h",
    ]
    assert [size(count) for count in (0, 9_999, 10_000, 12_345_678)] == ["0", "9999", "10.0 k", "12.3 M"]


def test_looks_of_states() -> None:
    for status, expected in (
        ("UP", "up"),
        ("UP 1/3", "changing"),
        ("DOWN", "down"),
        ("DOWN 1/2", "changing"),
        ("MAINT", "maint"),
        ("DRAIN", "drain"),
        ("NOLB", "drain"),
        ("no check", "unchecked"),
        ("OPEN", "up"),
        ("FULL", "changing"),
        ("STOP", "maint"),
        ("PAUSED", "maint"),
        ("UP (1/2)", "up"),
    ):
        assert look_of(status) == expected


REFUSED = "ECONNREFUSED returned by OS (Connection refused)"


def test_the_top_says_what_is_down() -> None:
    with stand(with_page()) as one:
        assert '<p class="summary up">No server is down: 1 in maintenance, 4 not checked.</p>' in text_of(one, "/stats")
        server = one.server("app", "s1")
        server.checked, server.state, server.check_status, server.last_check = True, STOPPED, "L4CON", REFUSED
        text = text_of(one, "/stats")
    assert '<p class="summary down"><strong>1 of 5 servers is down</strong>: <a href="#p4-S1">app/s1</a>.' in text
    [row] = re.findall('<tr id="p4-S1".*?</tr>', text, re.S)
    # Name, state and last check are the first cells of the row, which has the state's colour.
    assert row.startswith(
        '<tr id="p4-S1" class="down"><th scope="row" title="s1"><label>s1</label></th>'
        '<td data-name="Status" class="status"><span class="pill down">DOWN</span>'
    )
    assert row.index("L4CON") < row.index('data-name="Weight"') and "<small>Connection refused</small>" in row


def test_a_ring_keeps_what_is_recent() -> None:
    ring = RingBuffer()
    assert ring.recent() == []
    for value in range(SAMPLES + 5):
        ring.add(value)
        assert ring.recent()[-1] == value and len(ring.recent()) == min(value + 1, SAMPLES)
    assert ring.recent() == list(range(5, SAMPLES + 5))
    assert len(ring.values) == SAMPLES


def test_rates_are_sampled_and_drawn() -> None:
    with stand(with_page()) as one:
        history = one.writer.history
        history.tracks = {proxy.number: ProxyHistory(proxy) for proxy in one.view.proxies}
        web, app = one.view.proxies[0], one.view.proxies[2]
        assert web.front is not None and app.back is not None
        web.front.frontend.counters.requests += 50
        web.front.frontend.counters.http_5xx += 10
        for track, proxy in ((history.tracks[web.number], web), (history.tracks[app.number], app)):
            track.sample(proxy, 5.0)
        assert history.tracks[web.number].requests.recent() == [100]  # tenths per second
        assert history.tracks[web.number].errors.recent() == [20]
        assert history.tracks[app.number].requests.recent() == [0]
        text = text_of(one, "/stats")
    assert "<figcaption>10.0 requests/s</figcaption>" in text and "<figcaption>2.0 errors/s</figcaption>" in text
    assert '<polyline points="119,1"/>' in text
