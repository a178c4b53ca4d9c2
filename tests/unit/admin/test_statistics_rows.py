"""Rows and columns of the statistics: what is where, what is derived."""

import csv
import io
import json

import pytest
from admin_stand import TEXT, Stand, stand

from pointsman.admin.render import as_json, quoted, typed
from pointsman.admin.render import csv as as_csv
from pointsman.admin.rows import Selection, StatisticsRow, rows, server_status
from pointsman.proto.h2_counters import H2Counters
from pointsman.server.server import FORCED_DRAIN, FORCED_MAINT, RUNNING, STARTING, STOPPED, STOPPING


def table(one: Stand, selection: Selection | None = None) -> dict[str, dict[str, str]]:
    text = as_csv(rows(one.view, selection or Selection()))
    return {f"{row['pxname']}/{row['svname']}": row for row in csv.DictReader(io.StringIO(text[2:]))}


def test_rows_stand_in_the_order_of_the_configuration() -> None:
    with stand() as one:
        assert list(table(one)) == [
            "web/FRONTEND",
            "web/one",
            "both/FRONTEND",
            "both/l1",
            "both/BACKEND",
            "app/s1",
            "app/s2",
            "app/s3",
            "app/BACKEND",
            "spare/u1",
            "spare/BACKEND",
            "raw/BACKEND",
        ]


def test_what_the_configuration_says() -> None:
    with stand() as one:
        found = table(one)
    assert [found[name]["slim"] for name in ("web/FRONTEND", "both/FRONTEND", "both/l1", "app/s1")] == [
        "123",
        "500",
        "10",
        "",
    ]
    assert [found[name]["algo"] for name in ("both/BACKEND", "app/BACKEND", "raw/BACKEND")] == [
        "leastconn",
        "roundrobin",
        "random",
    ]
    assert [found[name]["addr"] for name in ("both/l1", "app/s2", "spare/u1")] == ["127.0.0.1:81", "[::1]:82", "unix"]
    assert [found[name]["iid"] for name in ("web/FRONTEND", "both/FRONTEND", "both/BACKEND", "app/s3")] == [
        "2",
        "3",
        "3",
        "4",
    ]
    assert [found[name]["type"] for name in ("web/FRONTEND", "app/BACKEND", "app/s1", "web/one")] == [
        "0",
        "1",
        "2",
        "3",
    ]
    assert found["web/FRONTEND"]["rate_lim"] == "9"
    assert (found["app/s2"]["act"], found["app/s2"]["bck"]) == ("0", "1")
    assert found["raw/BACKEND"]["mode"] == "tcp" and found["raw/BACKEND"]["hrsp_2xx"] == ""


def test_counters_are_shown_as_they_are() -> None:
    with stand() as one:
        counters = one.server("app", "s1").counters
        counters.sessions, counters.bytes_in, counters.bytes_out = 7, 100, 2000
        counters.http_2xx, counters.failed_connections, counters.timed, counters.total_time = 5, 2, 4, 20
        row = table(one)["app/s1"]
    assert (row["stot"], row["bin"], row["bout"], row["hrsp_2xx"], row["econ"], row["ttime"]) == (
        "7",
        "100",
        "2000",
        "5",
        "2",
        "5",
    )


def test_what_is_of_http2_is_not_counted_for_http1() -> None:
    with stand() as one:
        frontend, backend = one.live.frontends[0], one.server("app", "s1").backend
        frontend.counters.sessions, frontend.counters.requests = 5, 40
        frontend.counters.bytes_in, frontend.counters.bytes_out = 1000, 3000
        counters = H2Counters(frontend.h2)
        counters.begin()
        counters.opened, counters.requests = 31, 30
        counters.bytes_in, counters.bytes_out, counters.headers, counters.goaway_sent = 400, 700, 32, 1
        counters.fold(2)
        backend.counters.connects, backend.counters.reuses = 3, 9
        behind = H2Counters(backend.h2)
        behind.begin()
        behind.opened = behind.headers = 4
        behind.fold(0)
        found = table(one)
        assert one.ask("clear counters all") == ""
        cleared = table(one)["web/FRONTEND"]
    web, app = found["web/FRONTEND"], found["app/BACKEND"]
    assert {name: value for name, value in web.items() if name[:2] in ("h1", "h2") and value != "0"} == {
        "h1sess": "4",
        "h2sess": "1",
        "h1req": "10",
        "h2req": "30",
        "h2_headers_rcvd": "32",
        "h2_goaway_resp": "1",
        "h2_open_connections": "1",
        "h2_backend_open_streams": "2",
        "h2_total_connections": "1",
        "h2_backend_total_streams": "31",
        "h1_total_connections": "4",
        "h1_total_streams": "10",
        "h1_bytes_in": "600",
        "h1_bytes_out": "2300",
    }
    assert {name: app[name] for name in ("h2_headers_rcvd", "h2_open_connections", "h1_total_connections")} == {
        "h2_headers_rcvd": "4",
        "h2_open_connections": "1",
        "h1_total_connections": "2",
    }
    assert (app["h2_backend_total_streams"], app["h1_total_streams"], app["h1sess"]) == ("4", "8", "")
    assert found["app/s1"]["h2_headers_rcvd"] == found["web/one"]["h2_headers_rcvd"] == ""
    assert (cleared["h2sess"], cleared["h2_open_connections"], cleared["h2_backend_open_streams"]) == ("0", "1", "2")


def test_a_backend_sums_the_servers_that_are_in_use() -> None:
    with stand() as one:
        before = table(one)["app/BACKEND"]
        one.server("app", "s1").admin = FORCED_MAINT
        one.server("app", "s1").backend.refresh()
        after = table(one)["app/BACKEND"]
        one.server("app", "s2").state = STOPPED
        one.server("app", "s2").backend.refresh()
        empty = table(one)["app/BACKEND"]
    assert [before[name] for name in ("status", "weight", "act", "bck")] == ["UP", "2", "1", "1"]
    assert [after[name] for name in ("status", "weight", "act", "bck")] == ["UP", "1", "0", "1"]
    assert [empty[name] for name in ("status", "weight", "act", "bck")] == ["DOWN", "0", "0", "0"]


def test_states_of_a_server() -> None:
    with stand() as one:
        server = one.server("app", "s1")
        assert server_status(server) == "no check"
        server.admin = FORCED_DRAIN
        assert server_status(server) == "DRAIN"
        server.admin = FORCED_MAINT
        assert server_status(server) == "MAINT"
        server.admin, server.checked, server.rise, server.fall = 0, True, 2, 3
        for state, health, status in (
            (RUNNING, 4, "UP"),
            (RUNNING, 3, "UP 2/3"),
            (RUNNING, 2, "UP 1/3"),
            (STOPPED, 0, "DOWN"),
            (STOPPED, 1, "DOWN 1/2"),
            (STOPPING, 4, "NOLB"),
            (STARTING, 4, "UP"),
        ):
            server.state, server.check_health = state, health
            assert server_status(server) == status


def test_checks_have_columns_only_where_there_are_checks() -> None:
    with stand() as one:
        server = one.server("app", "s1")
        server.checked, server.check_status, server.check_code, server.check_duration = True, "L7STS", 503, 4
        server.last_check, server.check_fails = "no, thanks", 3
        found = table(one)
    row, other = found["app/s1"], found["app/s2"]
    shown = ("check_status", "check_code", "check_duration", "check_desc", "last_chk", "chkfail")
    assert [row[name] for name in shown] == ["L7STS", "503", "4", "Layer7 wrong status", "no, thanks", "3"]
    assert [other[name] for name in ("check_status", "chkfail", "downtime")] == ["", "", ""]


def test_slow_start_shows_what_is_in_force() -> None:
    with stand() as one:
        server = one.server("both", "l1")
        server.state, server.share = STARTING, 8
        row = table(one)["both/l1"]
    assert (row["throttle"], row["weight"], row["uweight"]) == ("50", "3", "5")


def test_selections() -> None:
    with stand() as one:
        assert list(table(one, Selection(number=4, types=4))) == ["app/s1", "app/s2", "app/s3"]
        assert list(table(one, Selection(number=4, types=4, sid=2))) == ["app/s2"]
        assert list(table(one, Selection(types=1))) == ["web/FRONTEND", "both/FRONTEND"]
        assert list(table(one, Selection(scope=("raw",)))) == ["raw/BACKEND"]
        assert list(table(one, Selection(number=4, types=4, hide_maintenance=True))) == ["app/s1", "app/s2"]
        one.server("app", "s2").state = STOPPED
        hidden = table(one, Selection(number=4, hide_down=True))
    assert list(hidden) == ["app/s1", "app/BACKEND"] and hidden["app/BACKEND"]["status"] == "UP (1/3)"


def test_addresses_are_for_operators() -> None:
    with stand() as one:
        found = table(one, Selection(private=False))
    for name, column in (("app/s1", "addr"), ("web/one", "addr"), ("app/BACKEND", "algo")):
        assert found[name][column] == ""


def test_cells_are_quoted_where_they_are_ambiguous() -> None:
    assert [quoted(value) for value in (5, "plain", 'a "b"', "a,b", "a\nb")] == [
        "5",
        "plain",
        '"a ""b"""',
        '"a,b"',
        "a b",
    ]


def test_typed_lines_and_json_say_the_same() -> None:
    with stand() as one:
        lines = typed(rows(one.view, Selection(number=4)), descriptions=True).splitlines()
        found = json.loads(as_json(rows(one.view, Selection(number=4))))
    assert 'S.4.1.1.svname.1:KNSV:str:s1:"FRONTEND, BACKEND, or the name of the server or listener"' in lines
    assert any(line.startswith("B.4.0.19.act.1:MGPV:u32:1:") for line in lines)
    assert any(line.startswith("S.4.1.19.act.1:SGPV:u32:1:") for line in lines)
    assert sum(len(row) for row in found) == len(lines)
    assert found[0][0] == {
        "objType": "Server",
        "proxyId": 4,
        "id": 1,
        "field": {"pos": 0, "name": "pxname"},
        "processNum": 1,
        "tags": {"origin": "Key", "nature": "Name", "scope": "Service"},
        "value": {"type": "str", "value": "app"},
    }


def test_a_column_that_is_not_declared_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="nonsense"):
        StatisticsRow("F", 1, 0).put("nonsense", 1)


def test_the_same_text_has_no_page_for_tcp() -> None:
    """A listen section in mode tcp is warned about, not served."""
    text = TEXT.replace("backend raw\n    mode tcp", "backend raw\n    mode tcp\n    stats enable")
    with stand(text) as one:
        raw = one.view.back("raw")
        assert raw is not None and raw.back is not None and raw.back.backend.services == []
