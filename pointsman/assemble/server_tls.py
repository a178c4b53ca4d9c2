"""TLS of servers: what their lines say becomes contexts and names (manual 5.2)."""

from dataclasses import replace

from pointsman.assemble.live import Live
from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Configuration
from pointsman.config.tls_global import server_defaults, spoken
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.net.transport import Transports
from pointsman.server.backend import LiveServer
from pointsman.server.checks.plan import CheckPlan
from pointsman.server.checks.tls import CheckTls
from pointsman.server.connection import Spoken
from pointsman.server.handshake_faults import HandshakeFaults
from pointsman.server.server_name import NameOfExpression, NameOfRequest, ServerName, as_name
from pointsman.tls.back import BackTls, ServerContext, TlsFileError, TlsSetupError
from pointsman.tls.options import HTTP1, HTTP2, ServerTls, over, wire


def secure(
    live: Live, server: LiveServer, line: ServerLine, configuration: Configuration, diagnostics: Diagnostics
) -> None:
    """Give the server what its line asks for. ConfigError: it cannot be had."""
    parameters = line.parameters
    if not (parameters.tls.ready or parameters.tls.check):
        return
    said = f"'server {server.route.decode()}'"
    tls = with_defaults(line, said, configuration, diagnostics)
    try:
        server.encrypting = live.server_contexts.transports(server.route, tls)
        websockets = server.websockets
        if websockets is not None:
            offered = replace(tls, alpn=_websocket_offer(websockets, tls))
            websockets.encrypting = live.server_contexts.transports(server.route, offered)
    except (TlsFileError, TlsSetupError) as error:
        raise ConfigError(f"{said} : {error}", line.at) from None
    server.server_name = _name(server, line)
    if tls.verify != "none" and tls.verify_host and isinstance(server.server_name, NameOfRequest):
        diagnostics.notice(
            f"{said} : certificates are compared with the host of requests, and with 'verifyhost' only where they have "
            "none: say 'no-sni-auto' for 'verifyhost' alone (manual 5.2)",
            line.at,
        )
    server.early_data = tls.early_data is True
    server.handshakes = HandshakeFaults(server.route, live.process.arena)
    server.encrypt(tls.ssl)


def _websocket_offer(websockets: Spoken, tls: ServerTls) -> bytes:
    """What ALPN offers for them: HTTP/1.1 needs no offer where there is none."""
    if websockets.speaker.places > 1:
        return wire(HTTP2)
    return wire(HTTP1) if tls.alpn else b""


def _name(server: LiveServer, line: ServerLine) -> ServerName | None:
    """For whom its connections are (sni, sni-auto)."""
    expression = line.parameters.sni
    if expression is not None:
        return NameOfExpression(expression)
    return NameOfRequest() if server.backend.http and line.parameters.tls.sni_auto else None


def with_defaults(line: ServerLine, said: str, configuration: Configuration, diagnostics: Diagnostics) -> ServerTls:
    """What `global` says where the line says nothing."""
    defaults, tls = server_defaults(configuration), line.parameters.tls
    low, high = spoken(defaults, tls, said, line.at, diagnostics)
    return replace(over(defaults, tls), min_version=low, max_version=high, without=frozenset())


def check_tls(
    live: Live, server: LiveServer, line: ServerLine, plan: CheckPlan, configuration: Configuration
) -> CheckTls | None:
    """How checks of the server are encrypted; None: none of them is. ConfigError: it cannot be had."""
    said = line.parameters.tls
    if not (said.ssl or said.check or any(step.ssl for step in plan.connects)):
        return None
    if server.encrypting is None and (said.ready or said.check):
        return None  # it cannot be had, which was said
    tls = with_defaults(line, "", configuration, Diagnostics())  # what it warns of was said
    offer = tls.check_alpn if tls.check_alpn is not None else tls.alpn or b""
    offers = {offer, *[step.alpn for step in plan.connects if step.alpn is not None]}
    try:
        by_offer: dict[bytes, Transports] = {
            one: live.server_contexts.transports(server.route, replace(tls, alpn=one)) for one in sorted(offers)
        }
    except (TlsFileError, TlsSetupError) as error:
        raise ConfigError(f"'server {server.route.decode()}' : {error}", line.at) from None
    name = as_name(tls.check_sni.encode("utf-8", "surrogateescape"))
    return CheckTls(by_offer, offer, tls.ssl, tls.check, name, tls.check_sni_auto)


def forget_contexts(live: Live) -> None:
    """A server with TLS was deleted: contexts that no other server has go, so that certificates can be deleted, too."""
    used: set[ServerContext] = set()
    every_server = [server for backend in live.backends for server in backend.servers]
    found = [server.encrypting for server in every_server]
    found += [one.encrypting for one in (server.websockets for server in every_server) if one is not None]
    for checker in live.health.checkers.values() if live.health is not None else ():
        if checker.target.tls is not None:
            found += checker.target.tls.by_offer.values()
    for one in found:
        if isinstance(one, BackTls):
            used.add(one.shared)
    live.server_contexts.keep_only(used)
