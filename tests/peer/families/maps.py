"""Maps: every method and output, values from files, and what traffic changes in them."""

from __future__ import annotations

from collections.abc import Sequence

from support.actor import Pause, Recv, Send, Step
from support.scenario import Scenario

from families.requests import get

FILES = {
    "str.map": b"# a comment\n\n  one   first value  \ntwo\tsecond\none late\nthree\n#four 4\n",
    "beg.map": b"/ root\n/a short\n/a/b/ long\n/a late\n",
    "end.map": b".css style\n.min.css small\n",
    "sub.map": b"admin yes\nmin part\n",
    "dir.map": b"img pictures\na/b both\n/c/ stripped\n",
    "dom.map": b"example.com ours\nwww any\n",
    "reg.map": b"^/u/([0-9]+)/(.*)$ id=\\1,rest=\\2,all=\\0,none=\\3\n^/u/ other\n",
    "int.map": b"1 one\n5:9 some\n7 seven\n:0 low\n",
    "ip.map": b"127.0.0.0/8 local\n127.0.0.1 here\n::/0 any6\n0.0.0.0/0 any\n",
    "num.map": b"a 5\nb -7\nc 0\n",
    "addr.map": b"a 10.0.0.1\nb ::1\n",
    "empty.map": b"",
}


def said(*expressions: str) -> str:
    """A frontend that answers with what these expressions give."""
    text = " ".join(f"[%[{one}]]" for one in expressions)
    return f"""
frontend web
    bind 127.0.0.1:{{port:front}}
    http-request return status 200 content-type text/plain lf-string "{text}"
"""


def asked(*paths: str) -> Sequence[Step]:
    return [step for path in paths for step in (Send(get(path)), Recv())]


def told(name: str, paths: Sequence[str], expressions: Sequence[str], *expect: str) -> Scenario:
    return Scenario(
        name=name, config=said(*expressions), talk=asked(*paths), files=FILES, logs=len(paths), expect=expect
    )


WORD = "path,field(2,/)"

SCENARIOS = [
    told(
        "map_str",
        ["/one", "/two", "/three", "/One", "/#four", "/nobody"],
        [f"{WORD},map({{file:str.map}})", f"{WORD},map_str({{file:str.map}},none)"],
        "[first value] [first value]",
        "[] [none]",
    ),
    told("map_beg", ["/", "/x", "/ab", "/a/b/c", "/a/b"], ["path,map_beg({file:beg.map})"], "[long]", "[short]"),
    told(
        "map_end and map_sub",
        ["/x.css", "/x.min.css", "/administer", "/min", "/none"],
        ["path,map_end({file:end.map})", "path,map_sub({file:sub.map},no)"],
        "[style] [part]",
        "[] [yes]",
    ),
    told(
        "map_dir and map_dom",
        ["/img/x", "/imgs/x", "/x/a/b/c", "/c", "/d?img"],
        ["path,map_dir({file:dir.map})", "url,map_dir({file:dir.map})", "req.hdr(host),map_dom({file:dom.map},else)"],
        "[pictures] [pictures] [else]",
        "[both] [both]",
    ),
    told(
        "map_reg and map_regm",
        ["/u/12/x", "/u/x", "/v"],
        ["path,map_reg({file:reg.map})", "path,map_regm({file:reg.map},no)"],
        "[id=12,rest=x,all=/u/12/x,none=]",
    ),
    told("map_int", ["/1", "/2", "/5", "/7", "/-3", "/x"], [f"{WORD},map_int({{file:int.map}})"], "[one]", "[some]"),
    told(
        "map_ip",
        ["/10.1.2.3", "/127.0.0.1", "/127.9.9.9", "/::1", "/x"],
        [f"{WORD},map_ip({{file:ip.map}})", "src,map_ip({file:ip.map})"],
        "[any] [here]",
        "[local] [here]",
    ),
    told(
        "integers and addresses as values",
        ["/a", "/b", "/c", "/d"],
        [
            f"{WORD},map_str_int({{file:num.map}})",
            f"{WORD},map_str_int({{file:num.map}},4),add(1)",
            f"{WORD},map_str_ip({{file:addr.map}})",
            f"{WORD},map_str_ip({{file:addr.map}},192.0.2.1)",
        ],
        "[5] [6] [10.0.0.1] [10.0.0.1]",
        "[-7] [-6] [::1] [::1]",
        "[] [5] [] [192.0.2.1]",
    ),
    Scenario(
        name="traffic changes maps and ACLs",
        config="""
frontend web
    bind 127.0.0.1:{port:front}
    acl listed path -f {file:empty.map}
    http-request set-map({file:str.map}) %[path,field(3,/)] %[path,field(4,/)] if { path_beg /set/ }
    http-request del-map({file:str.map}) %[path,field(3,/)] if { path_beg /del/ }
    http-request add-acl({file:empty.map}) /%[path,field(3,/)] if { path_beg /add/ }
    http-request del-acl({file:empty.map}) /%[path,field(3,/)] if { path_beg /drop/ }
    http-request deny if listed
    http-request set-var(txn.found) path,field(2,/),map({file:str.map},none)
    http-request return status 200 content-type text/plain lf-string "[%[var(txn.found)]]"
""",
        files=FILES,
        talk=[
            *(
                step
                for path in (
                    "/one",
                    "/set/one/1",
                    "/one",
                    "/set/new/2",
                    "/new",
                    "/del/one",
                    "/one",
                    "/add/x",
                    "/x",
                    "/add/x",
                    "/drop/x",
                    "/x",
                    "/drop/x",
                )
                for step in (Send(get(path)), Recv(), Pause(0.15))
            ),
        ],
        logs=13,
        expect=["[first value]", "[1]", "[2]", "[none]", "403"],
    ),
]
