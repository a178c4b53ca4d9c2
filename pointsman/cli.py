"""The command `pointsman`: haproxy's command line (management manual 3).

    words -> options -> (help, version, a condition) -> load -> assemble -> findings -> check, or run

Status: 0 all is well (also -c, -v; -cc: true), 1 a mistake anywhere (-cc: false), 2 with -c: no error, but nothing
listens (-cc: error). Findings and messages go to stderr, results to stdout. -c says nothing about success unless -V
asks for it.
"""
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

import pointsman.keywords  # fills the registries
from pointsman.config.command_line import CommandLine
from pointsman.config.conditionals import check_condition
from pointsman.config.features import Runtime
from pointsman.config.load import load
from pointsman.config.setting import Configuration
from pointsman.core.diagnostics import ConfigError, Diagnostics, Severity
from pointsman.listener.generation import Generation
from pointsman.worker import about, dump, process, registries
from pointsman.worker.arguments import Options, Refusal, UsageError, parse
from pointsman.worker.console import Console
from pointsman.worker.plan import is_quiet, make_plan, refuses_warnings

OK: Final = 0
FAILED: Final = 1
NO_LISTENER: Final = 2


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; `words` are those behind the program's name. Returns the exit status."""
    console = Console()
    if words is None and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # not KeyboardInterrupt: who interrupts a start sees no traceback
    try:
        options = parse(sys.argv[1:] if words is None else words)
    except UsageError as error:
        return _usage(error.reason)
    except Refusal as error:
        console.alert(str(error))
        return FAILED
    console.quiet = options.quiet
    console.verbose = options.verbose
    console.diagnosing = options.diagnosing
    if options.version:
        return _version(options.version)
    if options.memory_help:
        print("-dM: memory is managed by Python; there is nothing to set. See PYTHONMALLOC of python(1).")
        return OK
    if options.condition is not None:
        return _condition(options, console)
    if not options.files:
        return _usage()
    for notice in options.notices:
        console.notice(notice)
    return _start(options, console)


def _usage(reason: str = "") -> int:
    print(about.version_lines(), flush=True)
    if reason:
        print(f"{reason}\n", file=sys.stderr)
    print(about.USAGE, file=sys.stderr)
    return FAILED


def _version(kind: str) -> int:
    if kind == "vq":
        print(pointsman.__version__)
        return OK
    print(about.version_lines())
    if kind == "vv":
        print(about.details())
    return OK


def _runtime(options: Options) -> Runtime:
    off = {name for name, on in (("FAST-FORWARD", options.fast_forward), ("GETADDRINFO", options.getaddrinfo),
                                 ("REUSEPORT", options.reuse_port)) if not on}
    on = set() if options.verify_servers else {"SERVER-SSL-VERIFY-NONE"}
    return Runtime(enabled=(Runtime().enabled - off) | on)


def _condition(options: Options, console: Console) -> int:
    """-cc: 0 true, 1 false, 2 error."""
    assert options.condition is not None
    try:
        return OK if check_condition(options.condition, os.environ, _runtime(options)) else FAILED
    except ConfigError as error:
        diagnostics = Diagnostics()
        diagnostics.add(error.finding)
        console.show(diagnostics)
        return NO_LISTENER


def _command_line(options: Options) -> CommandLine:
    return CommandLine(
        maxconn=options.maxconn, proxy_maxconn=options.proxy_maxconn, memory=options.memory, pidfile=options.pidfile,
        local_peer=options.local_peer, daemon=options.daemon, foreground=options.foreground or options.debug,
        zero_warning=options.zero_warning, ignore_resolution=options.ignore_resolution, ipv4_only=options.ipv4_only,
        reuse_port=options.reuse_port, fast_forward=options.fast_forward, zero_copy=options.zero_copy,
        getaddrinfo=options.getaddrinfo, verify_servers=options.verify_servers)


def _start(options: Options, console: Console) -> int:
    """Load, assemble, then check or run."""
    diagnostics = Diagnostics()
    configuration = load(options.files, diagnostics, runtime=_runtime(options), local_peer=options.local_peer,
                         directory=options.directory, command_line=_command_line(options))
    console.quiet = options.quiet or is_quiet(configuration)
    generation = None if diagnostics.failed else _assemble(configuration, diagnostics)
    console.show(diagnostics)
    _dumps(options, console)
    if diagnostics.failed or generation is None:
        console.alert("config : Fatal errors found in configuration.")
        return FAILED
    warnings = diagnostics.count(Severity.WARNING)
    if warnings and (options.zero_warning or refuses_warnings(configuration)):
        console.alert("config : Some warnings were found and 'zero-warning' is set. Aborting.")
        return FAILED
    if options.check:
        return _checked(generation, warnings, console)
    if not generation.listeners:
        console.alert("[pointsman.main()] No enabled listener found (check for 'bind' directives) ! Exiting.")
        return FAILED
    return process.run(generation, make_plan(configuration, options), console)


def _checked(generation: Generation, warnings: int, console: Console) -> int:
    if warnings:
        console.out("Warnings were found.")
    if not generation.listeners:
        console.out("Configuration file has no error but will not start (no listener) => exit(2).")
        return NO_LISTENER
    if console.verbose:
        console.out("Configuration file is valid")
    return OK


def _dumps(options: Options, console: Console) -> None:
    """Lists that were asked for: on stdout, also in quiet mode."""
    if options.registries == "help":
        print(registries.classes_help())
    elif options.registries:
        try:
            print(registries.dump(options.registries))
        except KeyError as error:
            console.notice(f"-dK: there is no class {error}; see -dKhelp.")
    if options.dump_configuration:
        for line in dump.configuration(options.files):
            print(line)
    if options.dump_libraries:
        for path in dump.libraries():
            print(path)


def _assemble(configuration: Configuration, diagnostics: Diagnostics) -> Generation:
    # Imported late: with -v and -c of a broken file it is not needed.
    from pointsman.assemble import assemble  # noqa: PLC0415

    return assemble(configuration, diagnostics)
