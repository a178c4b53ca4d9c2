"""All errors of a file in one run, and no error that only follows from another (manual 2.1; 4)."""

import pytest

import pointsman.keywords
from pointsman.assemble.more_errors import find_more
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics, Severity

assert pointsman.keywords

DEFAULTS = "defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n"  # 5 lines


def errors(text: str) -> list[tuple[int, str]]:
    """Lines, counted behind the defaults, and messages. The file is wrong somewhere."""
    diagnostics = Diagnostics()
    configuration = load_text(DEFAULTS + text, diagnostics, variables={})
    assert diagnostics.failed
    find_more(configuration, diagnostics)
    return [(one.position.line - 5, one.message) for one in diagnostics.findings if one.severity == Severity.ALERT]


def test_everything_is_told_at_once_in_the_order_of_the_lines() -> None:
    assert errors("""frontend f
 bind :1x
 http-request deny if nosuch
 http-request deny if { http_auth(nolist) }
 http-request capture path id 3
 use_backend nobackend
 default_backend b
backend b
 server s 127.0.0.1 check
 server s 127.0.0.1:2
 use-server noserver if TRUE
backend b
 option htplog
""") == [
        (2, "invalid character 'x' in port number '1x' in ':1x'"),
        (3, "no such ACL : 'nosuch'"),
        (4, "unable to find user list 'nolist'"),
        (5, "unable to find capture id '3' referenced by http-request capture rule."),
        (6, "frontend 'f': unable to find required use_backend: 'nobackend'."),
        (
            9,
            "config: backend 'b': server 's' has neither service port nor check port nor tcp_check rule 'connect' with "
            "port information.",
        ),
        (10, "backend 'b', another server named 's' was already defined at line 14, please use distinct names."),
        (11, "unable to find server 'noserver' in backend 'b' referenced in a 'use-server' rule."),
        (12, "backend 'b' has the same name as backend 'b' declared at haproxy.cfg:13."),
        (13, "unknown option 'htplog'."),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # ACLs
        (
            "frontend f\n bind :1\n acl a path_bge /x\n http-request deny if a\n",
            [(3, "unknown fetch method 'path_bge'")],
        ),
        (
            'frontend f\n bind :1\n acl a path "/x\n http-request deny if !a\n use_backend b if a\nbackend b\n',
            [(3, "unmatched quote at position 13")],
        ),
        (
            "frontend f\n bind :1\n acl a path ''\n http-request deny if a\n",
            [(3, "argument number 3 at position 13 is empty and marks the end of the argument list")],
        ),
        # backends
        (
            "frontend f\n bind :1\n default_backend b\nbakend b\n server s :1\n",
            [(4, "unknown keyword 'bakend' in 'frontend' section")],
        ),
        (
            "frontend f\n bind :1\n default_backend b\nbackend b from nobody\n server s :1\n",
            [(4, "defaults section 'nobody' not found for backend 'b'.")],
        ),
        ("frontend f\n bind :1\n default_backend b\nbackend b\n mode htttp\n", [(5, "unknown proxy mode 'htttp'.")]),
        # servers, captures, lists of users
        (
            "backend b\n server s 127.0.0.1:x\n use-server s if TRUE\n",
            [(2, "'server b/s' : invalid character 'x' in port number 'x' in '127.0.0.1:x'")],
        ),
        (
            "frontend f\n bind :1\n declare capture request len x\n http-request capture path id 0\n",
            [(3, "'declare capture': 'x' is not a number")],
        ),
        (
            'userlist "u\n user a password b\nfrontend f\n bind :1\n http-request deny if { http_auth(u) }\n',
            [(1, "unmatched quote at position 10"), (2, "unknown keyword 'user' in 'defaults' section")],
        ),
        # names of servers are not looked up for the rest of a file that is wrong
        (
            "backend b\n server s no-such-host.invalid:80 check\n nonsense\n",
            [(3, "unknown keyword 'nonsense' in 'backend' section")],
        ),
    ],
)
def test_what_follows_from_an_error_is_not_told(text: str, expected: list[tuple[int, str]]) -> None:
    assert errors(text) == expected


def test_warnings_of_a_file_that_is_wrong_are_those_of_its_lines() -> None:
    diagnostics = Diagnostics()
    configuration = load_text("frontend f\n timeout client 5\n nonsense\n", diagnostics)
    find_more(configuration, diagnostics)
    assert [one.severity for one in diagnostics.findings] == [Severity.WARNING, Severity.ALERT]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("http-request do-log x if nosuch", ["no such ACL : 'nosuch'", "action 'do-log' is not built yet"]),
        (
            "http-request set-haeder a b unless { path_bge / }",
            ["unknown fetch method 'path_bge'", "'http-request': unknown action 'set-haeder'"],
        ),
        ("http-request lua.x if a", ["action 'lua.x' is not built yet: Lua is not"]),
        ("http-request lua.x", ["action 'lua.x' is not built yet: Lua is not"]),
    ],
)
def test_conditions_behind_an_action_that_is_none(line: str, expected: list[str]) -> None:
    found = errors(f"frontend f\n bind :1\n acl a nofetch\n {line}\n")
    assert [message for at, message in found if at == 4] == expected


@pytest.mark.parametrize(
    ("line", "errors_of"),
    [
        (
            "bind :1 quic-socket listener nmae x",
            [
                "bind option 'quic-socket' is not built yet: QUIC is not",
                "'bind :1' in section 'frontend' : unknown keyword 'nmae'",
            ],
        ),
        (
            "bind :1 quic-socket listener maxconn x",
            [
                "bind option 'quic-socket' is not built yet: QUIC is not",
                "'bind :1' in section 'frontend' : 'maxconn' : 'x' is not a number",
            ],
        ),
        (
            "bind :1 quic-socket listener quic-cc-algo",
            [
                "bind option 'quic-socket' is not built yet: QUIC is not",
                "bind option 'quic-cc-algo' is not built yet: QUIC is not",
                "'bind :1' in section 'frontend' : 'quic-cc-algo' : missing value",
            ],
        ),
        (
            "bind :1 quic-socket listener quic-cc-algo cubic maxconn 3",
            [
                "bind option 'quic-socket' is not built yet: QUIC is not",
                "bind option 'quic-cc-algo' is not built yet: QUIC is not",
            ],
        ),
    ],
)
def test_words_behind_one_that_is_not_built_are_looked_at(line: str, errors_of: list[str]) -> None:
    assert [message for _, message in errors(f"frontend b\n {line}\n")] == errors_of
