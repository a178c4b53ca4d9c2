"""Health checks: which servers are checked, how, and who is told."""

from pointsman.assemble.live import Live
from pointsman.assemble.server_tls import check_tls
from pointsman.config.global_section import buffer_sizes, global_number, global_text
from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Configuration
from pointsman.config.timeouts import timeout
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.log.build import build_outlets
from pointsman.log.events import EventLogger
from pointsman.log.logger import Logger, default_line
from pointsman.server.checks.checks import Checks
from pointsman.server.checks.plan import make_plan


def build_backend_loggers(live: Live, configuration: Configuration) -> None:
    """The loggers of all backends: messages about a backend's servers go to its own log targets."""
    for backend in live.backends:
        outlets = build_outlets(live.sections[id(backend)], configuration.main, live.sinks)
        logger = live.loggers[id(backend)] = Logger(outlets, default_line)
        for server in backend.servers:
            if server.handshakes is not None:
                server.handshakes.logger = logger
        if backend.cache_check is not None:
            backend.cache_check.logger = logger


def build_checks(live: Live, configuration: Configuration, diagnostics: Diagnostics) -> None:
    """A checker for each server with `check`."""
    main = configuration.main
    live.health = Checks(
        spread=global_number(main, "spread-checks"),
        max_spread=global_number(main, "max-spread-checks"),
        node=global_text(main, "node"),
    )
    for backend in live.backends:
        section = live.sections[id(backend)]
        lines = [line for line in section.all(ServerLine) if line.parameters.check or line.parameters.agent_check]
        if not lines:
            continue
        plan = make_plan(
            section, diagnostics, timeout(section, "connect"), timeout(section, "check"), buffer_sizes(main)[0]
        )
        servers = {server.name: server for server in backend.servers}
        tell = EventLogger(live.loggers[id(backend)])
        for line in lines:
            server = servers.get(line.name.encode())
            if server is None:
                continue  # its address is wrong, which was said
            try:
                if line.parameters.check:
                    tls = check_tls(live, server, line, plan, configuration)
                    live.health.add(backend, server, line.parameters, plan, tell, line.at, tls)
                    live.checks += 1
                if line.parameters.agent_check:
                    if not line.parameters.agent_port:
                        raise ConfigError(
                            f"'server {section.name}/{line.name}' : server {line.name} does not have agent port. "
                            "Agent check has been disabled.",
                            line.at,
                            "agent-port <port>",
                        )
                    live.health.add_agent(backend, server, line.parameters, plan, tell)
                    live.checks += 1
            except ConfigError as error:
                diagnostics.add(error.finding)
