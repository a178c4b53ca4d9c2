"""stick lines, and what is wrong with them (manual 4.2)."""

import pytest

import pointsman.keywords  # noqa: F401
from pointsman.assemble import assembled
from pointsman.config.load import load_text
from pointsman.config.server_line import ServerLine
from pointsman.core.diagnostics import Diagnostics
from pointsman.rules.stick import StickLine
from pointsman.tables.stick_tables import TABLES

HEAD = "defaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n mode http\n"
TABLE = "backend tt\n stick-table type string size 10\nbackend ti\n stick-table type ip size 10\n"


def findings(lines: str, before: str = TABLE) -> list[tuple[str, int, str]]:
    """Message, column, and what would be right, of all that is wrong."""
    diagnostics = Diagnostics()
    configuration = load_text(HEAD + before + lines, diagnostics)
    if not diagnostics.failed:
        assembled(configuration, diagnostics, resolves=False)
    return [(one.message, one.position.column, one.hint or one.expected) for one in diagnostics.findings]


def test_what_lines_say() -> None:
    diagnostics = Diagnostics()
    text = (
        "backend b\n stick-table type ip size 10\n stick on src\n stick match path lower table tt unless { path / }\n"
        " stick store-request src table tt if TRUE\n stick store-response res.hdr(x),lower table tt\n"
    )
    lines = load_text(text, diagnostics).proxies[0].all(StickLine)
    assert diagnostics.findings == []
    assert [(one.matches, one.stores, one.response, one.table.name, one.pattern.text) for one in lines] == [
        (True, True, False, "b", "src"),
        (True, False, False, "tt", "path,lower"),
        (False, True, False, "tt", "src"),
        (False, True, True, "tt", "res.hdr(x),lower"),
    ]
    assert [(one.condition is not None, one.negated) for one in lines] == [
        (False, False),
        (True, True),
        (True, False),
        (False, False),
    ]


def test_tables_keep_servers_where_rules_need_them() -> None:
    """server_id is detected (manual 11.1, store); server_key as well, as haproxy's `show table` shows."""
    assert findings("backend b\n stick match src table ti\n") == []
    assert list(TABLES.by_name["ti"].fields) == ["server_id", "server_key"]
    assert list(TABLES.by_name["tt"].fields) == []


@pytest.mark.parametrize(
    ("line", "message", "column", "right"),
    [
        ("stick on", "'stick on' expects a fetch method.", 10, "<pattern>, such as src"),
        ("stick on nosuch", "unknown fetch method 'nosuch'", 11, ""),
        ("stick on src,nosuch", "unknown converter 'nosuch'", 15, ""),
        ("stick on src", "unable to find table 'b'", 2, "the name of a proxy that has a stick-table"),
        ("stick on src table tii", "unable to find table 'tii'", 21, "did you mean 'ti'?"),
        ("stick on src table", "'stick on' expects <table>", 20, "<table>"),
        ("stick on src tabel ti", "'stick on': unknown keyword 'tabel'.", 15, "did you mean 'table'?"),
        ("stick on src table ti when TRUE", "'stick on': unknown keyword 'when'.", 24, ""),
        ("stick on src if TRUE table ti", "no such ACL : 'table'", 23, ""),
        (
            "stick match bin(00) table ti",
            "Proxy 'b': type of fetch not usable with type of stick-table 'ti'.",
            14,
            "what can become ip, not bin",
        ),
        (
            "stick on bool(true) table ti",
            "Proxy 'b': type of fetch not usable with type of stick-table 'ti'.",
            11,
            "what can become ip, not bool",
        ),
    ],
)
def test_what_is_wrong(line: str, message: str, column: int, right: str) -> None:
    (said, at, hint), *_ = findings(f"backend b\n {line}\n")
    assert message in said and at == column
    assert right in hint


@pytest.mark.parametrize("rule", ["on", "match", "store-request"])
def test_requests_know_nothing_of_responses(rule: str) -> None:
    (said, column, _), *_ = findings(f"backend b\n stick {rule} res.hdr(x) table tt\n")
    assert said.startswith("sample fetch <res.hdr> may not be reliably used here") and column == 9 + len(rule)


def test_nor_responses_of_requests() -> None:
    (said, column, _), *_ = findings("backend b\n stick store-response path table tt\n")
    assert said.startswith("sample fetch <path> may not be reliably used here") and column == 23


def test_unknown_kinds_and_places() -> None:
    assert "did you mean 'on'?" in findings("backend b\n stick one src\n")[0][2]
    assert findings("defaults d\n stick on src\n")[0][0] == "'stick on' not allowed in 'defaults' section."
    assert "ignored because frontend 'f' has no backend capability." in findings("frontend f\n stick on src\n")[0][0]


def test_non_stick_and_what_takes_it_back() -> None:
    diagnostics = Diagnostics()
    text = (
        "backend b\n default-server non-stick\n server a 127.0.0.1:1\n server b 127.0.0.1:2 stick\n"
        "backend c\n server a 127.0.0.1:1\n server b 127.0.0.1:2 stick non-stick\n"
    )
    proxies = load_text(text, diagnostics).proxies
    assert diagnostics.findings == []
    assert [line.parameters.sticks for proxy in proxies for line in proxy.all(ServerLine)] == [False, True, True, False]
