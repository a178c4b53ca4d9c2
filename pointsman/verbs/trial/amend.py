"""Settings that are changed once all lines are parsed, and before they become live objects: where frontends listen, who
the servers are, where logs go. They are frozen, so that each gets a successor; its place in the file stays."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from pointsman.config.bind import Bind, BindParameters, SocketOwner
from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Configuration, In, Section, Setting
from pointsman.core.address import AddressSpec, is_ip
from pointsman.log.target import LogTarget, Syntax
from pointsman.rules.layer4 import Expect
from pointsman.rules.rule import Rule
from pointsman.server.checks.plan import CheckKind, CheckRule
from pointsman.server.checks.steps import CheckStep, Connect
from pointsman.verbs.trial.order import Listening, Order, Standing
from pointsman.verbs.trial.ports import Ports

MOST_OF_A_RANGE: Final = 16  # ports of one line: "bind :1-65535" would open as many
CHECK_COST: Final = 10  # ms between two checks, whoever is checked: all of them meet one process
LOCAL: Final = ("", "0.0.0.0", "::", "::1", "localhost", "127.0.0.1")
Change = Callable[[Setting], Setting | None]


def change_settings(section: Section, change: Change) -> None:
    """Put what `change` makes of each setting in its place; None: nothing."""
    before = section.settings
    section.settings, section.typed, section.latest = [], {}, {}
    for setting in before:
        changed = change(setting)
        if changed is not None:
            section.put(changed)


def echo_host(number: int) -> str:
    """The address of the server with that number, counted from 0: 127.1.0.1, 127.1.0.2 and so on."""
    number += 1
    return f"127.{1 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


class Amender:
    """Changes a configuration. `listening` and `servers` say what it has become; `notices`, what is to be told."""

    def __init__(self, configuration: Configuration, order: Order) -> None:
        self.configuration = configuration
        self.order = order
        self.listening: list[Listening] = []
        self.servers: list[Standing] = []
        self.notices: list[str] = []
        self._places: dict[tuple[str, int], AddressSpec] = {}  # what the file listens at, by host (or path) and port
        self._paths = 0
        self._expecting: set[int] = set()  # frontends whose rules expect a PROXY header
        self._secure_servers = False
        checked = sum(line.parameters.check for one in configuration.proxies for line in one.all(ServerLine))
        self._interval = checked * CHECK_COST  # ms; a few hundred servers are checked less often

    def run(self) -> None:
        self._choose_ports()
        sections = [*self.configuration.proxies, *self.configuration.defaults, self.configuration.main]
        for section in [*sections, *self.configuration.healthchecks.values()]:
            change_settings(section, self._other)
        for section in self.configuration.proxies:
            if section.kind & In.BACK:
                change_settings(section, partial(self._server, section))

    @property
    def encrypts(self) -> bool:
        """A client, a server or a check speaks TLS."""
        return self._secure_servers or any(one.tls for one in self.listening)

    # Where it listens.

    def _choose_ports(self) -> None:
        sections = [section for section in self.configuration.proxies if section.kind & In.FRONT]
        for section in sections:
            if section.kind == In.FRONTEND and not section.all(Bind):
                self.notices.append(f"{section.at}: frontend '{section.name}' has no bind line, and gets one")
                anywhere = (AddressSpec("inet", "", 80),)
                section.put(Bind(addresses=anywhere, parameters=BindParameters(), text=":80", at=section.at))
        cut = {id(bind): self._cut(bind) for section in sections for bind in section.all(Bind)}
        self._expecting = {id(section) for section in sections if expects_header(section)}
        wanted = [spec.port or 0 for specs in cut.values() for spec in specs if spec.kind == "inet"]
        taken = (self.order.echo, self.order.checks, self.order.agents)
        ports = iter(Ports(self.order.port_base, taken).all(wanted))

        def change(section: Section, setting: Setting) -> Setting:
            if not isinstance(setting, Bind):
                return setting
            places = [self._place(spec, setting, section, ports) for spec in cut[id(setting)]]
            parameters = replace(
                setting.parameters,
                interface="",
                transparent=False,
                namespace="",
                v4v6=False,
                v6only=False,
                defer_accept=False,
                tfo=False,
                netscaler_magic=0,
                owner=SocketOwner(mode=0o600),
                lanes=(),
                mss=0,
                congestion="",
                password="",
            )
            if setting.parameters.netscaler_magic:
                self.notices.append(f"{setting.at}: no NetScaler header is asked for")
            if len(places) > 1:
                parameters = replace(parameters, id=0)
            return replace(setting, addresses=tuple(places), parameters=parameters)

        for section in sections:
            change_settings(section, partial(change, section))

    def _cut(self, bind: Bind) -> Sequence[AddressSpec]:
        specs = bind.addresses
        if len(specs) > MOST_OF_A_RANGE:
            self.notices.append(f"{bind.at}: of {len(specs)} ports the first {MOST_OF_A_RANGE} are brought up")
            return specs[:MOST_OF_A_RANGE]
        return specs

    def _place(self, spec: AddressSpec, bind: Bind, section: Section, ports: Iterator[int]) -> AddressSpec:
        one = Listening(
            frontend=section.name,
            wanted=shown(spec),
            at=str(bind.at),
            http=False,
            tls=bind.parameters.tls.ssl,
            verify=bind.parameters.tls.verify or "",
            proxied=bind.parameters.accept_proxy or id(section) in self._expecting,
            proto=bind.parameters.proto,
        )
        if spec.kind == "inet":
            one.address, one.port = "127.0.0.1", next(ports)
            new = AddressSpec("inet", one.address, one.port)
            self._places.setdefault((spec.host, spec.port or 0), new)
        else:
            self._paths += 1
            name = "".join(char if char.isalnum() or char in ".-_" else "-" for char in os.path.basename(spec.host))
            one.address = os.path.join(self.order.folder, f"{self._paths}-{name[:30]}")
            new = AddressSpec("unix", one.address)
            self._places.setdefault((f"{spec.kind}@{spec.host}", 0), new)
        self.listening.append(one)
        return new

    # Who the servers are.

    def _server(self, section: Section, setting: Setting) -> Setting:
        if not isinstance(setting, ServerLine):
            return setting
        parameters = setting.parameters
        one = Standing(
            backend=section.name,
            name=setting.name,
            wanted=shown(setting.address),
            http=False,
        )
        number = len(self.servers)
        self.servers.append(one)
        if any(one.matches(pattern) for pattern in self.order.real):
            one.kind, one.host = "real", shown(setting.address)
            return replace(
                setting, parameters=replace(parameters, resolvers="")
            )  # the system knows its name, or nobody
        spec = self._own_place(setting.address)
        if spec is not None:
            one.kind, one.host = "chain", shown(spec)
        else:
            one.host = echo_host(number)
            spec = AddressSpec("inet", one.host, self.order.echo)
        tls = parameters.tls
        if tls.ssl or tls.check:
            self._secure_servers = True
            verify = "none" if one.kind == "chain" else tls.verify or "required"
            authority = os.path.join(self.order.folder, "ca.pem")
            tls = replace(tls, ca_file=authority, crl_file=None, verify=verify)
        return replace(
            setting,
            address=spec,
            parameters=replace(
                parameters,
                tls=tls,
                check_port=self.order.checks if one.kind == "echo" and parameters.check else 0,
                check_address="",
                check_send_proxy=one.kind == "chain" and bool(parameters.check_send_proxy or parameters.send_proxy),
                interval=max(parameters.interval, self._interval),
                agent_port=self.order.agents,
                agent_address=echo_host(number),
                source=None,
                socks4=None,
                check_via_socks4=False,
                namespace="",
                password="",
                congestion="",
                resolvers="",
                init_addr=(),
            ),
        )

    def _own_place(self, spec: AddressSpec) -> AddressSpec | None:
        """Where a frontend of the same file listens, if that is the server."""
        if spec.kind != "inet":
            return self._places.get((f"{spec.kind}@{spec.host}", 0))
        if spec.port is None or spec.port_offset:
            return None
        found = self._places.get((spec.host, spec.port))
        if found is None and spec.host in LOCAL or spec.host.startswith("127."):
            for host in LOCAL:
                found = found or self._places.get((host, spec.port))
        return found

    # The rest.

    def _other(self, setting: Setting) -> Setting | None:
        if isinstance(setting, LogTarget):
            return replace(setting, syntax=Syntax.RAW, level=7) if setting.address is not None else setting
        if isinstance(setting, CheckRule):
            return replace(setting, step=_connected(setting.step))
        if isinstance(setting, CheckKind):
            return replace(setting, steps=tuple(_connected(step) for step in setting.steps))
        return setting


def expects_header(section: Section) -> bool:
    """A rule of layer 4 expects a PROXY header of everybody."""
    return any(isinstance(rule.action, Expect) and rule.condition is None for rule in section.all(Rule))


def _connected(step: CheckStep) -> CheckStep:
    """Checks go where the stand-in of the server is asked, whatever port a rule has."""
    if isinstance(step, Connect):
        return replace(step, port=0, port_expression=None, address="", via_socks4=False)
    return step


def shown(spec: AddressSpec) -> str:
    """As a file would have it."""
    if spec.kind != "inet":
        return spec.host if spec.kind == "unix" else f"{spec.kind}@{spec.host or spec.port}"
    host = f"[{spec.host}]" if ":" in spec.host else spec.host
    if spec.port is None:
        return host or "*"
    port = f"+{spec.port}" if spec.port_offset and spec.port >= 0 else str(spec.port)
    return f"{host if is_ip(spec.host) or spec.host else ''}:{port}"
