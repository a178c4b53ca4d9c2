"""What rules ask of bytes in vain: a warning each, in HAProxy's terms.

In HTTP proxies fetches of layer 6 (manual 7.3.5) have no sample. Where there is no inspect-delay, a rule that captures
or tracks what a client sends finds it by luck.
"""

from collections.abc import Iterable
from typing import Final

from pointsman.config.action import HTTP_REQUEST, HTTP_RESPONSE, TCP_CONTENT, TCP_RESPONSE
from pointsman.config.setting import Section
from pointsman.core.diagnostics import Diagnostics, Position
from pointsman.rules.keywords import UseBackendLine, UseServerLine
from pointsman.rules.layer4_words import inspect_delay
from pointsman.rules.rule import Rule
from pointsman.sample.condition import Condition
from pointsman.sample.expression import Expression
from pointsman.sample.registry import FETCHES

_ANY_PROTOCOL: Final = frozenset(
    ("wait_end", "req.proto_http", "req_proto_http")
)  # of 7.3.5, but they hold in HTTP too
_SETS: Final = TCP_CONTENT | TCP_RESPONSE | HTTP_REQUEST | HTTP_RESPONSE


def warn_of_bytes(section: Section, http: bool, diagnostics: Diagnostics) -> None:
    """All of one proxy."""
    rules = [one for one in section.all(Rule) if one.rule_set & _SETS]
    if http:
        conditions = [(one.condition, one.at) for one in rules]
        conditions += [(one.condition, one.at) for one in section.all(UseBackendLine)]
        conditions += [(one.condition, one.at) for one in section.all(UseServerLine)]
        for condition, at in conditions:
            _of_layer6(section, condition, at, diagnostics)
    if inspect_delay(section, False):
        return
    for rule in rules:
        name = rule.action.name
        asks = any(_section_of(one.fetch) in ("7.3.5", "7.3.6") for one in rule.action.expressions)
        if rule.rule_set == TCP_CONTENT and asks and (name == "capture" or name.startswith("track-sc")):
            diagnostics.warning(
                f"{section.title}: a 'tcp-request {name}' rule explicitly depending on request contents without any "
                "'tcp-request inspect-delay' setting finds its contents only where they have come already.",
                rule.at,
                "a 'tcp-request inspect-delay' line",
            )


def _of_layer6(section: Section, condition: Condition | None, at: Position, diagnostics: Diagnostics) -> None:
    if condition is None:
        return
    names = [one.fetch for one in _expressions(condition) if _is_layer6(one.fetch)]
    if names:
        diagnostics.warning(
            f"Proxy '{section.name}': L6 sample fetches ignored on HTTP proxies.",
            at,
            "'mode tcp', or a sample of HTTP or of the connection (ssl_fc_sni, path, ...)",
            f"'{names[0]}' has no sample here",
        )


def _expressions(condition: Condition) -> Iterable[Expression]:
    for terms in condition.alternatives:
        for term in terms:
            for acl in term.acls:
                yield acl.expression


def _section_of(fetch: str) -> str:
    """Of the manual."""
    entry = FETCHES.get(fetch)
    return "" if entry is None or fetch in _ANY_PROTOCOL else entry.manual


def _is_layer6(fetch: str) -> bool:
    return _section_of(fetch) == "7.3.5"
