"""The table of all words, and what it says of those that are not built."""

import pytest

from pointsman.config import vocabulary
from pointsman.config.removed import REMOVED
from pointsman.config.setting import SECTIONS
from pointsman.core.diagnostics import Position

AT = Position("f", 1, 1, 1, "x")


@pytest.mark.parametrize(
    ("kind", "word", "where", "manual"),
    [
        ("proxy", "balance", ("defaults", "listen", "backend"), "4.2"),
        ("proxy", "capture request header", ("frontend", "listen"), "4.2"),
        ("global", "nbthread", ("global",), "3.1"),
        ("global", "tune.bufsize", ("global",), "3.2"),
        ("action", "set-method", ("http-request",), "4.4"),
        ("action", "set-status", ("http-response", "http-after-response"), "4.4"),
        ("bind", "crt-list", (), "5.1"),
        ("server", "weight", (), "5.2"),
        ("converter", "regsub", (), "7.3.1"),
        ("fetch", "always_true", (), "7.3.2"),
        ("fetch", "src", (), "7.3.3"),
        ("fetch", "ssl_fc_sni", (), "7.3.4"),
        ("fetch", "req.payload", (), "7.3.5"),
        ("fetch", "path", (), "7.3.6"),
        ("acl", "path_beg", (), "7.3.6"),
        ("section", "peers", (), "11.2"),
        ("filter", "spoe", (), "9"),
        ("command", "show stat", (), "management 9.3"),
    ],
)
def test_facts_of_the_manual(kind: str, word: str, where: tuple[str, ...], manual: str) -> None:
    entry = vocabulary.lookup(kind, word)
    assert entry is not None
    assert (entry.kind, entry.word, entry.where, entry.manual) == (kind, word, where, manual)


def test_the_table_is_whole() -> None:
    """The counts of the manual's matrices and of the program's lists."""
    assert len(vocabulary.words("proxy")) >= 188
    assert len(vocabulary.words("global")) >= 275
    assert len(vocabulary.words("action")) >= 77
    assert len(vocabulary.words("bind")) >= 80
    assert len(vocabulary.words("server")) >= 124
    assert set(SECTIONS) < set(vocabulary.words("section"))
    for kind in ("proxy", "global", "userlist", "http-errors"):
        for word in vocabulary.words(kind):
            entry = vocabulary.lookup(kind, word)
            assert entry is not None and entry.where and set(entry.where) <= set(SECTIONS)


def test_unknown_words_have_no_entry() -> None:
    assert vocabulary.lookup("proxy", "blance") is None
    assert vocabulary.lookup("nothing", "balance") is None


@pytest.mark.parametrize(
    ("kind", "word", "message", "hint"),
    [
        ("server", "check-ssl", "server option 'check-ssl' is not built yet", "manual 5.2 describes it"),
        ("fetch", "path_beg", "sample fetch method 'path_beg' is not built yet", "manual 7.3.6 describes it"),
        ("converter", "regsbu", "unknown converter 'regsbu'", "did you mean 'regsub'?"),
        ("bind", "qqqqqq", "unknown bind option 'qqqqqq'", ""),
    ],
)
def test_not_built(kind: str, word: str, message: str, hint: str) -> None:
    finding = vocabulary.not_built(kind, word, AT).finding
    assert (finding.message, finding.hint, finding.position) == (message, hint, AT)


def test_a_built_name_may_be_the_nearest_and_the_words_may_be_anothers() -> None:
    finding = vocabulary.not_built("action", "our-actoin", AT, ["our-action"], "expects an action").finding
    assert (finding.message, finding.hint) == ("expects an action", "did you mean 'our-action'?")


def test_removed_words_are_not_in_the_manual_of_today() -> None:
    for word in REMOVED:
        assert vocabulary.lookup("proxy", word) is None
