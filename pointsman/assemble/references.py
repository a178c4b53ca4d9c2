"""What expressions and sections name must exist: userlists, backends, frontends, servers.

A userlist may stand behind the rule that asks it, so its users are declared here, once everything was read.
"""

from collections.abc import Iterator

from pointsman.config.acls import AclLine
from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Configuration, In, Section
from pointsman.config.userlist import users_of
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.core.registry import nearest
from pointsman.rules import stats
from pointsman.rules.forwarded_words import ForwardedSetting
from pointsman.rules.keywords import (
    DefaultBackendLine,
    MonitorFailLine,
    RedirectLine,
    UseBackendLine,
    UseServerLine,
)
from pointsman.rules.rule import Rule
from pointsman.rules.stick import StickLine
from pointsman.sample.arguments import Reference
from pointsman.sample.condition import Condition
from pointsman.sample.crypt import CRYPT
from pointsman.sample.users import userlist


def declare_users(configuration: Configuration, diagnostics: Diagnostics) -> None:
    """Fill the userlists."""
    for name, section in configuration.userlists.items():
        try:
            for user in users_of(section).values():
                groups = frozenset(group.encode("utf-8", "surrogateescape") for group in user.groups)
                login = user.name.encode("utf-8", "surrogateescape")
                userlist(name).declare(login, user.password, user.encrypted, groups)
                if user.encrypted and not CRYPT.usable:
                    diagnostics.warning(
                        f"userlist '{name}': user '{user.name}' cannot log in, as this system has no crypt_r(3) "
                        "(libcrypt) to compare encrypted passwords with",
                        section.at,
                    )
        except ConfigError as error:
            diagnostics.add(error.finding)


def check_references(configuration: Configuration, diagnostics: Diagnostics) -> None:
    """An alert for each name that stands for nothing."""
    seen: set[Reference] = set()
    known: dict[str, dict[str, None]] = {}
    for section in configuration.proxies:
        for one in _references(section):
            if one not in seen:
                seen.add(one)
                _check(one, known, configuration, diagnostics)


def check_references_of(section: Section, configuration: Configuration, diagnostics: Diagnostics) -> None:
    """Of a section that comes at run time."""
    for one in dict.fromkeys(_references(section)):
        _check(one, {}, configuration, diagnostics)


def check_added(line: ServerLine, configuration: Configuration) -> None:
    """ConfigError: a server line that comes at run time names what is not there."""
    diagnostics = Diagnostics()
    for one in _of_server(line):
        _check(one, {}, configuration, diagnostics)
    for finding in diagnostics.findings:
        raise ConfigError(finding.message, line.at)


def referred(configuration: Configuration) -> tuple[set[str], set[str]]:
    """Backends that rules or expressions name, and servers ("backend/server"): they cannot be deleted at run time."""
    backends: set[str] = set()
    servers: set[str] = set()
    for proxy in (*configuration.defaults, *configuration.proxies):  # the former may still be taken by somebody
        servers.update(f"{proxy.name}/{line.name.text}" for line in proxy.all(UseServerLine) if line.format is None)
        backends.update(line.name.text for line in proxy.all(UseBackendLine) if line.format is None)
        default = proxy.one(DefaultBackendLine)
        if default is not None:
            backends.add(default.name.text)
        for one in _references(proxy):
            if one.kind == "server":
                servers.add(one.name if "/" in one.name else f"{proxy.name}/{one.name}")
                backends.add(one.name.rpartition("/")[0])
            elif one.kind == "backend":
                backends.add(one.name)
    return backends, servers


def _of_server(server: ServerLine) -> Iterator[Reference]:
    if server.parameters.sni is not None:
        yield from server.parameters.sni.references
    for tlv in server.parameters.proxy_tlvs:
        yield from tlv.format.references


def _references(section: Section) -> Iterator[Reference]:
    for line in section.all(AclLine):
        if line.acl is not None:
            yield from line.acl.expression.references
    for server in section.all(ServerLine):
        yield from _of_server(server)
    said = section.one(ForwardedSetting)
    for expression in said.expressions if said is not None else ():
        yield from expression.references
    for stick in section.all(StickLine):
        yield from stick.pattern.references
    rules = section.all(Rule) + [line.rule for line in section.all(RedirectLine)]
    conditions: list[Condition | None] = [rule.condition for rule in rules]
    conditions += [line.condition for line in section.all(UseBackendLine)]
    conditions += [line.condition for line in section.all(UseServerLine)]
    conditions += [line.condition for line in section.all(MonitorFailLine)]
    conditions += [line.condition for line in section.all(StickLine)]
    conditions += stats.conditions(section)
    for condition in conditions:
        if condition is not None:
            yield from condition.references
    for rule in rules:
        yield from rule.action.references


def _names(kind: str, configuration: Configuration) -> list[str]:
    """All names of a kind, servers with those of their backends."""
    if kind == "user list":
        return list(configuration.userlists)
    if kind in ("backend", "frontend"):
        side = In.BACK if kind == "backend" else In.FRONT
        return [proxy.name for proxy in configuration.proxies if proxy.kind & side]
    return [
        f"{proxy.name}/{line.name}"
        for proxy in configuration.proxies
        if proxy.kind & In.BACK
        for line in proxy.all(ServerLine)
    ]


def _check(
    one: Reference, known: dict[str, dict[str, None]], configuration: Configuration, diagnostics: Diagnostics
) -> None:
    """`known`: the names of each kind that was asked for, in their order."""
    if one.kind not in ("user list", "backend", "frontend") and not (one.kind == "server" and "/" in one.name):
        return
    names = known.get(one.kind)
    if names is None:
        names = known[one.kind] = dict.fromkeys(_names(one.kind, configuration))
    if one.name and one.name not in names:
        near = nearest(one.name, names)
        diagnostics.alert(
            f"unable to find {one.kind} '{one.name}'",
            one.at,
            f"the name of a {one.kind}",
            f"did you mean '{near}'?" if near else "",
        )
