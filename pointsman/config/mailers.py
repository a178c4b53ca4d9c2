"""mailers sections, and which proxies send alerts by mail (manual 12.3; 4.2, email-alert).

    mailers <name>
        mailer <name> <ip>:<port>
        timeout mail <time>

    email-alert mailers <section>        all three are needed
    email-alert from <emailaddr>
    email-alert to <emailaddr>
    email-alert level <level>            how important a message has to be: alert where nothing is said
    email-alert myhostname <hostname>    what we call ourselves towards mailers: the name of the system

`email_alerts` gives what a proxy has said, once all sections are known.
"""

import re
import socket
from dataclasses import dataclass
from typing import ClassVar, Final

from pointsman.config.addresses import check_fixed_port, check_stream, connecting_address, numeric_host
from pointsman.config.keyword import Args, keyword, parse_time, warn_if_small
from pointsman.config.sections import checked_name
from pointsman.config.setting import Configuration, In, Section, Setting
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.core.registry import nearest
from pointsman.core.words import Word

LEVELS: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")  # their numbers are the places
DEFAULT_LEVEL: Final = LEVELS.index("alert")
DEFAULT_TIMEOUT: Final = 10_000  # ms (manual 12.3, timeout mail)
EXPECTED: Final = "<name> <ip>:<port>"
NEEDED: Final = ("mailers", "from", "to")
UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f<>]")  # what would end an address, or a line, of SMTP (RFC 5321 4.1.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailerLine(Setting):
    name: str
    host: str  # numeric
    port: int
    many: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTimeout(Setting):
    milliseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailAlertLine(Setting):
    """`email-alert <what> <value>`."""

    what: str
    value: str

    def key(self) -> object:
        return (EmailAlertLine, self.what)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailersOptions:
    """A whole section."""

    name: str
    mailers: tuple[MailerLine, ...]
    timeout: int  # ms for one mail


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailAlerts:
    """What a proxy sends, and to whom."""

    section: MailersOptions
    sender: str
    recipient: str
    hostname: str
    level: int  # the least important that is sent


@keyword("mailer", In.MAILERS, "12.3")
def mailer(args: Args) -> MailerLine:
    """mailer <name> <ip>:<port>: a server that takes mails by SMTP."""
    if len(args.words) - args.index < 2:
        raise ConfigError("'mailer' expects <name> and <addr>[:<port>] as arguments.", args.here, EXPECTED)
    name = args.word("<name>")
    checked_name(name, "server name")
    host, port = _address(args, f"'mailer {name.text}'", args.word("<ip>:<port>"))
    args.overlook()
    return MailerLine(name=name.text, host=host, port=port, at=args.at)


def _address(args: Args, said: str, word: Word) -> tuple[str, int]:
    """A numeric host and a port. A host's name is looked up now."""
    address, spec = connecting_address(word, args.configuration.environment, said, expected=EXPECTED)
    check_stream(address, spec, said, EXPECTED)
    if spec.kind != "inet":
        raise ConfigError(f"{said} : TCP not supported for this address family.", address.at, EXPECTED)
    check_fixed_port(address, spec, said)
    if not spec.port:
        what = "invalid port '0'" if address.text.endswith(":0") else f"missing port specification in '{address.text}'"
        raise ConfigError(f"{said} : {what}", address.at, EXPECTED)
    return numeric_host(address, spec, said), spec.port


@keyword("timeout mail", In.MAILERS, "12.3")
def timeout_mail(args: Args) -> MailTimeout:
    """timeout mail <time>: so long one mail may take, from the connection on; 0 is the default of 10 s."""
    if not args.more():
        raise ConfigError("'timeout mail' expects <time> as argument.", args.here, "<time>")
    word = args.word("<time>")
    milliseconds = parse_time(word, "ms", args.diagnostics)
    warn_if_small(word, milliseconds, f"timeout mail {word.text}", f"mailers '{args.section.name}'", args.diagnostics)
    args.overlook()
    return MailTimeout(milliseconds=milliseconds, at=args.at)


@keyword("email-alert mailers", In.ANY_PROXY, "4.2")
def email_alert_mailers(args: Args) -> EmailAlertLine:
    """email-alert mailers <mailersect>: whose mailers the alerts are sent to."""
    return _line(args, "mailers")


@keyword("email-alert from", In.ANY_PROXY, "4.2")
def email_alert_from(args: Args) -> EmailAlertLine:
    """email-alert from <emailaddr>: the sender, of the envelope and of the header."""
    return _line(args, "from")


@keyword("email-alert to", In.ANY_PROXY, "4.2")
def email_alert_to(args: Args) -> EmailAlertLine:
    """email-alert to <emailaddr>: the recipient, of the envelope and of the header."""
    return _line(args, "to")


@keyword("email-alert myhostname", In.ANY_PROXY, "4.2")
def email_alert_myhostname(args: Args) -> EmailAlertLine:
    """email-alert myhostname <hostname>: what we call ourselves towards mailers; by default the system's name."""
    return _line(args, "myhostname")


@keyword("email-alert level", In.ANY_PROXY, "4.2")
def email_alert_level(args: Args) -> EmailAlertLine:
    """email-alert level <level>: alerts that are less important are not sent."""
    if not args.more():
        raise ConfigError("unknown log level '' after 'level'", args.here, "one of " + ", ".join(LEVELS))
    word = args.word("<level>")
    if word.text not in LEVELS:
        raise args.wrong(word, f"unknown log level '{word.text}' after 'level'", LEVELS)
    args.overlook()
    return EmailAlertLine(what="level", value=word.text, at=args.at)


def _line(args: Args, what: str) -> EmailAlertLine:
    if not args.more():
        raise ConfigError(f"missing argument after '{what}'.", args.here, "a value")
    word = args.word("<value>")
    wrong = UNSAFE.search(word.text)
    if wrong is not None:
        raise ConfigError(
            f"'{args.keyword}' : character {wrong[0]!r} is not permitted in '{word.text}'",
            word.at,
            "no control characters, '<' or '>'",
        )
    args.overlook()
    return EmailAlertLine(what=what, value=word.text, at=args.at)


def check_mailers(configuration: Configuration, proxies: list[Section], diagnostics: Diagnostics) -> None:
    """All sections were read: who names which, and who says only a part of it. `proxies`: those that are enabled."""
    used: set[str] = set()
    for proxy in proxies:
        lines = _said(proxy)
        if lines and not all(what in lines for what in NEEDED):
            diagnostics.warning(
                f"'email-alert' will be ignored for {proxy.title} (the presence of any of 'email-alert from', "
                "'email-alert level', 'email-alert mailers', 'email-alert myhostname', or 'email-alert to' requires "
                "each of 'email-alert from', 'email-alert mailers' and 'email-alert to' to be present).",
                next(iter(lines.values())).at,
                " and ".join(f"'email-alert {what}'" for what in NEEDED if what not in lines),
            )
        elif lines:
            name = lines["mailers"].value
            used.add(name)
            if name not in configuration.mailers and name not in configuration.failed:
                near = nearest(name, configuration.mailers)
                diagnostics.alert(
                    f"Proxy '{proxy.name}': unable to find mailers '{name}'.",
                    lines["mailers"].at,
                    "the name of a mailers section",
                    f"did you mean '{near}'?" if near else "",
                )
    for section in configuration.mailers.values():
        if section.name not in used:
            diagnostics.warning(
                f"Removing incomplete section 'mailers {section.name}'.",
                section.at,
                hint=f"no proxy sends alerts there ('email-alert mailers {section.name}')",
            )
        elif not section.all(MailerLine) and "mailer" not in configuration.failed:
            diagnostics.warning(f"mailers '{section.name}' has no mailer configured!", section.at, "a 'mailer' line")


def _said(proxy: Section) -> dict[str, EmailAlertLine]:
    return {line.what: line for line in proxy.keyed(EmailAlertLine)}


def email_alerts(proxy: Section, configuration: Configuration) -> EmailAlerts | None:
    """What a proxy sends; None: nothing."""
    lines = _said(proxy)
    if not all(what in lines for what in NEEDED):
        return None
    section = configuration.mailers.get(lines["mailers"].value)
    if section is None:
        return None  # which was said
    timeout = section.one(MailTimeout)
    level = lines.get("level")
    hostname = lines.get("myhostname")
    return EmailAlerts(
        section=MailersOptions(
            name=section.name,
            mailers=tuple(section.all(MailerLine)),
            timeout=(timeout.milliseconds if timeout is not None else 0) or DEFAULT_TIMEOUT,
        ),
        sender=lines["from"].value,
        recipient=lines["to"].value,
        hostname=hostname.value if hostname is not None else socket.gethostname(),
        level=LEVELS.index(level.value) if level is not None else DEFAULT_LEVEL,
    )
