"""The words of `server` and `default-server` lines about checks, and about proxies on the way (manual 5.2), one small
function each."""

from dataclasses import replace

from pointsman.config.addresses import expand, parse_addresses, resolve
from pointsman.config.bind import check_proto as check_known_proto
from pointsman.config.parameters import Words
from pointsman.config.server_words import ServerParameters, flag, server_word
from pointsman.core.address import is_ip
from pointsman.core.diagnostics import ConfigError

flag("check-via-socks4", lambda words, server: replace(server, check_via_socks4=True))
flag("check-reuse-pool", lambda words, server: replace(server, check_reuse_pool=True))
flag("no-check-reuse-pool", lambda words, server: replace(server, check_reuse_pool=False))


@server_word("check-pool-conn-name")
def check_pool_conn_name(words: Words, server: ServerParameters) -> ServerParameters:
    """check-pool-conn-name <name>: which idle connection checks take; here each server has one for checks alone."""
    words.args.diagnostics.notice(
        "'check-pool-conn-name' chooses among connections of traffic, which checks do not use here, and has no effect "
        "(manual 5.2)",
        words.word.at,
    )
    return replace(server, check_pool_name=words.value("missing name value", "<name>").text)


@server_word("check-proto")
def check_proto(words: Words, server: ServerParameters) -> ServerParameters:
    """check-proto h1|h2|none: what is spoken on connections of checks; it must be what checks of that kind speak."""
    word = check_known_proto(words, True, "5.2")
    return replace(server, check_proto=word.text, check_proto_at=word.at)


@server_word("socks4")
def socks4(words: Words, server: ServerParameters) -> ServerParameters:
    """socks4 <addr>:<port>: connections to the server go by a SOCKS4 proxy there."""
    word = expand(
        words.value("expects <addr>:<port> as argument", "<addr>:<port>"), words.args.configuration.environment
    )
    said = f"'socks4 {word.text}'"
    try:
        spec = parse_addresses(word, default_port=None, listening=False)[0]
    except ConfigError as error:
        finding = error.finding
        raise ConfigError(f"{words.said} : {said} : {finding.message}", finding.position, finding.expected) from None
    if spec.datagram:
        raise words.wrong(f"{said} : dgram-type address not acceptable in '{word.text}'", word)
    if spec.kind != "inet":
        return replace(server, socks4=spec)
    if spec.port_offset:
        raise words.wrong(f"{said} : port offset not permitted here in '{word.text}'", word)
    if spec.port is None:
        raise words.wrong(f"{said} : missing port specification in '{word.text}'", word, "<addr>:<port>")
    host = spec.host if not spec.host or is_ip(spec.host) else resolve(spec.host, spec.family)
    if host is None:
        raise words.wrong(f"{said} : invalid address: '{spec.host}' in '{word.text}'", word)
    return replace(server, socks4=replace(spec, host=host))
