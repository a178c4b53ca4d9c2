"""Addresses as a configuration writes them (manual 2.9): one word into AddressSpecs.

    [<type>+]<family>@<address>        a family prefix, or an alias such as tcp4@ that says both
    /path  unix@path                   a UNIX socket
    abns@name  abnsz@name              the abstract namespace of Linux
    fd@<n>                             an inherited descriptor
    sockpair@<n>                       the same of a connected UNIX socket, over which connections are passed
    host:port  *:port  :port  [v6]:port  v6:port

What follows the last colon is the port, so an IPv6 address without brackets needs a colon behind it, as in "::1:80".
Where something listens, the word may be a list ("a:80,b:80") and a port may be a range ("80-90"); where something
connects, a port may be relative to the one the client connected to ("+1000").

Any part of an address may be an environment variable, inside quotes or not (manual 4.2, bind and server): the lexer
resolves those inside double quotes, `expand` those that are left.
"""

import os
import re
import socket
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pointsman.core.address import AF_INET, AF_INET6, NAMES, STAND_INS, AddressSpec, is_ip
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.registry import nearest
from pointsman.core.words import Word

PATH_MAX = 107  # bytes in sun_path, less the final zero (unix(7))
ANY = ("", "*", "0.0.0.0")
VARIABLE: Final = re.compile(r"\\(.)|\$(?:\{(\w*)(?:-([^}]*))?\}|(\w*))", re.ASCII)


@dataclass(frozen=True, slots=True)
class Prefix:
    kind: str
    family: int = 0
    type: str = ""  # "stream", "dgram" or "quic"; "" as the statement has it
    mptcp: bool = False


FAMILIES: dict[str, Prefix] = {
    "abns": Prefix("abns"),
    "abnsz": Prefix("abnsz"),
    "fd": Prefix("fd"),
    "ip": Prefix("inet"),
    "ipv4": Prefix("inet", AF_INET),
    "ipv6": Prefix("inet", AF_INET6),
    "sockpair": Prefix("sockpair"),
    "unix": Prefix("unix"),
}
ALIASES: dict[str, Prefix] = {
    "mptcp": Prefix("inet", 0, "stream", True),
    "mptcp4": Prefix("inet", AF_INET, "stream", True),
    "mptcp6": Prefix("inet", AF_INET6, "stream", True),
    "quic4": Prefix("inet", AF_INET, "quic"),
    "quic6": Prefix("inet", AF_INET6, "quic"),
    "rhttp": Prefix("rhttp"),
    "tcp": Prefix("inet", 0, "stream"),
    "tcp4": Prefix("inet", AF_INET, "stream"),
    "tcp6": Prefix("inet", AF_INET6, "stream"),
    "udp": Prefix("inet", 0, "dgram"),
    "udp4": Prefix("inet", AF_INET, "dgram"),
    "udp6": Prefix("inet", AF_INET6, "dgram"),
    "uxdg": Prefix("unix", 0, "dgram"),
    "uxst": Prefix("unix", 0, "stream"),
}
TYPES = ("stream", "dgram", "quic")


def expand(word: Word, variables: Mapping[str, str]) -> Word:
    """An address with $NAME, ${NAME} and ${NAME-default} resolved (manual 2.3); a variable that is not set is empty.

    A backslash protects what follows it. Raises ConfigError if nothing is left.
    """
    if "$" not in word.text:
        return word

    def value(found: re.Match[str]) -> str:
        escaped, braced, default, plain = found.groups()
        if escaped is not None:
            return str(escaped)
        if not plain and word.text.startswith("{", found.end()):
            raise ConfigError(
                f"unmatched brace in environment variable name in '{word.text}'", word.at, "${NAME}, or ${NAME-default}"
            )
        return variables.get(braced if plain is None else plain, default or "")

    text = VARIABLE.sub(value, word.text)
    if not text:
        raise ConfigError(
            f"'{word.text}' resolves to an empty address (environment variable missing?)",
            word.at,
            "an address",
            "a default stands behind a '-', as in ${NAME-127.0.0.1} (manual 2.3)",
        )
    return Word(text, word.at)


def parse_addresses(word: Word, *, default_port: int | None, listening: bool) -> list[AddressSpec]:
    """The addresses that a word names (manual 2.9), ranges and lists unfolded.

    `listening`: lists and port ranges are permitted, host names are resolved, and a port must be there unless
    `default_port` is one. Otherwise there is one address, whose port may be an offset, or None where none is written.
    Raises ConfigError at the word, or at the part of a list that is wrong.
    """
    if not listening:
        return [_parse_one(word, default_port, False)[0]]
    specs: list[AddressSpec] = []
    column = word.at.column
    parts = word.text.split(",")
    for part in parts:
        at = word.at
        if len(parts) > 1 and at.length == len(word.text):  # neither quotes nor variables: columns can be trusted
            at = Position(at.file, at.line, column, max(1, len(part)), at.text)
        specs += _parse_one(Word(part, at), default_port, True)
        column += len(part) + 1
    return specs


def connecting_address(
    word: Word, variables: Mapping[str, str], said: str, *, default_port: int | None = None, expected: str = ""
) -> tuple[Word, AddressSpec]:
    """The one address of a line that connects there, and the word with its variables resolved. ConfigError, which
    begins with `said`: it is none, or a descriptor."""
    try:
        address = expand(word, variables)
        spec = parse_addresses(address, default_port=default_port, listening=False)[0]
    except ConfigError as error:
        found = error.finding
        raise ConfigError(f"{said} : {found.message}", found.position, found.expected, found.hint) from None
    if spec.kind == "fd":
        raise ConfigError(
            f"{said} : a file descriptor is not acceptable here in '{address.text}'", address.at, expected
        )
    return address, spec


def check_stream(address: Word, spec: AddressSpec, said: str, expected: str = "") -> None:
    """ConfigError where an address is one of datagrams."""
    if spec.datagram:
        raise ConfigError(f"{said} : dgram-type address not acceptable in '{address.text}'", address.at, expected)


def check_fixed_port(address: Word, spec: AddressSpec, said: str) -> None:
    """ConfigError where the port is one that depends on the client."""
    if spec.port_offset:
        raise ConfigError(f"{said} : port offset not permitted here in '{address.text}'", address.at, "a port")


def numeric_host(address: Word, spec: AddressSpec, said: str) -> str:
    """The host of an address as sockets take it; its name is looked up now. ConfigError: nothing is known of it."""
    host = spec.host or "0.0.0.0"
    numeric = host if is_ip(host) else resolve(host, spec.family)
    if numeric is None:
        raise ConfigError(f"{said} : invalid address: '{host}' in '{address.text}'", address.at, "a numeric address")
    return numeric


def _parse_one(word: Word, default_port: int | None, listening: bool) -> list[AddressSpec]:
    if not word.text:
        raise ConfigError("'' resolves to an empty address (environment variable missing?)", word.at, "an address")
    prefix, rest = _prefix(word)
    if prefix.type == "quic":
        raise ConfigError(f"QUIC is not built yet: '{word.text}' (manual 2.9.3)", word.at)
    if prefix.kind == "rhttp":
        raise ConfigError(
            "'rhttp' addresses are not supported: reverse HTTP is an experiment of HAProxy's, and not spoken here",
            word.at,
        )
    datagram = prefix.type == "dgram"
    if prefix.kind == "sockpair":
        return [AddressSpec("sockpair", "", _descriptor(word, rest, True))]
    if prefix.kind == "fd":
        return [AddressSpec("fd", "", _descriptor(word, rest, listening), datagram=datagram)]
    if prefix.kind != "inet":
        return [AddressSpec(prefix.kind, _path(word, rest), datagram=datagram)]
    host, ports = _split(rest)
    if listening:
        numbers = _ports(word, ports, default_port)
        host = _host(word, host, prefix.family, True)
        return [AddressSpec("inet", host, number, prefix.family, False, datagram, prefix.mptcp) for number in numbers]
    host = _host(word, host, prefix.family, False)
    port, offset = _port(word, ports, default_port)
    return [AddressSpec("inet", host, port, prefix.family, offset, datagram, prefix.mptcp)]


def _prefix(word: Word) -> tuple[Prefix, str]:
    """What the prefixes say, and the text behind them."""
    text = word.text
    if text.startswith("/"):
        return FAMILIES["unix"], text
    name, mark, rest = text.partition("@")
    if not mark:
        return FAMILIES["ip"], text
    alias = ALIASES.get(name)
    if alias is not None:
        return alias, rest
    kind, plus, family = name.rpartition("+")
    found = FAMILIES.get(family)
    if found is None or (plus and kind not in TYPES):
        near = nearest(family, [*FAMILIES, *ALIASES])
        raise ConfigError(
            f"invalid address: '{name}@' in '{text}'",
            word.at,
            "an address family prefix (manual 2.9)",
            f"did you mean '{near}@'?" if near else "",
        )
    return Prefix(found.kind, found.family, kind), rest


def _descriptor(word: Word, text: str, listening: bool) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ConfigError(f"file descriptor '{text}' is not a valid integer in '{word.text}'", word.at, "a number")
    number = int(text)
    if listening:
        try:
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                raise ConfigError(f"cannot use file descriptor '{text}' : Socket operation on non-socket.", word.at)
        except (OSError, OverflowError):
            raise ConfigError(
                f"cannot use file descriptor '{text}' : Bad file descriptor.",
                word.at,
                "a bound socket, inherited from the parent process",
            ) from None
    return number


def _path(word: Word, text: str) -> str:
    if not text:
        raise ConfigError(f"missing path or name in '{word.text}'", word.at)
    if len(text.encode("utf-8", "surrogateescape")) > PATH_MAX:
        raise ConfigError(f"socket path '{text}' too long (max {PATH_MAX})", word.at)
    return text


def _split(text: str) -> tuple[str, str]:
    """Host and port: the port is what follows the last colon, unless that colon is inside brackets."""
    if text.endswith("]"):
        return text, ""
    host, colon, ports = text.rpartition(":")
    return (host, ports) if colon else (text, "")


def _host(word: Word, host: str, family: int, listening: bool) -> str:
    """The host, checked, without brackets; "" for any IPv4 address, "::" for any IPv6 one."""
    if host in ANY and (family != AF_INET6 or host != "0.0.0.0"):
        return "::" if family == AF_INET6 else ""
    bracketed = host.startswith("[") and host.endswith("]")
    name = host[1:-1] if bracketed else host
    if ":" in name or bracketed:
        if family == AF_INET or not _is_ipv6(name):
            raise _no_host(word, host, family)
        return name
    if name.replace(".", "").isdigit() and name.isascii():
        if family == AF_INET6:
            raise _no_host(word, host, family)
        try:
            return socket.inet_ntoa(socket.inet_aton(name))  # "127.1" is 127.0.0.1
        except OSError:
            raise _no_host(word, host, family) from None
    if not name.isascii() or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise _no_host(word, host, family)
    if listening:
        found = resolve(name, family)
        if found is None:
            raise _no_host(word, host, family)
        return found
    return name


def _no_host(word: Word, host: str, family: int) -> ConfigError:
    expected = {AF_INET: "an IPv4 address or a host name", AF_INET6: "an IPv6 address or a host name"}
    bracketed = host.startswith("[") and host.endswith("]")
    return ConfigError(
        f"invalid address: '{host}' in '{word.text}'",
        word.at,
        expected.get(family, "a host name, an IPv4 address or an IPv6 address"),
        "what follows the last ':' is the port: write '[address]' around an IPv6 address without port"
        if ":" in host and not bracketed
        else "",
    )


def _is_ipv6(text: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6, text)
    except OSError:
        return False
    return True


def resolve(name: str, family: int = 0) -> str | None:
    """The address that the system has for a host name, an IPv6 one only where there is no IPv4 one; None: neither.

    It blocks: for start-up only.
    """
    if not NAMES.asked:
        return STAND_INS[family or AF_INET]
    for wanted in (family,) if family else (AF_INET, AF_INET6):
        try:
            return str(socket.getaddrinfo(name, None, wanted, socket.SOCK_STREAM)[0][4][0])
        except OSError:
            continue
    return None


def _ports(word: Word, text: str, default_port: int | None) -> range:
    """The ports of a listening address."""
    if not text:
        if default_port is None:
            raise ConfigError(f"missing port specification in '{word.text}'", word.at, "[<address>]:<port>[-<port>]")
        return range(default_port, default_port + 1)
    if text[0] in "+-":
        raise ConfigError(f"port offset not permitted here in '{word.text}'", word.at, "a port from 1 to 65535")
    low, dash, high = text.partition("-")
    first = _number(word, low, 1)
    last = _number(word, high, 1) if dash else first
    if first > last:
        raise ConfigError(f"invalid port range '{text}'", word.at, "<lowest>-<highest>")
    return range(first, last + 1)


def _port(word: Word, text: str, default_port: int | None) -> tuple[int | None, bool]:
    """The port of an address to connect to, and whether it is an offset. Port 0 is as good as none."""
    if not text:
        return default_port, False
    if text[0] in "+-":
        offset = _number(word, text[1:], 0)
        return (offset if text[0] == "+" else -offset), True
    if "-" in text:
        raise ConfigError(f"port range not permitted here in '{word.text}'", word.at, "one port")
    return _number(word, text, 0) or default_port, False


def _number(word: Word, text: str, lowest: int) -> int:
    for character in text:
        if character not in "0123456789":
            raise ConfigError(
                f"invalid character '{character}' in port number '{text}' in '{word.text}'", word.at, "a port number"
            )
    if not text or len(text) > 6 or not lowest <= int(text) <= 65535:
        raise ConfigError(f"invalid port '{text}'", word.at, f"a port from {lowest} to 65535")
    return int(text)
