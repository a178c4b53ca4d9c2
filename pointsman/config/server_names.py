"""The words of `server` and `default-server` lines about servers that are known by a name (manual 5.2, 5.3).

resolvers <id>     the section whose name servers are asked for the address while running
init-addr ...      how the first address is found, before anything runs
resolve-prefer     which family, where a name has both
resolve-net        which networks, where a name has several addresses
resolve-opts       what several servers of one name make of its records
"""

import ipaddress
from dataclasses import replace
from typing import Final

from pointsman.config.addresses import resolve
from pointsman.config.parameters import Words
from pointsman.config.server_line import ServerLine
from pointsman.config.server_words import Network, ServerParameters, server_word
from pointsman.config.setting import Section
from pointsman.core.address import AddressSpec, is_ip
from pointsman.core.diagnostics import ConfigError, Diagnostics

INIT_METHODS: Final = ("last", "libc", "none")
MOST_NETWORKS: Final = 5  # of resolve-net, as in HAProxy
OPTIONS: Final = ("allow-dup-ip", "ignore-weight", "prevent-dup-ip")
SERVICE_MARK: Final = "_"  # what begins with it is looked up as SRV records (manual 5.3.1)


@server_word("init-addr")
def init_addr(words: Words, server: ServerParameters) -> ServerParameters:
    """init-addr last|libc|none|<ip>,...: how the address of a host name is found at start-up, in order."""
    word = words.value("expects a comma-delimited list of addresses and methods", "last, libc, none or <ip>")
    methods: list[str] = []
    for method in word.text.split(","):
        if method and method not in INIT_METHODS and not is_ip(method):
            raise words.wrong(
                f"unknown init-addr method '{method}', supported methods are 'libc', 'last', 'none'.", word
            )
        if method:
            methods.append(method)
    return replace(server, init_addr=tuple(methods))


@server_word("resolvers")
def resolvers(words: Words, server: ServerParameters) -> ServerParameters:
    """resolvers <id>: the section whose name servers know the server's address while running."""
    return replace(server, resolvers=words.value("expects the name of a resolvers section", "<id>").text)


@server_word("resolve-prefer")
def resolve_prefer(words: Words, server: ServerParameters) -> ServerParameters:
    """resolve-prefer ipv4|ipv6: the family to use where a name has addresses of both; ipv6 if nothing is said."""
    missing = "expects either ipv4 or ipv6 as argument."
    word = words.value(missing, "ipv4 or ipv6")
    if word.text not in ("ipv4", "ipv6"):
        raise words.wrong(missing, word, "ipv4 or ipv6")
    return replace(server, resolve_prefer=4 if word.text == "ipv4" else 6)


@server_word("resolve-net")
def resolve_net(words: Words, server: ServerParameters) -> ServerParameters:
    """resolve-net <network>[,<network>...]: addresses of the first of these networks that has one go first."""
    word = words.value("expects a list of networks.", "<network>[,<network>...]")
    said = word.text.split(",")
    networks: list[Network] = []
    for text in said:
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            raise words.wrong(f"invalid network '{text}'.", word, "<address>[/<bits>]") from None
    if len(networks) > MOST_NETWORKS:
        raise words.wrong(f"exceed {MOST_NETWORKS} networks.", word)
    return replace(server, resolve_networks=tuple(networks))


@server_word("resolve-opts")
def resolve_opts(words: Words, server: ServerParameters) -> ServerParameters:
    """resolve-opts allow-dup-ip|ignore-weight|prevent-dup-ip,...: what servers of one name make of its records."""
    word = words.value("expects a list of options", ", ".join(OPTIONS))
    duplicates, ignore = server.resolve_duplicates, server.resolve_ignore_weight
    for option in word.text.split(","):
        if option not in OPTIONS:
            raise words.wrong(
                f"unknown resolve-opts option '{option}', supported methods are 'allow-dup-ip', 'ignore-weight', "
                "and 'prevent-dup-ip'.",
                word,
                ", ".join(OPTIONS),
            )
        if option == "ignore-weight":
            ignore = True
        else:
            duplicates = option == "allow-dup-ip"
    return replace(server, resolve_duplicates=duplicates, resolve_ignore_weight=ignore)


def is_service(host: str) -> bool:
    """SRV records are asked for, not addresses (manual 5.3.1)."""
    return host.startswith(SERVICE_MARK)


def initial_address(line: ServerLine, section: Section, diagnostics: Diagnostics, last: str = "") -> AddressSpec | None:
    """The server's address with a numeric host, by its init-addr methods (manual 5.2); None: it starts without one.
    `last`: what a server-state file says of it, "": nothing.

    Blocks while names resolve, so it is for start-up only. Raises ConfigError where every method fails.
    """
    spec = line.address
    if spec.kind != "inet" or not spec.host or is_ip(spec.host):
        return spec
    said = f"'server {section.name}/{line.name}'"
    service = is_service(spec.host)
    asked = bool(line.parameters.resolvers)
    if service and asked:  # its records are asked for while running, and nothing else is
        return replace(spec, host=last) if last else None
    tried = False
    for method in line.parameters.init_addr or (("last", "libc", "none") if asked else ("last", "libc")):
        if method == "none":
            if tried:
                diagnostics.notice(f"{said} : could not resolve address '{spec.host}', disabling server.", line.at)
            return None
        if method == "last" and last:
            return replace(spec, host=last)
        if method == "last" or service:
            continue
        tried = True
        host = resolve(spec.host, spec.family) if method == "libc" else method
        if host is not None:
            return replace(spec, host=host)
    missing = "could not resolve" if tried else "no method found to resolve"
    raise ConfigError(
        f"{said} : {missing} address '{spec.host}'.",
        line.at,
        "a host name that resolves, or 'init-addr' with 'none' (manual 5.2)",
    )
