"""`stats` lines of proxies (manual 4.2)."""

import pytest
from support.configs import good, only_error, section

from pointsman.config.stats import StatisticsPage, statistics_page

PLAIN = StatisticsPage(
    uri=b"/haproxy?stats",
    realm=b"HAProxy Statistics",
    accounts=(),
    scope=(),
    refresh=0,
    hide_version=True,
    node=None,
    description=None,
    legends=False,
    modules=False,
)


def page(*lines: str, before: str = "") -> StatisticsPage | None:
    return statistics_page(good("listen", *lines, before=before).proxy)


def test_no_line_no_page() -> None:
    assert page() is None


@pytest.mark.parametrize("line", ["stats enable", "stats hide-version"])
def test_any_line_enables_the_page(line: str) -> None:
    assert page(line) == PLAIN


def test_everything() -> None:
    assert page(
        "stats uri /admin?stats",
        "stats realm My\\ Page",
        "stats auth a:b",
        "stats auth c:d:e",
        "stats scope .",
        "stats scope other",
        "stats refresh 1m",
        "stats show-version",
        "stats show-node n1",
        "stats show-desc Master for Europe",
        "stats show-legends",
        "stats show-modules",
    ) == StatisticsPage(
        uri=b"/admin?stats",
        realm=b"My Page",
        accounts=((b"a", b"b"), (b"c", b"d:e")),
        scope=("x", "other"),
        refresh=60,
        hide_version=False,
        node="n1",
        description="Master for Europe",
        legends=True,
        modules=True,
    )


@pytest.mark.parametrize("text, seconds", [("10", 10), ("5s", 5), ("500ms", 1), ("0", 0)])
def test_refresh_counts_in_seconds(text: str, seconds: int) -> None:
    found = page(f"stats refresh {text}")
    assert found is not None and found.refresh == seconds


def test_node_and_description_of_the_global_section() -> None:
    found = page("stats show-node", "stats show-desc")
    assert found is not None and (found.node, found.description) == ("", "")


def test_defaults_are_inherited_and_hide_version_takes_back() -> None:
    found = page(
        "stats hide-version", "stats auth c:d", before="defaults\n stats uri /s\n stats show-version\n stats auth a:b\n"
    )
    assert found is not None
    assert (found.uri, found.hide_version, found.accounts) == (b"/s", True, ((b"a", b"b"), (b"c", b"d")))


@pytest.mark.parametrize(("word", "user"), [("admin", b"admin"), ("admin:", b"admin"), (":", b"")])
def test_an_empty_password_is_noticed(word: str, user: bytes) -> None:
    loaded = good("listen", f"stats auth {word}", "stats auth :c")
    found = statistics_page(loaded.proxy)
    assert found is not None and found.accounts == ((user, b""), (b"", b"c"))
    assert loaded.notices == [f"'stats auth': the password of '{user.decode()}' is empty"]


@pytest.mark.parametrize(
    "line, message",
    [
        ("stats uri", "'uri' needs an URI prefix."),
        ("stats realm", "'realm' needs an realm name."),
        ("stats auth", "'auth' needs a user:password account."),
        ("stats scope", "'scope' needs a proxy name."),
        ("stats refresh x", "'x' is not a time"),
        ("stats admin", "'stats admin' requires either 'if' or 'unless' followed by a condition"),
        ("stats admin TRUE", "'stats admin' requires either 'if' or 'unless' followed by a condition"),
        ("stats http-request alow", "'stats http-request' expects 'allow', 'deny' or 'auth', but got 'alow'"),
        ("stats http-request allow x", "'stats http-request' cannot handle unexpected argument 'x'"),
    ],
)
def test_errors(line: str, message: str) -> None:
    assert only_error("listen", line) == message


def test_what_haproxy_overlooks_is_a_warning() -> None:
    loaded = section("listen", "stats realm HAProxy Statistics of mine")
    assert loaded.errors == []
    assert loaded.warnings == ["'stats realm': argument 'Statistics' is ignored"]
    found = statistics_page(loaded.proxy)
    assert found is not None and found.realm == b"HAProxy"
