"""Which level each command wants: as HAProxy 3.5 answered when it was asked every command at every level."""

import pytest
from admin_stand import stand

from pointsman.admin.command import ACCESS_LEVELS, ADMIN, COMMANDS, DENIED, OPERATOR, USER

# The lowest level at which a command is not denied.
LOWEST = {
    "user": """
        clear table, dump stats-file, get weight, set anon off, set anon on, set severity-output, set table, set
        timeout, show anon, show backend, show cli level, show cli sockets, show default-server, show defaults,
        show dev, show events, show info, show peers, show pools, show resolvers, show schema json, show servers
        conn, show servers state, show ssl providers, show ssl sni, show stat, show table, show tasks, show
        threads, show trace, show version
    """,
    "operator": """
        clear counters, get var, show activity, show env, show errors, show fd, show libs, show sess, show ssl
        ca-file, show ssl cert, show ssl crl-file, show ssl jwt, show startup-logs, trace
    """,
    "admin": """
        abort ssl ca-file, abort ssl cert, abort ssl crl-file, acme challenge_ready, acme renew, acme status,
        add acl, add backend, add map, add server, add ssl ca-file, add ssl crt-list, add ssl jwt, clear acl,
        clear map, commit acl, commit map, commit ssl ca-file, commit ssl cert, commit ssl crl-file, del acl,
        del backend, del map, del server, del ssl ca-file, del ssl cert, del ssl crl-file, del ssl crt-list, del
        ssl jwt, disable agent, disable dynamic-cookie backend, disable frontend, disable health, disable
        server, dump ssl cert, enable agent, enable dynamic-cookie backend, enable frontend, enable health,
        enable server, get acl, get map, new ssl ca-file, new ssl cert, new ssl crl-file, prepare acl, prepare
        map, publish backend, set anon global-key, set dynamic-cookie-key backend, set map, set maxconn
        frontend, set maxconn global, set maxconn server, set profiling, set rate-limit, set server, set ssl
        ca-file, set ssl cert, set ssl crl-file, set ssl ocsp-response, set ssl tls-key, set weight, show acl,
        show cache, show map, show profiling, show ssl crt-list, show ssl ocsp-response, show ssl ocsp-updates,
        show tls-keys, unpublish backend, update ssl ocsp-response
    """,
}
PAIRS = [
    (" ".join(name.split()), ACCESS_LEVELS.index(level)) for level, names in LOWEST.items() for name in names.split(",")
]
BUILT = [(name, level) for name, level in PAIRS if name in COMMANDS or name.rpartition(" ")[0] in COMMANDS]
OURS = {
    "set var": OPERATOR,
    "experimental-mode": ADMIN,
    "shutdown frontend": ADMIN,
    "shutdown session": ADMIN,
    "shutdown sessions server": ADMIN,
    "operator": OPERATOR,
    "user": USER,
    "help": USER,
    "prompt": USER,
    "wait": USER,
    "echo": USER,
    "show sess help": OPERATOR,
    "show decisions": OPERATOR,
    "show python": OPERATOR,
    "set decisions": ADMIN,
}


def test_the_list_is_whole() -> None:
    """What is built stands in it, and what it does not have is said here."""
    assert len(PAIRS) == len(dict(PAIRS)) == 118 and len(BUILT) >= 70
    names = {name for name, _ in PAIRS} | {name.rpartition(" ")[0] for name, _ in PAIRS}
    assert {name for name in COMMANDS if name not in names} == OURS.keys() | {"quit"}  # which gives no answer


@pytest.mark.parametrize(("name", "lowest"), [*BUILT, *OURS.items()])
def test_levels(name: str, lowest: int) -> None:
    """As in HAProxy a command is denied before anything else is looked at."""
    for level, word in enumerate(ACCESS_LEVELS):
        with stand(level=word) as one:
            answer = one.ask(f"{name} nosuch/nosuch" if name != "echo" else "echo x")
        assert (answer == f"{DENIED}\n") == (level < lowest), (name, word, answer)


def test_counters_of_one_server_and_all_want_admin() -> None:
    with stand(level="operator") as one:
        for line in ("clear counters all", "clear counters server app/s1"):
            assert one.ask(line) == f"{DENIED}\n"
        assert one.ask("clear counters") == ""
