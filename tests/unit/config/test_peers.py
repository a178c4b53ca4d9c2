"""peers sections (manual 11.2): their tables, and who may be named in them. Messages and statuses are those of the peer
program (3.2), but for what is refused because there is no protocol."""

import pytest

from pointsman.assemble import assemble
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics
from pointsman.tables.stick_tables import TABLES
from pointsman.tables.stick_types import KeyType

PROXY = """
defaults
    mode tcp
    timeout client 1s
    timeout server 1s
    timeout connect 1s
listen l
    bind 127.0.0.1:1234
    server s 127.0.0.1:1
"""


def said(peers: str, proxy: str = "", name: str = "me") -> list[tuple[str, str]]:
    """Severity and text of all findings."""
    diagnostics = Diagnostics()
    variables: dict[str, str] = {}
    text = f"global\n    localpeer {name}\n{peers}{PROXY}{proxy}"
    configuration = load_text(text, diagnostics, variables=variables)
    if not diagnostics.failed:
        assemble(configuration, diagnostics).reactor.epoll.close()
    return [(finding.severity.name, finding.message) for finding in diagnostics.findings]


def test_tables_of_a_section_that_is_this_instance_alone() -> None:
    found = said(
        "peers p\n peer me 127.0.0.1:1\n table t type ipv6 size 1k expire 10s\n table u type string size 9\n",
        " stick-table type ip size 10 peers p\n",
    )
    assert found == []
    assert sorted(TABLES.by_name) == ["l", "p/t", "p/u"]
    options = TABLES.by_name["p/t"].options
    assert (options.type, options.size, options.expire) == (KeyType.IPV6, 1024, 10_000)


@pytest.mark.parametrize(
    "lines",
    [
        " peer me 127.0.0.1:1111\n",
        " peer me /tmp/socket\n",
        " bind 127.0.0.1:1112\n server me\n",
        " bind 127.0.0.1:1112\n default-bind name x\n default-server maxconn 5\n server me\n log 127.0.0.1 local0\n",
        " disabled\n peer me 127.0.0.1:1\n peer other 127.0.0.1:2\n",
        " disabled\n enabled\n peer me 127.0.0.1:1\n",
        " peer me 127.0.0.1:1\n shards 3\n",
    ],
)
def test_sections_that_need_no_protocol(lines: str) -> None:
    assert said("peers p\n" + lines, " stick-table type ip size 10 peers p\n") == []


def test_a_section_without_this_instance_is_removed_but_not_its_tables() -> None:
    found = said("peers p\n peer other 127.0.0.1:1\n table t type ip size 10\n")
    assert found == [("WARNING", "Removing incomplete section 'peers p' (no peer named 'me').")]
    assert "p/t" in TABLES.by_name


def test_another_instance_is_refused() -> None:
    found = said("peers p\n peer me 127.0.0.1:1\n peer other 127.0.0.1:2\n")
    assert found == [
        (
            "ALERT",
            "peers section 'p': peer 'other' is another instance, and the protocol between instances is not built yet",
        )
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (" peer me 127.0.0.1:1\n peer me 127.0.0.1:2\n", "'peer me' : local peer name already referenced at "),
        (" peer x\n", "'peer x' : ignoring invalid peer definition (missing address:port)"),
        (" peer\n", "'peer ' : ignoring invalid peer definition (missing address:port)"),
        (" server\n", "'server ' : ignoring invalid peer definition (missing address:port)"),
        (" peer a 127.0.0.1\n", "'peer a' : missing port specification in '127.0.0.1'"),
        (" peer a 127.0.0.1:1 nonsense\n", "'peer a' : unknown keyword 'nonsense'"),
        (" peer me 127.0.0.1:1\n bind 127.0.0.1:2\n", 'mixing "peer" and "bind" line is forbidden'),
        (" shards\n", "'shards' expects <shards>"),
        (" shards x\n", "'shards': 'x' is not a number"),
        (" default-bind foo\n", "'default-bind' : unknown keyword 'foo'"),
        (" balance random\n", "unknown keyword 'balance' in 'peers' section"),
        (" table\n", "'table' expects <tablename>"),
        (" table x\n", "table: missing size."),
        (" table t type ip size 1 peers p\n", "table: unknown argument 'peers'."),
        (
            " table t type ip size 1\n table t type ip size 2\n",
            "stick-table name 't' conflicts with table declared in ",
        ),
    ],
)
def test_wrong_lines(lines: str, message: str) -> None:
    found = said("peers p\n" + lines)
    assert any(message in text for _, text in found), found


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("peers\n", "missing name for peers section."),
        ("peers a b\n", "'peers' cannot handle unexpected argument 'b'."),
        ("peers a/b\n", "character '/' is not permitted in 'peers' name 'a/b'."),
        ("peers a\npeers a\n", "peers section 'a' has the same name as another peers section declared at "),
    ],
)
def test_wrong_sections(section: str, message: str) -> None:
    found = said(section)
    assert any(severity == "ALERT" and message in text for severity, text in found), found


def test_a_table_that_names_no_section() -> None:
    found = said("peers p1\n peer me 127.0.0.1:1\n", " stick-table type ip size 10 peers p2\n")
    assert found == [("ALERT", "Proxy 'l': unable to find sync peers 'p2'.")]
    found = said("peers p\n", " stick-table type ip size 10 peers p\n")
    assert ("ALERT", "Proxy 'l': unable to find local peer 'me' in peers section 'p'.") in found
