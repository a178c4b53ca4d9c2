"""Regular expressions as they occur in configurations: what matches, what groups hold, what is put in their place."""

from __future__ import annotations

from collections.abc import Sequence

from support.actor import Recv, Send, Step
from support.scenario import Scenario

from families.requests import get


def matched(name: str, fetch: str, patterns: Sequence[str], values: Sequence[str], *expect: str) -> Scenario:
    """Which of these patterns match each value of the header: their numbers, from 1 on."""
    lines = "\n".join(
        f"    acl p{number} {fetch} {pattern}\n"
        f"    http-request set-var(txn.m) var(txn.m),concat(,,-{number}) if p{number}"
        for number, pattern in enumerate(patterns, 1)
    )
    return Scenario(
        name=name,
        config=f"""
frontend web
    bind 127.0.0.1:{{port:front}}
    http-request set-var(txn.m) str(m)
{lines}
    http-request return status 200 content-type text/plain lf-string "[%[var(txn.m)]]"
""",
        talk=asked(fetch, values),
        logs=len(values),
        expect=expect,
    )


def asked(fetch: str, values: Sequence[str]) -> Sequence[Step]:
    in_path = fetch.startswith(("path", "url", "base"))
    return [step for value in values for step in (Send(get(value) if in_path else get("/", f"X: {value}")), Recv())]


def rewritten(name: str, rules: Sequence[str], values: Sequence[str], *expect: str, path: bool = False) -> Scenario:
    """What rules make of the header X, or of the path and query."""
    shown = "%[pathq]" if path else "%[req.fhdr(x)]"
    lines = "\n".join(f"    {rule}" for rule in rules)
    return Scenario(
        name=name,
        config=f"""
frontend web
    bind 127.0.0.1:{{port:front}}
{lines}
    http-request return status 200 content-type text/plain lf-string "[{shown}]"
""",
        talk=asked("path" if path else "hdr", values),
        logs=len(values),
        expect=expect,
    )


def converted(name: str, converters: Sequence[str], values: Sequence[str], *expect: str) -> Scenario:
    """What converters make of the header X."""
    lines = "\n".join(
        f'    http-request set-var(txn.v{number}) "req.fhdr(x),{one}"' for number, one in enumerate(converters)
    )
    text = " ".join(f"[%[var(txn.v{number})]]" for number in range(len(converters)))
    return Scenario(
        name=name,
        config=f"""
frontend web
    bind 127.0.0.1:{{port:front}}
{lines}
    http-request return status 200 content-type text/plain lf-string "{text}"
""",
        talk=asked("hdr", values),
        logs=len(values),
        expect=expect,
    )


PATHS = [
    r"^/api/v[0-9]+/",
    r"^/(css|js|img|fonts)/",
    r"\.(css|eot|gif|ico|jpe?g|js|png|svg|ttf|webp|woff2?|xml)$",
    r"-i \.(php|asp|aspx|jsp|cgi)(/|$)",
    r"^/users/([0-9]+)(/posts(/[0-9]+)?)?/?$",
    r"^/[a-z]{2}(-[A-Z]{2})?/",
    r"^/(?!public/).*\.html$",
    r"^/.well-known/acme-challenge/[-_a-zA-Z0-9]+$",
    r"/\.(git|svn|hg|env)(/|$)",
    r"/wp-(admin|login|content|includes)",
    r"^/(index\.(html?|php))?$",
    r"^/[[:alpha:]]+/[[:digit:]]+$",
    r"^/[^/]+/?$",
    r"^/download/.+\.(tar\.gz|zip|t[gb]z2?)$",
    r"\.\./",
    r"-- (?i)^/ADMIN(/|$)",
    r"^/(?<first>a|b|c)/\1/",
    r"^/(?<lang>de|fr|en)/(?:news|blog)/(?P<year>\d{4})/\d\d?$",
    r"^/\w+\.\w+$",
    r"^/ws(ock(et)?)?(/|$)",
    r"^/x{2,4}y",
    r"'^/[\x61-\x66\x30-\x39]+$'",
    r"'^/[^\x01-\x7f]'",
    r"^/graphql\b",
    r"^/(?>a+)b",
    r"^/a++b",
    r"^/\Qa.b\E/",
]
VISITED = [
    "/api/v1/users",
    "/api/vx/",
    "/css/site.css",
    "/js/app.min.js",
    "/logo.JPEG",
    "/logo.jpeg",
    "/index.PHP",
    "/x.aspx/y",
    "/users/12",
    "/users/12/posts/7/",
    "/users/x",
    "/de/",
    "/de-AT/x",
    "/public/a.html",
    "/private/a.html",
    "/.well-known/acme-challenge/Az_0-9",
    "/.git/config",
    "/.github",
    "/wp-login.php",
    "/",
    "/index.htm",
    "/abc/123",
    "/abc/123/",
    "/download/x.tar.gz",
    "/download/x.tbz2",
    "/a/../b",
    "/admin",
    "/Administrator",
    "/a/a/x",
    "/a/b/x",
    "/de/news/2024/7",
    "/en/blog/2024/12",
    "/it/news/2024/7",
    "/a.b",
    "/ws",
    "/wsocket/1",
    "/wsockets",
    "/xxy",
    "/xy",
    "/xxxxxy",
    "/cafe09",
    "/caf%C3%A9",
    "/graphql",
    "/graphqls",
    "/aab",
    "/aaa",
    "/a.b/c",
    "/axb/c",
]
AGENTS = [
    r"-i (bot|crawl|spider|slurp)",
    r"^Mozilla/[45]\.[0-9]+ \(.*\)",
    r"MSIE\ [6-8]\.",
    r"'Mobile|Android|iP(hone|od|ad)'",
    r"^(curl|Wget|python-requests)/[0-9.]+",
    r"^$",
    r"^.{0,9}$",
    r"-i ^(?:googlebot|bingbot)/",
    r"'\bChrome/(\d{2,3})\b'",
    r"'(?i)(?:sqlmap|nikto|nmap|masscan)'",
    r"'^[^a-z]*$'",
    r"'(?=.*Firefox)(?!.*Seamonkey)'",
    r"'[\[\](){}<>]'",
    r"^\S+$",
    r"'(?x)^[ ]* curl [/]  # a comment'",
]
BROWSERS = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "curl/8.5.0",
    "Googlebot/2.1",
    "python-requests/2.31.0",
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0)",
    "Mozilla/5.0 (iPhone; CPU) Mobile/15E148",
    "",
    "x",
    "sqlmap/1.8",
    "12345",
    "Mozilla/5.0 Chrome/120.0 Safari",
    "Firefox Seamonkey",
    "MyCrawler [v1]",
    "  curl",
]
HOSTS = [
    r"^alice\.example\.com$",
    r"-i ^(www\.)?example\.(com|net|org)$",
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z]{2,}$",
    r"^(?:[0-9]{1,3}\.){3}[0-9]{1,3}$",
    r"^[0-9a-fA-F:]+$",
    r"-i -- (DE|AT|CH|FR|IT|LU|BE|NL)",
    r"0{4}.*",
    r"'^(10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.)'",
    r"'^[[:xdigit:]]{8}(-[[:xdigit:]]{4}){3}-[[:xdigit:]]{12}$'",
    r"'^Bearer\s+[A-Za-z0-9\-_]+\.[A-Za-z0-9\-_]+\.[A-Za-z0-9\-_]*$'",
    r"'^bytes=\d*-\d*(,\d*-\d*)*$'",
    r"'(^|,\s*)gzip(;q=1(\.0)?)?(,|$)'",
    r"'^(?<a>.)(?<b>.)(.?)\2\1$'",
    r"'^[^@\s]+@[^@\s]+\.[a-z]+$'",
]
NAMES = [
    "alice.example.com",
    "aliceXexample.com",
    "WWW.Example.NET",
    "a-b.example.org",
    "-a.example.org",
    "127.0.0.1",
    "::1",
    "AT",
    "x0000y",
    "172.31.0.1",
    "172.32.0.1",
    "123e4567-e89b-12d3-a456-426614174000",
    "Bearer aa.bb.cc",
    "bytes=0-499,-5",
    "bytes=a",
    "br, gzip;q=1.0",
    "br, gzip;q=0.5",
    "abcba",
    "abba",
    "me@example.com",
    "me@@example.com",
]
ATTACKS = [
    r"-i -- '(?i)(?:\b(?:union\s+(?:all\s+)?select|select\s+.*\bfrom|drop\s+table)\b|\bexec(?:ute)?\s*\()'",
    r"-i -- '(?i)(?:<script[^>]*>|javascript\s*:|\bon(?:error|load)\s*=|alert\s*\(|document\.(?:cookie|domain))'",
    r"-i -- '(?i)(?:169\.254\.169\.254|metadata\.google\.internal|localhost|\[::1\]|fd00:)'",
    r"-i -- '(?:\.\.[\/\\]){2,}|(?:%2e%2e[%2f%5c]){2,}|[\/\\]etc[\/\\](?:passwd|shadow|hosts)'",
    r"-i -- '(?:;|\||&&|\n|\x60|\$\()\s*(?:cat|ls|id|whoami|curl|wget|bash|sh|nc|python)\b'",
    r"(\%27)|(\')|(\-\-)|(\%23)|(\#)",
    r"'\b(and|or)\b\s+\d+\s*=\s*\d+'",
    r"'[\x01-\x08\x0b\x0c\x0e-\x1f]'",
    r"'(?<c>[^\w\s])\1{3,}'",
    r"-i '(?:e(?:val|xec)|system|passthru)\s*\('",
]
TRIED = [
    "id=1 UNION ALL SELECT x",
    "select a from b",
    "selected fromage",
    "<ScRiPt src=x>",
    "javascript :x",
    "onerror = 1",
    "http://169.254.169.254/",
    "http://[::1]/",
    "../../etc/passwd",
    "..\\..\\",
    "%2e%2e%2f%2e%2e%5c",
    "a;cat x",
    "a && ls",
    "`id`",
    "$(whoami)",
    "x' or 1=1 --",
    "x or 1 = 1",
    "%27",
    "!!!!!",
    "!!!",
    "EVAL (x)",
    "plain text",
]

SCENARIOS = [
    matched("patterns of paths", "path_reg", PATHS, VISITED, "[m-1]", "[m-2-3]", "[m-11]", "[m-5-12]"),
    matched("patterns of user agents", "req.hdr(x) -m reg", AGENTS, BROWSERS, "[m-5-14]"),
    matched("patterns of names and tokens", "req.fhdr(x) -m reg", HOSTS, NAMES, "[m-1-3]"),
    matched("patterns against attacks", "req.fhdr(x) -m reg", ATTACKS, TRIED, "[m-1]", "[m]"),
    rewritten(
        "replace-header with groups",
        [
            r"http-request replace-header X '^https?://([^/:]+)(:[0-9]+)?(/.*)?$' '\1|\2|\3'",
            r"http-request replace-header X '^(?<a>\w+)=(?P<b>\w+)$' '\2=\1 \x5b\0\x5D\9'",
            r"http-request replace-value X '^(s)ecret$' '*\1*'",
            r"http-request replace-header X '(?i)^REMOVE\s+(?:a|(b))$' '<\1>'",
        ],
        ["http://a.example:80/x?y", "https://b", "k=v", "secret,open,secret", "remove b", "Remove a", "else"],
        "[a.example|:80|/x?y]",
        "[v=k [k=v]]",
        "[*s*,open,*s*]",
        "[<>]",
    ),
    rewritten(
        "replace-path and its kin",
        [
            r"http-request replace-path ^/api(/?(.*)) /\2 if { path_beg /api }",
            r"http-request replace-path /_api(/)?(.*) /\2 if { path_beg /_api }",
            r"http-request replace-pathq ^/old/(\d+)(\?.*)?$ /new\2;\1 if { path_beg /old }",
            r"http-request replace-uri ^/u(/[^?]*)\??(.*)$ /v\1?\2&more if { path_beg /u/ }",
        ],
        [
            "/api",
            "/api/",
            "/api/v1/x?a=b",
            "/_api/x",
            "/_apix",
            "/old/7?q",
            "/old/7",
            "/old/x",
            "/u/x?y=1",
            "/u/x",
            "/z",
        ],
        "[/v1/x?a=b]",
        "[/new?q;7]",
        "[/v/x?y=1&more]",
        path=True,
    ),
    converted(
        "regsub",
        [
            "regsub(X,-)",
            "regsub(X,-,g)",
            "regsub(x,-,gi)",
            "regsub(x*,-,g)",
            "regsub(\\$,!,g)",
            "regsub(^,!,g)",
            "regsub(^a,!,g)",
            "regsub('(a)(b)?','<\\\\2\\\\1\\\\3>',g)",
            "regsub('(?<=a)b','-',g)",
            "regsub('b|\\\\Aa','-',g)",
            "regsub('[\\\\x61-\\\\x62]','',g)",
            "regsub('a\\\\Kb','-',g)",
            "regsub('\\\\s+','%20',g)",
            "regsub('(z)?b','[\\\\1]')",
            "regsub(a,'\\\\x41\\\\q')",
        ],
        ["aXbXc", "abab", "aab", "b a  b", "zzz", "xXx"],
        "[a-bXc] [a-b-c]",
        "[-a-X-b-X-c-] [aXbXc!!] [!aXbXc]",
    ),
    Scenario(
        name="map_reg and map_regm",
        config="""
frontend web
    bind 127.0.0.1:{port:front}
    http-request set-var(txn.plain) path,map_reg({file:reg.map},none)
    http-request set-var(txn.groups) path,map_regm({file:reg.map})
    http-request return status 200 content-type text/plain lf-string "[%[var(txn.plain)]] [%[var(txn.groups)]]"
""",
        talk=asked("path", ["/user/12/edit", "/USER/1/x", "/f/a.JPG", "/de/x", "/x/x", "/q"]),
        files={
            "reg.map": b"^/user/([0-9]+)/(\\w+)$ u=\\1&a=\\2&n=\\3\n"
            b"(?i)\\.(jpe?g|png)$ image.\\1\n^/(?<l>de|fr)/(.*) \\0 \\1 \\2\n"
            b"^/(?<x>.)/\\1$ twice\n"
        },
        logs=6,
        expect=("[u=12&a=edit&n=]", "[image.JPG]", "[/de/x de x]", "[twice]"),
    ),
    *(
        Scenario(
            name=f"a pattern that takes for ever does not match, {kind}",
            config="""
frontend web
    bind 127.0.0.1:{port:front}
    acl stuck {condition}
    http-request return status 200 content-type text/plain string yes if stuck
    http-request return status 200 content-type text/plain string no
""".replace("{condition}", condition),
            talk=asked("path", ["/" + "a" * 6000 + "!", "/" + "a" * 600, "/a"]),
            logs=3,
            expect=("no", "yes"),
        )
        for kind, condition in (
            ("as an ACL", "path_reg ^/(a+)+$"),
            ("as one of several", "path_reg ^/b ^/(a|aa)+$"),
            ("with groups", "\"path,regsub('^/(a+)+\\$',x)\" -m str x"),
        )
    ),
]
