"""Stable names for what loading and assembling find, which `pointsman -c` shows without one.

The first row whose words are in a message names it; `unknown-word` to `load-error` at the end take what is left. Names
stay when messages become better: tests/unit/verbs/lint/test_loading.py holds a mistake for each.
"""

import re
from typing import Final

from pointsman.core.diagnostics import Finding, Severity
from pointsman.verbs.lint.rule import RULES, Level, Rule

# name, what of the message tells it, summary
ROWS: Final = (
    ("unreachable-rule", r"further entries are NOOP", ""),  # names of rules, which say more
    ("missing-timeouts", r"^missing timeouts", ""),
    ("listen-address", r"use the 'bind' keyword for listening addresses", ""),
    (
        "rule-order",
        r"rule placed after an? .* rule will still be processed before",
        "A rule stands below others that HAProxy evaluates after it",
    ),
    ("missing-bind", r"has no 'bind' directive", "A frontend listens nowhere"),
    (
        "needs-http-mode",
        r"requires? HTTP mode|needs 'mode http'|as HTTP mode is disabled|in non-HTTP mode|only be used in http proxies",
        "Something of HTTP stands in a proxy of mode tcp, where it does nothing",
    ),
    ("http-rules-without-mode", r"has HTTP rules but no mode", "A proxy has HTTP rules and says no mode"),
    (
        "incompatible-mode",
        r"incompatible (?:tcp|http) backend|is not usable$",
        "Frontend and backend speak different modes",
    ),
    (
        "never-matches-here",
        r"will never match because|involves keywords .* incompatible with|Sample fetches? ignored",
        "An ACL asks for what does not exist where it is used",
    ),
    ("acl-without-patterns", r"no pattern to match against", "An ACL has no pattern, so that it never matches"),
    ("empty-condition", r"empty condition", "Nothing stands behind 'if'"),
    (
        "wrong-side",
        r"ignored because (?:frontend|backend) ",
        "A word of backends in a frontend, or the other way round",
    ),
    ("log-format-without-log", r"log format ignored", "A log format, and no log"),
    (
        "small-timeout",
        r"is suspiciously small for a value in milliseconds",
        "A time without a unit that is hardly meant as milliseconds",
    ),
    ("deprecated-word", r"is deprecated|old spelling", ""),
    (
        "removed-word",
        r"is not supported anymore|doesn't exist anymore|no longer supported",
        "",
    ),
    ("without-tls", r"has no effect without TLS", "A word of TLS on a line without 'ssl'"),
    (
        "check-rules-without-option",
        r"rules without 'option|will be ignored for backend .*requires",
        "Rules of a check that is not configured",
    ),
    (
        "overridden-line",
        r"already specified|overrides previous|overwriting|ignoring duplicated",
        "A line that another one replaces",
    ),
    ("layer4-on-http", r"L6 sample fetches ignored", "A rule of an HTTP proxy looks at raw bytes"),
    ("missing-inspect-delay", r"without any 'tcp-request inspect-delay'", ""),
    ("missing-certificate", r"no SSL certificate specified", "A bind line with 'ssl' and no certificate"),
    ("duplicate-name", r"already (?:used|defined|exists)|has the same name|same name as", "Two things have one name"),
    ("empty-word", r"is empty and marks the end", "A word is empty: a variable is not set, most likely"),
    ("local-peer", r"incomplete section 'peers .*no peer named", "A peers section does not name this machine"),
    ("missing-line-feed", r"Missing LF on last line", ""),
    ("unknown-backend", r"unable to find required|unable to find backend", "A rule names a backend that is not there"),
    (
        "unknown-server",
        r"unable to find server|unable to find .*'use-server'",
        "A rule names a server that is not there",
    ),
    ("unknown-userlist", r"unable to find user ?list", "A rule names a userlist that is not there"),
    ("unknown-acl", r"no such ACL", "A condition names an ACL that is not there"),
    ("unknown-section", r"unknown section|out of section", "A section of an unknown kind"),
    ("unknown-table", r"(?:unable to find|no) (?:stick-)?table|unknown table", "A stick table that is not there"),
    (
        "unreadable-file",
        r"[Cc]annot open|[Cc]an't open|unable to (?:open|load|stat|read)|No such file|failed to open|cannot be read",
        "A file that cannot be read",
    ),
    ("unknown-name", r"unable to find|could not resolve", "A name that stands for nothing"),
    ("not-supported", r"is not supported|not built yet|is not possible here", "What Pointsman does not have"),
    (
        "misplaced-word",
        r"not allowed in|not allowed because",
        "A word in a section where it cannot stand",
    ),
    (
        "unknown-word",
        r"unknown ",
        "A word that nobody knows",
    ),
    (
        "no-effect",
        r"has no effect|have no effect|is ignored|ignored by|changes nothing|ignored",
        "A word that does nothing",
    ),
)
HERE: Final = frozenset({"local-peer"})  # it is about the machine that lints
# What says little where the line is one of a defaults section: some of its proxies have no use for it.
INHERITED: Final = frozenset({"log-format-without-log", "needs-http-mode"})
REST: Final = {
    Severity.ALERT: ("load-error", "The configuration does not load"),
    Severity.WARNING: ("load-warning", "Loading the configuration warns of this"),
    Severity.NOTICE: ("load-notice", "Loading the configuration notes this"),
    Severity.DIAG: ("load-hint", "`-c -dD` says this"),
}
LEVELS: Final = {
    Severity.ALERT: Level.ERROR,
    Severity.WARNING: Level.WARNING,
    Severity.NOTICE: Level.INFO,
    Severity.DIAG: Level.INFO,
}
PATTERNS: Final = tuple((name, re.compile(pattern)) for name, pattern, _ in ROWS)

REASON: Final = (
    "`pointsman -c` finds this, too. Its level is error where HAProxy refuses to start, else warning or info."
)


def name_of(finding: Finding) -> str:
    """The stable name of what the load has found."""
    for name, pattern in PATTERNS:
        if pattern.search(finding.message):
            return name
    return REST[finding.severity][0]


for _name, _, _summary in ROWS:
    if _summary:
        RULES.add(_name, Rule(_name, Level.WARNING, None, _summary, REASON))
for _name, _summary in REST.values():
    RULES.add(_name, Rule(_name, Level.WARNING, None, _summary, REASON))
