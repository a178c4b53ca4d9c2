"""A head that is understood by the shape of earlier ones means what a parse of its own would give."""

from hypothesis import example, given
from hypothesis import strategies as st

from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1 import LIMIT, parse_request, parse_response, split_head
from pointsman.proto.h1_render import request_bytes, request_head, response_bytes, response_head
from pointsman.proto.memory import PERIOD, Memory
from pointsman.proto.message import SEVERAL, Field, Head, Request, Response, field
from pointsman.proto.shape import MOST, shaped_request, shaped_response
from pointsman.rules.headers import without

NAMES = [
    b"Host",
    b"Cookie",
    b"X-Id",
    b"Content-Length",
    b"Accept",
    b"Connection",
    b"Upgrade",
    b"TE",
    b"Expect",
    b"Transfer-Encoding",
    b"x-id",
]
VALUES = [
    b" a",
    b" b",
    b"  c\t",
    b" 5",
    b" 12",
    b" 05",
    b"",
    b" close",
    b" keep-alive",
    b" upgrade",
    b" websocket",
    b" trailers",
    b" 100-continue",
    b" chunked",
    b" a\rb",
    b" x y",
    b" h\xe9",
    b" a.example:80",
    b" a,b",
]
line = st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)).map(lambda one: one[0] + b":" + one[1])
targets = st.sampled_from([b"/", b"/a", b"/b?c", b"/long/path/that/goes/on", b"/x#y", b"/a b", b"*", b"/\xe9"])
starts = st.tuples(
    st.sampled_from([b"GET", b"POST", b"CONNECT"]), targets, st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.1"])
).map(b" ".join)
statuses = st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.1 200 Fine", b"HTTP/1.0 404 No", b"HTTP/1.1 204 "])
ends = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r\n ", b"\r\n\r\n"])


@st.composite
def heads(draw: st.DrawFn, first: st.SearchStrategy[bytes]) -> list[bytes]:
    """Heads of one connection: each is the one before with a few lines changed."""
    lines = draw(st.lists(line, max_size=8))
    found = []
    for _ in range(draw(st.integers(2, 6))):
        for _ in range(draw(st.integers(0, 3))):
            if lines:
                place = draw(st.integers(0, len(lines) - 1))
                lines = [*lines[:place], draw(line), *lines[place + 1 :]]
        glue = [draw(ends) if draw(st.integers(0, 20)) == 0 else b"\r\n" for _ in lines]
        pieces = [one for pair in zip(lines, glue, strict=True) for one in pair]
        found.append(draw(first) + b"\r\n" + b"".join(pieces) + b"\r\n" + draw(st.sampled_from([b"", b"", b"body"])))
    return found


def facts(head: Head) -> tuple[object, ...]:
    own: tuple[object, ...] = ()
    if isinstance(head, Request):
        own = (head.method, head.uri, head.host, head.expects_continue)
    elif isinstance(head, Response):
        own = (head.status, head.reason)
    return (
        own,
        head.line,
        head.minor,
        head.length,
        head.chunked,
        head.close,
        head.keep,
        head.upgrade,
        head.close_after,
        [(one.name, one.value, one.kind) for one in head.fields],
    )


def plainly(data: bytes, is_request: bool) -> tuple[int, Head] | None:
    """What parses alone; None: refused, or not whole."""
    try:
        size = split_head(data, 0, LIMIT, is_request)
        if not size:
            return None
        return size, parse_request(data[:size]) if is_request else parse_response(data[:size])
    except ProtocolError:
        return None


@given(heads(starts))
@example(
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Id: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Id: 22\r\n\r\n",
        b"GET /b HTTP/1.1\r\nHost: b\r\nX-Id: 333\r\n\r\nrest",
    ]
)
def test_a_request_by_its_shape_means_the_same_as_a_parse(found: list[bytes]) -> None:
    model: Request | None = None
    memory: Memory[Field] = Memory(100, 10_000, 100)
    for data in found:
        plain = plainly(data, True)
        shaped = shaped_request(data, model, LIMIT) if model is not None else None
        if shaped is not None:
            assert plain is not None
            assert shaped.shape is not None
            assert (shaped.shape.end, facts(shaped)) == (plain[0], facts(plain[1]))
            model = shaped
        elif plain is not None:
            model = parse_request(data[: plain[0]], False, 100, model, memory)
            assert facts(model) == facts(plain[1])


@given(heads(statuses))
def test_a_response_by_its_shape_means_the_same_as_a_parse(found: list[bytes]) -> None:
    model: Response | None = None
    memory: Memory[Field] = Memory(100, 10_000, 100)
    for data in found:
        plain = plainly(data, False)
        shaped = shaped_response(data, model, LIMIT) if model is not None else None
        if shaped is not None:
            assert plain is not None
            assert shaped.shape is not None
            assert (shaped.shape.end, facts(shaped)) == (plain[0], facts(plain[1]))
            model = shaped
        elif plain is not None:
            model = parse_response(data[: plain[0]], False, 100, model, memory)
            assert facts(model) == facts(plain[1])


def request(*lines: bytes) -> bytes:
    return b"GET / HTTP/1.1\r\n" + b"".join([one + b"\r\n" for one in lines]) + b"\r\n"


def test_what_varies_is_found_in_two_steps() -> None:
    first = parse_request(request(b"Host: a", b"X-Id: 1", b"Cookie: x"))
    second = parse_request(request(b"Host: a", b"X-Id: 2", b"Cookie: x"), False, 100, first)
    assert second.shape is not None and second.shape.places == [1]
    third = parse_request(request(b"Host: a", b"X-Id: 3", b"Cookie: y"), False, 100, second)
    assert third.shape is not None and third.shape.places == [1, 2]
    fourth = shaped_request(request(b"Host: a", b"X-Id: 44", b"Cookie: zz"), third, LIMIT)
    assert fourth is not None and [one.value for one in fourth.fields] == [b"a", b"44", b"zz"]


def test_a_host_that_varies_may_also_stay_the_same() -> None:
    model = parse_request(request(b"Host: a"))
    model = parse_request(request(b"Host: b"), False, 100, model)
    for host in (b"c", b"c", b"b", b"b"):
        head = shaped_request(request(b"Host: " + host), model, LIMIT)
        assert head is not None and head.host == host
        model = head


def test_a_line_too_many_or_too_few_has_no_shape() -> None:
    lines = [b"X-%d: " % i for i in range(MOST + 1)]
    first = parse_request(request(*[one + b"1" for one in lines]))
    assert parse_request(request(*[one + b"2" for one in lines]), False, 100, first).shape is None
    assert parse_request(request(*[one + b"2" for one in lines[1:]]), False, 100, first).shape is None


def test_the_limit_holds_for_shapes_too() -> None:
    first = parse_request(request(b"X-Id: 1"))
    second = parse_request(request(b"X-Id: 2"), False, 100, first)
    data = request(b"X-Id: 333")
    assert shaped_request(data, second, len(data)) is not None
    assert shaped_request(data, second, len(data) - 1) is None


PLAINLY = [b"Host", b"Cookie", b"X-Id", b"Accept", b"Accept"]  # names of lines that vary, and of some that do not
FIXED = [
    b"Connection: keep-alive",
    b"Connection: upgrade",
    b"Connection: a, Upgrade",
    b"Expect: x",
    b"Via: 1",
    b"HTTP2-Settings: x",
    b"Keep-Alive: 5",
    b"TE: trailers",
]


@st.composite
def series(draw: st.DrawFn, firsts: list[bytes], fixed: list[bytes]) -> list[bytes]:
    """Heads of one connection that have a shape: the same lines each time, with other values."""
    framing = draw(st.sampled_from([[], [b"Content-Length: 5"], [b"Content-Length"], [b"Transfer-Encoding: chunked"]]))
    names = draw(
        st.permutations(
            [
                *draw(st.lists(st.sampled_from(PLAINLY), max_size=4)),
                *framing,
                *draw(st.lists(st.sampled_from(fixed), max_size=3)),
            ]
        )
    )
    numbers = st.integers(1, 2000).map(lambda one: b"%d" % one)
    values = st.one_of(numbers, st.sampled_from([b"1", b"a b", b"xyz"]))
    found = []
    for _ in range(draw(st.integers(3, 7))):
        lines = [
            name if b":" in name else name + b": " + draw(numbers if name == b"Content-Length" else values)
            for name in names
        ]
        found.append(b"\r\n".join([draw(st.sampled_from(firsts)), *lines, b"", b""]))
    return found


# What rules make of a head: drop a name, append a field that is made once or each time, write another value in place of
# the last one, drop what stands first, write the first line.
KEPT = [field(b"x-kept", b"1"), field(b"x-id", b"\n"), field(b"connection", b"upgrade"), field(b"content-length", b"7")]
Order = tuple[str, bytes | Field]
orders = st.one_of(
    st.tuples(st.just("drop"), st.sampled_from([one.lower() for one in NAMES])),
    st.tuples(st.just("append"), st.sampled_from(KEPT)),
    st.tuples(
        st.just("anew"),
        st.sampled_from(
            [
                b"x-new: 1",
                b"x-new: a\rb",
                b"x-new: ",
                b"cookie: 2",
                b"cookie: \0",
                b"connection: close",
                b"connection: upgrade",
                b"content-length: 3",
            ]
        ),
    ),
    st.tuples(st.just("write"), st.sampled_from([b"1", b"\0", b"close", b""])),
    st.tuples(st.just("first"), st.just(b"")),
    st.tuples(st.just("line"), st.sampled_from([b"/", b"/new", b"/a b", b""])),
    st.tuples(st.just("verb"), st.sampled_from([b"PUT", b"GET"])),
)
# For each head: what is done to it, whether the connection ends, how its body is framed (None: as it was received).
turns = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 1]),
        st.booleans(),
        st.sampled_from([None, None, None, (-1, False), (8, False), (-1, True), (8, True)]),
    ),
    min_size=7,
    max_size=7,
)
edits = st.lists(st.lists(orders, max_size=3), min_size=2, max_size=2)
Story = tuple[list[bytes], list[list[Order]], list[tuple[int, bool, tuple[int, bool] | None]]]


def edit(head: Head, todo: list[Order]) -> None:
    for word, what in todo:
        fields = head.fields
        if isinstance(what, Field):
            head.fields = [*fields, what]
        elif word == "drop":
            head.fields = without(head, what)
            assert head.fields == [one for one in fields if one.name != what]
        elif word == "anew":
            name, _, value = what.partition(b": ")
            head.fields = [*fields, field(name, value)]
        elif word == "write" and fields:
            head.fields = [*fields[:-1], field(fields[-1].name, what)]
        elif word == "first":
            head.fields = fields[1:]
        elif word == "line" and isinstance(head, Request):
            head.uri = what
        elif word == "verb" and isinstance(head, Request):
            head.method = what
        elif word == "line" and isinstance(head, Response):
            head.reason = what
        elif word == "verb" and isinstance(head, Response):
            head.status = 204


@given(
    st.lists(st.tuples(series([b"GET / HTTP/1.1", b"GET /abc HTTP/1.1"], FIXED), edits, turns), min_size=1, max_size=2)
)
def test_requests_go_out_as_without_what_is_known_of_their_shape(stories: list[Story]) -> None:
    model: Request | None = None
    for found, todo, ways in stories:
        for data, (which, close, framing) in zip(found, ways, strict=False):
            if plainly(data, True) is None:
                continue
            head = shaped_request(data, model, LIMIT) if model is not None else None
            model = head = head or parse_request(data, False, 100, model)
            edit(head, todo[which])
            length, chunked = framing or (head.length, head.chunked)
            assert request_head(
                head.method,
                head.uri,
                head.fields,
                minor=head.minor,
                length=length,
                chunked=chunked,
                close=close,
                head=head,
            ) == request_head(
                head.method, head.uri, head.fields, minor=head.minor, length=length, chunked=chunked, close=close
            )


@given(
    st.lists(
        st.tuples(
            series([b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK"], [b"Server: x", *FIXED]), edits, turns
        ),
        min_size=1,
        max_size=2,
    )
)
def test_responses_go_out_as_without_what_is_known_of_their_shape(stories: list[Story]) -> None:
    model: Response | None = None
    for found, todo, ways in stories:
        for data, (which, close, framing) in zip(found, ways, strict=False):
            if plainly(data, False) is None:
                continue
            head = shaped_response(data, model, LIMIT) if model is not None else None
            model = head = head or parse_response(data, False, 100, model)
            edit(head, todo[which])
            length, chunked = framing or (head.length, head.chunked)
            assert response_head(
                head.status,
                head.reason,
                head.fields,
                minor=head.minor,
                length=length,
                chunked=chunked,
                close=close,
                head=head,
            ) == response_head(
                head.status, head.reason, head.fields, minor=head.minor, length=length, chunked=chunked, close=close
            )


@given(
    series([b"GET / HTTP/1.1", b"GET /abc HTTP/1.1"], FIXED),
    st.integers(2, 6),
    st.sampled_from([b"\r", b"\n", b"\0", b" ", b"\t", b"\r\n", b"\r\nA: b", b"", b"\x01"]),
    st.data(),
)
def test_a_byte_more_in_a_head_that_has_a_shape_means_the_same_as_a_parse(
    found: list[bytes], which: int, byte: bytes, data: st.DataObject
) -> None:
    which = min(which, len(found) - 1)
    at = data.draw(st.integers(found[which].index(b"\r"), len(found[which])))
    found = [*found[:which], found[which][:at] + byte + found[which][at:]]
    model: Request | None = None
    for one in found:
        plain = plainly(one, True)
        shaped = shaped_request(one, model, LIMIT) if model is not None else None
        if shaped is not None:
            assert plain is not None and shaped.shape is not None
            assert (shaped.shape.end, facts(shaped)) == (plain[0], facts(plain[1]))
            model = shaped
        elif plain is not None:
            model = parse_request(one[: plain[0]], False, 100, model)


def joined_requests(values: list[bytes], added: list[Field]) -> Request:
    """The last of heads that differ in one value and get one field more."""
    model: Request | None = None
    for value, more in zip(values, added, strict=True):
        data = request(b"Host: a", b"X-Id: " + value, b"Accept: b")
        head = shaped_request(data, model, LIMIT) if model is not None else None
        model = head or parse_request(data, False, 100, model)
        model.fields = [*model.fields, more]
        request_bytes(model, close=False)
    assert model is not None
    return model


def test_what_stands_between_fields_that_vary_is_joined_once() -> None:
    model = joined_requests([b"1", b"2", b"3", b"4"], [KEPT[0]] * 4)
    assert model.shape is not None and model.shape.joined is not None
    assert model.shape.joined.pieces == [b"", b"\r\nhost: a\r\nx-id: ", b"", b"\r\naccept: b\r\nx-kept: 1\r\n\r\n"]
    assert model.shape.missed == 1


def test_a_field_that_rules_write_anew_each_time_varies_too() -> None:
    values = [b"%d" % i for i in range(9)]
    model = joined_requests(values, [field(b"x-new", one) for one in values])
    assert model.shape is not None and model.shape.joined is not None
    assert model.shape.joined.pieces == [
        b"",
        b"\r\nhost: a\r\nx-id: ",
        b"",
        b"\r\naccept: b\r\nx-new: ",
        b"",
        b"\r\n\r\n",
    ]
    assert model.shape.missed == 2


def test_fields_that_are_never_the_same_are_joined_ever_more_rarely() -> None:
    values = [b"%d" % i for i in range(70)]
    model = joined_requests(values, [field(b"x-%b" % one, one) for one in values])
    assert model.shape is not None and model.shape.missed == 68  # joined at 1, 2, 4 .. 64


def test_a_mark_holds_for_its_name_only() -> None:
    model = joined_requests([b"%d" % i for i in range(9)], [field(b"x-new", b"%d" % i) for i in range(9)])
    model.fields = [*model.lines, field(b"x-other", b"9")]
    assert (
        request_bytes(model, close=False) == b"GET / HTTP/1.1\r\nhost: a\r\nx-id: 8\r\naccept: b\r\nx-other: 9\r\n\r\n"
    )


def test_the_first_line_of_a_response_is_its_own() -> None:
    model: Response | None = None
    for i in range(6):
        data = b"HTTP/1.1 200 OK\r\nDate: %d\r\nContent-Length: 0\r\n\r\n" % i
        head = shaped_response(data, model, LIMIT) if model is not None else None
        model = head or parse_response(data, False, 100, model)
        model.reason = b"Fine" if i > 3 else model.reason
        model.status = 201 if i % 3 else model.status
        start = b"HTTP/1.1 %d %b\r\n" % (201 if i % 3 else 200, b"Fine" if i > 3 else b"OK")
        assert response_bytes(model, None, close=False) == start + b"date: %d\r\ncontent-length: 0\r\n\r\n" % i


def test_names_of_a_shape_tell_what_need_not_be_searched() -> None:
    data = request(b"Host: a", b"X-Id: 1", b"Cookie: x", b"cookie: y")
    model = parse_request(data, False, 100, parse_request(data))
    assert model.shape is not None and model.shape.names == {b"host": 0, b"x-id": 1, b"cookie": SEVERAL}
    assert without(model, b"via") is model.fields
    assert [one.value for one in without(model, b"cookie")] == [b"a", b"1"]
    assert [one.value for one in without(model, b"x-id")] == [b"a", b"x", b"y"]
    model.fields = without(model, b"x-id")
    assert without(model, b"x-id") is model.fields


def test_memory_enters_on_second_sight_and_forgets_what_is_not_used() -> None:
    memory: Memory[int] = Memory(8, 10_000, 100)
    memory.offer(b"a", 1)
    assert memory.get(b"a") is None
    memory.offer(b"a", 1)
    assert memory.get(b"a") == 1
    memory.age(PERIOD)
    assert memory.get(b"a") == 1  # from the old generation, and young again
    memory.age(2 * PERIOD)
    memory.age(3 * PERIOD)
    assert memory.get(b"a") is None


def test_memory_is_bounded_in_entries_and_bytes() -> None:
    memory: Memory[bytes] = Memory(8, 4000, 1000)
    for i in range(100):
        for _ in range(2):
            memory.offer(b"%d" % i, b"")
    assert len(memory.young) + len(memory.old) <= 8
    memory = Memory(100, 4000, 1000)
    for i in range(100):
        for _ in range(2):
            memory.offer(b"%0500d" % i, b"")
    assert len(memory.young) + len(memory.old) <= 5
    for _ in range(2):
        memory.offer(b"x" * 1001, b"")
    assert memory.get(b"x" * 1001) is None


def test_a_memory_that_is_switched_off_keeps_nothing() -> None:
    memory: Memory[int] = Memory(0, 0, 0)
    for _ in range(3):
        memory.offer(b"", 1)
    assert memory.get(b"") is None
