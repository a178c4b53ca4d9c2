"""Lines are made of groups that remember; they must say what their pieces say one by one.

Random formats and random streams, several of them through one line, so that what was remembered for one meets the
next. The expected text comes from the functions of the tags alone: flags, missing values and merged spaces are applied
here once more, as manual 8.2.6 tells.
"""

import random
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pointsman.keywords  # noqa: F401
from pointsman.config.environment import HTTP_CLF_LOG_FORMAT, HTTP_LOG_FORMAT, TCP_LOG_FORMAT
from pointsman.core.address import UNIX_ADDRESS, NetAddress, net_address
from pointsman.core.diagnostics import NOWHERE
from pointsman.core.words import Word
from pointsman.log import dates
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, ServerFacts, Session
from pointsman.sample.encode import encode_log, escape_structured
from pointsman.sample.format import parse_format
from pointsman.sample.key import KEY_BITS, Chain, CommonChain, one_key
from pointsman.sample.piece_groups import FEW, KEPT, NumberedGroup
from pointsman.sample.piece_rows import UpToEight
from pointsman.sample.tag import TAGS, Tag, TagKind
from pointsman.sample.types import Where

NAMES = sorted(TAGS)
FLAGS = ("Q", "X", "E")
START = 1_795_247_534_427


@pytest.fixture(autouse=True, scope="module")
def utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        dates.forget()
        yield
    time.tzset()
    dates.forget()


class Piece:
    """One item of a format: a literal, or a tag with its flags."""

    def __init__(self, literal: str = "", tag: str = "", flags: str = "") -> None:
        self.literal = literal
        self.tag = tag
        self.flags = flags

    def __repr__(self) -> str:
        if not self.tag:
            return self.literal
        return "%" + ("{" + ",".join("+" + flag for flag in self.flags) + "}" if self.flags else "") + self.tag

    @property
    def entry(self) -> Tag:
        entry = TAGS.get(self.tag)
        assert entry is not None
        return entry

    @property
    def may_be_empty(self) -> bool:
        return bool(self.tag) and self.entry.kind in (TagKind.NAME, TagKind.LIST)

    def text(self, ctx: Context) -> bytes:
        """What stands in a log for it."""
        if not self.tag:
            return self.literal.encode()
        entry = self.entry
        quoted = "Q" in self.flags and entry.kind in (TagKind.NAME, TagKind.TEXT, TagKind.ADDRESS, TagKind.LIST)
        missing = b'""' if quoted else b"-"
        if entry.kind == TagKind.LIST:
            return b" ".join([self._dress(one, quoted) if one else missing for one in entry.many(ctx)])
        value = entry.get(ctx)
        if value is None:
            return missing
        if isinstance(value, int):
            return b"%04X" % value if "X" in self.flags and entry.kind == TagKind.HEX else b"%d" % value
        if not value:
            return missing if quoted and entry.kind == TagKind.TEXT else b""
        if entry.kind == TagKind.TEXT:
            value = encode_log(value)
        if "X" in self.flags and entry.kind == TagKind.ADDRESS and value != b"unix":
            name = value.decode()
            value = socket.inet_pton(socket.AF_INET6 if ":" in name else socket.AF_INET, name).hex().upper().encode()
        return self._dress(value, quoted)

    def _dress(self, value: bytes, quoted: bool) -> bytes:
        if "E" in self.flags and self.entry.kind in (TagKind.NAME, TagKind.TEXT, TagKind.LIST):
            value = escape_structured(value)
        return b'"' + value + b'"' if quoted else value


def expected(pieces: list[Piece], ctx: Context) -> bytes:
    """The line, with one space where two would meet around what is empty."""
    line = b""
    between: list[bytes] | None = None  # since a literal that ended with a space; None: something prints always
    for piece in pieces:
        text = piece.text(ctx)
        if piece.tag:
            if between is not None:
                between = [*between, text] if piece.may_be_empty else None
        else:
            if between and not any(between) and text.startswith(b" "):
                text = text[1:]
            between = [] if piece.literal.endswith(" ") else None
        line += text
    return line


LITERALS = st.sampled_from([" ", "/", ":", " [", "] ", '"', "_", " - ", ", x=", "%%"])


@st.composite
def formats(draw: st.DrawFn) -> list[Piece]:
    pieces: list[Piece] = []
    for _ in range(draw(st.integers(1, 14))):
        if pieces and pieces[-1].tag and draw(st.integers(0, 4)):
            pieces.append(Piece(draw(LITERALS)))
        flags = (
            "".join(draw(st.lists(st.sampled_from(FLAGS), unique=True, max_size=2)))
            if draw(st.integers(0, 3)) == 0
            else ""
        )
        pieces.append(Piece(tag=draw(st.sampled_from(NAMES)), flags=flags))
    return pieces


ADDRESSES = (net_address("127.0.0.1", 33512), net_address("::1", 80), net_address("10.2.3.4", 9), UNIX_ADDRESS)
FRONTENDS = [ProxyFacts(name, 2, http) for name in ("fe", "other") for http in (True, False)]
BACKENDS = [None, ProxyFacts("be", 3, True), ProxyFacts("pool", 4, True)]
SERVERS = [None, ServerFacts("s1", 1), ServerFacts("s2", 2)]
SMALL = st.integers(0, 3)
SIZES = st.sampled_from([0, 1, 58, 1 << 20, (1 << 20) - 2, (1 << 20) - 1, 10**12])
CONNECTIONS = st.sampled_from([0, 1, 7, 4094, 4095, 4096, 100_000])
LETTERS = st.sampled_from(b"-CSLPTRHD\x7f")
CAPTURES = st.sampled_from([[], [b""], [b"a.example"], [b"x|{y}", b""], [b"", b'"\n']])
REQUESTS = st.sampled_from(
    [
        b"",
        b"GET / HTTP/1.1",
        b"GET /foo?bar=b HTTP/1.1",
        b'GET /a"#\x80 HTTP/1.0',
        b"GET",
        b"OPTIONS * HTTP/1.1",
        b"GET http://a/b?c HTTP/1.1",
        b"GET /" + b"x" * 2000 + b" HTTP/1.1",
    ]
)


def _marks(draw: st.DrawFn, ctx: Context) -> None:
    """In their order, each a while behind the one before, or not reached."""
    record = ctx.record
    at = record.accepted = draw(st.integers(0, 9)) * 1000
    step = st.sampled_from([0, 0, 0, 1, 2, 40, 4094, 4095, 4096, 1_000_000])
    record.accept_date = START + draw(st.integers(0, 2)) * 700
    at += draw(step)
    record.handshake = at
    at += draw(step)
    record.begun = at if draw(SMALL) else -1
    for name in ("head", "queued", "connected", "answered", "ended"):
        at += draw(step)
        setattr(record, name, at if draw(st.integers(0, 9)) else -1)
    if draw(st.integers(0, 9)) == 0:
        record.begun = record.handshake - 5


@st.composite
def streams(draw: st.DrawFn) -> Context:
    ctx = Context(draw(st.sampled_from(FRONTENDS)), Session(ListenerFacts("f1", draw(st.integers(1, 2)))))
    ctx.backend, ctx.server = draw(st.sampled_from(BACKENDS)), draw(st.sampled_from(SERVERS))
    ctx.source, ctx.destination = draw(st.sampled_from(ADDRESSES)), draw(st.sampled_from(ADDRESSES))
    maybe: st.SearchStrategy[NetAddress | None] = st.sampled_from([None, *ADDRESSES])
    ctx.server_source, ctx.server_address = draw(maybe), draw(maybe)
    ctx.request_captures, ctx.response_captures = draw(CAPTURES), draw(CAPTURES)
    ctx.unique_id = draw(st.sampled_from([b"", b"id-1"]))
    _marks(draw, ctx)
    record = ctx.record
    record.status = draw(st.sampled_from([-1, 0, 200, 404, 1022, 1023]))
    record.sent, record.uploaded = draw(SIZES), draw(SIZES)
    record.cause, record.step, record.cookie_request, record.cookie_response = (draw(LETTERS) for _ in range(4))
    record.retries, record.redispatched = draw(st.integers(0, 8)), not draw(SMALL)
    record.process_connections, record.frontend_connections = draw(CONNECTIONS), draw(CONNECTIONS)
    record.backend_connections, record.server_connections = draw(CONNECTIONS), draw(CONNECTIONS)
    record.server_queue, record.backend_queue = draw(st.integers(0, 32)), draw(st.integers(0, 32))
    record.request_line = draw(REQUESTS)
    record.number = draw(SMALL)
    record.complete = bool(draw(SMALL))
    record.stand_in = draw(st.sampled_from([b"<NOSRV>", b"<STATS>"]))
    record.request_cookie = draw(st.sampled_from([None, None, b"a=b", b""]))
    record.response_cookie = draw(st.sampled_from([None, None, b'a="b"', b""]))
    return ctx


@settings(max_examples=120, deadline=None)
@given(formats(), st.lists(streams(), min_size=1, max_size=6))
def test_a_line_says_what_its_tags_say(pieces: list[Piece], contexts: list[Context]) -> None:
    form = parse_format(Word("".join(map(repr, pieces)), NOWHERE), Where.LOG, merge_spaces=True)
    shown = [Piece(one.literal.replace("%%", "%"), one.tag, one.flags) for one in pieces]
    for ctx in contexts + contexts:
        line = form.render_log(ctx)
        assert line == form.render_log_plainly(ctx)
        assert line == expected(shown, ctx)


@pytest.mark.parametrize(
    "text",
    [
        HTTP_LOG_FORMAT,
        HTTP_CLF_LOG_FORMAT,
        TCP_LOG_FORMAT,
        "%{+Q,+X}o %ci %cp %si:%sp %HM %{-Q}HU %HQ %Ts.%ms %hrl %[src] %B/%U %rt",
        "%{+json}o %(client)ci %(bytes:sint)B",
        '%{+E}o [x@1 r="%r" c="%CC"] %ID %OG %H',
    ],
)
@settings(max_examples=15, deadline=None)
@given(contexts=st.lists(streams(), min_size=1, max_size=8))
def test_standard_and_free_formats(text: str, contexts: list[Context]) -> None:
    form = parse_format(Word(text, NOWHERE), Where.LOG, merge_spaces=True)
    for ctx in contexts + contexts:
        assert form.render_log(ctx) == form.render_log_plainly(ctx)


def _one_after_the_other(text: str, changes: list[Callable[[Context], None]]) -> list[bytes]:
    form = parse_format(Word(text, NOWHERE), Where.LOG, merge_spaces=True)
    ctx = Context(FRONTENDS[0], Session(ListenerFacts("f1", 1)))
    lines = [form.render_log(ctx)]
    for change in changes:
        change(ctx)
        lines.append(form.render_log(ctx))
    return lines


def test_what_was_remembered_is_for_the_same_only() -> None:
    def source(ctx: Context) -> None:
        ctx.source = ADDRESSES[2]

    def backend(ctx: Context) -> None:
        ctx.backend = BACKENDS[1]

    def unfinished(ctx: Context) -> None:
        ctx.record.sent, ctx.record.complete = 5, False

    def redispatched(ctx: Context) -> None:
        ctx.record.redispatched = True

    assert _one_after_the_other("%ci:%cp %b/%s %B %rc", [source, backend, unfinished, redispatched]) == [
        b"unix:1 fe/<NOSRV> 0 0",
        b"10.2.3.4:9 fe/<NOSRV> 0 0",
        b"10.2.3.4:9 be/<NOSRV> 0 0",
        b"10.2.3.4:9 be/<NOSRV> +5 0",
        b"10.2.3.4:9 be/<NOSRV> +5 +0",
    ]


RUNS = {
    "%ft %b/%s": 1,
    "%TR/%Tw/%Tc/%Tr/%Ta": 1,
    "%ST %B %CC %CS %tsc": 1,
    "%B %ts": 1,
    "%ac/%fc/%bc/%sc/%rc %sq/%bq": 1,
    "%ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs": 1,
    "%B %ts %ST": 2,
}


@pytest.mark.parametrize("text", RUNS)
@settings(max_examples=200, deadline=None)
@given(streams())
def test_a_short_way_to_a_key_ends_where_the_long_one_does(text: str, ctx: Context) -> None:
    form = parse_format(Word(text, NOWHERE), Where.LOG, merge_spaces=True)
    keys = [key for piece in form.log_pieces for key in piece.keys]
    whole = one_key(keys)
    plain = Chain(keys)
    assert isinstance(whole, CommonChain) is (RUNS[text] == 1)
    form.render_log(ctx)  # names have their numbers now
    assert whole.bits == plain.bits <= KEY_BITS
    assert whole.of(ctx) == plain.slowly(ctx)
    usual(ctx)
    form.render_log(ctx)
    assert whole.of(ctx) == plain.slowly(ctx) >= 0


def usual(ctx: Context) -> None:
    """As nearly all streams are: a key has a number for it."""
    record = ctx.record
    ctx.frontend, ctx.backend, ctx.server = FRONTENDS[0], BACKENDS[1], SERVERS[1]
    record.handshake = record.begun = record.head = record.queued = record.accepted
    record.connected = record.answered = record.queued + 3
    record.ended = record.answered + 9
    record.status, record.sent, record.uploaded, record.complete = 200, 500, 60, True
    record.cause, record.step, record.cookie_request, record.cookie_response = b"--NI"
    record.retries, record.redispatched, record.server_queue, record.backend_queue = 0, False, 0, 0
    record.process_connections = record.frontend_connections = record.backend_connections = 70
    record.server_connections = 2
    record.request_cookie = record.response_cookie = None
    ctx.request_captures, ctx.response_captures = [], []


def test_a_line_between_others_is_the_same_line() -> None:
    ctx = Context(FRONTENDS[0], Session(ListenerFacts("f1", 1)))
    usual(ctx)
    for text in ("%[src] %H", HTTP_LOG_FORMAT, TCP_LOG_FORMAT, HTTP_CLF_LOG_FORMAT, "constant", "%{+json}o %(a)ci"):
        form = parse_format(Word(text, NOWHERE), Where.LOG, merge_spaces=True)
        assert form.line.between(b"<", ctx, b">") == b"<" + form.render_log_plainly(ctx) + b">"


def test_keys_that_meet_in_a_table_keep_their_texts() -> None:
    form = parse_format(Word("%B %ac %fc", NOWHERE), Where.LOG, merge_spaces=True)
    ctx = Context(FRONTENDS[0], Session(ListenerFacts("f1", 1)))
    numbers = random.Random(3)
    seen = [(numbers.randrange(1 << 20), numbers.randrange(5000), numbers.randrange(5000)) for _ in range(12_000)]
    for sent, process, frontend in seen + seen[-3000:]:
        ctx.record.sent, ctx.record.process_connections, ctx.record.frontend_connections = sent, process, frontend
        assert form.render_log(ctx) == b"%d %d %d" % (sent, process, frontend)


def test_what_is_remembered_is_bounded() -> None:
    form = parse_format(Word("%B %ac", NOWHERE), Where.LOG, merge_spaces=True)
    assert isinstance(form.line, UpToEight)
    ctx = Context(FRONTENDS[0], Session(ListenerFacts("f1", 1)))
    groups = [piece for piece in (form.line.first, form.line.second) if isinstance(piece, NumberedGroup)]
    assert [len(group.table) for group in groups] == [FEW, FEW]
    for number in range(20_000):
        ctx.record.sent = number
        assert form.render_log(ctx) == b"%d 0" % number
    assert [len(group.table) for group in groups] == [KEPT, FEW]
