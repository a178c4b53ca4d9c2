"""Stick tables of a configuration, put together: names, references, what rules want stored."""

from support.configs import read

from pointsman.assemble.tables import build_tables
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics, Position
from pointsman.tables.stick_tables import TABLES

AT = Position("f", 3, 7, 4, "      abcd")


def built(text: str) -> list[str]:
    loaded = read(text)
    assert loaded.errors == []
    build_tables(loaded.configuration, 2, loaded.diagnostics)
    return loaded.errors


def test_tables_have_the_names_of_their_proxies() -> None:
    built(
        "frontend f\n stick-table type ip size 10 store conn_cnt\n"
        "listen l\n stick-table type string size 5\n"
        "backend b\nbackend d\n disabled\n stick-table type integer size 7 expire 3s\n"
    )
    assert list(TABLES.by_name) == ["f", "l", "d"]
    table = TABLES.by_name["d"]
    assert (table.options.size, table.expire, table.slab.size) == (7, 3000, 7)
    assert table.slab.used == 0


def test_a_new_configuration_has_its_own() -> None:
    built("frontend f\n stick-table type ip size 10\n")
    built("frontend g\n stick-table type ip size 10\n")
    assert list(TABLES.by_name) == ["g"]


def test_references_learn_their_table() -> None:
    diagnostics = Diagnostics()
    configuration = load_text("backend b\n stick-table type ip size 10\n", diagnostics)
    later = TABLES.refer("b", AT)
    assert later.table is None
    build_tables(configuration, 1, diagnostics)
    assert not diagnostics.findings
    assert later.table is TABLES.by_name["b"]


def test_a_reference_to_nothing() -> None:
    diagnostics = Diagnostics()
    configuration = load_text("backend counts\n stick-table type ip size 10\nbackend x\n", diagnostics)
    for name in ("count", "count", "x"):
        TABLES.refer(name, AT)
    TABLES.refer("", AT, missing=True)
    build_tables(configuration, 1, diagnostics)
    found = [(one.message, one.hint, one.position) for one in diagnostics.findings]
    assert found == [
        ("unable to find table 'count'", "did you mean 'counts'?", AT),
        ("unable to find table 'x'", "", AT),
        ("table name must be set in a defaults section", "", AT),
    ]


def test_what_rules_want_is_stored_once() -> None:
    diagnostics = Diagnostics()
    configuration = load_text(
        "backend b\n stick-table type ip size 10 store server_key,gpc0\nbackend c\n stick-table type ip size 10\n",
        diagnostics,
    )
    for name in ("server_id", "server_key", "server_id"):
        TABLES.want("b", name)
    build_tables(configuration, 1, diagnostics)
    assert sorted(TABLES.by_name["b"].fields) == ["gpc0", "server_id", "server_key"]
    assert not TABLES.by_name["c"].fields


def test_write_to() -> None:
    source = "backend a\n stick-table type ip size 10 write-to "
    others = "backend b\n stick-table type ipv4 size 20\nbackend c\n stick-table type string size 20\n"
    assert built(f"{source}b\n{others}") == []
    assert built(f"{source}bb\n{others}") == ["stick-table 'a': write-to: table 'bb' doesn't exist."]
    assert built(f"{source}a\n{others}") == ["stick-table 'a': write-to: table 'a' is the source table itself."]
    assert built(f"{source}c\n{others}") == ["stick-table 'a': write-to: table 'c' has another type or key length."]
