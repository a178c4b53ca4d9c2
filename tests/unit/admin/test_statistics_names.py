"""Names, order, tags and types of `show stat`, which programs parse: as HAProxy 3.5 prints them."""

import csv
import io

import pytest
from admin_stand import Stand, stand

from pointsman.admin.columns import COLUMNS, CSV_HEADER, PROTOCOLS, STATIC
from pointsman.admin.render import csv as as_csv
from pointsman.admin.render import typed
from pointsman.admin.rows import Selection, rows

IN_ORDER = """
pxname svname qcur qmax scur smax slim stot bin bout dreq dresp ereq econ eresp wretr wredis status weight act bck
chkfail chkdown lastchg downtime qlimit pid iid sid throttle lbtot tracked type rate rate_lim rate_max check_status
check_code check_duration hrsp_1xx hrsp_2xx hrsp_3xx hrsp_4xx hrsp_5xx hrsp_other hanafail req_rate req_rate_max
req_tot cli_abrt srv_abrt comp_in comp_out comp_byp comp_rsp lastsess last_chk last_agt qtime ctime rtime ttime
agent_status agent_code agent_duration check_desc agent_desc check_rise check_fall check_health agent_rise agent_fall
agent_health addr cookie mode algo conn_rate conn_rate_max conn_tot intercepted dcon dses wrew connect reuse
cache_lookups cache_hits srv_icur src_ilim qtime_max ctime_max rtime_max ttime_max eint idle_conn_cur safe_conn_cur
used_conn_cur need_conn_est uweight agg_server_status agg_server_check_status agg_check_status srid sess_other h1sess
h2sess h3sess req_other h1req h2req h3req proto priv_idle_cur reqbin reqbout resbin resbout cache_hint_hits
"""
BEHIND_THE_DIVIDER = """
h2_headers_rcvd h2_data_rcvd h2_settings_rcvd h2_rst_stream_rcvd h2_goaway_rcvd h2_detected_conn_protocol_errors
h2_detected_strm_protocol_errors h2_rst_stream_resp h2_goaway_resp h2_open_connections h2_backend_open_streams
h2_total_connections h2_backend_total_streams ssl_sess ssl_reused_sess ssl_failed_handshake ssl_ocsp_staple
ssl_failed_ocsp_staple h1_open_connections h1_open_streams h1_total_connections h1_total_streams h1_bytes_in
h1_bytes_out h1_spliced_bytes_in h1_spliced_bytes_out
"""

# Tags and type of every value that frontends, servers and backends have.
TAGS = {
    "KNSV:str": "pxname svname",
    "MGPV:u32": """
        scur qcur srv_icur idle_conn_cur safe_conn_cur used_conn_cur need_conn_est priv_idle_cur
        agg_server_status agg_server_check_status agg_check_status
    """,
    "MGPV:u32 B": "rate_max act bck",
    "MMPV:u32": "smax req_rate_max conn_rate_max qmax qtime_max ctime_max rtime_max ttime_max",
    "MMPV:u32 FS": "rate_max",
    "CLPV:u32": "slim rate_lim",
    "MCPP:u64": """
        stot bin bout dreq dresp ereq hrsp_1xx hrsp_2xx hrsp_3xx hrsp_4xx hrsp_5xx hrsp_other req_tot comp_in
        comp_out comp_byp comp_rsp conn_tot intercepted dcon dses wrew cache_lookups cache_hits eint h1sess
        h2sess h3sess req_other h1req h2req h3req reqbin reqbout resbin resbout cache_hint_hits econ eresp wretr
        wredis chkfail chkdown lbtot cli_abrt srv_abrt connect reuse
    """,
    "SGPV:str": "status",
    "KGPV:u32": "pid",
    "KGSV:u32": "iid sid",
    "CGSV:u32": "type check_rise check_fall check_health",
    "MRPP:u32": "rate req_rate conn_rate",
    "CGSV:str": "mode addr algo",
    "MCPV:u64": """
        sess_other h2_headers_rcvd h2_data_rcvd h2_settings_rcvd h2_rst_stream_rcvd h2_goaway_rcvd
        h2_detected_conn_protocol_errors h2_detected_strm_protocol_errors h2_rst_stream_resp h2_goaway_resp
        h2_total_connections h2_backend_total_streams ssl_sess ssl_reused_sess ssl_failed_handshake
        ssl_ocsp_staple ssl_failed_ocsp_staple h1_total_connections h1_total_streams h1_bytes_in h1_bytes_out
        h1_spliced_bytes_in h1_spliced_bytes_out
    """,
    "MGPV:u64": "h2_open_connections h2_backend_open_streams h1_open_connections h1_open_streams",
    "MaPV:u32": "weight qtime ctime rtime ttime uweight",
    "SGPV:u32 S": "act bck",
    "MAPP:u32": "lastchg",
    "MCPV:u32": "downtime srid",
    "MOPV:str": "check_status last_chk check_desc",
    "MOPV:u32": "check_code",
    "MDPV:u64": "check_duration",
    "MAPP:s32": "lastsess",
    "CNSV:str": "cookie",
}

# What a row has without any cookie, limit, tracking or agent.
PRESENT = {
    "F http": """
        pxname svname scur smax slim stot bin bout dreq dresp ereq status pid iid sid type rate rate_lim
        rate_max hrsp_1xx hrsp_2xx hrsp_3xx hrsp_4xx hrsp_5xx hrsp_other req_rate req_rate_max req_tot comp_in
        comp_out comp_byp comp_rsp mode conn_rate conn_rate_max conn_tot intercepted dcon dses wrew
        cache_lookups cache_hits eint sess_other h1sess h2sess h3sess req_other h1req h2req h3req reqbin reqbout
        resbin resbout cache_hint_hits
    """,
    "F tcp": """
        pxname svname scur smax slim stot bin bout dreq dresp ereq status pid iid sid type rate rate_lim
        rate_max req_rate req_rate_max req_tot comp_in comp_out comp_byp comp_rsp mode conn_rate conn_rate_max
        conn_tot dcon dses wrew eint sess_other h1sess h2sess h3sess req_other h1req h2req h3req reqbin reqbout
        resbin resbout
    """,
    "S http": """
        pxname svname qcur qmax scur smax stot bin bout dresp econ eresp wretr wredis status weight act bck
        chkfail chkdown lastchg downtime pid iid sid lbtot type rate rate_max check_status check_duration
        hrsp_1xx hrsp_2xx hrsp_3xx hrsp_4xx hrsp_5xx hrsp_other req_tot cli_abrt srv_abrt lastsess last_chk
        qtime ctime rtime ttime check_desc check_rise check_fall check_health addr mode wrew connect reuse
        srv_icur qtime_max ctime_max rtime_max ttime_max eint idle_conn_cur safe_conn_cur used_conn_cur
        need_conn_est uweight srid priv_idle_cur reqbin reqbout resbin resbout
    """,
    "S tcp": """
        pxname svname qcur qmax scur smax stot bin bout dresp econ eresp wretr wredis status weight act bck
        lastchg pid iid sid lbtot type rate rate_max cli_abrt srv_abrt lastsess qtime ctime rtime ttime addr
        mode wrew connect reuse srv_icur qtime_max ctime_max rtime_max ttime_max eint idle_conn_cur
        safe_conn_cur used_conn_cur need_conn_est uweight srid priv_idle_cur reqbin reqbout resbin resbout
    """,
    "B http": """
        pxname svname qcur qmax scur smax slim stot bin bout dreq dresp econ eresp wretr wredis status weight
        act bck chkdown lastchg downtime pid iid sid lbtot type rate rate_max hrsp_1xx hrsp_2xx hrsp_3xx
        hrsp_4xx hrsp_5xx hrsp_other req_tot cli_abrt srv_abrt comp_in comp_out comp_byp comp_rsp lastsess qtime
        ctime rtime ttime mode algo wrew connect reuse cache_lookups cache_hits qtime_max ctime_max rtime_max
        ttime_max eint uweight agg_server_status agg_server_check_status agg_check_status reqbin reqbout resbin
        resbout cache_hint_hits
    """,
    "B tcp": """
        pxname svname qcur qmax scur smax slim stot bin bout dreq dresp econ eresp wretr wredis status weight
        act bck chkdown lastchg downtime pid iid sid lbtot type rate rate_max cli_abrt srv_abrt comp_in comp_out
        comp_byp comp_rsp lastsess qtime ctime rtime ttime mode algo wrew connect reuse qtime_max ctime_max
        rtime_max ttime_max eint uweight agg_server_status agg_server_check_status agg_check_status reqbin
        reqbout resbin resbout
    """,
}
TEXT = """
global
    stats socket /nowhere/sock level admin
defaults
    timeout connect 1s
    timeout client 1s
    timeout server 1s
listen http
    mode http
    option socket-stats
    bind 127.0.0.1:1
    server one 127.0.0.1:81 check
listen tcp
    mode tcp
    bind 127.0.0.1:2
    server one 127.0.0.1:82
"""


def lines(one: Stand) -> list[tuple[str, str, str, str]]:
    """Of each typed line: kind of row, name of the proxy, name of the column, tags and type."""
    found: list[tuple[str, str, str, str]] = []
    proxy = ""
    for text in typed(rows(one.view, Selection())).splitlines():
        place, tags, kind, value = text.split(":", 3)
        row, _, _, _, name, _ = place.split(".")
        if name == "pxname":
            proxy = value
        found.append((row, proxy, name, f"{tags}:{kind}"))
    return found


def test_the_columns_are_those_that_programs_know() -> None:
    names = [column.name for column in COLUMNS]
    assert names == IN_ORDER.split() + BEHIND_THE_DIVIDER.split() and len(names) == 145
    assert len(STATIC) == 119 and len(PROTOCOLS) == 26
    assert "# " + ",".join([*IN_ORDER.split(), "-", *BEHIND_THE_DIVIDER.split()]) + "," == CSV_HEADER
    with stand(TEXT) as one:
        text = as_csv(rows(one.view, Selection()))
    assert {line.count(",") for line in text.splitlines()} == {146}
    found = next(csv.DictReader(io.StringIO(text[2:])))
    assert (found["-"], found["h2_headers_rcvd"]) == ("-", "0")


@pytest.mark.parametrize("key", TAGS)
def test_tags_and_types(key: str) -> None:
    """A letter behind the type: only of these kinds of rows."""
    tags, _, kinds = key.partition(" ")
    with stand(TEXT) as one:
        found = {(row, name): shown for row, _, name, shown in lines(one)}
    names = TAGS[key].split()
    of_listeners_too = [shown for (row, name), shown in found.items() if name in names and (not kinds or row in kinds)]
    assert set(of_listeners_too) == ({tags} if of_listeners_too else set())
    columns = {column.name: column for column in COLUMNS}
    for name in names:
        assert f"{columns[name].tags_of(kinds or 'S')}:{columns[name].type}" == tags


@pytest.mark.parametrize("key", PRESENT)
def test_a_row_has_the_columns_of_its_kind(key: str) -> None:
    kind, mode = key.split()
    with stand(TEXT) as one:
        found = [name for row, proxy, name, _ in lines(one) if row == kind and proxy == mode]
    never_checked = {"check_duration"} if key == "S http" else set()  # and the peer's had been when it was asked
    assert [name for name in PRESENT[key].split() if name not in never_checked] == [
        name for name in found if name not in BEHIND_THE_DIVIDER.split()
    ]


def test_columns_of_protocols() -> None:
    """A server has those of TLS, frontends and backends have all of them; a listener has those of TLS."""
    with stand(TEXT) as one:
        found = {
            (row, proxy): [
                name
                for kind, other, name, _ in lines(one)
                if (kind, other) == (row, proxy) and name in BEHIND_THE_DIVIDER.split()
            ]
            for row, proxy, _, _ in lines(one)
        }
    tls = [name for name in BEHIND_THE_DIVIDER.split() if name.startswith("ssl_")]
    assert found["S", "http"] == found["L", "http"] == found["S", "tcp"] == tls
    for key in (("F", "http"), ("B", "http"), ("F", "tcp"), ("B", "tcp")):
        assert found[key] == BEHIND_THE_DIVIDER.split()
