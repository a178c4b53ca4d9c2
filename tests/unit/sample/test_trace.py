"""Explanations of conditions: the verdict is the same as without, and records say what it stood on, and where."""

import itertools
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from exchanges import exchange, words
from hypothesis import given, settings
from hypothesis import strategies as st
from support.configs import good

import pointsman.keywords  # noqa: F401
from pointsman.core.diagnostics import NOWHERE, ConfigError, Position
from pointsman.rules.rule import Rule
from pointsman.sample.acl import AclTable, parse_acl
from pointsman.sample.condition import Condition, parse_condition
from pointsman.sample.context import Context
from pointsman.sample.expression import parse_words
from pointsman.sample.tap import tapped
from pointsman.sample.trace import AclRecord, ConditionRecord, ConverterRecord, PatternRecord, SampleRecord, TermRecord
from pointsman.sample.types import Type, Value, Where
from pointsman.tables.changes import CHANGES
from pointsman.tables.patterns import LISTS

TEXTS = ["/a", "/A", "/b/a", "a", "b", "B", "a.b", "www.a", "/"]
NUMBERS = ["1", "2", "ge 2", "2:4", "0", "lt 3"]
# The criterion, the methods that go with it beside found, and what patterns look like.
CRITERIA: list[tuple[str, list[str], list[str]]] = [
    *[
        (one, ["str", "beg", "end", "sub", "dir", "dom"], TEXTS)
        for one in ("path", "path,lower", "req.hdr(x)", "req.fhdr(x)", "req.hdr(x),upper", "urlp(u)", "url", "method")
    ],
    *[(one, ["str", "sub"], TEXTS) for one in ("req.cook(c)", "path,set-var(txn.seen)", "path,MAP", "var(txn.seen)")],
    *[(one, ["reg"], ["^/a", "b$", "^a|B", "(?i)A", "."]) for one in ("path", "req.hdr(x)")],
    *[(one, ["len"], NUMBERS) for one in ("path", "req.hdr(x)")],
    *[
        (one, ["int"], NUMBERS)
        for one in ("req.hdr_cnt(x)", "path,length", "path,INTMAP", "path,length,set-var(txn.n)")
    ],
    ("src", ["ip"], ["127.0.0.0/8", "127.0.0.1", "10.0.0.0/8", "::1", "::ffff:127.0.0.1"]),
    ("path", ["bin"], ["2f61", "2f", "61"]),
    ("src,ipmask(8)", ["ip"], ["127.0.0.0", "0.0.0.0/0"]),
    ("always_true", ["bool"], []),
    ("path,length", ["bool"], []),
]
NO_PATTERNS = ("found", "bool")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("lists")
    (made / "map").write_text("/a a\n/b/a b\n# none\n/ /b/a\n")
    (made / "numbers").write_text("/a 1\n/A 3\n")
    (made / "texts").write_text("# paths\n/a\n\n/b\na.b\n")
    yield made
    LISTS.reset()


@st.composite
def acls(draw: st.DrawFn) -> str:
    """A criterion, flags and patterns. MAP, INTMAP and FILE are filled in by `written`."""
    criterion, methods, patterns = draw(st.sampled_from(CRITERIA))
    method = draw(st.sampled_from([*methods, "found"]))
    if method in NO_PATTERNS:
        return f"{criterion} -m {method}"
    nocase = draw(st.sampled_from(["", " -i"])) if patterns is TEXTS else ""
    file = draw(st.sampled_from(["", "", " -f FILE"])) if patterns is TEXTS else ""
    chosen = draw(st.lists(st.sampled_from(patterns), min_size=0 if file else 1, max_size=6))
    return f"{criterion}{nocase} -m {method}{file} -- {' '.join(chosen)}"


def written(text: str, folder: Path) -> str:
    return (
        text.replace("INTMAP", f"map_str_int({folder}/numbers)")
        .replace("MAP", f"map({folder}/map)")
        .replace("FILE", str(folder / "texts"))
    )


NAMES = ["one", "two", "several"]
TERMS = st.tuples(
    st.sampled_from(["", "", "!"]), st.one_of(st.sampled_from([*NAMES, "METH_GET", "TRUE", "FALSE"]), acls())
)
CONDITIONS = st.lists(st.lists(TERMS, min_size=1, max_size=3), min_size=1, max_size=3)
HEADS = st.tuples(
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["/a", "/A", "/b/a", "/", "/a?u=a", "/b?u=B", "*"]),
    st.lists(st.sampled_from(["a", "b,a", "/a", "B, www.a", "", "a.b"]), max_size=3),
    st.sampled_from(["", "a", "/a"]),
    st.sampled_from(["127.0.0.1", "10.1.2.3", "::1"]),
)


def head(drawn: tuple[str, str, list[str], str, str]) -> Context:
    method, uri, values, cookie, source = drawn
    fields = [f"x: {value}" for value in values] + ([f"cookie: c={cookie}"] if cookie else [])
    return exchange(f"{method} {uri} HTTP/1.1", "\n".join(fields), source)


def made(named: list[list[str]], drawn: list[list[tuple[str, str]]], folder: Path) -> Condition:
    table = AclTable()
    for name, lines in zip(NAMES, named, strict=True):
        for line in lines:
            table.declare(words(written(f"{name} {line}", folder)))
    text = " or ".join(
        " ".join(mark + (one if one in NAMES or one.isupper() else f"{{ {one} }}") for mark, one in terms)
        for terms in drawn
    )
    return parse_condition(words(written(text, folder)), table, Where.HTTP_REQ)


@given(
    named=st.tuples(acls(), acls(), st.lists(acls(), min_size=2, max_size=3)),
    drawn=CONDITIONS,
    heads=st.lists(HEADS, min_size=1, max_size=3),
    changes=st.lists(st.tuples(st.booleans(), st.sampled_from(TEXTS)), max_size=2),
)
@settings(max_examples=400, deadline=None)
def test_the_same_verdict(
    folder: Path,
    named: tuple[str, str, list[str]],
    drawn: list[list[tuple[str, str]]],
    heads: list[tuple[str, str, list[str], str, str]],
    changes: list[tuple[bool, str]],
) -> None:
    """Whatever it is made of, also when its lists have changed, and with the same variables left behind."""
    LISTS.reset()
    condition = made([[named[0]], [named[1]], named[2]], drawn, folder)
    for drawn_head in heads:
        plain, explained = head(drawn_head), head(drawn_head)
        record = condition.explain(explained)
        assert record.verdict == condition.test(plain)
        assert explained.variables == plain.variables
        check(record)
        for add, text in changes:
            for reference in LISTS.references:
                if not reference.pairs and reference.for_acl:
                    verb = "replace" if add else "drop"
                    CHANGES.propose(["map", reference.number, verb, text, None])


def check(record: ConditionRecord) -> None:
    """Every verdict follows from those below it, and nothing is left out or looked at in vain."""
    assert record.alternatives
    for terms in record.alternatives:
        for term in terms:
            assert term.verdict == (any(line.verdict for line in term.lines) != term.negated)
            assert [line.verdict for line in term.lines[:-1]] == [False] * len(term.lines[:-1])
            for line in term.lines:
                assert line.name == term.name
                assert (line.value in line.values) if line.verdict else line.value is line.pattern is None
                assert (line.pattern is not None) == (line.verdict and line.method not in NO_PATTERNS)
        assert [term.verdict for term in terms[:-1]] == [True] * len(terms[:-1])
    holds = [terms[-1].verdict for terms in record.alternatives]
    assert holds[:-1] == [False] * len(holds[:-1])
    assert record.verdict == holds[-1]


@given(acls(), HEADS)
@settings(max_examples=300, deadline=None)
def test_it_is_the_first_pattern_that_matches(text: str, drawn: tuple[str, str, list[str], str, str]) -> None:
    """Of those on the line: each of them alone says whether it matches the value that matched. Of networks and of
    beginnings that mind the case it is the narrowest and the longest, as `get acl` says of the program."""
    if "MAP" in text or "FILE" in text:
        return
    flags, _, patterns = text.partition(" -- ")
    record = parse_acl(words(text)).explain(head(drawn), "")
    ones: list[str] = []
    operator = ""
    for one in patterns.split():
        if one in ("ge", "lt"):
            operator = f"{one} "
        else:
            ones.append(operator + one)
    if flags.endswith("-m beg") and " -i" not in flags:
        ones.sort(key=len, reverse=True)
    elif flags.endswith("-m ip"):
        nets = {one: ip_network(one) for one in ones}
        family = 6 if drawn[-1] == "::1" else 4
        ones.sort(key=lambda one: (nets[one].version != family, -nets[one].prefixlen))
    first = next(
        ((value, one) for value in record.values for one in ones if alone(f"{flags} -- {one}", record, value)), None
    )
    if " -m found" in text or " -m bool" in text:
        assert record.pattern is None
    elif first is None:
        assert (record.verdict, record.value, record.pattern) == (False, None, None)
    else:
        assert record.verdict and record.value == first[0]
        # An operator holds for the numbers behind it, and is told only where it is another one than "eq".
        assert record.pattern is not None and record.pattern.text == first[1]
        assert (record.pattern.file, record.pattern.line) == ("test.cfg", 1)


def alone(text: str, record: AclRecord, value: Value) -> bool:
    """Whether an ACL's only pattern matches a value that came out of its converters."""
    acl = parse_acl(words(text))
    assert acl.method == record.method
    return acl.matcher.test(value)


CONFIG = """\
defaults early
    mode http
    acl shared hdr(host) -i a.example b.example
frontend f from early
    acl files path_beg -f {folder}/texts
    acl files path -f {folder}/patterns /own
    http-request deny if shared !files or {{ method POST PUT }} {{ src 10.0.0.0/8 }}
    http-request set-header x y unless {{ hdr_cnt(x) gt 1 le 0 }} !METH_GET
"""


def rules(folder: Path) -> list[Condition]:
    (folder / "patterns").write_text("/a\n# none\n/own/other\n")
    text = CONFIG.format(folder=folder)
    loaded = good("frontend", "mode http", before=text)
    found = [rule.condition for rule in loaded.configuration.proxies[0].all(Rule)]
    assert loaded.errors == []
    return [condition for condition in found if condition is not None]


def spot(at: Position) -> tuple[int, str]:
    """The line, and what is underlined."""
    return at.line, at.text[at.column - 1 : at.column - 1 + at.length]


def told(record: ConditionRecord) -> list[list[tuple[object, ...]]]:
    """Each term with its lines."""
    return [
        [
            (
                term.name,
                term.negated,
                term.verdict,
                *[(*spot(line.at), line.value, line.pattern) for line in term.lines],
            )
            for term in terms
        ]
        for terms in record.alternatives
    ]


def test_places(tmp_path: Path) -> None:
    """An ACL that a defaults section declares, files, patterns of the line, predefined ones."""
    (tmp_path / "texts").write_text("")
    first, second = rules(tmp_path)
    record = first.explain(exchange("PUT /b/c HTTP/1.1", "host: B.example", "10.1.1.1"))
    assert record.verdict
    shared = (3, "hdr(host)", b"B.example", PatternRecord("b.example", "haproxy.cfg", 3))
    assert record.text == "shared !files or { method POST PUT } { src 10.0.0.0/8 }"
    assert spot(record.at) == (7, "shared")
    assert told(record) == [
        [
            ("shared", False, True, shared),
            ("files", True, True, (5, "path_beg", None, None), (6, "path", None, None)),
        ]
    ]
    record = first.explain(exchange("PUT /own HTTP/1.1", "host: a.example", "10.1.1.1"))
    own = (6, "path", b"/own", PatternRecord("/own", "haproxy.cfg", 6))
    assert [spot(term.at) for terms in record.alternatives for term in terms] == [
        (7, "shared"),
        (7, "!files"),
        (7, "{"),
        (7, "{"),
    ]
    assert told(record)[0][1] == ("files", True, False, (5, "path_beg", None, None), own)
    assert told(record)[1] == [
        ("", False, True, (7, "method", b"PUT", PatternRecord("PUT", "haproxy.cfg", 7))),
        ("", False, True, (7, "src", b"\n\1\1\1", PatternRecord("10.0.0.0/8", "haproxy.cfg", 7))),
    ]
    record = second.explain(exchange("GET / HTTP/1.1", "x: 1\nx: 2"))
    assert told(record) == [
        [
            ("", False, True, (8, "hdr_cnt(x)", 2, PatternRecord("gt 1", "haproxy.cfg", 8))),
            ("METH_GET", True, False, (8, "!METH_GET", b"GET", PatternRecord("GET", "haproxy.cfg", 8))),
        ]
    ]
    assert [line.values for term in record.alternatives[0] for line in term.lines] == [[2], [b"GET"]]


def files(condition: Condition, path: str) -> tuple[Value | None, PatternRecord | None]:
    """What the ACL "files" says of a path: of its last line that was looked at."""
    record = condition.explain(exchange(f"GET {path} HTTP/1.1", "host: a.example"))
    line = record.alternatives[0][1].lines[-1]
    return line.value, line.pattern


def test_lines_of_files_and_what_came_later(tmp_path: Path) -> None:
    (tmp_path / "texts").write_text("# beginnings\n/t\n\n/t/longer\n")
    condition = rules(tmp_path)[0]
    texts, patterns = str(tmp_path / "texts"), str(tmp_path / "patterns")
    assert files(condition, "/t/x") == (b"/t/x", PatternRecord("/t", texts, 2))
    assert files(condition, "/t/longer") == (b"/t/longer", PatternRecord("/t/longer", texts, 4))
    assert files(condition, "/own/other") == (b"/own/other", PatternRecord("/own/other", patterns, 3))
    assert files(condition, "/later") == (None, None)
    number = LISTS.by_name[patterns].number
    CHANGES.apply(["map", number, "add", -1, [["/later", None]]])
    CHANGES.apply(["map", number, "del", "/a"])
    assert files(condition, "/later") == (b"/later", PatternRecord("/later", patterns, 0))
    assert files(condition, "/a") == (None, None)
    assert files(condition, "/own/other") == (b"/own/other", PatternRecord("/own/other", patterns, 3))
    assert files(condition, "/own") == (b"/own", PatternRecord("/own", "haproxy.cfg", 6))
    own = next(one for one in LISTS.references if [entry.key for entry in one.entries()] == ["/own"])
    CHANGES.apply(["map", own.number, "add", -1, [["/new", None]]])
    assert files(condition, "/new") == (b"/new", PatternRecord("/new", "", 0))
    assert files(condition, "/own") == (b"/own", PatternRecord("/own", "haproxy.cfg", 6))
    CHANGES.apply(["map", own.number, "del", "/own"])
    assert files(condition, "/own") == (None, None)


def test_lines_that_cannot_match_there_are_not_looked_at() -> None:
    table = AclTable()
    for line in ("mixed res.hdr(x) y", "mixed path /x"):
        table.declare(words(line))
    condition = parse_condition(words("mixed"), table, Where.HTTP_REQ)
    record = condition.explain(exchange("GET /x HTTP/1.1"))
    assert record.verdict
    assert [line.text for line in record.alternatives[0][0].lines] == ["path"]


def test_no_sample_and_an_empty_condition() -> None:
    condition = parse_condition(words("{ urlp(none) -m str x } or { urlp(none) -m found }"), AclTable(), Where.HTTP_REQ)
    record = condition.explain(exchange())
    assert not record.verdict
    assert [line.values for terms in record.alternatives for term in terms for line in term.lines] == [[], []]
    empty = parse_condition([], AclTable(), Where.HTTP_REQ).explain(exchange())
    assert empty == ConditionRecord(NOWHERE, "", (), False)


def test_all_values_of_a_header_are_told() -> None:
    record = parse_acl(words("req.hdr(x),upper -m str B C")).explain(exchange(fields="x: a, b\nx: c"), "name")
    assert [(sample.fetched, sample.value) for sample in record.samples] == [(b"a", b"A"), (b"b", b"B"), (b"c", b"C")]
    assert (record.name, record.value) == ("name", b"B")
    assert record.pattern == PatternRecord("B", "test.cfg", 1)


def test_each_converter_is_told() -> None:
    """Casts between them are not; the one that gives no sample is the last."""
    ctx = exchange("GET /abc?n=7 HTTP/1.1")
    text = "urlp(n),add(1),length,mul(3),map(virt@none),upper"
    record = parse_acl(words(f"{text} -m found")).explain(ctx, "")
    (sample,) = record.samples
    assert (sample.text, sample.type, sample.fetched, sample.value) == (text, Type.STR, b"7", None)
    assert sample.converters == (
        ConverterRecord("add", 8),
        ConverterRecord("length", 1),
        ConverterRecord("mul", 3),
        ConverterRecord("map", None),
    )
    assert (record.values, record.verdict) == ([], False)


def test_records_compare_by_what_they_say() -> None:
    condition = parse_condition(words("{ path /a } !METH_POST"), AclTable(), Where.HTTP_REQ)
    one, other = condition.explain(exchange("GET /a HTTP/1.1")), condition.explain(exchange("GET /a HTTP/1.1"))
    assert one == other and hash(one) == hash(other)
    assert isinstance(one.alternatives[0][0], TermRecord)


# Samples that somebody else asks for.


AT = Position("some.cfg", 7)


def test_what_expressions_gave() -> None:
    first, second, third = (
        parse_words(words(text), Where.HTTP_REQ)[0]
        for text in ("path,length", "req.hdr(none)", "req.hdr(x),map(virt@n)")
    )
    before = [(one.source, one.steps) for one in (first, second, third)]
    with tapped([first, second, third, first], AT) as samples:
        ctx = exchange("GET /abc HTTP/1.1", "x: 1")
        assert [first.get_bytes(ctx), third.get(ctx), second.get(ctx), first.get(ctx)] == [b"4", None, None, 4]
    assert samples == [
        SampleRecord(AT, "path,length", Type.SINT, 4, b"/abc", (ConverterRecord("length", 4),)),
        SampleRecord(AT, "req.hdr(x),map(virt@n)", Type.STR, None, b"1", (ConverterRecord("map", None),)),
        SampleRecord(AT, "req.hdr(none)", Type.STR, None, None),
        SampleRecord(AT, "path,length", Type.SINT, 4, b"/abc", (ConverterRecord("length", 4),)),
    ]
    after = [(one.source, one.steps) for one in (first, second, third)]
    assert all(old is new for old, new in zip(itertools.chain(*before), itertools.chain(*after), strict=True))


def test_an_error_takes_the_taps_out() -> None:
    expression = parse_words(words("path"), Where.HTTP_REQ)[0]
    source, steps = expression.source, expression.steps
    with pytest.raises(ZeroDivisionError), tapped([expression], AT):
        raise ZeroDivisionError
    assert expression.source is source and expression.steps is steps
    assert expression.get(exchange("GET /abc HTTP/1.1")) == b"/abc"


CHAINS = st.lists(
    st.sampled_from(
        ["lower", "length", "add(1)", "hex", "upper", "bytes(1)", "set-var(txn.v)", "map(virt@none,x)", "not"]
    ),
    max_size=5,
)


@given(st.sampled_from(["path", "src", "req.hdr(x)", "req.hdr_cnt(x)", "always_true", "rand(9)"]), CHAINS, HEADS)
@settings(max_examples=200, deadline=None)
def test_converters_are_told_as_each_prefix_gives_them(
    fetch: str, chain: list[str], drawn: tuple[str, str, list[str], str, str]
) -> None:
    """What comes out of each is what the expression up to it gives. A number that is drawn is not drawn again."""
    text = ",".join([fetch, *chain])
    try:
        expression = parse_words(words(text), Where.HTTP_REQ)[0]
    except ConfigError:
        return
    with tapped([expression], AT) as samples:
        value = expression.get(head(drawn))
    (sample,) = samples
    assert sample.value == value
    assert [one.name for one in sample.converters] == [name.partition("(")[0] for name in chain][
        : len(sample.converters)
    ]
    came = [sample.fetched, *[one.value for one in sample.converters]]
    assert None not in came[:-1]
    assert came[-1] == value
    assert value is None or len(sample.converters) == len(chain)
    if "rand" not in fetch:
        for count, one in enumerate(came):
            prefix = parse_words(words(",".join([fetch, *chain[:count]])), Where.HTTP_REQ)[0]
            assert prefix.get(head(drawn)) == one


Told = dict[str, tuple[Value | None, tuple[str, int] | None]]
MAPS: dict[str, tuple[str, Told]] = {
    # A file; and for some paths what comes out, with the key and the line of the entry that says so.
    "path,lower,map_beg(FILE,other)": (
        "# prefixes\n/b root\n/a/ first\n\n/a/b second\n",
        {"/A/b/c": (b"second", ("/a/b", 5)), "/a/x": (b"first", ("/a/", 3)), "/x": (b"other", None)},
    ),
    "path,length,map_int_int(FILE)": (
        "1:3 30\n4 40\n",
        {"/ab": (30, ("1:3", 1)), "/abc": (40, ("4", 2)), "/abcdef": (None, None)},
    ),
    "path,map_regm(FILE,no),upper": (
        "^/x none\n^/(.)/ is-\\1\n",
        {"/y/": (b"IS-Y", ("^/(.)/", 2)), "/": (b"NO", None)},
    ),
    "path,map_sub_key(FILE)": (
        "b one\na two\n",
        {"/cab": (b"b", ("b", 1)), "/ca": (b"a", ("a", 2)), "/": (None, None)},
    ),
    "src,map_ip(FILE)": ("10.0.0.0/8 ten\n127.0.0.0/8 local\n", {"/": (b"local", ("127.0.0.0/8", 2))}),
}


@pytest.mark.parametrize("text", MAPS)
def test_the_entry_of_a_map_is_told(text: str, tmp_path: Path) -> None:
    content, cases = MAPS[text]
    file = tmp_path / "m.map"
    file.write_text(content)
    expression = parse_words(words(text.replace("FILE", str(file))), Where.HTTP_REQ)[0]
    for path, (value, entry) in cases.items():
        ctx = exchange(f"GET {path} HTTP/1.1")
        with tapped([expression], AT) as samples:
            assert expression.get(ctx) == value
        found = [one.entry for one in samples[0].converters if one.name.startswith("map")]
        assert found == [None if entry is None else PatternRecord(entry[0], str(file), entry[1])]
        assert all(one.entry is None for one in samples[0].converters if not one.name.startswith("map"))


def test_an_entry_that_came_later(tmp_path: Path) -> None:
    file = tmp_path / "m.map"
    file.write_text("a 1\n")
    acl = parse_acl(words(f"path,map({file}) -m str 2"))
    number = LISTS.by_name[str(file)].number
    CHANGES.apply(["map", number, "add", -1, [["/b", "2"]]])
    (sample,) = acl.explain(exchange("GET /b HTTP/1.1"), "").samples
    assert sample.converters == (ConverterRecord("map", b"2", PatternRecord("/b", str(file), 0)),)
