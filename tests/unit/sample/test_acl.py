"""ACLs: criteria, derivatives, flags, files (manual 7.1). Verdicts were compared with the program's on this request."""

from pathlib import Path

import pytest
from exchanges import exchange, words
from hypothesis import given
from hypothesis import strategies as st

import pointsman.keywords  # noqa: F401
from pointsman.config.acls import AclLine, acls_of, parse_acl_line
from pointsman.config.keyword import Args
from pointsman.config.setting import Configuration, In, Section
from pointsman.core.diagnostics import NOWHERE, ConfigError, Diagnostics, Position
from pointsman.core.words import Line, Word
from pointsman.sample.acl import DERIVATIVES, Acl, AclTable, parse_acl
from pointsman.sample.acl_lists import OfLine
from pointsman.sample.condition import parse_condition
from pointsman.sample.registry import FETCHES
from pointsman.sample.types import Reads, Value, Where
from pointsman.tables.patterns import LISTS

REQUEST = exchange(
    "GET /a/foo?x=1 HTTP/1.1",
    """
host: WWW.Example.com:80
x: a, B ,c
x: d,,
n: -1
m: 5
e:
ip: 1.2.3.4
ip6: ::ffff:1.2.3.4
""",
)


def acl(text: str) -> Acl:
    return parse_acl(words(text))


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("url_dir foo", True),
        ("url_dir foo?x", False),
        ("url_dir x=1", True),
        ("path_dir /", False),
        ("path_dir /a/", True),
        ("path_dir /a/foo/", True),
        ("hdr_dom(host) example", False),
        ("hdr_dom(host) -i example", True),
        ("hdr_dom(host) -i .example.", True),
        ("hdr_dom(host) -i ex", False),
        ("hdr_dom(host) 80", True),
        ("hdr(x) B", True),
        ("hdr(x) b", False),
        ("hdr(x) -i b", True),
        ("hdr(x) d", True),
        ("req.hdr(x) -m len 0", True),
        ("req.hdr(e) -m found", True),
        ("req.hdr(zz) -m found", False),
        ("req.hdr_val(n) lt 0", True),
        ("req.hdr_val(m) ge 5 le 3", True),
        ("req.hdr_val(m) 4:6", True),
        ("req.hdr_val(m) :5", True),
        ("req.hdr_val(m) 6:", False),
        ("req.hdr_val(m) 6 5", True),
        ("req.hdr_val(m) gt 1:3", False),
        ("req.hdr_val(n) -- -1", True),
        ("path -- -z /a/foo", True),
        ("path -i /A/FOO", True),
        ("path /A/FOO -i", False),
        ("bin(7f000001) -m bin 7F000001", True),
        ("src 127.1", True),
        ("src 127.0.0.0/8", True),
        ("src 127", False),
        ("src ::1", False),
        ("src ::ffff:127.0.0.0/104", True),
        ("hdr_ip(ip) 1.2.3.0/24", True),
        ("hdr_ip(ip6) 1.2.3.0/24", True),
        ("ipv6(2002:102:304::) 1.2.3.4", True),
        ("ipv6(::1.2.3.4) 1.2.3.4", True),
        ("method GET", True),
        ("method get", False),
        ("method -i get", False),
        ("method -m beg G", True),
        ("method -m reg ^G", True),
        ("always_true 5", True),
        ("always_true", True),
        ("int(5) -m bool", True),
        ("int(0) -m bool", False),
        ("str(a) a", True),
        ("path_beg -m end foo", True),
        ("path_beg,lower /a/foo", True),
        ("path_beg,lower /a", False),
        ("path,lower -m beg /a", True),
        ("bool(true) -m int 1", True),
        ("bool(true) -m str 1", True),
        ("src -m str 127.0.0.1", True),
        ("src -m beg 127.", True),
        ("src_port gt 1", True),
        ("path_reg [[:alpha:]]+", True),
        ("path -m reg -i FOO$", True),
        ("url_sub -i FOO", True),
        ("path_end foo bar", True),
        ("path_len 6", True),
        ("path_len gt 5", True),
        ("str(1) -m int 1", True),
        ("str(1) -m bool", True),
        ("path -m found x", True),
        ("hdr(x) -m found", True),
        ("hdr_sub(host) -i www", True),
        ("path eq /a/foo", True),
        ("req.hdr(host),lower -m dom www.example.com", True),
        ("path_beg eq /a", True),
        ("hdr_beg(host) -i www.", True),
        ("hdr(host) -m beg -i www.", True),
        ("hdr_dom(host) -m beg -i www.", True),
        ("urlp(x) 1", True),
        ("urlp_val(x) 1:2", True),
        ("base_beg -i www.example.com:80/a", True),
        ("hdr_cnt(x) 6", True),
        ("hdr(x,1) B", False),
        ("path_beg -n -u 7 /a", True),
        ("path, upper /A/FOO", True),
        ("path ,upper /A/FOO", True),
        ("path upper /a/foo", True),
    ],
)
def test_verdicts(text: str, matches: bool) -> None:
    assert acl(text).test(REQUEST) is matches


@pytest.mark.parametrize("text", ["path", "hdr(x)", "int(5)", "str(a)", "str(a) -m str", "path -m beg", "path -i"])
def test_without_patterns_nothing_matches_and_that_is_said(text: str) -> None:
    made = acl(text)
    assert not made.test(REQUEST)
    assert "no pattern to match against" in made.findings[0].message
    assert not acl(text + " --").findings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "req.hdr(n) -m int -1",
            "'-1' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'",
        ),
        ("path -z /a", "'-z' is not a valid ACL option"),
        ("req.hdr_val(m) x", "'x' is not a number"),
        ("bin(7f000001) 1", "matching method must be specified first (using '-m')"),
        ("bin(7f000001) -m ip 127.0.0.1", "matching method 'ip' cannot be used with fetch keyword 'bin(7f000001)'"),
        ("src -m bin 7f", "matching method 'bin' cannot be used"),
        ("src -m bool", "matching method 'bool' cannot be used"),
        ("str(a) -m foo x", "unknown matching method 'foo'"),
        ("foo x", "unknown fetch method 'foo'"),
        ("path -m beg -m end x", "only one explicit matching method"),
        ("path_reg (", "regex '(' is invalid"),
        ("path -m", "'-m' expects a matching method"),
        ("path -f", "'-f' expects a file"),
        ("path -u x /", "'x' is not a valid unique id"),
        ("path -f /no/such/file", "failed to open pattern file </no/such/file>"),
        ("src 1.2.3.4/33", "is not a valid IPv4 or IPv6 address"),
        ("path_bge /a", "unknown fetch method 'path_bge'"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        acl(text)
    assert message in caught.value.finding.message


def test_derivatives_name_fetches() -> None:
    assert {real for real, _ in DERIVATIVES.values()} <= set(FETCHES)
    # In ACLs "hdr" always means the request, also where there is a response.
    ctx = exchange("GET / HTTP/1.1", "x: req", answer="HTTP/1.1 200 OK", answer_fields="x: res")
    assert acl("hdr(x) req").test(ctx)
    assert acl("shdr_beg(x) re").test(ctx)
    assert acl("hdr(x),upper REQ").test(ctx)


def test_what_an_acl_tells_of_itself() -> None:
    made = acl("path_beg -i -u 12 /Static /img")
    assert (made.method, made.patterns, made.nocase, made.identity) == ("beg", ["/Static", "/img"], True, 12)
    assert (made.expression.text, made.expression.fetch, made.reads) == ("path_beg", "path", Reads.REQUEST_LINE)


def test_patterns_from_files(tmp_path: Path) -> None:
    exact = tmp_path / "exact.lst"
    exact.write_text("# a comment\n\n  Curl/8\n\t wget\n #sharp\n")
    loose = tmp_path / "loose.lst"
    loose.write_text("Mozilla\r\n")
    text = f"req.fhdr(user-agent) -f {exact} -i -f {loose} Test"
    made = acl(text)
    assert made.patterns == ["Curl/8", "wget", "#sharp", "Mozilla", "Test"]

    def agent(name: str) -> bool:
        return made.test(exchange("GET / HTTP/1.1", f"user-agent: {name}"))

    assert [agent(name) for name in ("Curl/8", "curl/8", "mozilla", "TEST", "#sharp", "# a comment")] == [
        True,
        False,
        True,
        True,
        True,
        False,
    ]


def test_files_of_networks_and_maps(tmp_path: Path) -> None:
    nets = tmp_path / "nets.lst"
    nets.write_text("10.0.0.0/8\n127.0.0.0/8\n")
    assert acl(f"src -f {nets}").test(REQUEST)
    assert acl(f"src -f file@{nets}").test(REQUEST)
    pairs = tmp_path / "pairs.map"
    pairs.write_text("/a/foo  one\n/b\ttwo\n")
    assert acl(f"path -M -f {pairs}").patterns == ["/a/foo", "/b"]
    assert not acl(f"path -f opt@{tmp_path}/none").test(REQUEST)
    assert not acl("path -f virt@list").test(REQUEST)
    with pytest.raises(ConfigError, match="pattern file"):
        acl(f"path -f {tmp_path}")
    with pytest.raises(ConfigError, match="-m' must only be specified before"):
        acl(f"path -f {nets} -m beg")


def test_lines_of_one_name_add_up() -> None:
    table = AclTable()
    table.declare(words("x path /b"))
    table.declare(words("x path_beg /a"))
    table.declare(words("X path /c"))
    assert [line.method for line in table.get("x") or []] == ["str", "beg"]
    assert len(table.get("X") or []) == 1
    found = table.find("x", NOWHERE)
    assert found is not None
    assert found[0](REQUEST)
    assert table.get("y") is None


@pytest.mark.parametrize("text", ["", "x", "a,b path /", "or path /", "a* path /"])
def test_wrong_names(text: str) -> None:
    with pytest.raises(ConfigError):
        AclTable().declare(words(text))


def test_the_fetch_acl() -> None:
    table = AclTable()
    table.declare(words("foo path /a/foo"))
    table.declare(words("post method POST"))
    both = table.declare(words("both acl(foo,!post)"))
    assert both.test(REQUEST)
    assert both.reads == Reads.REQUEST_LINE
    assert not table.declare(words("neither acl(!foo)")).test(REQUEST)
    with pytest.raises(ConfigError, match="ACL 'none' not found"):
        table.declare(words("x acl(none)"))
    with pytest.raises(ConfigError, match="ACL 'foo' not found"):
        acl("acl(foo)")


def section_with(
    *lines: str, defaults: Section | None = None, kind: In = In.FRONTEND, name: str = "f"
) -> tuple[Section, Diagnostics]:
    section = Section(kind, name, NOWHERE, defaults)
    diagnostics = Diagnostics()
    for text in lines:
        parts = words("acl " + text)
        args = Args(Line(tuple(parts), parts[0].at), 1, section, Configuration(section), diagnostics)
        section.put(parse_acl_line(args))
    return section, diagnostics


def test_a_section_has_a_table() -> None:
    defaults, _ = section_with("x path /z", kind=In.DEFAULTS, name="common")
    section, diagnostics = section_with("x path /b", "y path", "both acl(x)", defaults=defaults)
    table = acls_of(section)
    assert [line.patterns for line in table.get("x") or []] == [["/z"], ["/b"]]
    assert len(section.all(AclLine)) == 4
    assert [finding.severity.name for finding in diagnostics.findings] == ["WARNING"]
    with pytest.raises(ConfigError, match="anonymous 'defaults'"):
        section_with("x path /", kind=In.DEFAULTS, name="")


def test_one_error_is_not_followed_by_others() -> None:
    section, diagnostics = section_with("x pth /a", "y path /b")
    assert [finding.message for finding in diagnostics.findings] == ["unknown fetch method 'pth'"]
    assert acls_of(section).get("x") == []
    assert not parse_condition(words("x or y"), acls_of(section), Where.HTTP_REQ).test(REQUEST)


PIECES = st.sampled_from(
    [
        "path",
        "path_beg",
        "hdr(x)",
        "src",
        "method",
        "-i",
        "-m",
        "str",
        "reg",
        "ip",
        "int",
        "--",
        "-n",
        "/a",
        "(",
        "5",
        "1.2.3.4",
        "ge",
        "found",
        "-f",
        "-u",
        "bool",
        "len",
        "virt@x",
        "a.b",
        "dom",
        "bin",
        "41",
        "",
    ]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=6)), min_size=1, max_size=7))
def test_any_words_are_an_acl_or_a_config_error(texts: list[str]) -> None:
    at = words("x")[0].at
    if "-n" not in texts:
        texts = [texts[0], "-n", *texts[1:]]  # no look-ups of names
    try:
        made = parse_acl([Word(text, at) for text in texts])
    except ConfigError:
        return
    assert made.test(REQUEST) in (True, False)


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("path", True),
        ("path_beg", True),
        ("hdr(host)", True),
        ("src", True),
        ("acl(foo)", False),
        ("env(HOME)", False),
        ("var(txn.a)", False),
        ("nbsrv(b)", False),
        ("bool(true)", False),
        ("path,lower", False),
        ("path,map(virt@x)", False),
        ("rand", False),
    ],
)
def test_criteria_are_shared_where_their_text_says_all(text: str, shared: bool) -> None:
    table = AclTable()
    table.declare(words("foo path /a/foo"))
    first, second = (parse_acl(words(f"{text} -m found"), table) for _ in range(2))
    assert (first.expression is second.expression) == shared


def test_a_shared_criterion_keeps_its_patterns_apart() -> None:
    first, second = acl("path_beg /a"), acl("path_beg /b")
    assert (first.test(REQUEST), second.test(REQUEST)) == (True, False)
    assert (first.expression.text, acl("path -m beg /a").expression.text) == ("path_beg", "path")


def test_the_list_of_a_line_is_made_when_it_is_asked_for() -> None:
    LISTS.reset()
    one = acl("path /x /y")
    own = LISTS.references[0]
    assert isinstance(own, OfLine)
    assert own.line is not None
    assert (own.number, own.count(), LISTS.added, own.changed) == (0, 2, 2, False)
    assert [(entry.identity, entry.key) for entry in own.entries()] == [((1 << 32) + 1, "/x"), ((1 << 32) + 2, "/y")]
    assert (own.line is None, own.changed, LISTS.added, own.description[:10]) == (True, False, 2, "acl 'path'")
    assert not one.test(REQUEST)
    assert own.add("/a/foo", None).identity == (1 << 32) + 3
    assert one.test(REQUEST)
    assert own.changed
    own.clear()
    assert not one.test(REQUEST)


def found(made: Acl, value: Value) -> tuple[str, str, int] | None:
    """The pattern that matches, with its file and line."""
    entry = made.lists.find(value)
    assert made.matcher.test(value) == (entry is not None)
    if entry is None:
        return None
    record = made.lists.record(entry)
    return record.text, record.file, record.line


def test_an_acl_tells_the_pattern_that_matches(tmp_path: Path) -> None:
    LISTS.reset()
    nets = tmp_path / "nets.lst"
    nets.write_text("# those of us\n10.0.0.0/8\n10.1.0.0/16\n")
    words_of_line = [Word(text, Position("haproxy.cfg", 7)) for text in f"hdr_ip(x) -f {nets} 192.0.2.0/24 ::1".split()]
    made = parse_acl(words_of_line)
    assert found(made, b"\x0a\x01\x02\x03") == ("10.1.0.0/16", str(nets), 3)
    assert found(made, b"\x0a\x02\x02\x03") == ("10.0.0.0/8", str(nets), 2)
    assert found(made, b"\xc0\x00\x02\x03") == ("192.0.2.0/24", "haproxy.cfg", 7)
    assert found(made, b"\xc0\x00\x03\x03") is None
    own = made.lists.own
    assert own is not None
    for address in ("192.0.3.3", "192.0.4.1", "192.0.4.2", "192.0.4.3"):
        own.add(address, None)
    assert found(made, b"\xc0\x00\x03\x03") == ("192.0.3.3", "", 0)
    assert found(made, b"\xc0\x00\x02\x03") == ("192.0.2.0/24", "haproxy.cfg", 7)
    own.delete("192.0.2.0/24")
    assert found(made, b"\xc0\x00\x02\x03") is None
    LISTS.by_name[str(nets)].delete("10.1.0.0/16")
    assert found(made, b"\x0a\x01\x02\x03") == ("10.0.0.0/8", str(nets), 2)
    LISTS.by_name[str(nets)].clear()
    assert found(made, b"\x0a\x01\x02\x03") is None


def test_a_pattern_is_told_as_it_was_written() -> None:
    at = Position("haproxy.cfg", 3)
    made = parse_acl([Word(text, at) for text in ["path_len", "lt", "3", "gt", "5", "eq", "4"]])
    own = made.lists.own
    assert own is not None
    for _ in range(2):
        assert [found(made, bytes(size)) for size in (2, 3, 4, 6)] == [
            ("lt 3", "haproxy.cfg", 3),
            None,
            ("4", "haproxy.cfg", 3),
            ("gt 5", "haproxy.cfg", 3),
        ]
        # So another lane learns of them: entries of their own under the same numbers.
        saved = [(one.identity, one.key, one.value, one.version) for one in own.entries()]
        assert [key for _, key, _, _ in saved] == [":2", "6:", "4"]
        own.restore(own.current, own.next, own.issued, saved)
    assert acl("path -m found").lists.find(b"/") is None


def test_an_acl_of_another_section_is_another_one() -> None:
    """Both criteria have the same text."""
    here, there = AclTable(), AclTable()
    here.declare(words("foo path /a/foo"))
    there.declare(words("foo path /other"))
    assert [parse_acl(words("acl(foo) -m bool"), table).test(REQUEST) for table in (here, there)] == [True, False]
