"""A file that loads, with seeded mistakes of security: one run finds each on its line, and no rule of security finds
anything else in it; nor in the same file put right."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsman.verbs.lint import rules
from pointsman.verbs.lint.engine import Choice, Result, lint
from pointsman.verbs.lint.subject import examine
from pointsman.verbs.lint.text import Text
from tests.support.certificates import Authority

FILE = "haproxy.cfg"
# What stands behind "#!" is seeded in that line; behind "#=" stands the line as it should be, "#-": without it.
SEEDED = """\
global
    user nobody
    ssl-default-bind-options ssl-min-ver TLSv1.1  #! old-tls-version #= ssl-default-bind-options ssl-min-ver TLSv1.2
    ssl-default-bind-ciphers ECDHE+AESGCM:RC4-MD5  #! weak-ciphers #= ssl-default-bind-ciphers ECDHE+AESGCM:!RC4
    tune.ssl.default-dh-param 1024  #! weak-dh #= tune.ssl.default-dh-param 2048

defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s

userlist people
    user ann insecure-password Aej5wooy  #! plain-password readable-password #= user ann password $5$salt$hash
    user bob password $5$salt$hash

frontend www
    bind :80
    bind :443 ssl crt open.pem  #! readable-key #= bind :443 ssl crt closed.pem
    bind :444 ssl crt old.pem  #! expiring-certificate #= bind :444 ssl crt closed.pem
    bind :445 ssl crt closed.pem ca-file ca.pem verify required crt-ignore-err all  #! ignored-certificate-errors #-
    bind :81 accept-proxy  #! open-accept-proxy #= http-response set-header Strict-Transport-Security max-age=9
    stick-table type ip size 1k store http_req_rate(10s)
    option forwardfor if-none  #! forwardfor-if-none #= option forwardfor
    option accept-unsafe-violations-in-http-request  #! unsafe-violations #-
    capture request header Authorization len 90  #! logged-secret #-
    acl office hdr_ip(x-forwarded-for) 192.0.2.0/24  #! trusted-forwarded-for #= acl office src 192.0.2.0/24
    acl words path_reg ^/([a-z]+)*$  #! exponential-regex #= acl words path_reg ^/[a-z]*$
    acl query url_reg union.*select.*from  #! polynomial-regex #= acl query url_sub union
    http-request set-header X-Office yes if office
    http-request deny if words query
    http-request deny if { sc_http_req_rate(0) gt 20 }  #! counter-before-track #-
    http-request track-sc0 src
    http-request deny if { sc_http_req_rate(1) gt 20 }  #! untracked-counter #-
    acl clear hdr(x-forwarded-proto) http  #! trusted-forwarded-proto #= acl clear dst_port 80
    http-request redirect scheme https if clear  #! missing-hsts #= http-request redirect scheme https if clear
    http-request redirect location %[url_param(to)] if { path /out }  #! open-redirect #-
    http-request del-header X-User
    http-request deny if { req.hdr(X-User) root }  #! deleted-header #-
    http-request use-service prometheus-exporter if { path /metrics }  #! open-metrics #-
    http-request set-path /site%[path]
    use_backend app if { path_beg /app }  #! rewritten-before #-
    default_backend app

frontend secure
    bind :8443 ssl crt closed.pem
    bind 192.0.2.7:443  #! plain-bind-on-tls-port #-
    default_backend app

frontend mixed
    bind 198.51.100.7:80
    bind 8.8.4.4:80  #! plain-http #-
    bind 8.8.4.4:443 ssl crt closed.pem
    default_backend app

listen stats
    bind :8404
    stats enable  #! open-stats-page #-
    stats admin if TRUE  #! open-stats-admin #-

listen private
    http-response set-header X-Frame-Options DENY if { ssl_fc }  #! tls-never #-
    bind 127.0.0.1:8405
    stats auth admin:change-me  #! known-password #= stats hide-version
    http-request use-service prometheus-exporter if { path /metrics }  #! answer-before-auth #-
    http-request auth unless { http_auth(people) }

backend app
    http-request set-header X-Api-Key 8f14e45fceea167a5a36dedd  #! literal-secret #-
    server one 192.0.2.1:443 ssl verify none  #! server-verify-none #= server one 192.0.2.1:443 ssl ca-file ca.pem

backend raw
    mode tcp
    server one 192.0.2.2:443 ssl verify required ca-file ca.pem  #! server-name-unverified #-
"""
SECURITY = {
    "answer-before-auth", "counter-before-track", "deleted-header", "expiring-certificate", "exponential-regex",
    "forwardfor-if-none", "ignored-certificate-errors", "known-password", "literal-secret", "logged-secret",
    "missing-hsts", "old-tls-version", "open-accept-proxy", "open-metrics", "open-redirect", "open-stats-admin",
    "open-stats-page", "plain-bind-on-tls-port", "plain-http", "plain-password", "polynomial-regex", "readable-key",
    "readable-password", "rewritten-before", "server-name-unverified", "server-verify-none", "tls-never",
    "trusted-forwarded-for", "trusted-forwarded-proto", "unsafe-violations", "untracked-counter", "weak-ciphers",
    "weak-dh",
}  # fmt: skip
MARK = re.compile(r"  #! ([a-z -]+?)(?: #(?:= (?P<better>.*)|(?P<without>-)))?$")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """In a place that everybody may enter, as folders of pytest are not."""
    made = Path(tempfile.mkdtemp(prefix="lint-"))
    made.chmod(0o755)
    authority = Authority("Security")
    pem = authority.pem("lint.example.com")
    contents = {"open.pem": pem, "closed.pem": pem, "old.pem": authority.pem("old.example.com", expired=True)}
    for name, content in (contents | {"ca.pem": authority.ca, FILE: b""}).items():
        (made / name).write_bytes(content)
        (made / name).chmod(0o644 if name in ("open.pem", FILE) else 0o600)
    yield made
    shutil.rmtree(made)


@pytest.fixture(autouse=True)
def _there(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(rules, "RAISES", True)
    monkeypatch.chdir(folder)


def run(text: str) -> Result:
    return lint(examine([FILE], {FILE: Text(FILE, text.encode())}), Choice())


def found(result: Result) -> set[tuple[int, str]]:
    return {(one.at.line, one.name) for one in result.reports if one.name in SECURITY}


def test_one_run_finds_each_mistake_of_security_on_its_line() -> None:
    lines = SEEDED.split("\n")
    seeded = set[tuple[int, str]]()
    for number, line in enumerate(lines, 1):
        mark = MARK.search(line)
        if mark is not None:
            seeded.update((number, name) for name in mark[1].split())
    assert {name for _, name in seeded} == SECURITY
    result = run("\n".join(MARK.sub("", line) for line in lines))
    assert result.loads
    assert found(result) - seeded == set()
    assert seeded - found(result) == set()


def test_nothing_is_found_in_the_file_put_right() -> None:
    better: list[str] = []
    for line in SEEDED.split("\n"):
        mark = MARK.search(line)
        if mark is None:
            better.append(line)
        elif not mark["without"]:
            assert mark["better"], f"'{line}' has to say what is right"
            better.append(f"    {mark['better']}")
    result = run("\n".join(better))
    assert result.loads
    assert found(result) == set()
