"""How OCSP responses are kept up to date, and how they are asked for (manual 3.2 `ocsp-update.*`, `httpclient.*`).

Each family is one setting: ocsp_updates(configuration), http_client(configuration).
"""

from dataclasses import dataclass, replace
from typing import Final

from pointsman.config.addresses import expand, parse_addresses
from pointsman.config.keyword import Args, Parsed, keyword
from pointsman.config.setting import Configuration, In, Setting
from pointsman.config.tls_values import complete_ca
from pointsman.core.address import AddressSpec, is_ip
from pointsman.core.diagnostics import ConfigError

BIGGEST: Final = (1 << 31) - 1
HTTP_PORT: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class OcspUpdates(Setting):
    """ocsp-update.*: all that was said so far. The defaults are the manual's."""

    on: bool = False  # mode: of certificates that do not say it themselves
    disabled: bool = False  # disable: whatever certificates say
    shortest: int = 300  # mindelay, s between two updates of one response
    longest: int = 3600  # maxdelay, s
    proxy: AddressSpec | None = None  # httpproxy: responders are asked through it


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpClient(Setting):
    """httpclient.*: how responders are asked. The defaults are the manual's."""

    retries: int = 3
    connect: int = 5_000  # ms, timeout.connect
    verify: str = "required"  # ssl.verify
    ca_file: str = "@system-ca"  # ssl.ca-file, its path complete


def ocsp_updates(configuration: Configuration) -> OcspUpdates:
    return configuration.main.one(OcspUpdates) or OcspUpdates()


def http_client(configuration: Configuration) -> HttpClient:
    return configuration.main.one(HttpClient) or HttpClient()


def _updates(args: Args) -> OcspUpdates:
    return replace(args.section.one(OcspUpdates) or OcspUpdates(), at=args.at)


def _client(args: Args) -> HttpClient:
    return replace(args.section.one(HttpClient) or HttpClient(), at=args.at)


def _switch(args: Args) -> bool:
    word = args.peek()
    if not args.accept("on", "off"):
        raise ConfigError(f"'{args.keyword}' : expecting <on|off>", args.here, "on or off")
    return word == "on"


def _seconds(args: Args) -> int:
    if not args.more():
        raise ConfigError(f"'{args.keyword}' expects an integer argument.", args.here, "a number of seconds")
    return args.integer("<number>", 0, BIGGEST)


@keyword("ocsp-update.mode", In.GLOBAL, "3.2")
def mode(args: Args) -> OcspUpdates:
    """ocsp-update.mode on|off: whether responses are updated, for certificates whose lines do not say it."""
    return replace(_updates(args), on=_switch(args))


@keyword("ocsp-update.disable", In.GLOBAL, "3.2")
def disable(args: Args) -> OcspUpdates:
    """ocsp-update.disable on|off: nothing is updated, whatever lines say."""
    return replace(_updates(args), disabled=_switch(args))


@keyword("ocsp-update.mindelay", In.GLOBAL, "3.2")
def mindelay(args: Args) -> OcspUpdates:
    """ocsp-update.mindelay <seconds>: the shortest time between two updates of a response."""
    before, at, delay = _updates(args), args.here, _seconds(args)
    if delay > before.longest:
        raise ConfigError(f"'{args.keyword}' can not be higher than ocsp-update.maxdelay.", at, f"<= {before.longest}")
    return replace(before, shortest=delay)


@keyword("ocsp-update.maxdelay", In.GLOBAL, "3.2")
def maxdelay(args: Args) -> OcspUpdates:
    """ocsp-update.maxdelay <seconds>: the longest time between two updates of a response."""
    before, at, delay = _updates(args), args.here, _seconds(args)
    if delay < before.shortest:
        raise ConfigError(f"'{args.keyword}' can not be lower than ocsp-update.mindelay.", at, f">= {before.shortest}")
    return replace(before, longest=delay)


def _renamed(args: Args) -> None:
    now = args.keyword.removeprefix("tune.ssl.")
    args.diagnostics.warning(f"'{args.keyword}' is deprecated. Please use '{now}' instead.", args.at)


@keyword("tune.ssl.ocsp-update.mindelay", In.GLOBAL, "3.2")
def old_mindelay(args: Args) -> Parsed:
    """tune.ssl.ocsp-update.mindelay <seconds>: the old name of ocsp-update.mindelay."""
    _renamed(args)
    return mindelay(args)


@keyword("tune.ssl.ocsp-update.maxdelay", In.GLOBAL, "3.2")
def old_maxdelay(args: Args) -> Parsed:
    """tune.ssl.ocsp-update.maxdelay <seconds>: the old name of ocsp-update.maxdelay."""
    _renamed(args)
    return maxdelay(args)


@keyword("ocsp-update.httpproxy", In.GLOBAL, "3.2")
def httpproxy(args: Args) -> OcspUpdates:
    """ocsp-update.httpproxy <address>[:port]: responders are asked through this HTTP proxy."""
    address = expand(args.word("<address>[:port]"), args.configuration.environment)
    (proxy,) = parse_addresses(address, default_port=HTTP_PORT, listening=False)
    if proxy.kind == "inet" and proxy.host and not is_ip(proxy.host):
        raise ConfigError(
            f"'{args.keyword}' : invalid address: '{proxy.host}' in '{address.text}'", address.at, "a numeric address"
        )
    return replace(_updates(args), proxy=proxy)


@keyword("httpclient.ssl.verify", In.GLOBAL, "3.2")
def client_verify(args: Args) -> HttpClient:
    """httpclient.ssl.verify none|required: whether certificates of responders are verified."""
    word = args.peek()
    if not args.accept("none", "required"):
        raise ConfigError(
            "'httpclient.ssl.verify' expects 'none' or 'required' as argument.", args.here, "none or required"
        )
    return replace(_client(args), verify=word)


@keyword("httpclient.ssl.ca-file", In.GLOBAL, "3.2")
def client_ca_file(args: Args) -> HttpClient:
    """httpclient.ssl.ca-file <cafile>: of which CAs certificates of responders have to be."""
    return replace(_client(args), ca_file=complete_ca(args.take("<cafile>"), args.configuration))


@keyword("httpclient.timeout.connect", In.GLOBAL, "3.2")
def client_timeout(args: Args) -> HttpClient:
    """httpclient.timeout.connect <timeout>: how long a responder may take to accept a connection."""
    if not args.more():
        raise ConfigError("'httpclient.timeout.connect' expects an integer argument.", args.here, "<timeout>")
    return replace(_client(args), connect=args.time("<timeout>"))


@keyword("httpclient.retries", In.GLOBAL, "3.2")
def client_retries(args: Args) -> HttpClient:
    """httpclient.retries <number>: how often a responder that does not answer is asked again."""
    if not args.more():
        raise ConfigError("'httpclient.retries' expects an integer argument.", args.here, "<number>")
    return replace(_client(args), retries=args.integer("<number>", 0, BIGGEST))
