"""Frontends, their listeners, and what they log."""

from pointsman.assemble.backends import missing_timeouts
from pointsman.assemble.front_tls import build_front
from pointsman.assemble.live import Live
from pointsman.assemble.options import set_options
from pointsman.assemble.server_sockets import check_namespace
from pointsman.config.bind import UNUSABLE, Bind, fits
from pointsman.config.command_line import CommandLine
from pointsman.config.global_section import global_flag
from pointsman.config.lanes import lane_count
from pointsman.config.options import option
from pointsman.config.proxy import number
from pointsman.config.setting import Configuration, In, Section
from pointsman.config.threads import NO_THREADS, accepting, members
from pointsman.config.timeouts import timeout
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.listener.listener import Listener
from pointsman.listener.proxy_wait import ProxyListener
from pointsman.listener.sockets import Opening, socket_options
from pointsman.log.build import build_logger
from pointsman.log.keywords import UniqueIdFormat, UniqueIdHeader
from pointsman.rules.keywords import MonitorFailLine, MonitorUriLine
from pointsman.rules.layer4 import Expect
from pointsman.rules.rule import Rule
from pointsman.sample.limits import CLIENT_TIME, TARPIT_TIME
from pointsman.stream.acceptor import ANY, HTTP_1, HTTP_2, BindState
from pointsman.stream.frontends import LiveFrontend
from pointsman.stream.h2front import H2
from pointsman.stream.monitor import Monitor
from pointsman.stream.proxies import FOREVER
from pointsman.tls.front import FrontTls

UNPRIVILEGED = 1024  # the first port that needs no rights (RFC 6335 6)
PROTOCOLS = {"h1": HTTP_1, "h2": HTTP_2}


def build_frontend(live: Live, section: Section, number_of: int, http: bool) -> LiveFrontend:
    """The frontend without what refers to other proxies."""
    frontend = LiveFrontend(live.program, live.reactor, section.name, number_of, http)
    frontend.limit = number(section, "maxconn")
    frontend.most_own = number(section, "max-session-srv-conns")
    limits = frontend.limits
    limits.times[CLIENT_TIME] = timeout(section, "client")
    limits.times[TARPIT_TIME] = timeout(section, "tarpit") or timeout(section, "connect")
    frontend.client = limits.times[CLIENT_TIME] or FOREVER
    frontend.handshake_time = timeout(section, "client-hs") or timeout(section, "client")
    frontend.client_fin = timeout(section, "client-fin") or FOREVER
    frontend.http_request_time = timeout(section, "http-request") or FOREVER
    frontend.keep_alive = timeout(section, "http-keep-alive") or FOREVER
    frontend.tarpit = limits.times[TARPIT_TIME]
    set_options(frontend, section)
    if frontend.upgrades_h2:
        frontend.protocols.append(H2)
    if frontend.strict:
        frontend.unsafe = False  # of two options that contradict each other the careful one holds
    return frontend


def fill_frontend(
    live: Live, frontend: LiveFrontend, section: Section, configuration: Configuration, diagnostics: Diagnostics
) -> None:
    """Logger, identifiers, monitoring."""
    frontend.logger = build_logger(
        section,
        configuration.main,
        live.sinks,
        http=frontend.http,
        separate_errors=option(section, "log-separate-errors"),
        diagnostics=diagnostics,
    )
    unique = section.one(UniqueIdFormat)
    if unique is not None:
        frontend.unique_id = unique.format
    header = section.one(UniqueIdHeader)
    if header is not None:
        frontend.unique_id_header = header.name
    uri = section.one(MonitorUriLine)
    if uri is not None and frontend.http:
        fails = [(one.condition, one.negated) for one in section.all(MonitorFailLine)]
        frontend.monitor = Monitor(frontend, uri.uri, fails)
    if not timeout(section, "client") or (
        section.kind == In.LISTEN and not (timeout(section, "connect") and timeout(section, "server"))
    ):
        diagnostics.warning(missing_timeouts(section), section.at)


def build_listeners(
    live: Live, frontend: LiveFrontend, section: Section, configuration: Configuration, diagnostics: Diagnostics
) -> None:
    """One listener for each address of its bind lines."""
    counted = 0
    command_line = configuration.main.one(CommandLine)
    if command_line is not None and not frontend.limit:
        frontend.limit = command_line.proxy_maxconn
    taken = {bind.parameters.id for bind in section.all(Bind)}
    rate = number(section, "rate-limit sessions")
    lowest_port = UNPRIVILEGED if global_flag(configuration.main, "harden.reject-privileged-ports.tcp") else 0
    expects = any(isinstance(rule.action, Expect) for rule in section.all(Rule))
    groups = members(configuration.main, lane_count(configuration.main))
    for bind in section.all(Bind):
        parameters = bind.parameters
        if not fits(parameters.proto, frontend.http):
            unusable = UNUSABLE.format(title=section.title, proto=parameters.proto)
            diagnostics.alert(f"{unusable} for 'bind {bind.text}' at [{bind.at}].", bind.at)
        options = socket_options(parameters, number(section, "backlog") or frontend.limit)
        options.reuse_port = not global_flag(configuration.main, "noreuseport") and (
            command_line is None or command_line.reuse_port
        )
        options.keepalive = option(section, "clitcpka")
        options.no_linger = option(section, "nolinger")
        options.keepalive_idle = number(section, "clitcpka-idle")
        options.keepalive_interval = number(section, "clitcpka-intvl")
        options.keepalive_count = number(section, "clitcpka-cnt")
        lanes = accepting(parameters.lanes, groups)
        if lanes is not None and not lanes:
            raise ConfigError(f"Proxy '{section.name}': {NO_THREADS.format(text=bind.text, at=bind.at)}", bind.at)
        front: FrontTls | None = None
        if parameters.tls.ssl:
            try:
                front = build_front(live, configuration, section, bind, frontend.http, diagnostics)
            except ConfigError as error:
                diagnostics.add(error.finding)
        check_namespace(parameters.namespace, f"'bind {bind.text}'", bind.at, diagnostics)
        for address in bind.addresses:
            counted += 1
            while counted in taken:
                counted += 1
            bind_state = BindState(parameters.name, parameters.id or counted, live.process)
            bind_state.limit = parameters.maxconn
            bind_state.proxied = parameters.accept_proxy
            bind_state.magic = parameters.netscaler_magic
            bind_state.proto = PROTOCOLS.get(parameters.proto, ANY)
            bind_state.idle_ping = parameters.idle_ping
            bind_state.transports = front
            opening = Opening(address, options, str(bind.at), f"frontend {section.name}")
            waits = parameters.accept_proxy or parameters.netscaler_magic != 0 or expects
            make = ProxyListener if waits else Listener
            listener = make(live.reactor, frontend, bind_state, opening)
            listener.rate_limit = rate
            listener.lowest_port = lowest_port
            listener.lanes = lanes
            live.listeners.append(listener)
