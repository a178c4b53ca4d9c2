"""From the command line to something that could run: load the files, assemble, show what was found.

options -> load -> assemble -> findings -> lists that were asked for -> a status, or a generation and its plan
"""

import os
from dataclasses import dataclass
from typing import Final

import pointsman.keywords  # noqa: F401  # fills the registries
from pointsman.assemble import assembled
from pointsman.assemble.more_errors import find_more
from pointsman.config.command_line import CommandLine
from pointsman.config.conditionals import check_condition
from pointsman.config.features import RuntimeOptions
from pointsman.config.lanes import is_capped, what_is_slow
from pointsman.config.load import load
from pointsman.core import plain_regex
from pointsman.core.diagnostics import ConfigError, Diagnostics, Severity
from pointsman.listener.generation import Generation
from pointsman.log.events import STDERR
from pointsman.worker import dump, registries
from pointsman.worker.arguments import Options
from pointsman.worker.console import Console
from pointsman.worker.plan import ProcessPlan, is_quiet, make_plan, refuses_warnings

OK: Final = 0
FAILED: Final = 1
NO_CONDITION: Final = 2


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is to run."""

    generation: Generation
    plan: ProcessPlan


def condition(options: Options, console: Console) -> int:
    """-cc: 0 true, 1 false, 2 error."""
    assert options.condition is not None
    try:
        return OK if check_condition(options.condition, os.environ, _runtime(options)) else FAILED
    except ConfigError as error:
        diagnostics = Diagnostics()
        diagnostics.add(error.finding)
        console.show(diagnostics)
        return NO_CONDITION


def start(options: Options, console: Console) -> Loaded | int:
    """Load and assemble. An exit status where that is all (-c), or where it went wrong."""
    diagnostics = Diagnostics()
    plain = plain_regex.Regex.made
    configuration = load(
        options.files,
        diagnostics,
        runtime=_runtime(options),
        local_peer=options.local_peer,
        directory=options.directory,
        command_line=_command_line(options),
    )
    console.quiet = options.quiet or is_quiet(configuration)
    STDERR.quiet = console.silent
    if is_capped(configuration.main):
        diagnostics.warning(
            "'nbthread' is reduced to what 'thread-hard-limit' permits.",
            hint="lower 'nbthread', or raise 'thread-hard-limit'",
        )
    if slow := what_is_slow(configuration.main):
        diagnostics.notice(
            slow, hint="install a C compiler and Python's headers, then Pointsman again; or say 'nbthread 1'"
        )
    generation: Generation | None = None
    if diagnostics.failed:
        find_more(configuration, diagnostics)
    else:
        generation = assembled(configuration, diagnostics)
    if plain_regex.Regex.made > plain:
        diagnostics.notice(
            "regular expressions are Python's: the extension for PCRE2 is not built.",
            hint="install a C compiler, Python's headers and libpcre2-dev, then Pointsman again",
        )
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
        return _checked(warnings, console)
    if not generation.openings():
        console.alert("[pointsman.main()] No enabled listener found (check for 'bind' directives) ! Exiting.")
        return FAILED
    return Loaded(generation, make_plan(configuration, options))


def _checked(warnings: int, console: Console) -> int:
    """What listens is not asked: a part of several files may be checked alone, as with HAProxy 3.5."""
    if warnings:
        console.out("Warnings were found.")
    if console.verbose:
        console.out("Configuration file is valid")
    return OK


def _runtime(options: Options) -> RuntimeOptions:
    off = {
        name
        for name, on in (
            ("FAST-FORWARD", options.fast_forward),
            ("GETADDRINFO", options.getaddrinfo),
            ("REUSEPORT", options.reuse_port),
            ("SPLICE", options.splice),
        )
        if not on
    }
    on = set() if options.verify_servers else {"SERVER-SSL-VERIFY-NONE"}
    return RuntimeOptions(enabled=(RuntimeOptions().enabled - off) | on)


def _command_line(options: Options) -> CommandLine:
    return CommandLine(
        maxconn=options.maxconn,
        proxy_maxconn=options.proxy_maxconn,
        memory=options.memory,
        pidfile=options.pidfile,
        local_peer=options.local_peer,
        daemon=options.daemon,
        foreground=options.foreground or options.debug,
        zero_warning=options.zero_warning,
        ignore_resolution=options.ignore_resolution,
        ipv4_only=options.ipv4_only,
        reuse_port=options.reuse_port,
        fast_forward=options.fast_forward,
        zero_copy=options.zero_copy,
        splice=options.splice,
        getaddrinfo=options.getaddrinfo,
        verify_servers=options.verify_servers,
    )


def _dumps(options: Options, console: Console) -> None:
    """Lists that were asked for: on stdout, also in quiet mode."""
    if options.registries:
        listed = registries.dump(options.registries)
        if listed:
            console.list(listed)
        for name in registries.unknown_classes(options.registries):
            console.notice(f"-dK: there is no class '{name}'; see -dKhelp.")
    if options.dump_configuration:
        for line in dump.configuration(options.files):
            console.list(line)
    if options.dump_libraries:
        for path in dump.libraries():
            console.list(path)
