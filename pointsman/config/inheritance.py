"""Which sections may take a defaults section that holds rules (manual 4.2: http-request, tcp-request content, ...).

Such rules run in front of the proxy's own. So that it is clear where they run, one defaults section with rules serves
either frontends or backends, no listen section, and no other defaults section.
"""

from typing import Final

from pointsman.config.setting import In, Section
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.words import Line

RULES: Final = (
    "http-request",
    "http-response",
    "http-after-response",
    "tcp-request connection",
    "tcp-request session",
    "tcp-request content",
    "tcp-response content",
    "quic-initial",
)
EARLY: Final = ("tcp-request connection", "tcp-request session", "quic-initial")  # of frontends alone
SIDE: Final = {In.FRONTEND: "frontend", In.BACKEND: "backend", In.LISTEN: "listen", In.DEFAULTS: "defaults"}


class Inheritance:
    """The rules of all defaults sections, and the kinds of those that take them."""

    def __init__(self) -> None:
        self.rules: dict[int, set[str]] = {}  # by the identity of the section
        self.users: dict[int, In] = {}
        self.captures: set[int] = set()  # defaults whose rules make slots, which frontends alone have

    def note(self, section: Section, line: Line) -> None:
        """A line that was put into a defaults section."""
        words = [word.text for word in line.words[:2]]
        rule = words[0] if words[0] in RULES else " ".join(words)
        if rule in RULES:
            self.rules.setdefault(id(section), set()).add(rule)
        if words == ["http-request", "capture"] and any(word.text == "len" for word in line.words):
            self.captures.add(id(section))

    def check(self, section: Section, defaults: Section, at: Position) -> None:
        """Raises ConfigError if the section may not take these defaults."""
        rules = self.rules.get(id(defaults))
        if rules is None:
            return
        whose = f"rules (defaults section at {defaults.at})."
        kind = section.kind
        forbidden = f"a {SIDE[kind]} section cannot inherit from a defaults section defining"
        if kind in (In.LISTEN, In.DEFAULTS):
            raise ConfigError(
                f"{forbidden} TCP/HTTP {whose}",
                at,
                hint="put the rules into the proxies, or another defaults section in front",
            )
        wrong = sorted(rules & {"tcp-response content"} if kind == In.FRONTEND else rules.intersection(EARLY))
        if wrong:
            named = " or ".join(f"'{rule}'" for rule in wrong)
            raise ConfigError(f"{forbidden} {named} {whose}", at)
        if kind == In.BACKEND and id(defaults) in self.captures:
            raise ConfigError(
                f"a backend section cannot inherit from a defaults section defining captures (defaults "
                f"section at {defaults.at}).",
                at,
                hint="'http-request capture' with 'len' makes a slot "
                "of a frontend; put such rules into frontends, or into defaults of their own",
            )
        before = self.users.setdefault(id(defaults), kind)
        if before != kind:
            raise ConfigError(
                f"frontends and backends cannot inherit from the same defaults section if it defines TCP/HTTP {whose}",
                at,
                hint="use one defaults section for each kind",
            )
