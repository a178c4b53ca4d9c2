"""Servers that are known by a name refer to sections that ask name servers."""

from support.configs import read

from pointsman.assemble import assemble
from pointsman.core.diagnostics import Severity


def test_a_section_that_is_not_there() -> None:
    """As HAProxy does it, also for a server whose address is no name; not for a default-server that nobody uses."""
    loaded = read(
        "resolvers mydns\n nameserver n 127.0.0.1:53\n"
        "backend b\n timeout connect 1s\n timeout server 1s\n default-server resolvers nothing init-addr none\n"
        " server a nosuch.invalid:80 resolvers mydns\n"
        " server b 127.0.0.1:80 resolvers mydn\n"
        " server c 127.0.0.1:80\n"
    )
    assemble(loaded.configuration, loaded.diagnostics)
    found = [(one.message, one.hint) for one in loaded.diagnostics.findings if one.severity == Severity.ALERT]
    assert found == [
        ("backend 'b', server 'b': unable to find required resolvers 'mydn'", "did you mean 'mydns'?"),
        ("backend 'b', server 'c': unable to find required resolvers 'nothing'", ""),
    ]
