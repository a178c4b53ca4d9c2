"""healthcheck sections: checks that have a name, and that servers of all backends may be checked by (manual 12.9).

    healthcheck <name>
        type httpchk GET /health
        http-check expect status 200

`type` is followed by what is written behind `option` in a proxy, and the rules are a proxy's. How long a check may take
and what is logged of it is said by the backend of the server.
"""

from dataclasses import dataclass, replace
from typing import Final

from pointsman.config.keyword import KEYWORDS, Args, keyword
from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Configuration, In, Section, Setting
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.core.registry import nearest
from pointsman.server.checks.plan import HTTP, OPTIONS, CheckFlag, CheckKind, CheckPlan, CheckRule, make_plan

TYPES: Final = (  # in the manual's order
    *("tcp-check", "httpchk", "ssl-hello-chk", "smtpchk", "pgsql-check", "redis-check", "mysql-check", "ldap-check"),
    "spop-check",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckType(Setting):
    """`type`, as written."""

    name: str


@keyword("type", In.HEALTHCHECK, "12.9")
def check_type(args: Args) -> list[Setting]:
    """type <type> [arguments]: which checks these are; the arguments are those of the proxy's option."""
    name = args.choice("<type>", TYPES)
    before = args.section.one(CheckType)
    if before is not None:
        raise ConfigError(
            f"healthcheck '{args.section.name}' already has the type '{before.name}' (at {before.at}).",
            args.at,
            "one type",
        )
    args.said = f"type {name}"
    option = KEYWORDS.get(f"option {name}")
    assert option is not None
    parsed = option.parse(args)
    settings = [parsed] if isinstance(parsed, Setting) else list(parsed or ())
    return [CheckType(name=name, at=args.at), *settings]


def check_sections(configuration: Configuration, diagnostics: Diagnostics) -> None:
    """All sections were read: each one has a type, and only what belongs to it."""
    for section in configuration.healthchecks.values():
        chosen = section.one(CheckType)
        if chosen is None:
            diagnostics.alert(
                f"healthcheck '{section.name}' has no type.", section.at, "'type' with one of " + ", ".join(TYPES)
            )
            continue
        kind = section.one(CheckKind)
        assert kind is not None
        for one in section.settings:
            family = _family(one)
            if family and family != kind.kind:
                diagnostics.alert(
                    f"healthcheck '{section.name}' is of type '{chosen.name}', which has no {family} rules.",
                    one.at,
                    f"'type {OPTIONS[family].removeprefix('option ')}', or no {family} rules",
                )
                break
    for proxy in configuration.proxies:
        for line in proxy.all(ServerLine):
            if not line.parameters.check:  # of the others their checks tell it
                try:
                    _named(line, proxy.name, configuration)
                except ConfigError as error:
                    diagnostics.add(error.finding)


def _family(setting: Setting) -> str:
    """Of which kind of checks it is a rule; "": of none."""
    if isinstance(setting, CheckRule):
        return setting.kind
    return HTTP if isinstance(setting, CheckFlag) else ""


def _named(line: ServerLine, backend: str, configuration: Configuration) -> Section | None:
    """The section that a server's line names; None: it names none. ConfigError: there is none of that name."""
    name = line.parameters.healthcheck
    section = configuration.healthchecks.get(name)
    if name and section is None:
        near = nearest(name, configuration.healthchecks)
        raise ConfigError(
            f"'server {backend}/{line.name}' : unable to find the healthcheck section '{name}'.",
            line.parameters.healthcheck_at or line.at,
            "the name of a healthcheck section",
            f"did you mean '{near}'?" if near else "",
        )
    return section


def own_plan(line: ServerLine, name: str, backend: CheckPlan, configuration: Configuration) -> CheckPlan:
    """The plan of one server: that of the section which its line names, or that of its backend, which has that name.
    ConfigError: there is no such section."""
    section = _named(line, name, configuration)
    if section is None:
        return backend
    # What is wrong with a section is said once, whoever names it.
    plan = make_plan(section, Diagnostics(), backend.connect_timeout, backend.read_timeout, backend.size)
    return replace(plan, log_all=backend.log_all, unique_id=backend.unique_id)
