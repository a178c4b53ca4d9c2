"""Conditional blocks, predicates, messages (manual 2.4). Results without comment were found with HAProxy 2.6's -cc."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.programs import HAPROXY

from pointsman.config import features
from pointsman.config.conditionals import check_condition, evaluate
from pointsman.config.features import RuntimeOptions
from pointsman.config.lexer import Place, split_line
from pointsman.config.load import load_text
from pointsman.config.predicates import PredicateInput, version_key
from pointsman.core.diagnostics import ConfigError, Diagnostics, Severity
from pointsman.core.tls import MISSING, VERSION

VARIABLES = {"HOME": "/root", "ZERO": "0"}

TRUE = [
    "1",
    "-1",
    "01",
    "0x1",
    "!0",
    "!!1",
    "1&&1",
    "1 || 0",
    "0||1",
    "(1)",
    "( 1 )",
    "((1) && (0||1))",
    "!(1 && 0)",
    "0 && 0 || 1",
    "1 || 0 && 0",
    "streq(a,a)",
    "streq( a, a)",
    'streq("a b","a b")',
    "streq(,)",
    "strneq(a,b)",
    "defined(HOME)",
    'defined("HOME")',
    'streq("$HOME",/root)',
    r"streq(\x41,A)",
    r'streq(a\ b,"a b")',
    'streq(a b,"a b")',
    "streq(a,a)&&1",
    'streq(a"b"c,abc)',
    r"streq(\"a\",\"a\")",
    r'streq(a\nb,"a\nb")',
    r"streq(\"a,b)\",\'a,b)\')",
]
FALSE = [
    "",
    "0",
    "00",
    "!1",
    "! 1",
    "1 && 0",
    "streq(a ,a)",
    "streq(a,)",
    "defined( HOME )",
    "defined()",
    "defined(NOPE)",
    "defined",
    "feature(openssl)",
    "feature(-EPOLL)",
    "streq(a#,a)",
    "feature(NOPE)",
    "streq(a,a) && strneq(a,a)",
]
# not known to 2.6, from the manual of 3.5
TRUE_LATER = ["strstr(abc,b)", "strstr(abc,)", "strstr(,)", "enabled(EPOLL)", "defined(POINTSMAN)", "feature(EPOLL)"]
FALSE_LATER = [
    "strstr(a,abc)",
    "enabled(KQUEUE)",
    "enabled(SERVER-SSL-VERIFY-NONE)",
    "fips_mode()",
    "fips_mode",
    "awslc_api_atleast(35)",
    "awslc_api_before(26)",
    "feature(LUA)",
]


@pytest.mark.parametrize("text", TRUE + TRUE_LATER)
def test_true(text: str) -> None:
    assert check_condition(text, VARIABLES) is True


@pytest.mark.parametrize("text", FALSE + FALSE_LATER)
def test_false(text: str) -> None:
    assert check_condition(text, VARIABLES) is False


@pytest.mark.peer
@pytest.mark.parametrize("text", TRUE + FALSE)
def test_as_haproxy(text: str) -> None:
    done = subprocess.run(
        [*HAPROXY.command, "-cc", text],
        capture_output=True,
        check=False,
        timeout=30,
        env={"HOME": "/root", "PATH": "/usr/sbin:/usr/bin"},
    )
    assert done.returncode == (0 if text in TRUE else 1), done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("12a", "unexpected character 'a' at the end of conditional expression '12a'"),
        ("1 1", "unexpected character '1' at the end of conditional expression '1 1'"),
        ("1)", "unexpected character ')' at the end of conditional expression '1)'"),
        ("1&1", "unexpected character '&' at the end of conditional expression '1&1'"),
        ("(", "unparsable conditional expression '('"),
        ("1 &&", "unparsable conditional expression '&&'"),
        ("!", "unparsable conditional expression '!'"),
        ("foo", "unparsable conditional expression 'foo'"),
        ("1 || foo", "unparsable conditional expression 'foo'"),
        ("0 && foo", "unparsable conditional expression 'foo'"),
        ("true", "unparsable conditional expression 'true'"),
        ("(1", "expected ')' after conditional expression '(1'"),
        (
            "streq()",
            "missing arguments (got 1/2), type 'string' expected in argument 1 of predicate 'streq' used in "
            "conditional expression",
        ),
        (
            "streq(a)",
            "missing arguments (got 1/2), type 'string' expected in argument 1 of predicate 'streq' used in "
            "conditional expression",
        ),
        ("streq(a,b,c)", "expected ')' before ',c)' in argument 1 of predicate 'streq' used in conditional expression"),
        ("streq(a,b", "expected ')' in argument 1 of predicate 'streq' used in conditional expression"),
        (
            r"streq(a\,b,c)",
            "expected ')' before ',c)' in argument 1 of predicate 'streq' used in conditional expression",
        ),
        (
            "feature(EPOLL,POLL)",
            "expected ')' before ',POLL)' in argument 0 of predicate 'feature' used in conditional expression",
        ),
        (r"streq(\"a,b)", "unmatched quote in 'streq(\"a,b)'"),
        ("enabled(EPOL)", "unknown option 'EPOL' in predicate 'enabled'"),
        ("openssl_version_atleast(x)", "'x' is not a version of an SSL library"),
        ("awslc_api_atleast(x)", "'x' is not an API number"),
        ("(" * 100, "conditional expression is nested too deeply"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_condition(text, VARIABLES)
    assert caught.value.finding.message == "Failed to evaluate condition: " + message


def test_nearest_predicate_and_option() -> None:
    with pytest.raises(ConfigError) as caught:
        check_condition("define(X)", {})
    assert caught.value.finding.hint == "did you mean 'defined'?"
    with pytest.raises(ConfigError) as caught:
        check_condition("enabled(epoll)", {})
    assert caught.value.finding.hint == "did you mean 'EPOLL'?"


@pytest.mark.parametrize(
    ("text", "atleast"),
    [
        ("2.4", True),
        ("3.4.99", True),
        ("3.5", True),
        ("3.5.0", True),
        ("3.5-dev1", True),
        ("3.5-rc1", True),
        ("3", True),
        ("3.5.1", False),
        ("3.6-dev0", False),
        ("4", False),
        ("", True),
        ("2.4-dev19", True),
    ],
)
def test_versions_answer_as_haproxy_35(text: str, atleast: bool) -> None:
    assert features.VERSION == "3.5.0"
    assert check_condition(f"version_atleast({text})", {}) is atleast
    assert check_condition(f"version_before({text})", {}) is not atleast


def test_versions_are_ordered() -> None:
    ordered = ["2.4", "2.6-dev1", "2.6-dev12", "2.6-rc1", "2.6", "2.6.1", "2.6.12", "2.6.12-1", "2.7-dev1", "3"]
    keys = [version_key(text) for text in ordered]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert version_key("2.6") == version_key("2.6.0")


def test_a_library_answers_when_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "SSL_LIBRARY", "OpenSSL 3.0.15 3 Sep 2024")
    monkeypatch.setattr(features, "SSL_VERSION", "3.0.15")
    monkeypatch.setitem(features.FEATURES, "OPENSSL", True)
    assert check_condition("feature(OPENSSL)", {})
    assert check_condition("ssllib_name_startswith(OpenSSL) && openssl_version_atleast(1.1.1)", {})
    assert check_condition("openssl_version_before(3.5.0) && !openssl_version_atleast(3.0.16)", {})
    assert check_condition("openssl_version_atleast(1.1.1w)", {})


def test_without_a_library_nothing_of_it_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "SSL_LIBRARY", "")
    monkeypatch.setattr(features, "SSL_VERSION", "")
    for text in ("openssl_version_atleast(1.1.1)", "openssl_version_before(3.5.0)", "ssllib_name_startswith(OpenSSL)"):
        assert not check_condition(text, {})


def test_the_library_is_the_one_that_was_built_in() -> None:
    built = not MISSING
    assert (features.FEATURES["OPENSSL"], features.FEATURES["SSL"]) == (built, built)
    assert features.SSL_LIBRARY == VERSION
    assert check_condition("openssl_version_atleast(3.0.0) && ssllib_name_startswith(OpenSSL)", {}) is built


def test_enabled_is_what_runs() -> None:
    assert not check_condition("enabled(EPOLL)", {}, RuntimeOptions(frozenset()))
    assert check_condition("enabled(SPLICE)", {}, RuntimeOptions(frozenset({"SPLICE"})))


def messages(text: str, **variables: str) -> list[tuple[str, int, str]]:
    """The findings of a text of directives."""
    diagnostics = Diagnostics()
    load_text(text, diagnostics, variables=variables)
    return [(one.severity.name, one.position.line, one.message) for one in diagnostics.findings]


BLOCKS = """\
.if "${A}"
  .if "${B}"
     .notice "A=1, B=1"
  .elif "${C}"
     .notice "A=1, B=0, C=1"
  .elif "${D}"
     .warning "A=1, B=0, C=0, D=1"
  .else
     .alert "A=1, B=0, C=0, D=0"
  .endif
.else
     .notice "A=0"
.endif
"""


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ("NOTICE", 12, "'A=0'.")),
        ({"A": "0", "B": "1"}, ("NOTICE", 12, "'A=0'.")),
        ({"A": "1", "B": "1", "C": "1"}, ("NOTICE", 3, "'A=1, B=1'.")),
        ({"A": "1", "C": "1", "D": "1"}, ("NOTICE", 5, "'A=1, B=0, C=1'.")),
        ({"A": "1", "B": "0", "D": "1"}, ("WARNING", 7, "'A=1, B=0, C=0, D=1'.")),
        ({"A": "1", "D": ""}, ("ALERT", 9, "'A=1, B=0, C=0, D=0'.")),
    ],
)
def test_blocks(variables: dict[str, str], expected: tuple[str, int, str]) -> None:
    assert messages(BLOCKS, **variables) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".if 1\n", [("ALERT", 1, "non-terminated '.if' block.")]),
        (".else\n", [("ALERT", 1, "lone '.else' with no matching '.if'.")]),
        (".elif 1\n", [("ALERT", 1, "lone '.elif' with no matching '.if'.")]),
        (".endif\n", [("ALERT", 1, "lone '.endif' with no matching '.if'.")]),
        (".if 1\n.else\n.else\n.endif\n", [("ALERT", 3, "'.else' after '.else' is not permitted.")]),
        (".if 1\n.else\n.elif 1\n.endif\n", [("ALERT", 3, "'.elif' after '.else' is not permitted.")]),
        (
            ".if 1\n.else x\n.endif y\n",
            [
                ("ALERT", 2, "Unexpected argument 'x' for '.else'."),
                ("ALERT", 3, "Unexpected argument 'y' for '.endif'."),
            ],
        ),
        (".foo\n", [("ALERT", 1, "unknown directive '.foo'.")]),
        (
            ".notice a b\n",
            [("ALERT", 1, "Unexpected argument 'b' for '.notice'. Use quotes if the message should contain spaces.")],
        ),
        (".notice\n", [("NOTICE", 1, "''.")]),
        (".diag x\n", [("DIAG", 1, "'x'.")]),
        (".if\n.alert x\n.endif\n", []),
        ('.if ""\n.alert x\n.elif\n.alert y\n.endif\n', []),
        (".if 0\n.foo\n.if foo(\n.elif bar(\n.else\n.alert x\n.endif\n.endif\n", []),
        (".if 1\n.elif foo(\n.endif\n", []),
        (".if 0\nfoo 'bar\n.endif\n", [("ALERT", 2, "unmatched quote at position 5")]),
        (
            ".if foo(1)\n.alert x\n.else\n.alert y\n.endif\n.notice z\n",
            [("ALERT", 1, "unparsable conditional expression 'foo(1)' in '.if'"), ("NOTICE", 6, "'z'.")],
        ),
        (
            ".if streq(a,   a)\n.alert x\n.elif streq( a,   a) # comment\n.notice 'one space is left'\n.endif\n",
            [("NOTICE", 4, "'one space is left'.")],
        ),
    ],
)
def test_directives(text: str, expected: list[tuple[str, int, str]]) -> None:
    assert messages(text) == expected


def test_the_error_is_at_the_word() -> None:
    words = split_line(Place("f", 1, ".if 1 && foo(x) || 0"), {})
    with pytest.raises(ConfigError) as caught:
        evaluate(words[1:], PredicateInput({}), ".if")
    assert (caught.value.finding.position.column, caught.value.finding.position.length) == (10, 6)


@given(st.text(st.sampled_from("01!&|() ,'\"\\ax"), max_size=30))
def test_garbage_gives_a_truth_or_an_error(text: str) -> None:
    try:
        assert check_condition(text, {}) in (True, False)
    except ConfigError as error:
        assert error.finding.severity == Severity.ALERT


def render(tree: object) -> str:
    if isinstance(tree, bool):
        return "streq(a,a)" if tree else "strneq(a,a)"
    assert isinstance(tree, tuple)
    if tree[0] == "!":
        return "!(" + render(tree[1]) + ")"
    return "(" + render(tree[1]) + ") " + tree[0] + " (" + render(tree[2]) + ")"


def value(tree: object) -> bool:
    if isinstance(tree, bool):
        return tree
    assert isinstance(tree, tuple)
    if tree[0] == "!":
        return not value(tree[1])
    return value(tree[1]) and value(tree[2]) if tree[0] == "&&" else value(tree[1]) or value(tree[2])


TREES = st.recursive(
    st.booleans(),
    lambda inner: st.tuples(st.just("!"), inner) | st.tuples(st.sampled_from(["&&", "||"]), inner, inner),
    max_leaves=12,
)


@given(TREES)
def test_any_combination(tree: object) -> None:
    assert check_condition(render(tree), {}) is value(tree)


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=4), min_size=1, max_size=4))
def test_and_binds_closer_than_or(alternatives: list[list[bool]]) -> None:
    text = " || ".join(" && ".join("1" if one else "0" for one in terms) for terms in alternatives)
    assert check_condition(text, {}) is any(all(terms) for terms in alternatives)
