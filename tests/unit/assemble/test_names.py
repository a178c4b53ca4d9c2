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


def test_a_name_without_a_port_may_be_checked() -> None:
    """As HAProxy has it: what the name stands for is not known yet. Of an address that is written out it is an
    error."""
    loaded = read(
        "backend b\n timeout connect 1s\n timeout server 1s\n"
        " server a localhost check\n server b nosuch.invalid check init-addr none\n server c 127.0.0.1 check\n"
    )
    assemble(loaded.configuration, loaded.diagnostics)
    found = [one.message for one in loaded.diagnostics.findings if one.severity == Severity.ALERT]
    assert len(found) == 1
    assert found[0].startswith("config: backend 'b': server 'c' has neither service port nor check port")
