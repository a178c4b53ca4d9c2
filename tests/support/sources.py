"""How it is known what each fetch gives: what both programs are asked live, and where the others are proved.

ASKED: expressions that tests/peer/test_peer_fetches.py has the peer and Pointsman evaluate for the same requests.
ELSEWHERE: of all other fetches, where the value that a test expects comes from, and the test.
tests/unit/sample/test_sources.py holds both against the registry.
"""

from __future__ import annotations

from typing import Final

_HEADS: Final = {
    "hdr": ("x-list", "x-list,1", "x-list,-2", "none"),
    "fhdr": ("x-list", "x-list,1", "none"),
    "hdr_cnt": ("x-list", "none", ""),
    "fhdr_cnt": ("x-list", "none", ""),
    "hdr_ip": ("x-ip", "x-ip,1", "x-ip,2", "x-list"),
    "hdr_val": ("x-number", "x-number,1", "x-list"),
    "hdr_names": ("", ";"),
}
_COOKIES: Final = {
    "cook": ("a", "b", "none", ""),
    "cook_cnt": ("a", "none", ""),
    "cook_val": ("n", "a"),
    "cook_names": ("", ";"),
}


def _of(names: str, *arguments: str) -> tuple[str, ...]:
    return tuple(f"{name}({one})" if one else name for name in names.split() for one in arguments or ("",))


_COUNTED: Final = (  # of entries of tables, by the name behind sc0_, sc_, src_
    *("bytes_in_rate", "bytes_out_rate", "conn_cnt", "conn_cur", "conn_rate", "get_gpc0", "get_gpc1", "get_gpt0"),
    *("glitch_cnt", "glitch_rate", "gpc0_rate", "gpc1_rate", "http_err_cnt", "http_err_rate", "http_fail_cnt"),
    *("http_fail_rate", "http_req_cnt", "http_req_rate", "kbytes_in", "kbytes_out", "sess_cnt", "sess_rate"),
    *("inc_gpc0", "inc_gpc1", "clr_gpc0", "clr_gpc1"),
)
_TABLES: Final = (
    *_of(" ".join(f"sc{number}_{name}" for number in range(3) for name in (*_COUNTED, "key", "tracked", "trackers"))),
    *_of(" ".join(f"sc_{name}" for name in (*_COUNTED, "key", "tracked", "trackers")), "0", "2"),
    *_of(" ".join(f"src_{name}" for name in (*_COUNTED, "updt_conn_cnt")), "t"),
    *_of("sc_get_gpc sc_gpc_rate sc_get_gpt sc_inc_gpc sc_clr_gpc", "1,0", "1,2", "5,0"),
    *_of("src_get_gpc src_gpc_rate src_get_gpt src_inc_gpc src_clr_gpc", "1,t", "5,t"),
    *_of("table_avl table_cnt", "t"),
    *_of("sc1_clr_gpc", "1"),
)
_BY_KEY: Final = (  # converters of tables
    *(name for name in _COUNTED if not name.startswith(("get_", "inc_", "clr_"))),
    *("gpc0", "gpc1", "gpt0", "inc_gpc0", "inc_gpc1", "clr_gpc0", "clr_gpc1", "trackers", "server_id"),
)
_GIVES: Final = {
    "": "text",
    "_int": "number",
    "_ip": "address",
    "_key": "text",
}  # which file of a map, by what it gives
MAPS: Final = {  # files, by name
    "text": b"abc found\n",
    "number": b"abc 12\n",
    "address": b"abc 192.0.2.1\n",
    "12-text": b"12 found\n",
    "12-number": b"12 34\n",
    "12-address": b"12 192.0.2.1\n",
    "ip-text": b"192.0.2.0/24 found\n",
    "ip-number": b"192.0.2.0/24 34\n",
    "ip-address": b"192.0.2.0/24 192.0.2.1\n",
}
_CHAINS: Final = (  # expressions for converters that are not compared in bulk (tests/peer/test_peer_converters.py)
    *(f"src,table_{name}(t)" for name in _BY_KEY),
    *(f"src,table_{name}(1,t)" for name in ("gpc", "gpc_rate", "gpt", "inc_gpc", "clr_gpc")),
    *(
        "src,in_table(t)",
        "ipv4(192.0.2.7),in_table(t)",
        "ipv4(192.0.2.7),table_conn_cnt(t)",
        "src,table_idle(t),mul(0)",
    ),
    *("src,table_expire(t),div(4000)", "ipv4(192.0.2.7),table_expire(t,5)", "ipv4(192.0.2.7),table_idle(t,5)"),
    *(
        f"str({value}),map_{method}{kind}({{dir}}/{file})"
        for method, value in (
            ("str", "abc"),
            ("beg", "abcd"),
            ("sub", "xabcd"),
            ("end", "xabc"),
            ("dir", "x/abc/y"),
            ("dom", "x.abc.y"),
            ("reg", "xabcx"),
        )
        for kind, file in _GIVES.items()
    ),
    *(f"int(12),map_int{kind}({{dir}}/12-{file})" for kind, file in _GIVES.items()),
    *(f"ipv4(192.0.2.9),map_ip{kind}({{dir}}/ip-{file})" for kind, file in _GIVES.items()),
    *(
        "str(none),map({dir}/text)",
        "str(abc),map({dir}/text)",
        "str(none),map({dir}/text,default)",
        "str(xabc),map_regm({dir}/text)",
    ),
    *(f"int(1000),{zone}({form})" for zone in ("ltime", "utime") for form in ("%Y-%m-%d %H:%M:%S", "%s", "%a %b %j")),
    *(f"int(1000000001),{unit}_{zone}(%Y %H:%M:%S.%N)" for zone in ("ltime", "utime") for unit in ("ms", "us")),
    *("int(784111777),http_date", "int(784111777),http_date(5)", "int(784111777000),http_date(0,ms)"),
    'str("Sun, 06 Nov 1994 08:49:37 GMT"),date',
    *("str(a),set-var(txn.kept)", "str(a),set-var(txn.set,ifnotexists)", "str(a),unset-var(txn.kept)"),
    *("str(a),concat(<,txn.set,>)", "str(a),add_item(;,txn.set,>)", "str(there),strcmp(txn.set)"),
    *("str(there),secure_memcmp(txn.set)", "str(here),secure_memcmp(txn.set)", "str(a),capture-req(1)"),
    *(
        'str("de;q=0.5,en"),language(en;de)',
        "str(fr),language(en;de,de)",
        "bool(true),iif(a,b)",
        "bool(false),iif(a,b)",
    ),
    *("str(abcabc),regsub(b,x)", "str(abcabc),regsub(b,x,g)"),
    *(f'str(\'{{"a":[1,2.5,true,null,"x",{{"b":3}}]}}\'),json_query(\'$.a[{index}]\')' for index in range(6)),
    *("str(for=192.0.2.1;proto=http),rfc7239_is_valid", "str(for=192.0.2.1;proto=http),rfc7239_field(for)"),
    *(
        "str(192.0.2.1:80),rfc7239_n2nn",
        "str(192.0.2.1:80),rfc7239_n2np",
        "str(_x:_y),rfc7239_n2nn",
        "str(_x:_y),rfc7239_n2np",
    ),
    *(
        "src,rfc7239_nn",
        "str(node),rfc7239_nn",
        "int(80),rfc7239_np",
        "int(10),x509_v_err_str",
        "int(0),x509_v_err_str",
    ),
    *(
        f"str({name}),{word}"
        for name in ("b", "b/s1", "limited/off", "none")
        for word in ("nbsrv", "srv_is_up", "srv_queue")
    ),
    *(
        "str(a),when(normal)",
        "str(a),when(error)",
        "str(a),when(!stopping)",
        "str(a),when(acl,METH_GET)",
        "str(a),when(forwarded)",
    ),
)
ASKED: Final[tuple[str, ...]] = (
    *_of("always_true always_false hostname nbproc proc"),
    *_of("bool", "true", "0"),
    *_of("int", "-7"),
    *_of("str", "text"),
    *_of("bin", "00ff"),
    *_of("ipv4", "192.0.2.1"),
    *_of("ipv6", "2001:db8::1"),
    *_of("meth", "GET"),
    *_of("env", "HOME", "NOT_SET_AT_ALL"),
    *_of("acl", "METH_GET", "!METH_GET,TRUE"),
    *_of("var", "txn.nothing", "txn.nothing,default", "txn.set"),
    *_of("base base32 path pathq url url_ip url_port url32 query method baseq req.ver req_ver http_first_req"),
    *_of("query", "with_qm"),
    *_of("base32+src url32+src"),
    *_of("urlp url_param", "a", "b", "A,,i", "none", "c,;"),
    *_of("urlp_val", "n"),
    *_of("hdr req.hdr", *_HEADS["hdr"]),
    *_of("req.fhdr", *_HEADS["fhdr"]),
    *_of("hdr_cnt req.hdr_cnt", *_HEADS["hdr_cnt"]),
    *_of("req.fhdr_cnt", *_HEADS["fhdr_cnt"]),
    *_of("hdr_ip req.hdr_ip", *_HEADS["hdr_ip"]),
    *_of("hdr_val req.hdr_val", *_HEADS["hdr_val"]),
    *_of("req.hdr_names", *_HEADS["hdr_names"]),
    *_of("req.hdrs req.hdrs_bin req.body req.body_len req.body_size"),
    *_of("req.body_param", "a", "none", "A,i"),
    *_of("cook req.cook cookie", *_COOKIES["cook"]),
    *_of("cook_cnt req.cook_cnt", *_COOKIES["cook_cnt"]),
    *_of("cook_val req.cook_val", *_COOKIES["cook_val"]),
    *_of("req.cook_names", *_COOKIES["cook_names"]),
    *_of("shdr res.hdr", *_HEADS["hdr"]),
    *_of("res.fhdr", *_HEADS["fhdr"]),
    *_of("shdr_cnt res.hdr_cnt", *_HEADS["hdr_cnt"]),
    *_of("res.fhdr_cnt", *_HEADS["fhdr_cnt"]),
    *_of("shdr_ip res.hdr_ip", *_HEADS["hdr_ip"]),
    *_of("shdr_val res.hdr_val", *_HEADS["hdr_val"]),
    *_of("res.hdr_names", *_HEADS["hdr_names"]),
    *_of("res.hdrs res.hdrs_bin status res.ver resp_ver txn.status"),
    *_of("scook res.cook", "a", "b", "none", ""),
    *_of("scook_cnt res.cook_cnt", *_COOKIES["cook_cnt"]),
    *_of("scook_val res.cook_val", *_COOKIES["cook_val"]),
    *_of("res.cook_names", *_COOKIES["cook_names"]),
    *_of("capture.req.hdr", "0", "1"),
    *_of("capture.res.hdr", "0"),
    *_of("capture.req.method capture.req.uri capture.req.ver capture.res.ver"),
    *_of("http_auth http_auth_group", "people"),
    *_of("http_auth_pass http_auth_type http_auth_user"),
    *_of("http_auth_bearer", "", "x-token"),
    *_of("src fc_src dst fc_dst bc_src bc_dst src_is_local fc_src_is_local dst_is_local fc_dst_is_local"),
    *_of("fc_rcvd_proxy fc_pp_authority fc_pp_unique_id fc_http_major bc_http_major fc_err fc_err_name fc_err_str"),
    *_of("fc_pp_tlv", "0xe0"),
    *_of("bc_err bc_err_name bc_err_str bc_reused"),
    *_of("so_id so_name fe_id fe_name fe_defbe be_id be_name srv_id srv_name"),
    *_of("bc_be_queue bc_srv_queue txn.conn_retries txn.redispatched txn.sess_term_state"),
    *_of("nbsrv queue avg_queue be_conn_free connslots", "b", "limited"),
    *_of("srv_is_up srv_iweight srv_uweight srv_weight srv_queue srv_conn_free", "b/s1", "limited/s2", "limited/off"),
    *_of("fe_client_timeout fe_tarpit_timeout be_connect_timeout be_queue_timeout be_server_timeout be_tarpit_timeout"),
    *_of("be_tunnel_timeout be_max_retries cur_client_timeout cur_connect_timeout cur_max_retries cur_queue_timeout"),
    *_of("cur_server_timeout cur_tarpit_timeout cur_tunnel_timeout"),
    *_of("last_rule_file last_rule_line last_entity waiting_entity stopping dst_conn prio_class prio_offset"),
    *_of("req.proto_http req_proto_http wait_end unique-id"),
    *_TABLES,
    *_CHAINS,
)
NEWER: Final = frozenset(  # fetches of ASKED that 3.2 does not have
    f"{of}_{name}"
    for of, names in (
        ("be", ("connect_timeout", "max_retries", "queue_timeout", "tarpit_timeout")),
        ("cur", ("connect_timeout", "max_retries", "queue_timeout", "tarpit_timeout")),
        ("fe", ("tarpit_timeout",)),
    )
    for name in names
)
DIFFERENT: Final[dict[str, str]] = {  # "phase: expression" of ASKED that is not compared, and why
    **{f"backend: cur_{name}_timeout": "3.2 says 0 before a server is chosen" for name in ("server", "tunnel")},
    **{
        f"{phase}: {text}": "HAProxy counts a head's bytes as it keeps them, and before the last rules"
        for phase in ("request", "backend", "response")
        for name in ("bytes_in_rate", "bytes_out_rate", "kbytes_in", "kbytes_out")
        for text in (
            *(f"sc{number}_{name}" for number in range(3)),
            f"sc_{name}(0)",
            f"src_{name}(t)",
            f"src,table_{name}(t)",
        )
    },
    **{
        f"response: {name}": "3.2 looks at bytes, which are gone by then"
        for name in ("req.proto_http", "req_proto_http")
    },
}
_UNIT: Final = "tests/unit/sample/"
_VALUES: Final = _UNIT + "test_fetch_values.py::"
_CONVERTERS: Final = _UNIT + "test_converters.py::"
_TOKENS: Final = _UNIT + "test_tokens.py::"
_PEER: Final = "the peer, live"
_MEASURED: Final = "the peer, measured"
# Fetches: a regular expression of names, where the value that the test expects is from, and the test.
ELSEWHERE: Final[tuple[tuple[str, str, str], ...]] = (
    ("res.body|res.body_(len|size)", _PEER, "tests/peer/test_peer_check_results.py::test_the_same_as_haproxy"),
    ("ssl_.*", _PEER, "tests/peer/test_peer_tls_fetches.py::test_each_fetch_says_the_same"),
    (
        "(be|fe|cur)_(tarpit_timeout|connect_timeout|queue_timeout|max_retries)",
        "manual 7.3.3",
        "tests/unit/rules/test_limits_of_rules.py::test_what_proxies_say",
    ),
    ("accept_date|request_date", "manual 7.3.2", _VALUES + "test_dates_and_timers"),
    (r".*\.timer\..*", "manual 8.4", _VALUES + "test_dates_and_timers"),
    (
        "act_conn|quic_enabled",
        "manual 7.3.2",
        "tests/playbook/test_small_fetches.py::test_what_the_process_and_the_frontend_know",
    ),
    ("cpu_.*|lat_ns_.*|term_events", "manual 7.3.2", _VALUES + "test_what_nobody_measures"),
    (
        r"[bf]s\.(id|aborted|rst_code)|[bf]c_(nb_streams|settings_streams_limit)",
        _PEER,
        "tests/peer/test_peer_stream_fetches.py::test_both_programs_say_the_same",
    ),
    ("[bf]c_glitches", "manual 7.3.3", "tests/playbook/test_glitches.py::test_they_add_up_on_each_connection"),
    (
        "be_conn|be_sess_rate|fe_conn|fe_req_rate|fe_sess_rate|srv_conn|srv_sess_rate",
        _MEASURED,
        "tests/unit/server/test_server_fetches.py::test_at_rest",
    ),
    (".*_port", _PEER, "tests/peer/test_peer_fetches.py::test_ports"),
    (r"(re[qs]\.)?bytes_(in|out)", "manual 7.3.3", "tests/peer/test_peer_fetches.py::test_bytes_of_an_exchange"),
    ("date|date_us|pid|rand", "manual 7.3.2", _VALUES + "test_clock_and_chance"),
    ("uuid", "RFC 9562", _VALUES + "test_clock_and_chance"),
    ("thread|tgroup", "manual 7.3.2", _VALUES + "test_lanes"),
    ("txn.id32", "manual 7.3.2", "tests/scenario/test_lane_state.py::test_exchanges_are_numbered_in_one_sequence"),
    ("uptime", "manual 7.3.2", _VALUES + "test_life_of_the_process"),
    ("dump_all_vars", "manual 7.3.2", _VALUES + "test_all_variables"),
    ("server_status", _PEER, "tests/peer/test_peer_values.py::test_what_rules_and_servers_have_said"),
    (
        "bc_rtt|bc_rttvar|fc_(fackets|lost|reordering|retrans|rtt|rttvar|sacked|unacked)",
        _PEER,
        "tests/peer/test_peer_kernel_measures.py::test_both_programs_have_the_same_samples",
    ),
    ("fc_saved_syn", "manual 7.3.3", "tests/peer/test_peer_kernel_measures.py::test_the_saved_syn"),
    ("set-cookie", "manual 7.3.6", _VALUES + "test_the_last_cookie"),
    (
        r"re[qsp][._](ssl_.*|len|payload|payload_lv|rdp_cookie|rdp_cookie_cnt)|payload|payload_lv|rdp_cookie|rdp_cookie_cnt",
        _PEER,
        "tests/peer/test_peer_first_bytes.py::test_hellos",
    ),
)
# Converters that neither ASKED nor the bulk comparison has.
CONVERTED_ELSEWHERE: Final[tuple[tuple[str, str, str], ...]] = (
    ("aes_gcm_.*", "NIST", _TOKENS + "test_gcm"),
    ("aes_cbc_.*", "NIST SP 800-38A", _TOKENS + "test_cbc"),
    ("jwt_(header|payload)_query", "RFC 7515", _TOKENS + "test_queries"),
    ("jwt_verify", "RFC 7515", _TOKENS + "test_vectors_of_signatures"),
    ("jwt_verify_cert", "openssl", _TOKENS + "test_signatures_of_openssl"),
    ("jwt_decrypt_(secret|jwk)", "RFC 7516", _TOKENS + "test_vectors_of_encryption"),
    ("jwt_decrypt_cert", "openssl", _TOKENS + "test_what_openssl_has_encrypted"),
    ("reverse|reverse_dom", "manual 7.3.1", _CONVERTERS + "test_text"),
    ("debug", _MEASURED, _CONVERTERS + "test_debug"),
    ("fe_exists", "manual 7.3.1", "tests/unit/server/test_server_fetches.py::test_names_that_come_with_traffic"),
    ("wt6", "manual 4.2, hash-type", "tests/unit/core/test_hashes.py::test_results_have_32_bits"),
    ("capture-res", _PEER, "tests/peer/families/rules_captures.py"),
)
