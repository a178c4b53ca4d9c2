"""Files, folders, sections, keyword dispatch (manual 2.1, 4; management manual 3 for -f and -C)."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pointsman.keywords  # noqa: F401 (all words are known, whatever ran before)
from pointsman.config import dispatch
from pointsman.config.keyword import KEYWORDS, Args, Keyword
from pointsman.config.load import find_files, load, load_text
from pointsman.config.setting import Configuration, In, Setting
from pointsman.core.diagnostics import Diagnostics, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour(Setting):
    """One of a section."""

    name: str
    negated: bool = False
    reset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Setting):
    """Many of a section."""

    words: tuple[str, ...]
    many: ClassVar[bool] = True


def parse_colour(args: Args) -> Colour:
    return Colour(
        name=args.keyword if args.negated or args.reset else args.take("<name>"),
        negated=args.negated,
        reset=args.reset,
        at=args.at,
    )


def parse_tools(args: Args) -> Sequence[Tool]:
    """Two settings of one line, to see that both are kept."""
    words = tuple(word.text for word in args.rest())
    return [Tool(words=(args.keyword,), at=args.at), Tool(words=words, at=args.at)]


def parse_bytes(args: Args) -> None:
    args.take("<name>").encode()


TEST_KEYWORDS = [
    Keyword("xcolour", In.ANY_PROXY, "9.9", parse_colour, negatable=True),
    Keyword("xtool", In.FRONT, "9.9", parse_tools),
    Keyword("xtool very long", In.FRONT, "9.9", parse_tools),
    Keyword("xdeep", In.BACK | In.DEFAULTS, "9.9", parse_tools),
    Keyword("option xopt", In.BACK | In.DEFAULTS, "9.9", parse_tools),
    Keyword("xbytes", In.ANY_PROXY, "9.9", parse_bytes),
]


@pytest.fixture(autouse=True)
def _keywords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keywords of our own: the loader is tested without those of other packages."""
    entries: dict[str, Keyword] = KEYWORDS._entries
    for entry in TEST_KEYWORDS:
        monkeypatch.setitem(entries, entry.name, entry)
    monkeypatch.setitem(entries, "global xglobal", Keyword("xglobal", In.GLOBAL, "9.9", parse_tools))
    yield


def read(text: str, **variables: str) -> tuple[Configuration, list[tuple[str, int, str]]]:
    diagnostics = Diagnostics()
    configuration = load_text(text, diagnostics, variables=variables)
    return configuration, [(one.severity.name, one.position.line, one.message) for one in diagnostics.findings]


def alerts(text: str) -> list[tuple[int, str]]:
    _, findings = read(text)
    assert all(severity == "ALERT" for severity, _, _ in findings)
    return [(line, message) for _, line, message in findings]


def test_sections_and_settings() -> None:
    configuration, findings = read(
        "global\n xglobal a\nfrontend f # web\n xtool b c\nbackend b\n xcolour red\n"
        "listen l\nglobal\n xglobal z\nuserlist u\nhttp-errors e\n"
    )
    assert findings == []
    assert [(one.kind, one.name, one.at.line) for one in configuration.proxies] == [
        (In.FRONTEND, "f", 3),
        (In.BACKEND, "b", 5),
        (In.LISTEN, "l", 7),
    ]
    assert [one.words for one in configuration.main.all(Tool)] == [("xglobal",), ("a",), ("xglobal",), ("z",)]
    assert [one.words for one in configuration.proxies[0].all(Tool)] == [("xtool",), ("b", "c")]
    colour = configuration.proxies[1].one(Colour)
    assert colour is not None
    assert (colour.name, str(colour.at), colour.at.column, colour.at.length) == ("red", "haproxy.cfg:6", 2, 11)
    assert configuration.userlists["u"].kind == In.USERLIST
    assert configuration.http_errors["e"].kind == In.HTTP_ERRORS


def test_the_longest_keyword_wins() -> None:
    configuration, findings = read("listen l\n xtool very long x\n xtool very short\n")
    assert findings == []
    assert [one.words for one in configuration.proxies[0].all(Tool)] == [
        ("xtool very long",),
        ("x",),
        ("xtool",),
        ("very", "short"),
    ]


def test_defaults_are_the_last_or_the_named_ones() -> None:
    configuration, findings = read(
        "backend none\ndefaults one\n xcolour red\ndefaults two from one\ndefaults\n xcolour blue\nbackend last\n"
        "backend named from two\nfrontend front from one\n xcolour green\n"
    )
    assert findings == []
    colours = [colour.name if (colour := proxy.one(Colour)) else None for proxy in configuration.proxies]
    assert colours == [None, "blue", "red", "green"]


def test_anonymous_defaults_from_named_ones() -> None:
    configuration, findings = read("defaults one\n xcolour red\ndefaults from one\nbackend b\nbackend from from one\n")
    assert findings == []
    assert [proxy.name for proxy in configuration.proxies] == ["b", "from"]
    colour = configuration.proxies[0].one(Colour)
    assert colour is not None and colour.name == "red"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("frontend\n", [(1, "'frontend' expects an <id> argument")]),
        ('backend ""\n', [(1, "argument number 1 at position 9 is empty and marks the end of the argument list")]),
        ("frontend f@\n", [(1, "character '@' is not permitted in 'frontend' name 'f@'.")]),
        ("frontend f extra\n", [(1, "please use the 'bind' keyword for listening addresses.")]),
        ("listen l 127.0.0.1:8000\n", [(1, "please use the 'bind' keyword for listening addresses.")]),
        ("frontend f from x\n", [(1, "defaults section 'x' not found for frontend 'f'.")]),
        ("defaults a from a\n", [(1, "defaults section 'a' not found for defaults 'a'.")]),
        ("defaults a from\n", [(1, "'defaults' expects the name of a defaults section behind 'from'")]),
        ("defaults a\nbackend x from a b\n", [(2, "'backend' cannot handle unexpected argument 'b'.")]),
        ("defaults @\n", []),
        (
            "defaults @\nbackend b from @\n",
            [
                (
                    2,
                    "character '@' is not permitted in defaults section name '@' when "
                    "designated by its name (section found at haproxy.cfg:1).",
                )
            ],
        ),
        (
            "defaults a\ndefaults a\nbackend b from a\n",
            [
                (
                    3,
                    "ambiguous defaults section name 'a' referenced by backend 'b' "
                    "exists at least at haproxy.cfg:1 and haproxy.cfg:2.",
                )
            ],
        ),
        ("global x\n", [(1, "'global' cannot handle unexpected argument 'x'.")]),
        ("userlist\n", [(1, "'userlist' expects <name> as arguments.")]),
        ("userlist a b\n", [(1, "'userlist' cannot handle unexpected argument 'b'.")]),
        ("userlist a@\n", [(1, "character '@' is not permitted in 'userlist' name 'a@'.")]),
        ("http-errors\n", [(1, "missing name for http-errors section.")]),
        (
            "http-errors e\nhttp-errors e\n",
            [(2, "http-errors section 'e' already exists (declared at haproxy.cfg:1).")],
        ),
        (
            "frontend f\nfrontend f\n",
            [(2, "frontend 'f' has the same name as frontend 'f' declared at haproxy.cfg:1.")],
        ),
        ("backend f\nbackend f\n", [(2, "backend 'f' has the same name as backend 'f' declared at haproxy.cfg:1.")]),
        ("listen f\nbackend f\n", [(2, "backend 'f' has the same name as proxy 'f' declared at haproxy.cfg:1.")]),
        ("frontend a\nlisten a\n", [(2, "proxy 'a' has the same name as frontend 'a' declared at haproxy.cfg:1.")]),
        (
            "bind :80\nfoo bar\n",
            [(1, "unknown keyword 'bind' out of section."), (2, "unknown keyword 'foo' out of section.")],
        ),
        ("GLOBAL\n xglobal 1\n", [(1, "unknown keyword 'GLOBAL' out of section.")]),
    ],
)
def test_first_lines(text: str, expected: list[tuple[int, str]]) -> None:
    assert alerts(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("userlist u\nuserlist u\n", (2, "ignoring duplicated userlist 'u'.")),
        ("backend a extra\n", (1, "'backend': argument 'extra' is ignored")),
        ("defaults a b\n", (1, "'defaults': argument 'b' is ignored")),
        ("frontend f\nbackend f\n", (2, "backend 'f' has the same name as frontend 'f' declared at haproxy.cfg:1.")),
        (
            "defaults a\nbackend b from a\nbackend c\n",
            (
                3,
                "defaults section 'a' (declared at haproxy.cfg:1) is explicitly "
                "referenced by one proxy and implicitly used by another.",
            ),
        ),
        (
            "defaults a\nbackend c\nbackend b from a\n",
            (
                3,
                "defaults section 'a' (declared at haproxy.cfg:1) is explicitly "
                "referenced by one proxy and implicitly used by another.",
            ),
        ),
        ("frontend f\n xdeep 1\n", (2, "'xdeep' ignored because frontend 'f' has no backend capability.")),
        ("frontend f\n option xopt 1\n", (2, "'xopt' ignored because frontend 'f' has no backend capability.")),
        ("backend b\n xtool 1\n", (2, "'xtool' ignored because backend 'b' has no frontend capability.")),
    ],
)
def test_what_haproxy_allows_with_a_warning(text: str, expected: tuple[int, str]) -> None:
    configuration, findings = read(text)
    assert findings == [("WARNING", *expected)]
    assert all(not proxy.settings for proxy in configuration.proxies)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" xcolor red\n", "unknown keyword 'xcolor' in 'backend' section"),
        (" xcolour red blue\n", "'xcolour' cannot handle unexpected argument 'blue'"),
        (" xcolour\n", "'xcolour' expects <name>"),
        (" no xdeep\n", "negation/default is not supported for 'xdeep'."),
        (" default option xopt\n", "negation/default is not supported for option 'xopt'."),
        (" no\n", "'no' expects a keyword"),
        (" option\n", "'option' expects an option name."),
        (" option xoptt\n", "unknown option 'xoptt'."),
        (" xglobal 1\n", "unknown keyword 'xglobal' in 'backend' section"),
        (" nbthread 3\n", "unknown keyword 'nbthread' in 'backend' section"),
        (" reqadd x\n", "The 'reqadd' directive is not supported anymore since HAProxy 2.1."),
        (
            " email-alert form x\n",
            "'email-alert' supports 'from', 'level', 'mailers', 'myhostname' and 'to' (got 'form')",
        ),
        (" email-alert\n", "'email-alert' supports 'from', 'level', 'mailers', 'myhostname' and 'to' (got '')"),
        (" use-fcgi-app x\n", "'use-fcgi-app' is not built yet"),
        (r" xbytes \xff" + "\n", "'xbytes' cannot take bytes that are not UTF-8"),
    ],
)
def test_keyword_errors(text: str, expected: str) -> None:
    assert alerts("backend b\n" + text) == [(2, expected)]


def test_words_of_proxies_in_the_global_section() -> None:
    diagnostics = Diagnostics()
    load_text("global\n xcolour red\n acl a b\nlisten l\n http-drop-request-trailers\n", diagnostics)
    assert [(one.message, one.expected) for one in diagnostics.findings][:2] == [
        (
            "unknown keyword 'xcolour' in 'global' section",
            "'xcolour' in a section 'defaults', 'frontend', 'listen' or 'backend'",
        ),
        (
            "unknown keyword 'acl' in 'global' section",
            "'acl' in a section 'defaults', 'frontend', 'listen' or 'backend'",
        ),
    ]


def test_words_that_defaults_do_not_take() -> None:
    assert alerts("defaults\n xtool 1\n acl a b\n http-request deny\n tcp-request connection accept\n") == [
        (2, "'xtool' not allowed in 'defaults' section."),
        (3, "'acl' not allowed in anonymous 'defaults' section."),
        (4, "'http-request' not allowed in anonymous 'defaults' section."),
        (5, "'tcp-request' not allowed in anonymous 'defaults' section."),
    ]


def test_some_words_are_errors_on_the_wrong_side() -> None:
    assert alerts("frontend f\n server a 1.1.1.1\n use-fcgi-app x\n") == [
        (2, "'server' not allowed because frontend 'f' has no backend capability."),
        (3, "'use-fcgi-app' not allowed because frontend 'f' has no backend capability."),
    ]


def test_no_and_default_reach_the_parser() -> None:
    configuration, findings = read("backend a\n no xcolour\nbackend b\n default xcolour\n")
    assert findings == []
    first, second = (proxy.one(Colour) for proxy in configuration.proxies)
    assert first is not None and second is not None
    assert (first.name, first.negated, first.reset) == ("xcolour", True, False)
    assert (second.name, second.negated, second.reset) == ("xcolour", False, True)


def test_a_section_that_is_not_built_is_one_error() -> None:
    diagnostics = Diagnostics()
    load_text("log-profile m\n foo\n bar 'baz'\nbackend b\n xcolour red\n", diagnostics)
    assert [(one.position.line, one.message, one.hint) for one in diagnostics.findings] == [
        (1, "section 'log-profile' is not built yet", "manual 8.3.5 describes it; its lines were skipped")
    ]


def test_a_misspelt_section_is_one_error() -> None:
    diagnostics = Diagnostics()
    load_text("global\nbakend b\n xcolour red\n nothing\nlisten l\n nothing\n", diagnostics)
    assert [(one.position.line, one.message, one.hint) for one in diagnostics.findings] == [
        (2, "unknown keyword 'bakend' in 'global' section", "did you mean 'backend'?"),
        (6, "unknown keyword 'nothing' in 'listen' section", ""),
    ]


def test_the_nearest_word_may_be_one_of_another_proxy() -> None:
    dispatch._nearest_first_word.cache_clear()
    diagnostics = Diagnostics()
    load_text("frontend f\n xdep 1\n", diagnostics)
    assert [one.hint for one in diagnostics.findings] == ["did you mean 'xdeep'?"]


EMPTY = "argument number {} at position {} is empty and marks the end of the argument list"


@pytest.mark.parametrize(
    ("line", "number", "column"),
    [
        ('"$NOPE" nothing', 0, 2),
        ('server s :1 "" weight 3', 3, 14),
        ("server s :1 '' \"$NOPE\"", 3, 14),
        ('http-request deny if { req.hdr(x) -m str "$NOPE" }', 7, 43),
        ("http-request deny if { path_dir '' }", 5, 34),
        ('acl a path ""', 3, 13),
        ('http-request set-header x ""', 3, 28),
        ('description "${NOPE}"', 1, 14),
    ],
)
def test_an_empty_word_is_an_error(line: str, number: int, column: int) -> None:
    """Manual 2.3, and what 3.5 prints."""
    configuration, found = read(f"backend b\n {line}\n")
    assert found == [("ALERT", 2, EMPTY.format(number, column))]
    assert configuration.proxies[0].settings == []


def test_a_section_whose_first_line_has_an_empty_word_is_still_read() -> None:
    assert alerts('backend b ""\n nothing\ncache ""\n nothing\n') == [
        (1, EMPTY.format(2, 11)),
        (2, "unknown keyword 'nothing' in 'backend' section"),
        (3, EMPTY.format(1, 7)),
    ]


def test_empty_words_of_directives_and_of_lines_that_are_left_out() -> None:
    assert read('.if ""\n backend b\n.endif\n.if defined(NOPE)\n bind "$NOPE"\n.endif\n.notice ""\n')[1] == [
        ("NOTICE", 7, "''.")
    ]


def test_an_expansion_to_nothing_is_no_word() -> None:
    assert read('"${NOPE[*]}"\nbackend b "${NOPE[*]}"\n server s :1 "${NOPE[*]}" weight 3\n "${NOPE[*]}"\n')[1] == []


def test_the_environment_changes_at_once() -> None:
    variables = {"A": "old", "PATH": "/bin"}
    text = (
        '.notice "$A ${B-unset}"\nglobal\n setenv A new\n presetenv A newer\n presetenv B "b c"\n.notice "$A $B"\n'
        ' unsetenv A C\n.notice "${A-gone}"\n resetenv PATH\n.notice "${B-gone} $PATH"\n'
    )
    diagnostics = Diagnostics()
    load_text(text, diagnostics, variables=variables)
    assert [one.message for one in diagnostics.findings] == ["'old unset'.", "'new b c'.", "'gone'.", "'gone /bin'."]
    assert variables == {"PATH": "/bin", "HAPROXY_CFGFILES": "haproxy.cfg"}


@pytest.mark.parametrize(
    ("line", "severity", "message"),
    [
        ("setenv A", Severity.ALERT, "'setenv' expects a name and a value"),
        ("setenv", Severity.ALERT, "'setenv' expects a name and a value"),
        ("presetenv A", Severity.ALERT, "'presetenv' expects a name and a value"),
        ("unsetenv", Severity.ALERT, "'unsetenv' expects at least one variable name."),
        ('setenv "A=" x', Severity.ALERT, "'setenv' failed on variable 'A=' : Invalid argument."),
        ("setenv A b c", Severity.WARNING, "'setenv': what follows the value is ignored"),
    ],
)
def test_environment_errors(line: str, severity: Severity, message: str) -> None:
    diagnostics = Diagnostics()
    load_text(f"global\n {line}\n", diagnostics)
    assert [(one.severity, one.message) for one in diagnostics.findings] == [(severity, message)]


def test_variables_that_haproxy_sets() -> None:
    text = (
        '.notice "$HAPROXY_BRANCH|$HAPROXY_CFGFILES|${HAPROXY_MWORKER-no}"\n.notice "$HAPROXY_HTTP_LOG_FMT"\n'
        ".if defined(HAPROXY_LOCALPEER)\n.notice yes\n.endif\n"
    )
    _, findings = read(text)
    assert [message for _, _, message in findings] == [
        "'3.5||no'.",
        "'%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r'.",
        "'yes'.",
    ]


def test_the_name_of_the_section() -> None:
    show = '.notice "$.SECTION"\n'
    text = show + "global\n" + show + "defaults\n" + show + "defaults d\n" + show + "listen l\n" + show
    assert [message for _, _, message in read(text)[1]] == ["''.", "'global'.", "'defaults'.", "'d'.", "'l'."]


RULED = "defaults d\n http-request\ndefaults e\n tcp-request session\ndefaults r\n tcp-response content\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frontend f from d\n", None),
        ("backend f from d\n", None),
        ("frontend f from e\n", None),
        ("backend f from r\n", None),
        (
            "listen l from d\n",
            "a listen section cannot inherit from a defaults section defining TCP/HTTP rules (defaults "
            "section at haproxy.cfg:1).",
        ),
        (
            "defaults x from d\n",
            "a defaults section cannot inherit from a defaults section defining TCP/HTTP rules "
            "(defaults section at haproxy.cfg:1).",
        ),
        (
            "frontend f from d\nbackend b from d\n",
            "frontends and backends cannot inherit from the same defaults section if "
            "it defines TCP/HTTP rules (defaults section at haproxy.cfg:1).",
        ),
        (
            "backend b from e\n",
            "a backend section cannot inherit from a defaults section defining 'tcp-request session' "
            "rules (defaults section at haproxy.cfg:3).",
        ),
        (
            "frontend f from r\n",
            "a frontend section cannot inherit from a defaults section defining 'tcp-response "
            "content' rules (defaults section at haproxy.cfg:5).",
        ),
    ],
)
def test_defaults_with_rules(text: str, message: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As HAProxy 2.6 has it."""
    for name in ("http-request", "tcp-request session", "tcp-response content"):
        monkeypatch.setitem(KEYWORDS._entries, name, Keyword(name, In.ANY_PROXY, "9.9", parse_tools))
    _, findings = read(RULED + text)
    assert [(severity, said) for severity, _, said in findings] == ([("ALERT", message)] if message else [])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files in an order of names that is not that of any locale."""
    for name, text in {
        "b.cfg": "backend b\n",
        "a.cfg": "backend a\n",
        "Z.cfg": "backend z\n",
        ".h.cfg": "backend h\n",
        "a.txt": "backend t\n",
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "dir.cfg").mkdir()
    return tmp_path


def names(configuration: Configuration) -> list[str]:
    return [proxy.name for proxy in configuration.proxies]


def test_a_folder_is_its_visible_cfg_files(folder: Path) -> None:
    diagnostics = Diagnostics()
    variables: dict[str, str] = {}
    configuration = load([str(folder)], diagnostics, variables=variables)
    assert not diagnostics.findings
    assert names(configuration) == ["z", "a", "b"]
    assert variables["HAPROXY_CFGFILES"] == ";".join(str(folder / name) for name in ("Z.cfg", "a.cfg", "b.cfg"))


def test_files_are_read_in_the_order_given(folder: Path) -> None:
    configuration = load([str(folder / "b.cfg"), str(folder / "a.cfg")], Diagnostics(), variables={})
    assert names(configuration) == ["b", "a"]


def test_defaults_reach_into_the_next_file_but_sections_do_not(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("defaults\n xcolour red\n")
    (tmp_path / "2").write_text(" xcolour blue\nbackend b\n")
    diagnostics = Diagnostics()
    configuration = load([str(tmp_path / "1"), str(tmp_path / "2")], diagnostics, variables={})
    assert [(str(one.position), one.message) for one in diagnostics.findings] == [
        (f"{tmp_path}/2:1", "unknown keyword 'xcolour' out of section.")
    ]
    colour = configuration.proxies[0].one(Colour)
    assert colour is not None and colour.name == "red"


def test_every_file_is_read_even_behind_errors(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("nothing\n.if 1\n")
    (tmp_path / "2").write_text("neither\n")
    diagnostics = Diagnostics()
    load([str(tmp_path / "1"), str(tmp_path / "none"), str(tmp_path / "2")], diagnostics, variables={})
    assert [one.message for one in diagnostics.findings] == [
        "unknown keyword 'nothing' out of section.",
        "non-terminated '.if' block.",
        f"Cannot open configuration file/directory {tmp_path}/none : No such file or directory",
        "unknown keyword 'neither' out of section.",
    ]
    assert diagnostics.failed


def test_an_empty_folder(tmp_path: Path) -> None:
    diagnostics = Diagnostics()
    assert find_files([str(tmp_path)], diagnostics) == []
    assert diagnostics.failed


def test_directory_is_entered_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    diagnostics = Diagnostics()
    configuration = load(["a.cfg"], diagnostics, variables={}, directory=str(folder))
    assert names(configuration) == ["a"]
    assert os.getcwd() == str(folder)
    load(["a.cfg"], diagnostics, variables={}, directory="/nowhere/at/all")
    assert [one.message for one in diagnostics.findings] == [
        "Could not change to directory /nowhere/at/all : No such file or directory"
    ]


WORDS = [
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "userlist",
    "http-errors",
    "peers",
    "bakend",
    "from",
    "no",
    "default",
    "xcolour",
    "xtool",
    "xdeep",
    "option",
    "xopt",
    "a",
    "b@",
    '"',
    "'",
    "\\",
    "#",
    "\n",
    "\n",
    "\n",
    " ",
    ".if",
    ".else",
    ".endif",
    "1",
    '"$A"',
    '"${A[*]}"',
    "setenv",
    "resetenv",
    "bind",
    "\0",
    "é",
    "\r",
]


@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_garbage_only_gives_findings(words: list[str]) -> None:
    text = " ".join(words)
    diagnostics = Diagnostics()
    load_text(text, diagnostics, variables={"A": "x y"})
    lines = text.split("\n")
    for one in diagnostics.findings:
        at = one.position
        assert 1 <= at.line <= len(lines)
        assert at.column >= 1
        assert at.column - 1 <= len(lines[at.line - 1])
