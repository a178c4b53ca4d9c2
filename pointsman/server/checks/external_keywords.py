"""The keywords of external checks (manual 3.1, external-check; 4.2, option external-check and external-check)."""

from dataclasses import dataclass
from typing import Final

from pointsman.config.bind import Bind
from pointsman.config.global_section import GlobalFlag, global_flag
from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import Configuration, In, Section, Setting
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.server.checks.external import ExternalCheck
from pointsman.server.checks.plan import CheckKind

EXTERNAL: Final = "external-check"  # a kind of checks
BACK: Final = In.DEFAULTS | In.BACK
PRESERVED: Final = "external-check preserve-env"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalWord(Setting):
    """`external-check command`, `external-check path`."""

    name: str
    text: str

    def key(self) -> object:
        return self.name


@keyword("external-check", In.GLOBAL, "3.1")
def external_check(args: Args) -> list[GlobalFlag]:
    """external-check [preserve-env]: checks may run programs."""
    preserved = args.more()
    if preserved:
        word = args.word("preserve-env")
        if word.text != "preserve-env":
            raise ConfigError(
                f"'{args.keyword}' only supports 'preserve-env' as an argument, found '{word.text}'.",
                word.at,
                "preserve-env",
            )
    args.end()
    return [
        GlobalFlag(name=EXTERNAL, on=True, at=args.at),
        GlobalFlag(name=PRESERVED, on=preserved, at=args.at),
    ]


@keyword("option external-check", BACK, "4.2")
def option_external_check(args: Args) -> CheckKind:
    """option external-check: a program says how the servers are."""
    args.end()
    return CheckKind(kind=EXTERNAL, at=args.at)


@keyword("external-check", BACK, "4.2")
def external_check_unknown(args: Args) -> None:
    """external-check command, path: this is for a second word that is none of them."""
    if not args.more():
        raise ConfigError("missing argument after 'external-check'.", args.here, "command or path")
    raise ConfigError(
        f"'external-check' only supports 'command' and 'path'. but got '{args.peek()}'.", args.here, "command or path"
    )


def _word(args: Args, name: str) -> ExternalWord:
    if not args.peek():
        raise ConfigError(f"missing argument after '{name}'.", args.here, f"<{name}>")
    text = args.take(f"<{name}>")
    args.end()
    return ExternalWord(name=name, text=text, at=args.at)


@keyword("external-check command", BACK, "4.2")
def external_check_command(args: Args) -> ExternalWord:
    """external-check command <command>: what is run."""
    return _word(args, "command")


@keyword("external-check path", BACK, "4.2")
def external_check_path(args: Args) -> ExternalWord:
    """external-check path <path>: PATH of what is run."""
    return _word(args, "path")


def read_external(section: Section, configuration: Configuration, diagnostics: Diagnostics) -> ExternalCheck | None:
    """What is run for the servers of a backend; None: nothing. What is missing or in vain is said."""
    chosen = section.one(CheckKind)
    command, path = section.one(ExternalWord, "command"), section.one(ExternalWord, "path")
    if chosen is None or chosen.kind != EXTERNAL:
        for word in (command, path):
            if word is not None:
                diagnostics.warning(
                    f"'external-check {word.name}' will be ignored for backend '{section.name}' "
                    "(requires 'option external-check').",
                    word.at,
                )
        return None
    main = configuration.main
    proxy = f"Proxy '{section.name}' :"
    if not global_flag(main, EXTERNAL):
        diagnostics.alert(
            f"{proxy} 'option external-check' unable to find required 'global.external-check'.",
            chosen.at,
            "'external-check' in the global section",
        )
    if not global_flag(main, "insecure-fork-wanted"):
        diagnostics.warning(
            f"{proxy} 'insecure-fork-wanted' not enabled in the global section, 'option external-check' will likely "
            "fail in HAProxy.",
            chosen.at,
        )
    if command is None:
        diagnostics.alert(
            f"{proxy} 'option external-check' unable to find required 'external-check command'.",
            chosen.at,
            "'external-check command <command>' in the same section or its defaults",
        )
        return None
    if path is None and not command.text.startswith("/"):
        diagnostics.alert(
            f"{proxy} 'external-check command' does not have a leading '/' and 'external-check path' is not set.",
            command.at,
            "a path that begins with '/', or 'external-check path'",
        )
    address, port = _first_address(section)
    return ExternalCheck(
        command=command.text,
        path=path.text if path is not None else "",
        address=address,
        port=port,
        environment=dict(configuration.environment) if global_flag(main, PRESERVED) else {},
        setuid=global_flag(main, "insecure-setuid-wanted"),
    )


def _first_address(section: Section) -> tuple[str, str]:
    """Of the first listener that is IPv4, IPv6 or a UNIX socket."""
    for line in section.all(Bind):
        for spec in line.addresses:
            if spec.kind == "inet":
                return spec.host or "0.0.0.0", str(spec.port)
            if spec.kind == "unix":
                return spec.host, ""
    return "", ""
