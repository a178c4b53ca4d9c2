"""The only place where the model and the registries become live objects.

    Configuration (frozen sections)  -->  Live: reactor, frontends, backends, listeners, loggers, checks, runtime
    sockets

Everything that needs more than one section is checked here: names of backends and servers, modes that fit each other,
missing timeouts. Errors are collected, not thrown: one run shows them all.

    modes.py      which proxies speak HTTP (the kinder readings too)
    backends.py   servers, algorithm, queue
    frontends.py  listeners, loggers, options
    front_tls.py  certificates of bind lines; server_tls.py: of servers; resumption.py: sessions and tickets
    rules.py      rules, routes, error pages
    tables.py     stick tables, and who names one
    tracking.py   servers that follow the state of others
    saved_states.py  what server-state files say; restoring.py: it is put into force
    ignored.py    warnings of what is said in vain
    layer4.py     warnings of what rules ask of bytes in vain
    more_errors.py  what a file that is wrong has beside its wrong lines
    admin.py      statistics pages, stats sockets
    live.py       the result: what runs
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from pointsman.assemble.admin import fill_admin
from pointsman.assemble.backends import build_backend, fill_servers
from pointsman.assemble.checks import build_backend_loggers, build_checks
from pointsman.assemble.front_tls import prepare_store
from pointsman.assemble.frontends import build_frontend, build_listeners, fill_frontend
from pointsman.assemble.ignored import warn_of_ignored
from pointsman.assemble.layer4 import warn_of_bytes
from pointsman.assemble.live import Live
from pointsman.assemble.mailers import connect_mailers
from pointsman.assemble.modes import decide_modes
from pointsman.assemble.names import connect_names
from pointsman.assemble.places import places_of
from pointsman.assemble.references import check_references, declare_users
from pointsman.assemble.restoring import restore_states
from pointsman.assemble.rules import fill_backend_rules, fill_frontend_rules
from pointsman.assemble.saved_states import read_saved_states
from pointsman.assemble.spelling import share_spellings
from pointsman.assemble.tables import build_tables
from pointsman.assemble.tokens import prepare_tokens
from pointsman.assemble.tracking import build_tracking
from pointsman.config.bind import Bind
from pointsman.config.command_line import CommandLine
from pointsman.config.fault_codes import fault_codes
from pointsman.config.global_section import buffer_sizes, global_flag, global_number
from pointsman.config.guids import check_guids
from pointsman.config.lanes import lane_count
from pointsman.config.proxy import Disabled, proxy_ids
from pointsman.config.resolvers import NameServerLine, resolver_options
from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Configuration, In, Section
from pointsman.config.threads import members, pins
from pointsman.config.tls_tuning import tls_tuning
from pointsman.config.tune_h2 import h2_options
from pointsman.core.arena import Arena
from pointsman.core.diagnostics import ConfigError, Diagnostics, unforeseen
from pointsman.core.reserve import Reserve
from pointsman.core.wishes import WISHES
from pointsman.log.build import build_process_logger
from pointsman.log.sinks import SinkSet
from pointsman.net.reactor import Reactor
from pointsman.proto.h1 import ANY_PAYLOAD
from pointsman.proto.h1_fields import KEEP_AMBIGUOUS
from pointsman.resolve.families import accepted_families
from pointsman.resolve.resolution import RESOLVERS
from pointsman.sample.passwords import PASSWORDS
from pointsman.sample.tracking import FAULT_CODES
from pointsman.sample.variable_limits import VARIABLE_LIMITS
from pointsman.stream.acceptor import ProcessState
from pointsman.stream.glitches import Glitches
from pointsman.stream.proxies import Program
from pointsman.stream.stick_rules import address_key
from pointsman.tables.handed_tables import HandedTable
from pointsman.tables.server_keys import SERVER_KEYS
from pointsman.tables.stick_tables import TABLES

# Cells that a proxy, a server or a listening address takes at most, in the row of each lane and beside them.
CELLS_IN_ROW: Final = 192
CELLS: Final = 256
SPARE_ROW: Final = 1 << 17  # for what belongs to no such object: 1 MB of addresses a row
# Servers and backends that may be added at run time; what is not used takes addresses, but no memory.
ADDED: Final = 4_096 + 256
NAME_SERVER_CELLS: Final = 16
MEMORIES: Final = "POINTSMAN_MEMORIES"  # "off" in the environment: nothing is remembered, to find a fault or to measure


def assemble(configuration: Configuration, diagnostics: Diagnostics, resolves: bool = True) -> Live:
    """Build everything. With findings of severity ALERT in `diagnostics` the result must not be started.

    resolves=False: names of servers are not looked up, which may take long; nor may that result be started.
    """
    main = configuration.main
    lanes = lane_count(main)
    reactor = Reactor()
    PASSWORDS.attach(reactor)
    arena = _arena(configuration, lanes)
    process = ProcessState(reactor, arena)
    process.connection_rate.limit = global_number(main, "maxconnrate")
    process.session_rate.limit = global_number(main, "maxsessrate")
    tuning = tls_tuning(configuration)
    process.tls.counters.limit = tuning.max_connections
    process.tls.counters.rate.limit = tuning.max_rate
    process.spread = global_number(main, "close-spread-time")
    reactor.pipe.wanted = _splices(main)
    process.pipes = lanes if reactor.pipe.wanted else 0
    program = Program(process)
    if os.environ.get(MEMORIES) == "off":
        program.forget()
    program.field_limit = global_number(main, "tune.http.maxhdr") - 1
    program.set_buffer(*buffer_sizes(main))
    VARIABLE_LIMITS.set(
        *[
            global_number(main, f"tune.vars.{scope}-max-size")
            for scope in ("global", "proc", "sess", "txn", "reqres", "check")
        ]
    )
    FAULT_CODES.set(fault_codes(main, "http-err-codes"), fault_codes(main, "http-fail-codes"))
    program.h2_front, program.h2_back = h2_options(main)
    _set_glitches(main, program)
    program.lax = _lax(main)
    sinks = SinkSet()
    live = Live(reactor, process, program, sinks, build_process_logger(main, sinks))
    live.resolves = resolves
    prepare_store(live, configuration)
    live.pins = pins(main, members(main, lanes))
    live.groups = members(main, lanes)
    build_tables(configuration, lanes, diagnostics)
    RESOLVERS.make(resolver_options(configuration, diagnostics), accepted_families(main), arena)
    live.handed += [HandedTable(table) for table in TABLES.by_name.values()]
    modes = decide_modes(configuration, diagnostics)
    numbers = dict(zip([id(proxy) for proxy in configuration.proxies], proxy_ids(configuration.proxies)))
    enabled = [proxy for proxy in configuration.proxies if not _disabled(proxy)]
    for proxy in enabled:
        if proxy.kind & In.BACK:
            live.backends.append(build_backend(arena, proxy, numbers[id(proxy)], modes[id(proxy)], diagnostics))
    for proxy in enabled:
        if proxy.kind & In.FRONT:
            live.frontends.append(build_frontend(live, proxy, numbers[id(proxy)], modes[id(proxy)]))
    share_spellings(live, configuration, diagnostics)
    for proxy in enabled:
        warn_of_ignored(proxy, modes[id(proxy)], diagnostics)
        warn_of_bytes(proxy, modes[id(proxy)], diagnostics)
    _name(live)
    SERVER_KEYS.reset(partial(_server_keys, live))
    live.saved = read_saved_states(configuration.main, enabled, diagnostics)
    _fill(live, configuration, enabled, diagnostics)
    connect_mailers(live, configuration, enabled, diagnostics)
    build_backend_loggers(live, configuration)
    live.reserve = Reserve(arena, ADDED, CELLS_IN_ROW * arena.rows + CELLS)
    fill_admin(live, configuration, diagnostics)
    build_checks(live, configuration, diagnostics)
    build_tracking(live, diagnostics)
    restore_states(live, diagnostics)
    declare_users(configuration, diagnostics)
    check_references(configuration, diagnostics)
    connect_names(live, configuration, diagnostics)
    check_guids(configuration, diagnostics)
    prepare_tokens(live, configuration, diagnostics)
    live.tls_sides = _tls_sides(live)
    return live


def assembled(configuration: Configuration, diagnostics: Diagnostics, resolves: bool = True) -> Live | None:
    """Assemble; None where that raised an error, which is recorded in `diagnostics`."""
    try:
        return assemble(configuration, diagnostics, resolves)
    except ConfigError as error:
        diagnostics.add(error.finding)
    except Exception as error:
        diagnostics.add(unforeseen(error, "while putting the sections together"))
    return None


def _arena(configuration: Configuration, lanes: int) -> Arena:
    """Shared cells for what is configured, and for what may be added. Raises ConfigError where they cannot be had."""
    rows = lanes + 1
    objects = 0
    for proxy in configuration.proxies:
        objects += 2 + len(proxy.all(ServerLine)) + sum(len(bind.addresses) for bind in proxy.all(Bind))
    cells = (SPARE_ROW + (objects + ADDED) * CELLS_IN_ROW) * rows + (objects + ADDED) * CELLS
    cells += NAME_SERVER_CELLS * sum(len(section.all(NameServerLine)) for section in configuration.resolvers.values())
    try:
        return Arena(lanes, cells, rows)
    except (OSError, MemoryError, ValueError) as error:
        raise ConfigError(
            f"cannot reserve {cells >> 17} MB for the state of {objects} proxies, servers and addresses in {lanes} "
            f"lanes: {error}",
            hint="permit more (ulimit -v), or configure fewer servers or lanes (nbthread)",
        ) from error


def _tls_sides(live: Live) -> int:
    """1: clients or servers speak TLS; 2: both."""
    servers = [server for backend in live.backends for server in backend.servers]
    front = any([listener.bind_state.transports is not None for listener in live.listeners])
    return int(front) + int(any([server.transports is not None for server in servers]))


def _set_glitches(main: Section, program: Program) -> None:
    """What counts them, and what becomes of connections that show too many; None where nobody asks."""
    cpu_usage = global_number(main, "tune.glitches.kill.cpu-usage")
    front, back = [global_number(main, f"tune.h1.{side}.glitches-threshold") for side in ("fe", "be")]
    if front or back or WISHES.glitches:
        program.glitches = Glitches(front, back, cpu_usage)
    front, back = program.h2_front.glitches, program.h2_back.glitches
    if front or back:
        program.h2_glitches = Glitches(front, back, cpu_usage)


def _lax(main: Section) -> int:
    """What heads may have that others could read otherwise (manual 3.1)."""
    return (ANY_PAYLOAD if global_flag(main, "h1-accept-payload-with-any-method") else 0) | (
        KEEP_AMBIGUOUS if global_flag(main, "h1-do-not-close-on-insecure-transfer-encoding") else 0
    )


def _splices(main: Section) -> bool:
    """Large payload may go through a pipe (manual 3.2; management manual 3: -dS, -dF, -dZ)."""
    words = main.one(CommandLine)
    return (
        global_number(main, "maxpipes") > 0
        and not any(
            global_flag(main, name)
            for name in ("nosplice", "tune.disable-fast-forward", "tune.disable-zero-copy-forwarding")
        )
        and (words is None or words.splice and words.fast_forward and words.zero_copy)
    )


def _name(live: Live) -> None:
    """The table in which expressions look up other proxies."""
    names = live.names
    names.process = live.process.counters
    names.facts = live.process
    for backend in live.backends:
        names.backends[backend.name] = backend
        backend.names = names
    for frontend in live.frontends:
        names.frontends[frontend.name] = frontend
        frontend.names = names


def _server_keys(live: Live) -> Iterator[bytes]:
    """What stick tables may call servers: their names and addresses."""
    for backend in live.backends:
        for server in backend.servers:
            yield server.name
            yield address_key(server.dial)


def _disabled(proxy: Section) -> bool:
    found = proxy.one(Disabled)
    return found is not None and found.on


def _fill(live: Live, configuration: Configuration, enabled: list[Section], diagnostics: Diagnostics) -> None:
    """All proxies exist: give them what refers to others. An error in one part does not hide those of the others."""
    backends = iter(live.backends)
    frontends = iter(live.frontends)
    for proxy in enabled:
        if proxy.kind & In.BACK:
            backend = next(backends)
            live.sections[id(backend)] = proxy
            backend.places = places_of(proxy)
            for fill in (fill_servers, fill_backend_rules):
                _attempt(partial(fill, live, backend, proxy, configuration, diagnostics), proxy, diagnostics)
        if proxy.kind & In.FRONT:
            frontend = next(frontends)
            live.sections[id(frontend)] = proxy
            frontend.places = places_of(proxy)
            for fill_front in (fill_frontend, fill_frontend_rules):
                _attempt(partial(fill_front, live, frontend, proxy, configuration, diagnostics), proxy, diagnostics)
            _attempt(partial(build_listeners, live, frontend, proxy, configuration, diagnostics), proxy, diagnostics)


def _attempt(part: Callable[[], None], proxy: Section, diagnostics: Diagnostics) -> None:
    """Do one part for one proxy; what goes wrong is recorded."""
    try:
        part()
    except ConfigError as error:
        diagnostics.add(error.finding)
    except Exception as error:
        diagnostics.add(unforeseen(error, f"while putting {proxy.title} together", proxy.at))
