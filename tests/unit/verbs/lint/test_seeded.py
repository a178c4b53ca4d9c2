"""A file with more than thirty seeded mistakes: one run finds all of them, each on its line, and nothing else; fixes
leave a file that loads, with its comments, and a second run of them changes nothing."""

import re

import pytest

from pointsman.verbs.lint import rules
from pointsman.verbs.lint.engine import Choice, Result, fix_all, lint
from pointsman.verbs.lint.rule import Level
from pointsman.verbs.lint.subject import examine
from pointsman.verbs.lint.text import Text

FILE = "haproxy.cfg"
# What stands behind "#!" is seeded in that line.
SEEDED = """\
global
    user nobody
    nbproc 1  #! removed-word
    maxconn 2000
    stats socket /run/lb.sock mode 666 level admin  #! open-stats-socket

defaults old  #! unused-defaults
    mode tcp

defaults
    mode http
    log global  #! log-without-target
    timeout connect 60s  #! timeout-order
    timeout server 30s
    clitimeout 20s  #! deprecated-word
    timeout http-request 10s

userlist people  #! unused-userlist
    user one insecure-password Ohch4ieF

resolvers dns  #! unused-resolvers
    nameserver one 192.0.2.53:53

frontend www
    bind :8080
    blance roundrobin  #! unknown-word
    acl www hdr(host) WWW.example.com  #! host-case
    acl shop hdr(host) -i shop.example.com:80  #! host-pattern
    acl blog hdr(host) -i *.blog.example.com  #! host-pattern
    acl api path_beg api/  #! path-pattern
    acl search path /search?q=1  #! path-pattern
    acl deleting method delete  #! method-case
    acl unused path_beg /unused  #! unused-acl
    acl LOCALHOST src 192.0.2.0/24  #! acl-shadows-predefined
    acl v1 path_beg /v1
    acl v1_users path_beg /v1/users
    acl large dst_port 80443  #! number-out-of-range
    http-request deny if deleting or large
    http-request deny if www shop blog  #! impossible-condition
    http-request deny if v1_users !LOCALHOST
    http-request set-header X-Users yes if v1_users !LOCALHOST  #! unreachable-rule
    http-request set-header X-Tier one  #! overwritten-header
    http-request set-header X-Tier two
    use_backend v1 if v1
    use_backend users if v1_users  #! unreachable-route
    http-request deny if search  #! rule-order
    use_backend app if api
    maxconn 9000  #! limit-above-global
    default_backend ap  #! unknown-backend

frontend again
    bind *:8080  #! duplicate-bind
    reqadd X-Again:\\ yes  #! removed-word
    redirect scheme https unless { ssl_fc }
    default_backend app

backend v1
    option httpchk GET /health  #! check-without-check
    server one 192.0.2.1:80
    server two 192.0.2.1:80  #! duplicate-server

backend users
    balance source
    cookie SRV insert indirect
    server one 192.0.2.1:443 cookie a check  #! plain-http-to-tls-port
    server two 192.0.2.2:80 cookie a check  #! duplicate-cookie

backend app
    timeout server 0  #! infinite-timeout
    timeout queue 10s  #! overridden-setting
    timeout queue 20s
    option httpchk GET /health HTTP/1.1  #! check-without-host
    server one 192.0.2.1:80 check weight 10
    server two 192.0.2.2:80 agent-port 99  #! agent-words-without-agent
    default-server inter 5s  #! late-default-server

backend orphan  #! unused-backend
    server one 192.0.2.9:80 weight 0 check

backend sessions
    stick-table type ip size 1k  #! unused-stick-table
    server one 192.0.2.1:80 cookie a  #! server-cookie-without-cookie

listen admin 127.0.0.1:9000  #! listen-address
    stats enable
"""
BESIDE = {
    "missing-timeouts",
    "no-usable-server",
    "unused-backend",
    "unreachable-route",
}  # what else follows of these mistakes
MARK = re.compile(r"\s*#! ([a-z0-9-]+)$")


def read() -> tuple[str, dict[int, str]]:
    """The file without its marks; and what is seeded in each line."""
    lines, seeded = [], {}
    for number, line in enumerate(SEEDED.split("\n"), 1):
        mark = MARK.search(line)
        if mark is not None:
            seeded[number] = mark[1]
        lines.append(MARK.sub("", line))
    return "\n".join(lines), seeded


def run(text: str) -> Result:
    return lint(examine([FILE], {FILE: Text(FILE, text.encode())}), Choice())


@pytest.fixture(autouse=True)
def _raising(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "RAISES", True)


def test_one_run_finds_every_seeded_mistake_on_its_line() -> None:
    text, seeded = read()
    assert len(seeded) >= 30
    result = run(text)
    assert not result.loads
    found = {(one.at.line, one.name) for one in result.reports}
    assert {(line, name) for line, name in seeded.items() if (line, name) not in found} == set()
    other = {
        (one.at.line, one.name, one.message)
        for one in result.reports
        if one.level >= Level.WARNING and seeded.get(one.at.line) != one.name and one.name not in BESIDE
    }
    assert other == set()


def test_fixes_leave_a_file_that_loads_and_keep_the_rest() -> None:
    text, _ = read()
    text = text.replace("blance roundrobin", "# roundrobin").replace("default_backend ap\n", "default_backend app\n")
    text = text.replace("path_beg /unused", "path_beg /unused  # for later")
    before = {FILE: Text(FILE, text.encode())}
    first = run(text)
    result = fix_all(before, lambda texts: examine([FILE], texts), Choice())
    assert result.loads
    assert [one for one in result.reports if one.fix is not None] == []
    fixable = {one.name for one in first.reports if one.fix is not None}
    assert fixable >= {
        "deprecated-word",
        "host-case",
        "listen-address",
        "method-case",
        "overridden-setting",
        "overwritten-header",
        "removed-word",
        "unused-acl",
    }
    fixed = result.texts[FILE].content.decode()
    assert "    # for later\n" in fixed
    assert "acl www hdr(host) -i WWW.example.com\n" in fixed
    assert "acl deleting method DELETE\n" in fixed
    assert "listen admin\n    bind 127.0.0.1:9000\n    stats enable\n" in fixed
    assert "http-request add-header X-Again yes\n" in fixed
    assert "nbproc" not in fixed and "/unused" not in fixed
    touched = {one.at.line for one in first.reports if one.fix is not None}
    untouched = [line for number, line in enumerate(text.split("\n"), 1) if number not in touched]
    assert [line for line in untouched if line not in fixed.split("\n")] == []
    again = fix_all(result.texts, lambda texts: examine([FILE], texts), Choice())
    assert again.texts[FILE].content == result.texts[FILE].content
