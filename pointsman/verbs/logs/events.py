"""Lines that are not about a stream: servers that change their state, connections that failed, the default format.

Each kind is an expression and what it says; `Fact`s are shown one a line.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pointsman.core.connection_faults import FAULTS

_SERVER: Final = r"(?P<backup>Backup )?Server (?P<backend_name>[\w.:-]+)/(?P<server_name>[\w.:-]+) "


@dataclass(frozen=True, slots=True)
class Event:
    """What such a line says. `fields` have stable names, for JSON."""

    kind: str
    headline: str
    fields: dict[str, str]
    causes: tuple[str, ...] = ()
    look: tuple[str, ...] = ()


# What checks say (management manual 9.1, check_status), by the words of their messages.
REASONS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "Layer4 connection problem": (
        "nobody accepts connections at the address that is checked",
        ("whether the server's program runs and listens there", "a firewall that refuses"),
    ),
    "Layer4 timeout": (
        "the connection attempt was not answered in time",
        ("whether the host is up", "a firewall that drops packets", "`timeout check`, `inter`"),
    ),
    "Layer6 timeout": ("the TLS handshake did not end in time", ("the server's load", "`timeout check`")),
    "Layer6 invalid response": (
        "the TLS handshake failed",
        ("whether that port speaks TLS", "`check-ssl`, `check-sni`, `verify` and the CA"),
    ),
    "Layer7 timeout": (
        "the server accepted the connection, but did not answer the check in time",
        ("the server's load", "what the checked URL does", "`timeout check`"),
    ),
    "Layer7 invalid response": ("the answer to the check was not understood", ("whether the check's kind fits",)),
    "Layer7 wrong status": (
        "the server answered the check with a status that does not count as success",
        ("the checked URL, its Host field (`http-check send`), `http-check expect`",),
    ),
    "Socket error": ("the check's own socket failed", ("limits of the system",)),
    "External check error": ("the program of the external check failed", ("its own messages, `external-check`",)),
    "External check timeout": ("the program of the external check took too long", ("`timeout check`",)),
}


def _down(found: re.Match[str]) -> Event:
    said = _said(found)
    name = _name(said)
    reason = said.get("reason", "")
    means, look = REASONS.get(reason, ("", ()))
    headline = f"{name} went down, and gets no more traffic."
    return Event("server_down", headline, said, (means,) if means else (), look or _via(said))


def _up(found: re.Match[str]) -> Event:
    said = _said(found)
    return Event("server_up", f"{_name(said)} is up, and gets traffic.", said)


def _other(found: re.Match[str]) -> Event:
    said = _said(found)
    return Event("server_event", f"{_name(said)} {said['what'].rstrip('.')}.", said)


def _via(said: dict[str, str]) -> tuple[str, ...]:
    return (f"server {said['via']}, which this one tracks",) if "via" in said else ()


def _switched(found: re.Match[str]) -> Event:
    said = _said(found)
    return Event("proxy_event", f"Proxy {said['proxy_name']} was {said['what'].lower()}.", said)


def _check(found: re.Match[str]) -> Event:
    said = _said(found)
    means, look = REASONS.get(said.get("reason", ""), ("", ()))
    result = "failed" if said["result"].startswith("fail") else "succeeded"
    return Event(
        "check_result",
        f"A check of {_name(said)} {result} (option log-health-checks).",
        said,
        (means,) if means and result == "failed" else (),
        look if result == "failed" else (),
    )


def _empty(found: re.Match[str]) -> Event:
    said = _said(found)
    return Event(
        "backend_empty",
        f"Backend {said['backend_name']} has no server left: its requests fail (503) until one is back.",
        said,
        (),
        ("`Server ... is DOWN` just before: the reasons",),
    )


def _proxy(found: re.Match[str]) -> Event:
    said = _said(found)
    return Event("proxy_event", f"Proxy {said['proxy_name']} {said['what'].rstrip('.')}.", said)


def _accepted(found: re.Match[str]) -> Event:
    said = _said(found)
    return Event(
        "connection",
        f"A client connected to frontend {said['frontend_name']} (mode {said['mode'].lower()}).",
        said,
        (),
        ("this is the default format, which says no more: `option httplog` or `option tcplog` tell how it ended",),
    )


FAULT_LOOK: Final[dict[str, tuple[str, ...]]] = {
    "PRX": ("`accept-proxy` on the bind line: does the client really send a PROXY header?",),
    "CIP": ("`accept-netscaler-cip` on the bind line: does the client really send that header?",),
    "SSL_EMPTY": ("port probes and monitors look like this: `option dontlognull`",),
    "SSL_ABORT": ("a client that does not trust the certificate: its chain, its names, its date",),
    "SSL_TIMEOUT": ("a client that is no TLS client, or a slow one", "`timeout client-hs`, `timeout client`"),
    "SSL_CA_FAIL": ("`ca-file` of the bind line; the client's certificate and its chain",),
    "SSL_CRT_FAIL": ("`ca-file`, `crl-file` of the bind line; the date of the client's certificate",),
    "SSL_HANDSHAKE": (
        "versions and ciphers that both sides know (ssl-min-ver, ciphers)",
        "a client that speaks HTTP in clear to a port with TLS ('http request')",
        "a client that does not trust the certificate ('alert ... unknown ca', 'certificate unknown')",
    ),
}


def _failed(found: re.Match[str]) -> Event:
    said = _said(found)
    message = said["message"]
    look: tuple[str, ...] = ()
    for name, text in FAULTS[1:]:
        if message == text.decode() or message.startswith(text.decode() + " ("):
            said["fault"] = name.decode()
            look = FAULT_LOOK.get(said["fault"], FAULT_LOOK.get(said["fault"][:3], ()))
            break
    return Event(
        "connection_error",
        f"A client's connection to frontend {said['frontend_name']} (bind {said['bind_name']}) failed before there was "
        f"a request: {message}.",
        said,
        (),
        look,
    )


_CHECKED: Final = (
    r"(?:, reason: (?P<reason>[^,.]+))?(?:, code: (?P<code>\d+))?(?:, info: \"(?P<info>.*?)\")?"
    r"(?:, check duration: (?P<check_duration_ms>\d+)ms)?"
)
_REST: Final = r"(?: via (?P<via>[\w.:-]+/[\w.:-]+))?(?:, changed from (?P<changed_from>[^.]+))?" + _CHECKED + r"\. "
_LEFT: Final = r"(?P<active_servers>\d+) active and (?P<backup_servers>\d+) backup servers "
_ALSO: Final = r"(?P<on_backup> Running on backup\.)?"

KINDS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Event]], ...]] = tuple(
    (re.compile(expression), tell)
    for expression, tell in (
        (
            _SERVER + "is DOWN" + _REST + _LEFT + r"left\." + _ALSO + r" (?P<sessions_active>\d+) sessions active, "
            r"(?P<requeued>\d+) requeued, (?P<queued>\d+) remaining in queue\.",
            _down,
        ),
        (
            _SERVER + "is UP" + _REST + _LEFT + r"online\." + _ALSO + r"(?: (?P<requeued>\d+) sessions requeued, "
            r"(?P<queued>\d+) total in queue\.)?",
            _up,
        ),
        (
            r"(?:Health|Agent) check for (?P<backup>backup )?server (?P<backend_name>[\w.:-]+)/"
            r"(?P<server_name>[\w.:-]+) (?P<result>succeeded|failed|conditionally succeeded)"
            + _CHECKED
            + r"(?:, status: (?P<status>.+?))?\.?",
            _check,
        ),
        (_SERVER + r"(?P<what>.+)", _other),
        (
            r"(?P<backend_name>[\w.:-]+)/(?P<server_name>[\w.:-]+)(?: :)? "
            r"(?P<what>(?:(?:IP|port|FQDN) changed|changed its (?:IP|port|FQDN)) .+)",
            _other,
        ),
        (r"(?:backend|proxy|Proxy) (?P<backend_name>[\w.:-]+) has no server available!", _empty),
        (
            r"(?:Proxy|Stopping) (?:(?:frontend|backend|proxy) )?(?P<proxy_name>[\w.:-]+) "
            r"(?P<what>(?:started|stopped|paused|enabled|disabled|in \d+|is).*)",
            _proxy,
        ),
        (r"(?P<what>Paused|Resumed|Enabled|Disabled) (?:frontend|proxy) (?P<proxy_name>[\w.:-]+)\.", _switched),
        (
            r"Connect from (?P<client_ip>[0-9A-Fa-f.:]+):(?P<client_port>\d+) to (?P<frontend_ip>[0-9A-Fa-f.:]+):"
            r"(?P<frontend_port>\d+) \((?P<frontend_name>[\w.:-]+)/(?P<mode>HTTP|TCP)\)",
            _accepted,
        ),
        (r"Connect to unix:(?P<listener>\d+) \((?P<frontend_name>[\w.:-]+)/(?P<mode>HTTP|TCP)\)", _accepted),
        (
            r"(?P<client_ip>[0-9A-Fa-f.:]+|unix):(?P<client_port>\d+) \[(?P<accept_date>[^\]]+)\] "
            r"(?P<frontend_name>[\w.:-]+)/(?P<bind_name>[^\s:]+): (?P<message>\S.*)",
            _failed,
        ),
    )
)


def _said(found: re.Match[str]) -> dict[str, str]:
    return {name: text.strip() for name, text in found.groupdict().items() if text}


def _name(said: dict[str, str]) -> str:
    return f"{'Backup server' if said.get('backup') else 'Server'} {said['backend_name']}/{said['server_name']}"


def read_event(line: str) -> Event | None:
    for pattern, tell in KINDS:
        found = pattern.fullmatch(line.rstrip(" \r"))
        if found is not None:
            return tell(found)
    return None
