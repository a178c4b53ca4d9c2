"""ACLs: each criterion with its matching methods and flags; a header X-Hit names every condition that held."""

from __future__ import annotations

from support.actor import Recv, Send
from support.scenario import Open, Scenario

from families.requests import get, request
from families.simple import simple


def hits(
    name: str, conditions: dict[str, str], requests: list[bytes], *expect: str, acls: str = "", **more: object
) -> Scenario:
    """Sends the requests; the server sees which conditions held for each."""
    front = acls + "\n" + "\n".join(f"http-request add-header X-Hit {hit} {test}" for hit, test in conditions.items())
    talk = [step for data in requests for step in (Send(data), Recv())]
    return Scenario(
        name=name,
        config=simple(front=front),
        talk=talk,
        logs=len(requests),
        expect=[f"x-hit: {hit}\n" for hit in conditions if not hit.startswith("never")] + list(expect),
        **more,  # type: ignore[arg-type]
    )


PATHS = [get(target) for target in ("/", "/static/a.css", "/img/x/y.PNG", "/app/img?static", "/a/b/c/d", "/%7Euser")]
HOSTS = [
    get("/", host=name) for name in ("example.com", "WWW.Example.com", "api.example.org:8080", "localhost", "a.b.c.d")
]

SCENARIOS = [
    hits(
        "path",
        {
            "exact": "if { path / }",
            "beg": "if { path_beg /static /img }",
            "end": "if { path_end .css }",
            "endi": "if { path_end -i .png }",
            "sub": "if { path_sub b/c }",
            "dir": "if { path_dir img }",
            "dom": "if { path_dom css }",
            "reg": "if { path_reg ^/a/.*/d$ }",
            "regi": "if { path_reg -i [.]png$ }",
            "len": "if { path_len 1 }",
            "len_range": "if { path_len 5:9 }",
            "len_ge": "if { path_len ge 9 }",
            "m_beg": "if { path -m beg /app }",
            "m_reg": "if { path -m reg ^/[a-z]+/[a-z]/ }",
            "m_found": "if { path -m found }",
            "never_found": "if { path nothing }",
        },
        PATHS,
    ),
    hits(
        "host",
        {
            "exact": "if { hdr(host) example.com }",
            "fold": "if { hdr(host) -i www.example.com }",
            "beg": "if { hdr_beg(host) api. }",
            "end": "if { hdr_end(host) .d }",
            "sub": "if { hdr_sub(host) -i EXAMPLE }",
            "dom": "if { hdr_dom(host) example.org }",
            "dir": "if { hdr_dir(host) localhost }",
            "reg": "if { hdr_reg(host) -i ^www[.] }",
            "len": "if { hdr_len(host) 9 }",
            "port": "if { req.hdr(host),field(2,:) 8080 }",
            "never_case": "if { hdr(host) www.example.com }",
        },
        HOSTS,
    ),
    hits(
        "headers",
        {
            "mobile": "if { req.hdr(User-Agent) -i -m sub Mobile }",
            "list": "if { hdr(accept) b }",
            "full": "if { req.fhdr(accept) -m str a,b,c }",
            "nth": "if { req.hdr(x-n,2) two }",
            "last": "if { req.hdr(x-n,-1) three }",
            "count": "if { req.hdr_cnt(x-n) 3 }",
            "count_gt": "if { req.hdr_cnt(accept) gt 2 }",
            "found": "if { req.hdr(x-n) -m found }",
            "absent": "if !{ req.hdr(x-n) -m found }",
            "val": "if { req.hdr_val(x-i) ge 10 }",
            "ip": "if { req.hdr_ip(x-ip) 10.0.0.0/8 }",
            "referer": "if { hdr(referer) -m beg http://a }",
            "never_none": "if { req.hdr(x-none) -m len 0 }",
        },
        [
            get("/", "User-Agent: SomeMOBILE/1.0", "Accept: a,b,c"),
            get("/", "X-N: one", "X-N: two, three", "X-I: 12"),
            get("/", "X-IP: 10.1.2.3", "Referer: http://a/b", "X-Empty:"),
        ],
    ),
    hits(
        "method, version, url, query",
        {
            "post": "if { method POST PUT }",
            "get": "if METH_GET",
            "other": "if { method PATCH }",
            "never_lower": "if { method post }",
            "meth_post": "if METH_POST",
            "http_1_1": "if HTTP_1.1",
            "http_1_0": "if HTTP_1.0",
            "ver": "if { req.ver 1.0 }",
            "url": "if { url_beg /a?x }",
            "url_sub": "if { url_sub y=2 }",
            "query": "if { query x=1&y=2 }",
            "param": "if { url_param(x) 1 }",
            "urlp": "if { urlp(y) -m int 2 }",
            "param_found": "if { urlp(z) -m found }",
            "param_reg": "if { urlp(z) -m reg ^[0-9]+$ }",
            "content": "if HTTP_CONTENT",
            "always": "if TRUE",
            "never_false": "if FALSE",
            "local": "if LOCALHOST",
            "slash": "if HTTP_URL_SLASH",
            "star": "if HTTP_URL_STAR",
            "abs": "if HTTP_URL_ABS",
            "http": "if HTTP",
        },
        [
            get("/a?x=1&y=2"),
            request("POST", "/a?z=12", body=b"data"),
            request("PATCH", "/?z=ab"),
            get("/", "Connection: keep-alive", version="HTTP/1.0"),
            request("OPTIONS", "*"),
            get("http://h/abs"),
        ],
    ),
    hits(
        "cookies",
        {
            "sid": "if { cook(sid) 42 }",
            "req": "if { req.cook(sid) -m found }",
            "beg": "if { cook_beg(theme) da }",
            "sub": "if { req.cook(theme) -m sub ark }",
            "cnt": "if { req.cook_cnt(sid) 2 }",
            "val": "if { req.cook_val(sid) gt 41 }",
            "never": "if { cook(SID) 42 }",
            "quoted": 'if { cook(q) -m str \\"v\\" }',
        },
        [
            get("/", "Cookie: theme=dark; sid=42; sid=43"),
            get("/", 'Cookie: q="v"', "Cookie: sid=7"),
        ],
    ),
    Scenario(
        name="a cookie without a value",
        config=simple(front="http-request set-header X-Found %[req.cook_cnt(sid)]"),
        talk=[Send(get("/", "Cookie: sid=")), Recv(), Send(get("/", "Cookie: sid=; a=b")), Recv()],
        logs=2,
        expect=["cookie: sid=\n  x-found: 0", "cookie: sid=; a=b\n  x-found: 1"],
        differs="HAProxy does not see a cookie without a value at the end of the header; Pointsman sees it everywhere",
        ours=["cookie: sid=\n  x-found: 1", "cookie: sid=; a=b\n  x-found: 1"],
    ),
    Scenario(
        name="source and destination",
        config=simple(
            front="""
acl net src 127.0.1.0/24
acl one src 127.0.0.9
acl v6 src ::1
acl list src 10.0.0.1 127.0.2.0/24 192.168.0.0/16
http-request add-header X-Hit net if net
http-request add-header X-Hit one if one
http-request add-header X-Hit v6 if v6
http-request add-header X-Hit list if list
http-request add-header X-Hit dst if { dst 127.0.0.1 }
http-request add-header X-Hit port if { dst_port {port:front} }
http-request add-header X-Hit high if { src_port gt 1023 }
http-request add-header X-Hit fe if { fe_id -m found } { fe_conn ge 1 }
"""
        ),
        talk=[
            step
            for source in ("127.0.1.5", "127.0.0.9", "127.0.2.1", "127.0.3.1")
            for step in (Open(source=source), Send(get("/")), Recv())
        ],
        logs=4,
        expect=["x-hit: net", "x-hit: one", "x-hit: list", "x-hit: dst", "x-hit: port", "x-hit: high"],
    ),
    hits(
        "or, not, unless, several lines of one name",
        {
            "and": "if a b",
            "or": "if a or b",
            "bars": "if c || b",
            "not": "if !a",
            "not_anonymous": "if !{ path_beg /a } b",
            "unless": "unless a",
            "precedence": "if a !b or c",
            "two_lines": "if two",
            "mixed": "if a { path_end /b } || c",
        },
        [get("/a"), get("/a/b"), get("/c"), get("/x/b"), get("/none")],
        acls="acl a path_beg /a\nacl b path_end /b\nacl c path /c\nacl two path /c\nacl two path /none",
    ),
    Scenario(
        name="patterns from a file",
        config=simple(
            front="http-request add-header X-Hit file if { path_beg -f {file:paths} }\n"
            "http-request add-header X-Hit fold if { hdr(x-a) -i -f {file:words} extra }\n"
            "http-request add-header X-Hit net if { src -f {file:nets} }"
        ),
        files={
            "paths": b"# comment\n/one\n\n  /two\n",
            "words": b"Alpha\nbeta gamma\n",
            "nets": b"10.0.0.0/8\n127.0.0.0/8\n",
        },
        talk=[
            step
            for data in (
                get("/one/x"),
                get("/two"),
                get("/three", "X-A: ALPHA"),
                get("/x", "X-A: extra"),
                get("/# comment", "X-A: beta gamma"),
            )
            for step in (Send(data), Recv())
        ][:8],
        logs=4,
        expect=["x-hit: file", "x-hit: fold", "x-hit: net"],
    ),
    hits(
        "integers and booleans",
        {
            "eq": "if { req.hdr_val(x) eq 5 }",
            "lt": "if { req.hdr_val(x) lt 5 }",
            "le": "if { req.hdr_val(x) le 5 }",
            "range": "if { req.hdr_val(x) 3:7 }",
            "open_range": "if { req.hdr_val(x) 6: }",
            "several": "if { req.hdr_val(x) 1 5 9 }",
            "negative": "if { req.hdr_val(x) -- -3 }",
            "bool": "if { always_true }",
            "never_bool": "if { always_false }",
            "int": "if { int(5) eq 5 }",
            "str": "if { str(abc) -m str abc }",
            "length": "if { path,length gt 3 }",
            "lower": "if { path,lower -m str /abc }",
            "bin": "if { path -m bin 2f414243 }",
            "conv": "if { req.hdr(x),add(1) eq 6 }",
        },
        [get("/ABC", "X: 5"), get("/", "X: -3"), get("/abc", "X: 9"), get("/", "X: 6")],
    ),
    hits(
        "flags",
        {
            "fold": "if { path -i /A }",
            "unfolded": "if { path /a }",
            "many": "if { path -i -m beg -- /B /c }",
            "never_b": "if { path -m str /b/x }",
            "number": "if { path -m len 2 }",
        },
        [get("/a"), get("/A"), get("/bcd"), get("/C")],
    ),
]
