"""Words of server lines about names (manual 5.2, 5.3). Words of errors are those of the haproxy program."""

import ipaddress

import pytest
from support.configs import good, only_error

from pointsman.config.server_line import ServerLine
from pointsman.config.server_names import initial_address
from pointsman.config.server_words import ServerParameters
from pointsman.core.address import AF_INET, AddressSpec
from pointsman.core.diagnostics import ConfigError, Diagnostics

SAID = "'server x/s'"
NETWORKS = (
    ipaddress.ip_network("10.0.0.0/8"),
    ipaddress.ip_network("192.168.1.0/24"),
    ipaddress.ip_network("2001:db8::/32"),
)


@pytest.mark.parametrize(
    "words, expected",
    [
        ("resolvers dns", ServerParameters(resolvers="dns")),
        ("resolve-prefer ipv4", ServerParameters(resolve_prefer=4)),
        ("resolve-prefer ipv4 resolve-prefer ipv6", ServerParameters()),
        ("resolve-net 10.0.0.0/8,192.168.1.7/24,2001:db8::/32", ServerParameters(resolve_networks=NETWORKS)),
        ("resolve-net 10.9.8.7/255.0.0.0", ServerParameters(resolve_networks=NETWORKS[:1])),
        ("resolve-net ::1", ServerParameters(resolve_networks=(ipaddress.ip_network("::1/128"),))),
        ("resolve-opts allow-dup-ip", ServerParameters(resolve_duplicates=True)),
        ("resolve-opts allow-dup-ip,prevent-dup-ip", ServerParameters()),
        (
            "resolve-opts ignore-weight resolve-opts allow-dup-ip",
            ServerParameters(resolve_duplicates=True, resolve_ignore_weight=True),
        ),
    ],
)
def test_words(words: str, expected: ServerParameters) -> None:
    (line,) = good("backend", f"server s 10.0.0.1:80 {words}").proxy.all(ServerLine)
    assert line.parameters == expected


@pytest.mark.parametrize(
    "words, message",
    [
        ("resolvers", "'resolvers' : expects the name of a resolvers section"),
        ("resolve-prefer", "'resolve-prefer' : expects either ipv4 or ipv6 as argument."),
        ("resolve-prefer ipv5", "'resolve-prefer' : expects either ipv4 or ipv6 as argument."),
        ("resolve-net", "'resolve-net' : expects a list of networks."),
        ("resolve-net 10.0.0.0/33", "'resolve-net' : invalid network '10.0.0.0/33'."),
        ("resolve-net 10.0.0.0/8,", "'resolve-net' : invalid network ''."),
        ("resolve-net 1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4,5.5.5.5,6.6.6.6", "'resolve-net' : exceed 5 networks."),
        (
            "resolve-opts allow-dup-ip,nope",
            "'resolve-opts' : unknown resolve-opts option 'nope', supported methods are 'allow-dup-ip', "
            "'ignore-weight', and 'prevent-dup-ip'.",
        ),
    ],
)
def test_errors(words: str, message: str) -> None:
    assert only_error("backend", f"server s 10.0.0.1:80 {words}") == f"{SAID} : {message}"


def resolved(words: str, host: str = "nosuch.invalid", diagnostics: Diagnostics | None = None) -> AddressSpec | None:
    loaded = good("backend", f"server a {host}:80 {words}")
    return initial_address(loaded.proxy.all(ServerLine)[0], loaded.proxy, diagnostics or Diagnostics())


def test_initial_addresses() -> None:
    assert resolved("", "10.1.1.1") == AddressSpec("inet", "10.1.1.1", 80)
    assert resolved("", "localhost") == AddressSpec("inet", "127.0.0.1", 80)
    assert resolved("", "ipv4@localhost") == AddressSpec("inet", "127.0.0.1", 80, AF_INET)
    assert resolved("init-addr last,none") is None
    assert resolved("init-addr 1.2.3.4") == AddressSpec("inet", "1.2.3.4", 80)
    assert resolved("init-addr 1.2.3.4,libc", "localhost") == AddressSpec("inet", "1.2.3.4", 80)
    assert resolved("resolvers dns", "localhost") == AddressSpec("inet", "127.0.0.1", 80)


@pytest.mark.parametrize("words", ["init-addr last,libc,none", "resolvers dns"])
def test_a_server_may_start_without_an_address(words: str) -> None:
    """With resolvers nothing need be said for that."""
    diagnostics = Diagnostics()
    assert resolved(words, diagnostics=diagnostics) is None
    (finding,) = diagnostics.findings
    assert finding.message == "'server x/a' : could not resolve address 'nosuch.invalid', disabling server."


@pytest.mark.parametrize(
    "words, host, how",
    [
        ("", "nosuch.invalid", "could not resolve"),
        ("init-addr libc resolvers dns", "nosuch.invalid", "could not resolve"),
        ("init-addr last", "nosuch.invalid", "no method found to resolve"),
        ("init-addr last resolvers dns", "nosuch.invalid", "no method found to resolve"),
        ("", "_http._tcp.nosuch.invalid", "no method found to resolve"),
    ],
)
def test_an_address_that_nobody_knows(words: str, host: str, how: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(words, host)
    assert str(caught.value) == f"'server x/a' : {how} address '{host}'."
    assert caught.value.finding.position.line == 2


@pytest.mark.parametrize("words", ["resolvers dns", "init-addr none"])
def test_a_service_has_no_address_at_first(words: str) -> None:
    diagnostics = Diagnostics()
    assert resolved(words, "_http._tcp.nosuch.invalid", diagnostics) is None
    assert diagnostics.findings == []
