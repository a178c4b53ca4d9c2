"""Broken lines about tables, persistence, layer 4 and what else came with them.

Each is an error at its own line, its offending text is underlined, and what is said names what was meant. Here stands
what a person would want to be told: the text that has to be underlined, and a word that has to be said.
"""

from __future__ import annotations

import pytest
from support.configs import read

from pointsman.assemble import assembled
from pointsman.core.diagnostics import Severity

TABLE = "stick-table type ip size 1k expire 1m store gpc0,http_req_rate(10s)"
BACK = "backend b\n mode http\n " + TABLE + "\n {}\n server s 127.0.0.1:1\n"
FRONT = "{}\nfrontend f\n mode http\n bind 127.0.0.1:1\n timeout client 1s\n {}\n"
PLAIN = "backend b\n mode http\n {}\n server s 127.0.0.1:1\n"
GLOBAL = "global\n {}\n"

# The line, what is underlined in it, and what has to be said ("" in the second place: anything of the line).
TABLES = """
stick-table | | size
stick-table size 1k | | type
stick-table type ip | | size
stick-table type ipx size 1k | ipx | ip
stick-table type strin size 1k | strin | string
stick-table type ip size | | size
stick-table type ip size 0 | | size
stick-table type ip size x | x | size
stick-table type ip size 1q | 1q | size
stick-table type ip size 1k expire | | expire
stick-table type ip size 1k expire x | x | time
stick-table type ip size 1k exipre 1m | exipre | expire
stick-table type ip size 1k store | | store
stick-table type ip size 1k store gpcc0 | gpcc0 | gpc0
stick-table type ip size 1k store http_req_rat(10s) | http_req_rat(10s) | http_req_rate
stick-table type ip size 1k store http_req_rate | http_req_rate | period
stick-table type ip size 1k store http_req_rate(x) | http_req_rate(x) | http_req_rate
stick-table type ip size 1k store http_req_rate(0) | http_req_rate(0) | http_req_rate
stick-table type ip size 1k store conn_cnt(5) | conn_cnt(5) | argument
stick-table type ip size 1k store gpc(0) | gpc(0) | gpc
stick-table type ip size 1k store gpc(1000) | gpc(1000) | gpc
stick-table type ip size 1k store gpc(2),gpc0 | gpc0 | gpc
stick-table type ip size 1k store gpt(2),gpt0 | gpt0 | gpt
stick-table type string len size 1k | size | len
stick-table type string len 0 size 1k | 0 | len
stick-table type binary len x size 1k | x | len
stick-table type ip len 5 size 1k | len | len
stick-table type ip size 1k srvkey nam | nam | name
stick-table type ip size 1k peers | | peers
stick-table type ip size 1k nopruge | nopruge | nopurge
stick-table type ip size 1k recv-onyl | recv-onyl | recv-only
stick-table type ip size 1k brates-factor 0 | 0 | brates-factor
stick-table type ip size 1k brates-facter 5 | brates-facter | brates-factor
stick-table type ip size 1k write-to | | write-to
"""
STICK = """
stick | | stick
stick onn src | onn | on
stick on | | on
stick on srcc | srcc | src
stick on src tabel b | tabel | table
stick on src table | | table
stick on src table nowhere | nowhere | nowhere
stick match | | match
stick macth src | macth | match
stick store-requst src | store-requst | store-request
stick store-response | | store-response
stick on src if nothing_of_that_name | nothing_of_that_name | acl
stick-tabel type ip size 1k | stick-tabel | stick-table
force-persist | | force-persist
force-persits if TRUE | force-persits | force-persist
ignore-persist | | ignore-persist
ignore-persist unles TRUE | unles | unless
persist | | rdp-cookie
persist rdp-coockie | rdp-coockie | rdp-cookie
persist rdp-cookie(a | | )
option persits | persits | persist
option prefer-last-servr | prefer-last-servr | prefer-last-server
balance rdp-coockie | rdp-coockie | rdp-cookie
"""
COOKIES = """
cookie | | cookie
cookie SRV insrt | insrt | insert
cookie SRV insert rewrite | cookie SRV insert rewrite | incompatible
cookie SRV prefix insert | cookie SRV prefix insert | incompatible
cookie SRV insert maxidle | | maxidle
cookie SRV insert maxidle x | x | time
cookie SRV insert maxlife x | x | time
cookie SRV insert domain | | domain
cookie SRV insert indirct | indirct | indirect
cookie SRV insert nochache | nochache | nocache
cookie SRV insert postonyl | postonyl | postonly
cookie SRV insert httponyl | httponyl | httponly
cookie SRV insert secur | secur | secure
cookie SRV insert perserve | perserve | preserve
cookie SRV insert atrr a=b | atrr | attr
cookie SRV insert attr | | attr
cookie SRV insert dynamik | dynamik | dynamic
dynamic-cookie-key | | dynamic-cookie-key
dynamic-cooky-key x | dynamic-cooky-key | dynamic-cookie-key
"""
LAYER4 = """
tcp-request | | tcp-request
tcp-request conection accept | conection | connection
tcp-request connection | | connection
tcp-request connection acept | acept | accept
tcp-request connection rejct | rejct | reject
tcp-request sesion accept | sesion | session
tcp-request session | | session
tcp-request content | | content
tcp-request content acccept | acccept | accept
tcp-request content reject iff TRUE | iff | if
tcp-request content reject if { srcc 10.0.0.0/8 } | srcc | src
tcp-request inspect-delay | | inspect-delay
tcp-request inspect-delay x | x | time
tcp-request inspect-dealy 5s | inspect-dealy | inspect-delay
tcp-request connection track-sc99 src | track-sc99 | track-sc
tcp-request connection track-sc0 | | track-sc0
tcp-request connection track-sc0 srcc | srcc | src
tcp-request connection track-sc0 src table nowhere | nowhere | nowhere
tcp-request connection track-sc0 src tabel b | tabel | end of line
tcp-request connection track-sc0 path | path | path
tcp-request connection set-var(txn) int(1) | txn | scope
tcp-request connection set-var(nonsense.x) int(1) | nonsense.x | scope
tcp-request connection set-var(sess.x) | | set-var
tcp-request connection set-src | | set-src
tcp-request connection expect-proxy layer7 | layer7 | layer4
tcp-request connection expect-netscaler-cip layer5 | layer5 | layer4
tcp-request connection capture src len 5 | capture | capture
tcp-request content capture src | | len
tcp-request content capture src len x | x | number
tcp-request content capture src len 0 | 0 | number
tcp-request content set-log-level lowd | lowd | level
tcp-request content set-nice x | x | set-nice
tcp-request content switch-mode htttp | htttp | http
tcp-request content sc-inc-gpc0(x) | x | sc-inc-gpc0
tcp-request content sc-inc-gpc(0) | 0 | gpc ID
tcp-request content sc-set-gpt0(0) | | sc-set-gpt0
tcp-request content do-log | do-log | not built
tcp-request content do-log profile x | do-log | not built
tcp-request content set-bandwidth-limit x | set-bandwidth-limit | not built
tcp-request content send-spoe-group a b | send-spoe-group | not built
"""
ACTIONS = """
http-request track-sc0 | | track-sc0
http-request track-sc0 src tabel t | tabel | end of line
http-request track-sc0 src table nowhere | nowhere | nowhere
http-request sc-inc-gpc0(99) | 99 | sc-inc-gpc0
http-request sc-add-gpc(0,0) | | sc-add-gpc
http-request sc-set-gpt0(0) | | sc-set-gpt0
http-request set-timeout | | set-timeout
http-request set-timeout sever 1s | sever | server
http-request set-timeout server x | http-request set-timeout server x | backend
http-request set-retries | | set-retries
http-request set-retries x | http-request set-retries x | backend
http-request set-tos | | set-tos
http-request set-mark x | x | fetch method
http-request early-hint | | early-hint
http-request normalize-uri | | normalize-uri
http-request normalize-uri path-merge-slashs | | experimental
http-request normalize-uri percent-to-uppercase strct | | experimental
http-request normalise-uri path-merge-slashes | normalise-uri | normalize-uri
http-request add-headers-bin | | add-headers-bin
http-request set-header x %[src,table_http_req_rat(t)] | table_http_req_rat | table_http_req_rate
http-request set-header x %[sc0_http_req_rat] | sc0_http_req_rat | sc0_http_req_rate
http-request set-header x %[src,in_tabel(t)] | in_tabel | in_table
http-request set-header x %[src,table_conn_cnt(nowhere)] | table_conn_cnt(nowhere) | nowhere
http-request set-header x %[sc_get_gpc(0)] | sc_get_gpc(0) | sc_get_gpc
http-request set-header x %[table_avl(nowhere)] | table_avl(nowhere) | nowhere
option http-use-proxy-hader | http-use-proxy-hader | http-use-proxy-header
option forwrded | forwrded | forwarded
"""
VALUES = """
http-request set-header x %[last_rule_fil] | last_rule_fil | last_rule_file
http-request set-header x %[last_entty] | last_entty | last_entity
http-request set-header x %[dump_all_vars(ses)] | dump_all_vars(ses) | sess
http-request set-header x %[dump_all_vars(check)] | dump_all_vars(check) | txn
http-request set-header x %[server_status] | server_status | available
http-request set-header x %[dst_con] | dst_con | dst_conn
http-request set-header x %[uptme] | uptme | uptime
http-request set-header x %[src,when(eror)] | when(eror) | error
http-request set-header x %[src,when(acl)] | when(acl) | ACL name
http-request set-header x %[src,when(acl,nix)] | when(acl,nix) | not found
http-request set-header x %[src,debug(a)] | debug(a) | stderr
http-request set-header x %[src,debug(a,nix)] | debug(a,nix) | stdout
http-request set-header x %[path,protobuf] | protobuf | field number
http-request set-header x %[path,protobuf(1.x)] | protobuf(1.x) | field number
http-request set-header x %[path,ungrpc(1,int)] | ungrpc(1,int) | int32
http-request set-header x %[path,xxh3(x)] | xxh3(x) | integer
http-request set-header x %[path,aes_gcm_dec(1,a,b,c)] | aes_gcm_dec(1,a,b,c) | 128
http-request set-header x %[path,aes_gcm_enc(128,Zm9v,Zm9v,Zm9v)] | aes_gcm_enc(128,Zm9v,Zm9v,Zm9v) | scope
http-request set-header x %[path,aes_cbc_enc(128,Zm9v,Zm9v,Zm9v)] | aes_cbc_enc(128,Zm9v,Zm9v,Zm9v) | aes_gcm_enc
http-request set-header x %[path,jwt_verify(RS265,k)] | jwt_verify(RS265,k) | RS256
http-request set-header x %[path,jwt_verify(RS256,/nowhere)] | jwt_verify(RS256,/nowhere) | No such file
http-request set-header x %[path,jwt_verify_cert(HS256,c)] | jwt_verify_cert(HS256,c) | secret
http-request set-header x %[path,jwt_decrypt_jwk(x)] | jwt_decrypt_jwk(x) | JSON web key
http-request set-header x %[path,jwt_decrypt_secret(?)] | jwt_decrypt_secret(?) | base64
http-request set-header x %[path,jwt_header_query(a)] | jwt_header_query(a) | JSON path
http-request set-header x %[path,jwt_hedder_query] | jwt_hedder_query | jwt_header_query
http-request set-header x %[path,mqtt_is_valid] | mqtt_is_valid | not built
http-request set-header x %[path,fe_exists(a)] | fe_exists(a) | no arguments
"""
GLOBALS = """
jwt.decrypt_alg_list | | list
jwt.decrypt_alg_list RSA-OEAP | RSA-OEAP | RSA-OAEP
jwt.decrypt_enc_list A128GCN | A128GCN | A128GCM
jwt.decrypt_agl_list ALL | jwt.decrypt_agl_list | jwt.decrypt_alg_list
tune.stick-counters x | x | tune.stick-counters
h1-case-adjust a | | h1-case-adjust
"""
FAMILIES = (
    (TABLES, PLAIN, ""),
    (STICK, BACK, ""),
    (COOKIES, PLAIN, ""),
    (LAYER4, FRONT, BACK.format("")),
    (ACTIONS, FRONT, "backend t\n stick-table type ip size 1k store gpc0,conn_cnt\n"),
    (VALUES, FRONT, ""),
    (GLOBALS, GLOBAL, ""),
)
LINES = [
    (template, before, *(part.strip() for part in line.split("|")))
    for table, template, before in FAMILIES
    for line in table.split("\n")
    if line
]


@pytest.mark.parametrize(("template", "before", "line", "underlined", "said"), LINES, ids=[one[2] for one in LINES])
def test_a_broken_line(template: str, before: str, line: str, underlined: str, said: str) -> None:
    text = template.format(before, line) if template.count("{}") == 2 else template.format(line)
    loaded = read(text)
    if not loaded.errors:  # what only all sections together can tell
        assembled(loaded.configuration, loaded.diagnostics)
    number = text.split("\n").index(f" {line}") + 1
    found = [one for one in loaded.diagnostics.findings if one.severity == Severity.ALERT]
    assert found, "it is accepted"
    at = found[0].position
    assert at.line == number
    marked = at.text[at.column - 1 : at.column - 1 + at.length]
    assert not underlined or marked == underlined
    assert said.lower() in f"{found[0].message} {found[0].expected} {found[0].hint}".lower()


def test_there_are_enough() -> None:
    """The issue asks for 150."""
    assert len({one[2] for one in LINES}) == len(LINES) >= 150
