"""Rules, routes and error pages of live proxies."""

from pointsman.assemble.live import Live
from pointsman.assemble.modes import HTTP
from pointsman.balance.registry import Balance
from pointsman.config.action import (
    HTTP_AFTER,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    RULE_SETS,
    TCP_CONNECTION,
    TCP_CONTENT,
    TCP_RESPONSE,
    TCP_SESSION,
)
from pointsman.config.global_section import global_number
from pointsman.config.proxy import Disabled
from pointsman.config.setting import Configuration, In, Section
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.core.registry import nearest
from pointsman.core.words import Word
from pointsman.rules.captures import captures_of
from pointsman.rules.errors import error_pages
from pointsman.rules.keywords import DefaultBackendLine, RedirectLine, UseBackendLine, UseServerLine
from pointsman.rules.layer4 import SwitchMode
from pointsman.rules.layer4_words import inspect_delay
from pointsman.rules.persistence import PersistLine, PersistRdpCookie
from pointsman.rules.plan import MOVING, Step, steps
from pointsman.rules.rule import Rule
from pointsman.rules.stick import StickLine
from pointsman.rules.switching import ForceSwitchLine
from pointsman.sample.condition import Condition
from pointsman.sample.table_key import table_key
from pointsman.stream.frontends import LiveFrontend
from pointsman.stream.proxies import FORCED, IGNORED, BackendProxy, PersistRule, Route, ServerRoute
from pointsman.stream.stick_rules import StickRule


def _rules(
    section: Section, rule_set: int, http: bool, configuration: Configuration, diagnostics: Diagnostics
) -> list[Step]:
    """The rules of one list; `redirect` lines stand behind all http-request rules."""
    found = [one for one in section.all(Rule) if one.rule_set == rule_set]
    redirects = [line.rule for line in section.all(RedirectLine)] if rule_set == HTTP_REQUEST else []
    if not http and rule_set & HTTP:
        for name, rules in ((RULE_SETS[rule_set], found), ("redirect", redirects)):
            if rules:
                diagnostics.warning(
                    f"'{name}' rules ignored for {section.title} as they require HTTP mode.", rules[0].at
                )
        return []
    found += redirects
    for one in found:
        try:
            one.action.resolve(configuration, diagnostics)
            one.action.check(section, diagnostics)
        except ConfigError as error:
            diagnostics.add(error.finding)
    made = steps(found)
    for step in made[len(made) - len(redirects) :]:
        step.told = False
    return made


def fill_backend_rules(
    live: Live, backend: BackendProxy, section: Section, configuration: Configuration, diagnostics: Diagnostics
) -> None:
    backend.tcp_response = _rules(section, TCP_RESPONSE, backend.http, configuration, diagnostics)
    backend.response_delay = inspect_delay(section, True)
    if section.kind == In.BACKEND:  # a listen section's rules are run once, by its frontend
        backend.tcp_content = _rules(section, TCP_CONTENT, backend.http, configuration, diagnostics)
        backend.inspect_delay = inspect_delay(section, False)
        backend.peeks = not backend.http and _ask_http(backend.tcp_content, [])
        backend.http_request = _rules(section, HTTP_REQUEST, backend.http, configuration, diagnostics)
        backend.http_response = _rules(section, HTTP_RESPONSE, backend.http, configuration, diagnostics)
        backend.http_after_response = _rules(section, HTTP_AFTER, backend.http, configuration, diagnostics)
    backend.pages = error_pages(section, configuration, diagnostics)
    for line in section.all(UseServerLine):
        target = None
        if line.format is None:
            target = backend.find(line.name.text.encode("utf-8", "surrogateescape"))
            if target is None:
                names = [server.name.decode() for server in backend.servers]
                diagnostics.alert(
                    f"unable to find server '{line.name.text}' in backend '{section.name}' referenced in "
                    "a 'use-server' rule.",
                    line.name.at,
                    hint=_did_you_mean(line.name.text, names),
                )
        backend.use_server.append(ServerRoute(line.condition, line.negated, target, line.format, line.at))
    _stick(backend, section, diagnostics)
    cookie = section.one(PersistRdpCookie)
    if cookie is not None:
        backend.rdp_cookie = cookie.name
    backend.persists_by_bytes = not backend.http and _persists_by_bytes(backend, section)
    for rule in section.all(PersistLine):
        says = FORCED if rule.forces else IGNORED
        backend.persist_rules.append(PersistRule(says, rule.condition, rule.negated, rule.at))
    backend.honours_down = backend.persist or any([one.says == FORCED for one in backend.persist_rules])


def _persists_by_bytes(backend: BackendProxy, section: Section) -> bool:
    """A server may be chosen by the first bytes of a connection."""
    balance = section.one(Balance)
    if backend.rdp_cookie or balance is not None and balance.algorithm.name == "rdp-cookie":
        return True
    return any([rule.asks & MOVING for rule in backend.stick_rules])


def _stick(backend: BackendProxy, section: Section, diagnostics: Diagnostics) -> None:
    """Stick rules, in the order of their lines; tables are there."""
    for line in section.all(StickLine):
        table = line.table.table
        if table is None:
            continue  # an error that was told (tables.py)
        key = table_key(line.pattern, table.options)
        if key is None:
            diagnostics.alert(
                f"Proxy '{section.name}': type of fetch not usable with type of stick-table '{table.name}'.",
                line.pattern_at,
                f"what can become {table.options.type_name}, not {line.pattern.type.name.lower()}",
            )
            continue
        rule = StickRule(table, key, line.pattern, line.at)
        rule.matches, rule.stores, rule.response = line.matches, line.stores, line.response
        rule.condition, rule.negated = line.condition, line.negated
        rule.asks |= 0 if line.condition is None else line.condition.reads
        backend.stick_rules.append(rule)


def fill_frontend_rules(
    live: Live, frontend: LiveFrontend, section: Section, configuration: Configuration, diagnostics: Diagnostics
) -> None:
    frontend.tcp_connection = _rules(section, TCP_CONNECTION, frontend.http, configuration, diagnostics)
    frontend.screens = len(frontend.tcp_connection) > 0
    frontend.tcp_session = _rules(section, TCP_SESSION, frontend.http, configuration, diagnostics)
    frontend.tcp_content = _rules(section, TCP_CONTENT, frontend.http, configuration, diagnostics)
    frontend.inspect_delay = inspect_delay(section, False)
    http = frontend.http or any(isinstance(step.action, SwitchMode) for step in frontend.tcp_content)
    frontend.http_request = _rules(section, HTTP_REQUEST, http, configuration, diagnostics)
    frontend.http_response = _rules(section, HTTP_RESPONSE, http, configuration, diagnostics)
    frontend.http_after_response = _rules(section, HTTP_AFTER, http, configuration, diagnostics)
    frontend.pages = error_pages(section, configuration, diagnostics)
    if http or frontend.tcp_content:
        frontend.captures = captures_of(section, global_number(configuration.main, "tune.http.cookielen"), diagnostics)
    frontend.backends = {backend.name: backend for backend in live.backends}
    for line in section.all(UseBackendLine):
        target = None
        if line.format is None:
            if _is_disabled(line.name, configuration):
                continue  # the rule does not count (manual 4.2, use_backend)
            target = _find(frontend, line.name, section, "use_backend", diagnostics)
        frontend.use_backend.append(Route(line.condition, line.negated, target, line.format, line.at))
    conditions = [line.condition for line in section.all(UseBackendLine)]
    frontend.peeks = not frontend.http and _ask_http(frontend.tcp_content, conditions)
    for switch in section.all(ForceSwitchLine):
        frontend.forced_switches.append(Route(switch.condition, switch.negated, None, None, switch.at))
    default = section.one(DefaultBackendLine)
    if default is not None and not _is_disabled(default.name, configuration):
        frontend.default_backend = _find(frontend, default.name, section, "default_backend", diagnostics)
        frontend.default_at = default.at
        frontend.default_backend_name = default.name.text.encode("utf-8", "surrogateescape")
    elif section.kind == In.LISTEN:
        frontend.default_backend = frontend.backends.get(frontend.name)
        frontend.default_at = section.at


def _ask_http(rules: list[Step], conditions: list[Condition | None]) -> bool:
    """Something of them is about HTTP."""
    asked = [*conditions, *[step.condition for step in rules]]
    return any(one is not None and one.http for one in asked) or any(step.asks_http for step in rules)


def _is_disabled(name: Word, configuration: Configuration) -> bool:
    found = configuration.proxy(name.text, In.BACK)
    disabled = None if found is None else found.one(Disabled)
    return disabled is not None and disabled.on


def _find(
    frontend: LiveFrontend, name: Word, section: Section, keyword: str, diagnostics: Diagnostics
) -> BackendProxy | None:
    backend = frontend.backends.get(name.text.encode("utf-8", "surrogateescape"))
    kind = (section.kind.name or "").lower()
    if backend is None:
        what = f"required {keyword}" if keyword == "use_backend" else "required default_backend"
        names = [one.decode() for one in frontend.backends]
        diagnostics.alert(
            f"{kind} '{section.name}': unable to find {what}: '{name.text}'.",
            name.at,
            "the name of a backend or listen section",
            _did_you_mean(name.text, names),
        )
    elif backend.http != frontend.http:
        ours, theirs = ("http", "tcp") if frontend.http else ("tcp", "http")
        if frontend.http:
            diagnostics.alert(
                f"{ours} {kind} '{section.name}' tries to use incompatible {theirs} backend '{name.text}' ({keyword}).",
                name.at,
                f"a backend in mode {ours}",
            )
    return backend


def _did_you_mean(word: str, names: list[str]) -> str:
    near = nearest(word, names)
    return f"did you mean '{near}'?" if near else ""
