"""Backends and their servers."""

import socket
from dataclasses import replace
from typing import Final

from pointsman.assemble.cookies import set_cookie_of
from pointsman.assemble.live import Live
from pointsman.assemble.options import set_options
from pointsman.assemble.redirecting import set_redirect
from pointsman.assemble.saved_states import at_saved_place
from pointsman.assemble.server_sockets import make_sockets
from pointsman.assemble.server_tls import secure
from pointsman.assemble.source import set_source, warn_of_source
from pointsman.balance.build import build, hash_key
from pointsman.config.bind import UNUSABLE, fits
from pointsman.config.command_line import CommandLine
from pointsman.config.global_section import global_flag
from pointsman.config.options import option
from pointsman.config.proxy import HttpReuse, Identity, RetryOn, number
from pointsman.config.proxy_words import VERSION_2
from pointsman.config.publishing import Unpublished
from pointsman.config.server_line import ServerLine, server_ids
from pointsman.config.server_names import initial_address, is_service
from pointsman.config.server_words import ServerParameters
from pointsman.config.setting import Configuration, In, Section
from pointsman.config.timeouts import timeout
from pointsman.core.address import AF_INET6, AddressSpec, is_ip
from pointsman.core.arena import Arena
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.net.clock import monotonic_ms
from pointsman.net.tls_state import TlsAccount
from pointsman.sample.limits import CONNECT_TIME, QUEUE_TIME, SERVER_TIME, TARPIT_TIME, TUNNEL_TIME
from pointsman.server.backend import LiveServer
from pointsman.server.dial import NO_HOST, Dial
from pointsman.server.outgoing_header import (
    TELL_AUTHORITY,
    TELL_CHECKSUM,
    TELL_CIPHER,
    TELL_CN,
    TELL_KEY,
    TELL_SIGNATURE,
    TELL_SSL,
    TELL_UNIQUE_ID,
    OutgoingHeader,
)
from pointsman.server.pool import REUSE_AGGRESSIVE, REUSE_ALWAYS, REUSE_NEVER, REUSE_SAFE
from pointsman.server.server import CONFIGURED_MAINT, FORCED_MAINT, RESOLUTION_MAINT, STOPPED
from pointsman.server.socks4 import Socks4Proxy
from pointsman.stream.checkcache import CacheCheck
from pointsman.stream.h2back import speaker_of, websockets_of
from pointsman.stream.proxies import FOREVER, BackendProxy, Program

REUSE: Final = {"never": REUSE_NEVER, "safe": REUSE_SAFE, "aggressive": REUSE_AGGRESSIVE, "always": REUSE_ALWAYS}

TELL: Final = {  # options of proxy-v2-options as bits
    "ssl": TELL_SSL,
    "cert-cn": TELL_CN,
    "ssl-cipher": TELL_CIPHER,
    "cert-sig": TELL_SIGNATURE,
    "cert-key": TELL_KEY,
    "crc32c": TELL_CHECKSUM,
    "unique-id": TELL_UNIQUE_ID,
    "authority": TELL_AUTHORITY,
}


def build_backend(arena: Arena, section: Section, number_of: int, http: bool, diagnostics: Diagnostics) -> BackendProxy:
    """The backend without its servers."""
    backend = BackendProxy(section.name, number_of, http, build(section, http, diagnostics), arena)
    backend.said_id = section.one(Identity) is not None
    _limits(backend, section)
    _retries(backend, section)
    reuse = section.one(HttpReuse)
    backend.reuse = REUSE[reuse.policy] if reuse is not None else REUSE_SAFE
    backend.published = section.one(Unpublished) is None
    backend.keep_alive_queue = number(section, "max-keep-alive-queue")
    backend.full_connections = number(section, "fullconn")
    if option(section, "checkcache"):
        backend.cache_check = CacheCheck(section.name)
    set_options(backend, section)
    set_cookie_of(backend, section)
    if section.kind == In.LISTEN:
        backend.buffers = False  # its frontend has waited for the body already
    if (
        section.kind == In.BACKEND
        and not (timeout(section, "connect") and timeout(section, "server"))
        and section.all(ServerLine)
    ):
        diagnostics.warning(missing_timeouts(section), section.at)
    return backend


def _limits(backend: BackendProxy, section: Section) -> None:
    """Timeouts and retries; that of connecting is a queue's and a tarpit's where they have none (manual 4.2)."""
    limits = backend.limits
    times = limits.times
    times[CONNECT_TIME] = timeout(section, "connect")
    times[SERVER_TIME] = timeout(section, "server")
    times[QUEUE_TIME] = timeout(section, "queue") or times[CONNECT_TIME]
    times[TARPIT_TIME] = timeout(section, "tarpit") or times[CONNECT_TIME]
    times[TUNNEL_TIME] = timeout(section, "tunnel")
    limits.retries = number(section, "retries")
    backend.connect = times[CONNECT_TIME] or FOREVER
    backend.server_time = times[SERVER_TIME] or FOREVER
    backend.queue_time = times[QUEUE_TIME] or FOREVER
    backend.tarpit = times[TARPIT_TIME]
    backend.tunnel = times[TUNNEL_TIME]
    backend.retries = limits.retries
    backend.server_fin = timeout(section, "server-fin") or FOREVER
    backend.request_time = timeout(section, "http-request")


def _retries(backend: BackendProxy, section: Section) -> None:
    """retry-on: what is tried again."""
    found = section.one(RetryOn)
    if found is None:
        return
    backend.retry_connections = "conn-failure" in found.reasons
    if not backend.http:
        return
    backend.retry_empty = "empty-response" in found.reasons
    backend.retry_junk = "junk-response" in found.reasons
    backend.retry_timeouts = "response-timeout" in found.reasons
    backend.retry_statuses = frozenset(int(reason) for reason in found.reasons if reason.isdigit())
    backend.retry_refused = "0rtt-rejected" in found.reasons
    backend.retries_requests = bool(found.reasons - {"none", "conn-failure"})


def missing_timeouts(section: Section) -> str:
    """HAProxy's words for it; without timeouts resources are held for ever."""
    return (
        f"missing timeouts for {section.title}.\n"
        "   | While not properly invalid, you will certainly encounter various problems\n"
        "   | with such a configuration. To fix this, please ensure that all following\n"
        "   | timeouts are set to a non-zero value: 'client', 'connect', 'server'."
    )


def _is_literal(address: AddressSpec) -> bool:
    """It names nobody who would have to be looked up."""
    return address.kind != "inet" or not address.host or is_ip(address.host)


def fill_servers(
    live: Live, backend: BackendProxy, section: Section, configuration: Configuration, diagnostics: Diagnostics
) -> None:
    """Its servers. Raises ConfigError for an address that does not resolve."""
    lines = section.all(ServerLine)
    command_line = configuration.main.one(CommandLine)
    ignore = command_line is not None and command_line.ignore_resolution
    warn_of_source(backend, section, diagnostics)
    saved = live.saved.get(section.name, {})
    for line, server_number in zip(lines, server_ids(lines)):
        line, last = at_saved_place(line, saved.get(line.name))
        try:
            address = (
                initial_address(line, section, diagnostics, last)
                if live.resolves or _is_literal(line.address)
                else replace(line.address, host="")
            )
        except ConfigError as error:
            if not ignore:
                diagnostics.add(error.finding)
                continue
            address = None
        try:
            build_server(live, backend, section, line, server_number, address, configuration, diagnostics)
        except ConfigError as error:
            diagnostics.add(error.finding)
    backend.refresh()


def build_server(
    live: Live,
    backend: BackendProxy,
    section: Section,
    line: ServerLine,
    server_number: int,
    address: AddressSpec | None,
    configuration: Configuration,
    diagnostics: Diagnostics,
) -> LiveServer:
    """A server in its backend. `address`: None where it has none yet. ConfigError: what its line asks for cannot be
    had; it is there by then.

    Also at run time (added.py): then its cells may be in use already (`Arena.attached`), and get no first values.
    """
    local = not global_flag(configuration.main, "pp2-never-send-local")
    header = outgoing_header(line.parameters, local)
    server = _server(live.program, backend, section, line, server_number, address, header)
    server.tls_account = TlsAccount(server.counters, live.process.tls)
    backend.servers.append(server)
    set_redirect(server, line)
    _go_by_proxy(server, section, line)
    make_sockets(live, server, line, diagnostics)
    secure(live, server, line, configuration, diagnostics)
    proto = line.parameters.proto
    if not fits(proto, backend.http):
        raise ConfigError(
            f"{UNUSABLE.format(title=section.title, proto=proto)} for server '{line.name}' at [{line.at}].", line.at
        )
    return server


def outgoing_header(parameters: ServerParameters, local: bool = True) -> OutgoingHeader | None:
    """The PROXY header that a server is sent; None: none is. `local`: without pp2-never-send-local."""
    versions = parameters.send_proxy
    if not versions:
        return None
    options = 0
    for name, bit in TELL.items():
        if name in parameters.proxy_options:
            options |= bit
    formats = [(one.kind, one.format) for one in parameters.proxy_tlvs]
    return OutgoingHeader(2 if versions & VERSION_2 else 1, options, formats, local)


def _server(
    program: Program,
    backend: BackendProxy,
    section: Section,
    line: ServerLine,
    server_number: int,
    address: AddressSpec | None,
    header: OutgoingHeader | None,
) -> LiveServer:
    parameters = line.parameters
    dial = _dial(section, line, address, backend.http)
    server = LiveServer(line.name, server_number, backend, dial, parameters.weight)
    server.said_id = parameters.id > 0
    server.backup = parameters.backup
    server.sticks = parameters.sticks
    server.minconn = parameters.minconn if parameters.minconn < parameters.maxconn else 0
    server.maxqueue = parameters.maxqueue
    server.strict = parameters.strict_maxconn
    server.header = header
    server.said_cookie = parameters.cookie if backend.http else b""
    if backend.http:
        alpn = parameters.tls.alpn or b""
        server.speaker = speaker_of(parameters.proto, alpn, backend, program)
        server.websockets = websockets_of(parameters.ws, server.speaker, alpn, backend, program)
    server.settle()
    server.ends_sessions = parameters.ends_sessions
    server.ends_backups = parameters.ends_backups
    server.rise = parameters.rise
    server.fall = parameters.fall
    server.max_reuse = parameters.max_reuse
    server.idle_ping = parameters.idle_ping
    server.pool.limit = parameters.pool_max_conn
    server.pool.keep_for = parameters.pool_purge_delay
    host = address.host if address is not None else ""
    server.hash_kind = parameters.hash_key
    server.hash_key = hash_key(
        parameters.hash_key, server_number, parameters.guid, host, address.port if address is not None else None
    )
    if line.address.kind == "inet" and line.address.host and not is_ip(line.address.host):
        if parameters.resolvers and is_service(line.address.host):
            server.service = line.address.host
        else:
            server.fqdn = line.address.host
    if not backend.arena.attached:
        _first_state(server, parameters, address)
    return server


def _first_state(server: LiveServer, parameters: ServerParameters, address: AddressSpec | None) -> None:
    """The cells of a server that nobody has used yet: whatever its line says of them is written here."""
    server.maxconn = max(parameters.maxconn, parameters.minconn)
    if parameters.disabled:
        server.admin |= FORCED_MAINT | CONFIGURED_MAINT
    if address is None:
        server.admin |= RESOLUTION_MAINT
        server.state = STOPPED
        server.last_change = monotonic_ms()


def _dial(section: Section, line: ServerLine, address: AddressSpec | None, http: bool) -> Dial:
    """How it is connected to."""
    dial = Dial()
    if address is None:  # it gets one later
        dial.follow_port = line.address.port is None or line.address.port_offset
        dial.offset = line.address.port or 0 if dial.follow_port else 0
        dial.target = (NO_HOST, 0 if dial.follow_port else line.address.port or 0)
    elif address.kind == "inet":
        ipv6 = address.family == AF_INET6 or ":" in address.host
        dial.family = socket.AF_INET6 if ipv6 else socket.AF_INET
        dial.follow_address = address.host in ("", "0.0.0.0", "::")
        if address.port is None or address.port_offset:
            dial.follow_port = True
            dial.offset = address.port or 0
        dial.target = (address.host or ("::" if ipv6 else "0.0.0.0"), 0 if dial.follow_port else address.port or 0)
    else:
        dial.family = socket.AF_UNIX
        name = address.host
        if address.kind == "abns":
            name = "\0" + name + "\0" * (107 - len(name.encode("utf-8", "surrogateescape")))
        elif address.kind == "abnsz":
            name = "\0" + name
        elif address.kind == "sockpair":
            dial.pair = address.port if address.port is not None else -1
            name = f"sockpair@{address.port}"
        dial.target = name
    if dial.family != socket.AF_UNIX:
        set_source(dial, section, line.parameters, http)
        _tcp_options(dial, section, line)
    return dial


def _go_by_proxy(server: LiveServer, section: Section, line: ServerLine) -> None:
    """Connections to it go by a SOCKS4 proxy, if its line says so. ConfigError where they cannot."""
    proxy = line.parameters.socks4
    if proxy is None:
        return
    if server.dial.family != socket.AF_INET:
        raise ConfigError(
            f"'server {server.route.decode()}' : 'socks4' : its address is none of IPv4, and SOCKS4 knows no other",
            line.at,
            "a server with an IPv4 address (manual 5.2 socks4)",
        )
    dial = _dial(section, line, proxy, server.backend.http)
    dial.follow_address = dial.follow_port = False
    server.socks4 = Socks4Proxy(dial)


def _tcp_options(dial: Dial, section: Section, line: ServerLine) -> None:
    tcp = socket.IPPROTO_TCP
    if option(section, "srvtcpka"):
        dial.keepalive = True
        for keyword, name in (
            ("srvtcpka-idle", socket.TCP_KEEPIDLE),
            ("srvtcpka-intvl", socket.TCP_KEEPINTVL),
            ("srvtcpka-cnt", socket.TCP_KEEPCNT),
        ):
            value = number(section, keyword)
            if value:
                dial.options.append((tcp, name, value))
    if line.parameters.user_timeout:
        dial.options.append((tcp, socket.TCP_USER_TIMEOUT, line.parameters.user_timeout))
    if line.parameters.tfo:
        dial.options.append((tcp, 30, 1))  # TCP_FASTOPEN_CONNECT, <linux/tcp.h>
