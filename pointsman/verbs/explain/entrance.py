"""Which frontend and bind line a request comes to, and the addresses of its connection.

name given         that frontend
destination given  the bind line that has this address and port, or whose address stands for any
else               the only frontend; or the only one whose bind line fits the URL: its port, and TLS for https
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from pointsman.assemble.live import Live
from pointsman.config.bind import Bind
from pointsman.config.keyword import is_number
from pointsman.core.address import UNIX_ADDRESS, AddressSpec, NetAddress, net_address
from pointsman.listener.listener import Listener
from pointsman.stream.acceptor import BindState
from pointsman.stream.frontends import LiveFrontend
from pointsman.verbs.explain.model import Asked

CLIENT = "127.0.0.1"
CLIENT_PORT = 50_000  # of a client that names none: one that the system might have given it
PORTS = {"http": 80, "https": 443}


class AskedError(Exception):
    """What cannot be asked: there is no such frontend, or there are several. The text names the choices."""


@dataclass(frozen=True, slots=True)
class Door:
    """A bind line's address."""

    frontend: LiveFrontend
    bind: Bind
    spec: AddressSpec
    state: BindState

    @property
    def secure(self) -> bool:
        return self.bind.parameters.tls.ssl

    def __str__(self) -> str:
        return f"{self.bind.text}{' ssl' if self.secure else ''} ({self.frontend.name.decode()}, {self.bind.at})"


def doors_of(live: Live) -> list[Door]:
    """All of them, in the order of the configuration."""
    found: list[Door] = []
    listeners = [one for one in live.listeners if isinstance(one, Listener)]
    for frontend in live.frontends:
        section = live.sections.get(id(frontend))
        if section is None or not isinstance(frontend, LiveFrontend):
            continue
        own = iter([one for one in listeners if one.frontend is frontend])
        for bind in section.all(Bind):
            for spec in bind.addresses:
                listener = next(own, None)
                if listener is not None:
                    found.append(Door(frontend, bind, spec, listener.bind_state))
    return found


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where a connection comes in. `door` None: the frontend has no bind line."""

    frontend: LiveFrontend
    door: Door | None
    source: NetAddress
    destination: NetAddress
    secure: bool
    sni: str
    asked: Asked


def enter(live: Live, doors: Sequence[Door], asked: Asked) -> Entrance:
    """Raises AskedError."""
    url = _split(asked.url)
    door = _door(live, doors, asked, url)
    if isinstance(door, LiveFrontend):
        frontend, found = door, None
    else:
        frontend, found = door.frontend, door
    secure = found.secure if found is not None else url.scheme == "https"
    source = address(asked.source, CLIENT_PORT) if asked.source else net_address(CLIENT, CLIENT_PORT)
    sni = asked.sni or (_host(url) if secure or url.scheme == "https" else "")
    if sni and _is_ip(sni) and not asked.sni:
        sni = ""  # RFC 6066 3: literal addresses are not named
    return Entrance(frontend, found, source, _destination(asked, url, found, source), secure, sni, asked)


def address(text: str, port: int) -> NetAddress:
    """ "192.0.2.7", "192.0.2.7:80", "2001:db8::1", "[2001:db8::1]:443", "unix". Raises AskedError."""
    if text == "unix":
        return UNIX_ADDRESS
    host, colon, number = text.rpartition(":")
    if text.startswith("["):
        inside, _, behind = text[1:].partition("]")
        host, colon, number = inside, behind[:1], behind[1:]
        if not colon:
            number = str(port)
    elif not colon or _is_ip(text):
        host, number = text, str(port)
    if not _is_ip(host) or not is_number(number) or int(number) > 65_535:
        raise AskedError(f"'{text}' is no address: give an IP address, with or without a port")
    return net_address(host, int(number))


def _split(text: str) -> SplitResult:
    try:
        found = urlsplit(text)
        found.port  # noqa: B018  # a bad one is told here
    except ValueError as error:
        raise AskedError(f"'{text}' is no URL: {error}") from error
    return found if found.scheme in PORTS and found.netloc else urlsplit("")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _host(url: SplitResult) -> str:
    return url.hostname or ""


def _door(live: Live, doors: Sequence[Door], asked: Asked, url: SplitResult) -> Door | LiveFrontend:
    names = [one.name.decode("utf-8", "replace") for one in live.frontends]
    left = list(doors)
    if asked.frontend:
        named = [one for one in live.frontends if one.name == asked.frontend.encode("utf-8", "surrogateescape")]
        if not named:
            raise AskedError(f"there is no frontend '{asked.frontend}'; there are: {', '.join(names) or 'none'}")
        left = [one for one in left if one.frontend is named[0]]
        if not left:
            frontend = named[0]
            assert isinstance(frontend, LiveFrontend)
            return frontend
    if not names:
        raise AskedError("the configuration has no frontend")
    if not left and len(live.frontends) == 1:
        frontend = live.frontends[0]
        assert isinstance(frontend, LiveFrontend)
        return frontend
    if asked.destination:
        return _by_destination(left, asked)
    if asked.frontend or len({id(one.frontend) for one in left}) == 1:
        return _best(left, url)[0]
    if asked.payload is None:  # a request of HTTP, where somebody takes such
        left = [one for one in left if one.frontend.http] or left
    best = _best(left, url)
    frontends = {id(one.frontend) for one in best}
    if len(frontends) > 1:
        raise AskedError(f"several frontends could be meant; name one, or a destination: {_listed(best)}")
    return best[0]


def _by_destination(doors: Sequence[Door], asked: Asked) -> Door:
    """The one whose address it is; one that stands for any address counts less than one that names it."""
    text = asked.destination
    if is_number(text):
        text = f"0.0.0.0:{text}"
    wanted = address(text, 0)
    fits = [one for one in doors if one.spec.kind == "inet" and (not wanted.port or one.spec.port == wanted.port)]
    exact = [one for one in fits if _is_ip(one.spec.host) and net_address(one.spec.host, 0).packed == wanted.packed]
    any_address = wanted.packed == bytes(len(wanted.packed))
    found = exact or [one for one in fits if any_address or one.spec.host in ("", "*", "0.0.0.0", "::")]
    if not found:
        raise AskedError(f"no bind line has the address {asked.destination}; there are: {_listed(doors)}")
    if len({id(one.frontend) for one in found}) > 1:
        raise AskedError(f"{asked.destination} could be one of several: {_listed(found)}")
    return found[0]


def _best(doors: Sequence[Door], url: SplitResult) -> list[Door]:
    """Those that fit the URL best: by TLS and port, by TLS, by port. A path alone is one of plain HTTP."""
    if not url.scheme:
        plain = [one for one in doors if not one.secure] or list(doors)
        if len({id(one.frontend) for one in plain}) == 1:
            return plain
        return [one for one in plain if one.spec.port == PORTS["http"]] or plain
    secure = url.scheme == "https"
    port = url.port or PORTS[url.scheme]
    ranks: dict[int, list[Door]] = {}
    for one in doors:
        rank = 2 * (one.secure == secure) + (one.spec.port == port)
        ranks.setdefault(rank, []).append(one)
    return ranks[max(ranks)]


def _listed(doors: Sequence[Door]) -> str:
    return ", ".join(str(one) for one in doors) or "none"


def _destination(asked: Asked, url: SplitResult, door: Door | None, source: NetAddress) -> NetAddress:
    """The address that the client has connected to."""
    spec = door.spec if door is not None else None
    if spec is not None and spec.kind != "inet":
        return UNIX_ADDRESS
    port = spec.port if spec is not None and spec.port else url.port or PORTS.get(url.scheme, 80)
    if asked.destination and not is_number(asked.destination):
        given = address(asked.destination, port or 0)
        return given if given.port else net_address(given.text.decode(), port or 0)
    host = spec.host if spec is not None and _is_ip(spec.host) and spec.host not in ("0.0.0.0", "::") else ""
    if not host:
        host = "::1" if len(source.packed) == 16 else CLIENT
    return net_address(host, port or 0)
