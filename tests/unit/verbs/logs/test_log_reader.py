"""Lines are read back to what they were made of: lines of three programs, and lines of random formats and streams."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pointsman.keywords  # noqa: F401
from pointsman.config.environment import (
    HTTP_CLF_LOG_FORMAT,
    HTTP_LOG_FORMAT,
    TCP_CLF_LOG_FORMAT,
    TCP_LOG_FORMAT,
)
from pointsman.core.address import UNIX_ADDRESS, net_address
from pointsman.core.diagnostics import NOWHERE
from pointsman.core.words import Word
from pointsman.log import dates
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, ServerFacts, Session
from pointsman.sample.format import Format, parse_format
from pointsman.sample.tag import TAGS
from pointsman.sample.types import Where
from pointsman.verbs.logs import names
from pointsman.verbs.logs.configured import Configured
from pointsman.verbs.logs.forms import make_form, standard
from pointsman.verbs.logs.pattern import LONGEST
from pointsman.verbs.logs.reader import Entry, Reader

# What three programs have written to the same log server, for the same exchanges, under haproxy.cfg.
LINES = Path(__file__).parent / "lines"
PROGRAMS = ("haproxy-2.6", "haproxy-3.2", "pointsman")
PLAIN = Reader()


def lines_of(program: str) -> list[bytes]:
    return (LINES / f"{program}.log").read_bytes().splitlines()


def read(line: str, reader: Reader = PLAIN) -> Entry:
    entry = reader.read(line.encode("utf-8", "surrogateescape"))
    assert entry is not None, line
    return entry


@pytest.fixture(scope="module")
def configured() -> Configured:
    found = Configured([str(LINES / "haproxy.cfg")])
    assert not found.diagnostics.failed
    return found


def kind(entry: Entry | None) -> str:
    if entry is None:
        return "-"
    return entry.event.kind if entry.event is not None else entry.form.kind if entry.form is not None else "?"


@pytest.mark.parametrize("program", PROGRAMS)
def test_lines_of_programs_without_their_configuration(program: str) -> None:
    kinds = [kind(PLAIN.read(line)) for line in lines_of(program)]
    assert kinds.count("httplog") == 21
    assert kinds.count("httplog clf") == kinds.count("tcplog") == 2
    assert kinds.count("httpslog") == kinds.count("connection_error") == kinds.count("connection") == 1
    assert kinds.count("server_down") == kinds.count("backend_empty") == 1
    assert kinds.count("-") == 3  # frontends with a log-format of their own


@pytest.mark.parametrize("program", PROGRAMS)
def test_lines_of_programs_with_their_configuration(program: str, configured: Configured) -> None:
    reader = Reader(configured.forms())
    entries = [reader.read(line) for line in lines_of(program)]
    own = [entry for entry in entries if entry is not None and "log-format" in kind(entry)]
    documents = 0 if program == "haproxy-2.6" else 1  # it knows no %{+json}o
    assert len(own) == 2 + documents
    assert entries.count(None) == 1 - documents
    assert not any(entry.unsure or entry.others or entry.foreign for entry in entries if entry is not None)
    full = next(entry for entry in own if entry.get("ID"))
    assert full.get("[capture.req.hdr(0)]") == "http://a b/"
    assert full.get("b") == "app"
    assert full.number("ST") == 200
    assert full.get("r") == "GET /f HTTP/1.1"
    if documents:
        document = next(entry for entry in own if "host" in [slot.name for slot in entry.slots])
        assert document.get("[capture.req.hdr(0)]") == "a.example"
        assert document.number("Ta") == 0
        assert document.get("ci") == "127.0.0.1"


def test_every_field_of_a_line_of_haproxy() -> None:
    entry = read(
        "<134>Nov 29 21:42:58 localhost haproxy[3278]: 127.0.0.1:59608 [29/Nov/2026:21:42:58.279] http-in dead/d2 "
        '0/0/-1/-1/0 503 217 SID=abc - SC-- 1/1/0/0/+1 0/0 {Mo z#7C#7Billa#7D} {} "GET /dead HTTP/1.1"'
    )
    assert kind(entry) == "httplog"
    heading = entry.heading
    assert (heading.date, heading.host, heading.program, heading.pid, heading.level) == (
        "Nov 29 21:42:58",
        "localhost",
        "haproxy",
        "3278",
        "info",
    )
    assert entry.fields == {
        "ci": "127.0.0.1",
        "cp": "59608",
        "tr": "29/Nov/2026:21:42:58.279",
        "ft": "http-in",
        "b": "dead",
        "s": "d2",
        **{"TR": "0", "Tw": "0", "Tc": "-1", "Tr": "-1", "Ta": "0"},
        "ST": "503",
        "B": "217",
        "CC": "SID=abc",
        "CS": None,
        "tsc": "SC--",
        **{"ac": "1", "fc": "1", "bc": "0", "sc": "0", "rc": "+1", "sq": "0", "bq": "0"},
        "hr": "{Mo z#7C#7Billa#7D}",
        "hs": "{}",
        "r": "GET /dead HTTP/1.1",
    }
    assert not entry.unsure


def test_tls_fields() -> None:
    line = next(line for line in lines_of("haproxy-3.2") if b"TLSv1.3" in line)
    entry = read(line.decode())
    assert kind(entry) == "httpslog"
    assert (entry.get("[ssl_fc_sni]"), entry.get("sslv"), entry.get("sslc")) == (
        "a.example",
        "TLSv1.3",
        "TLS_AES_256_GCM_SHA384",
    )
    assert entry.get("ft") == "tls-in~"


# What may stand in front.

TCP = "10.0.0.1:33 [06/Feb/2009:12:14:14.655] fe be/s1 1/2/30 212 -- 1/1/1/1/0 0/0"
HEADINGS = {
    "": (),
    "Feb  6 12:12:56 localhost haproxy[14387]: ": ("rfc3164",),
    "<134>Feb  6 12:12:56 haproxy[14387]: ": ("priority", "local"),
    "<134>1 2009-02-06T12:12:56.655000+01:00 host haproxy 14387 - - ": ("priority", "rfc5424"),
    '<134>1 2009-02-06T12:12:56.655000+01:00 - lb 1 - [ex@1 a="b \\] c" d=""][x y="1"] ': ("priority", "rfc5424"),
    "2009-02-06T12:12:56.655123+01:00 host haproxy[14387]: ": ("rfc3164",),
    "2009-02-06T12:12:56+0100 host haproxy[1]: ": ("rfc3164",),
    "Feb 06 12:12:56.123456 host haproxy[1]: ": ("rfc3164",),
    "Fri 2009-02-06 12:12:56 CET host haproxy[1]: ": ("rfc3164",),
    "1233918776.655123 host haproxy[1]: ": ("rfc3164",),
    "<6>": ("priority",),
    "<6>2009-02-06T12:12:56.655000+01:00 ": ("priority", "date"),
    "2009-02-06T12:12:56.655000+01:00 ": ("date",),
    "2009-02-06T12:12:56.655123456Z ": ("date",),
    "2009-02-06T12:12:56.655123456Z stdout F <134>": ("CRI", "priority"),
    "lb-1  | <134>Feb  6 12:12:56 haproxy[7]: ": ("compose", "priority", "local"),
    "[pod/lb-7/haproxy] 2009-02-06T12:12:56Z ": ("pod", "date"),
    "haproxy[14387]: ": ("program",),
}


@pytest.mark.parametrize("heading", HEADINGS)
def test_headings_are_skipped(heading: str) -> None:
    entry = read(heading + TCP)
    assert kind(entry) == "tcplog"
    assert entry.heading.kinds == HEADINGS[heading]
    assert entry.line == TCP
    assert (entry.get("ci"), entry.get("bq"), entry.number("Tt")) == ("10.0.0.1", "0", 30)


@pytest.mark.parametrize(
    "line",
    [
        '{"log":"<134>Feb  6 12:12:56 haproxy[7]: ' + TCP + '\\n","stream":"stdout","time":"2009-02-06T12:12:56Z"}',
        '{"MESSAGE":"' + TCP + '","PRIORITY":"6"}',
        f"{TCP}  \r",
    ],
)
def test_lines_in_wrappings(line: str) -> None:
    assert read(line).line.rstrip() == TCP


def test_a_syslog_server_may_have_put_backslashes_before_quotes() -> None:
    entry = read(
        '1.2.3.4:5 [06/Feb/2009:12:14:14.655] f b/s 0/0/0/0/0 200 5 - - ---- 1/1/1/1/0 0/0 \\"GET / HTTP/1.1\\"'
    )
    assert entry.get("r") == "GET / HTTP/1.1"


def test_a_line_that_was_cut_is_read_and_said_to_be_cut() -> None:
    entry = read('1.2.3.4:5 [06/Feb/2009:12:14:14.655] f b/s 0/0/0/0/0 200 5 - - ---- 1/1/1/1/0 0/0 "GET /long')
    assert entry.cut
    assert entry.get("r") == "GET /long"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "hello",
        '{"a": 1}',
        "127.0.0.1 - - [x]",
        "<134>",
        "Server x",
        "\x00\xff",
        '192.0.2.1 - - "GET / HTTP/1.1" 200',
    ],
)
def test_other_lines_are_not_read(line: str) -> None:
    assert PLAIN.read(line.encode("latin-1")) is None


def test_one_pair_of_braces_is_not_certain_without_a_configuration() -> None:
    line = '1.2.3.4:5 [06/Feb/2009:12:14:14.655] f b/s 0/0/0/0/0 200 5 - - ---- 1/1/1/1/0 0/0 {x} "GET / HTTP/1.1"'
    assert [name for name, _, _ in read(line).unsure] == ["captured_request_headers", "captured_response_headers"]
    entry = read(line, Reader([standard("httplog", (0, 1))]))
    assert not entry.unsure
    assert (entry.get("hr"), entry.get("hs")) == ("", "{x}")


def test_two_readings_are_said() -> None:
    form = make_form("log-format", compiled("%[capture.req.hdr(0)] %[capture.req.hdr(1)] %ST"))
    entry = read("a b c 200", Reader([form]))
    assert entry.unsure == [("capture.req.hdr(0)", "a", "a b"), ("capture.req.hdr(1)", "b c", "c")]
    assert not read("a b 200", Reader([form])).unsure


def test_the_frontend_decides_between_formats_that_fit() -> None:
    short, long = compiled("%ft %[var(txn.a)]"), compiled("%ft %[var(txn.a)] %[var(txn.b)]")
    forms = [make_form("log-format", short, proxies=["one"]), make_form("log-format", long, proxies=["two"])]
    entry = read("two x y", Reader(forms))
    assert entry.form is forms[1]
    assert not entry.others
    entry = read("three x y", Reader(forms))
    assert [form.proxies for form in entry.others] == [["one"]] or [form.proxies for form in entry.others] == [["two"]]


def test_lists_and_documents() -> None:
    form = make_form("log-format", compiled("%{+cbor}o %(a)ci %(b:sint)B %(c)[str(x)]"))
    ctx = context()
    entry = read(form.format.render_log(ctx).decode(), Reader([form]))
    assert entry.fields == {"ci": "127.0.0.1", "B": "500", "[str(x)]": "x"}
    form = make_form("log-format", compiled("%(a){+json}ci %(r){+json}r %(n){+cbor}B %ST"))
    entry = read(form.format.render_log(ctx).decode(), Reader([form]))
    assert entry.fields == {"ci": "127.0.0.1", "r": "GET / HTTP/1.1", "B": "500", "ST": "200"}


# Any bytes, and time that does not explode.


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_a_line_or_none(line: bytes) -> None:
    entry = PLAIN.read(line)
    assert entry is None or entry.form is not None or entry.event is not None


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_lines_do_no_harm(data: st.DataObject) -> None:
    line = bytearray(data.draw(st.sampled_from(lines_of("haproxy-2.6") + lines_of("pointsman"))))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(line) - 1))
        line[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        line = line or bytearray(b"x")
    entry = PLAIN.read(bytes(line))
    assert entry is None or entry.form is not None or entry.event is not None


def test_a_format_of_many_texts_takes_no_more_than_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pointsman.verbs.logs.pattern.TRIES", 20_000)
    form = make_form("log-format", compiled(" ".join(["%[var(txn.a)]"] * 12) + " end"))
    begun = time.process_time()
    assert Reader([form]).read(b"x " * 300) is None
    adjacent = make_form("log-format", compiled("%[var(txn.a)]%[var(txn.b)]%[var(txn.c)]|"))
    assert Reader([adjacent]).read(b"x" * 2000) is None
    assert Reader([adjacent]).read(b"x" * (LONGEST + 1)) is None
    assert time.process_time() - begun < 5


# There and back.

NAMES = sorted(TAGS)
SEPARATORS = (" ", " | ", "/", "] [", " - ", ", x=", "%%")


@pytest.fixture(autouse=True, scope="module")
def utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        dates.forget()
        yield
    time.tzset()
    dates.forget()


def compiled(text: str) -> Format:
    return parse_format(Word(text, NOWHERE), Where.LOG, merge_spaces=True)


def context(numbers: random.Random | None = None) -> Context:
    """An exchange; with `numbers` a random one."""
    draw = numbers or random.Random(0)
    ctx = Context(ProxyFacts("fe", 2, True), Session(ListenerFacts("f1", 1)))
    ctx.source = net_address("127.0.0.1", 33512)
    ctx.backend, ctx.server = ProxyFacts("be.x", 3, True), ServerFacts("s-1", 1)
    record = ctx.record
    record.accepted = record.handshake = record.begun = 1000
    record.accept_date = 1_795_247_534_427
    record.head, record.queued, record.connected, record.answered, record.ended = 1003, 1003, 1004, 1044, 1050
    record.status, record.sent, record.uploaded = 200, 500, 60
    record.request_line = b"GET / HTTP/1.1"
    if numbers is None:
        return ctx
    addresses = (net_address("192.0.2.7", 1), net_address("2001:db8::1", 65535), UNIX_ADDRESS)
    ctx.source, ctx.destination = draw.choice(addresses), draw.choice(addresses)
    ctx.server_address = draw.choice((None, *addresses))
    if draw.random() < 0.3:
        ctx.server = None
        record.stand_in = draw.choice((b"<NOSRV>", b"<STATS>"))
        record.connected = record.answered = -1
    record.head = draw.choice((-1, 1003))
    record.ended = 1050 + draw.randrange(100_000)
    record.status = draw.choice((-1, 0, 204, 503))
    record.sent = draw.choice((0, 10**12))
    record.cause, record.step, record.cookie_request, record.cookie_response = draw.choice((b"sH--", b"----", b"CDVN"))
    record.retries, record.redispatched = draw.randrange(4), draw.random() < 0.3
    record.complete = draw.random() < 0.8
    record.request_line = draw.choice(
        (b"", b'GET /a"#{|}\x00\xff?x=\\]"y HTTP/1.0', b"OPTIONS * HTTP/1.1", b"GET http://a/b HTTP/1.1")
    )
    record.request_cookie = draw.choice((None, b'a="b|c"'))
    ctx.request_captures = draw.choice(([], [b""], [b"Mozilla/5.0 (X11; {Linux})", b"-"], [b"", b'"\n']))
    ctx.response_captures = draw.choice(([], [b"a b", b""]))
    ctx.unique_id = draw.choice((b"", b"id-1"))
    return ctx


def values_of(form: Format, ctx: Context) -> list[str]:
    """What each item prints by itself, without its quotes."""
    found = []
    for item in form.items:
        if item.tag is not None or item.expression is not None:
            alone = Format("", [item], 0)
            text = alone.render_log(ctx).decode("utf-8", "surrogateescape")
            quoted = text.startswith('"') and (item.tag is None or item.tag.name not in ("hrl", "hsl"))
            found.append(text[1:-1] if quoted else text)
    return found


def came_back(form: Format, ctx: Context, captures: tuple[int, int]) -> "tuple[list[str], list[list[str]]]":
    """The values, and the readings of the line that shows them."""
    made = make_form("log-format", form, captures=captures)
    assert made.pattern is not None
    line = form.render_log(ctx)
    readings = [
        [(value or b"").decode("utf-8", "surrogateescape") for value in one] for one in made.pattern.readings(line)
    ]
    return values_of(form, ctx), readings


@pytest.mark.parametrize("text", [HTTP_LOG_FORMAT, TCP_LOG_FORMAT, HTTP_CLF_LOG_FORMAT, TCP_CLF_LOG_FORMAT])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_lines_of_the_standard_formats_come_back(text: str, seed: int) -> None:
    ctx = context(random.Random(seed))
    known = (len(ctx.request_captures), len(ctx.response_captures))
    values, readings = came_back(compiled(text), ctx, known)
    assert readings == [values]
    line = compiled(text).render_log(ctx)
    entry = Reader().read(line)
    assert entry is not None
    keys = [item.tag.name for item in compiled(text).items if item.tag is not None]
    doubtful = {name for name, _, _ in entry.unsure}
    for key, value in zip(keys, values, strict=True):
        if not doubtful:
            assert entry.get(key) == ("" if value == "-" else value), key


@st.composite
def formats(draw: st.DrawFn) -> str:
    """Tags with something between them, and sometimes flags."""
    text = draw(st.sampled_from(("", "x ", "%{+Q}o ", "%{+E,+Q}o[")))
    for _ in range(draw(st.integers(1, 12))):
        flags = draw(st.sampled_from(("", "", "", "{+Q}", "{+X}", "{+E}", "{-Q}")))
        item = draw(st.sampled_from([*NAMES, "[src]", "[txn.timer.total]", "[dst_port]", "[var(txn.none)]"]))
        text += f"%{flags}{item}" + draw(st.sampled_from(SEPARATORS))
    return text


@settings(max_examples=100, deadline=None)
@given(formats(), st.integers(0, 1 << 32), st.booleans())
def test_lines_of_random_formats_come_back_or_are_not_certain(text: str, seed: int, known: bool) -> None:
    ctx = context(random.Random(seed))
    captures = (len(ctx.request_captures), len(ctx.response_captures)) if known else (-1, -1)
    values, readings = came_back(compiled(text), ctx, captures)
    assert readings, (text, compiled(text).render_log(ctx))
    if len(readings) == 1:
        assert readings[0] == values


# Messages.


@pytest.mark.parametrize("program", PROGRAMS)
def test_messages_of_programs(program: str) -> None:
    """Checks that fail and succeed, and what the runtime socket does to servers and proxies."""
    found = Counter[str]()
    for line in (LINES / f"{program}-events.log").read_bytes().splitlines():
        entry = PLAIN.read(line)
        assert entry is not None, line
        assert entry.event is not None, line
        assert entry.heading.kinds == ("priority", "rfc5424")
        found[entry.event.kind] += 1
    assert set(found) >= {"server_down", "server_up", "check_result", "server_event", "proxy_event"}


@pytest.mark.parametrize(
    ("line", "kind", "fields"),
    [
        (
            'Backup Server b/s is DOWN, reason: Layer7 wrong status, code: 500, info: "Oops, no", check duration: 1ms. '
            "0 active and 2 backup servers left. Running on backup. "
            "3 sessions active, 4 requeued, 5 remaining in queue.",
            "server_down",
            {
                "backup": "Backup",
                "backend_name": "b",
                "server_name": "s",
                "reason": "Layer7 wrong status",
                "code": "500",
                "info": "Oops, no",
                "check_duration_ms": "1",
                "active_servers": "0",
                "backup_servers": "2",
                "on_backup": "Running on backup.",
                "sessions_active": "3",
                "requeued": "4",
                "queued": "5",
            },
        ),
        (
            "Server b/s is UP via c/d. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
            "server_up",
            {
                "backend_name": "b",
                "server_name": "s",
                "via": "c/d",
                "active_servers": "1",
                "backup_servers": "0",
                "requeued": "0",
                "queued": "0",
            },
        ),
        (
            "b/s : IP changed from '192.0.2.1' to '192.0.2.2' by 'stats socket command'",
            "server_event",
            {
                "backend_name": "b",
                "server_name": "s",
                "what": "IP changed from '192.0.2.1' to '192.0.2.2' by 'stats socket command'",
            },
        ),
        (
            "unix:1 [29/Nov/2026:21:42:59.500] web/tls: Timeout during SSL handshake",
            "connection_error",
            {
                "client_ip": "unix",
                "client_port": "1",
                "accept_date": "29/Nov/2026:21:42:59.500",
                "frontend_name": "web",
                "bind_name": "tls",
                "message": "Timeout during SSL handshake",
                "fault": "SSL_TIMEOUT",
            },
        ),
        ("Connect to unix:2 (web/HTTP)", "connection", {"listener": "2", "frontend_name": "web", "mode": "HTTP"}),
    ],
)
def test_fields_of_messages(line: str, kind: str, fields: dict[str, str]) -> None:
    event = read(line).event
    assert event is not None
    assert (event.kind, event.fields) == (kind, fields)


# Names.


def test_every_tag_has_a_name_and_every_expression_is_one() -> None:
    assert set(names.NAMES) == set(TAGS)
    assert len(set(names.NAMES.values())) == len(names.NAMES)
    assert set(names.SAME.values()) <= set(TAGS)
    for text in names.SAME:
        assert compiled(f"%[{text}]").items[0].expression is not None


def test_objects_within_objects_without_end_are_no_line() -> None:
    reader = Reader()
    assert reader.read(b'{"log":' * 100_000) is None
    assert reader.read(b'{"log":' + b"9" * 5_000 + b"}") is None
