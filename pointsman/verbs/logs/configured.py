"""What a configuration says about log lines: the formats of its proxies, timeouts and limits in force, with places."""

import os
from collections.abc import Sequence
from typing import Final

from pointsman.config.load import load
from pointsman.config.proxy import Mode, ProxyNumber
from pointsman.config.server_line import ServerLine
from pointsman.config.setting import Configuration, In, Section, Setting
from pointsman.config.timeouts import Timeout
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position
from pointsman.log.keywords import ErrorFormat, LineFormat, StructuredFormat
from pointsman.rules.captures import CaptureSlot
from pointsman.sample.format import Format
from pointsman.verbs.logs.forms import Form, make_form, standard

# What holds where a timeout is not set (manual 4.2).
OTHERWISE: Final[dict[str, str]] = {"http-request": "client", "queue": "connect", "tarpit": "connect"}
FRONT_SIDE: Final = ("client", "client-fin", "http-request", "http-keep-alive", "client-hs")


class Configured:
    def __init__(self, files: Sequence[str]) -> None:
        self.diagnostics = Diagnostics()
        self.configuration: Configuration = load(files, self.diagnostics, variables=dict(os.environ))
        self._forms: list[Form] | None = None

    def forms(self) -> list[Form]:
        """Of all proxies that write lines."""
        if self._forms is None:
            self._forms = self._make_forms()
        return self._forms

    def _make_forms(self) -> list[Form]:
        """Each once, with the proxies whose lines have it."""
        made: dict[tuple[str, str, tuple[int, int]], Form] = {}
        for proxy in self.configuration.proxies:
            if proxy.kind & In.FRONT:
                for kind, form, captures, at in self._of(proxy):
                    key = (kind, form.text, captures)
                    if key not in made:
                        made[key] = make_form(kind, form, captures=captures, at=at)
                    made[key].proxies.append(proxy.name)
        return [form for form in made.values() if form.pattern is None or form.pattern.selective]

    def _of(self, proxy: Section) -> list[tuple[str, Format, tuple[int, int], Position]]:
        slots = proxy.all(CaptureSlot)
        responses = sum(1 for slot in slots if slot.response)
        captures = (len(slots) - responses, responses)
        found: list[tuple[str, Format, tuple[int, int], Position]] = []
        line = proxy.one(LineFormat)
        if line is not None:
            form = line.format if line.format is not None else self._standard(line, proxy)
            if form is not None:
                kind = "log-format" if line.format is not None else self._kind(line, proxy)
                found.append((kind, form, captures, line.at))
        error = proxy.one(ErrorFormat)
        if error is not None:
            found.append(("error-log-format", error.format, captures, error.at))
        return found

    def _kind(self, line: LineFormat, proxy: Section) -> str:
        mode = proxy.one(Mode)
        http = mode is not None and mode.mode == "http"
        return "tcplog" if line.kind.startswith("http") and not http else line.kind

    def _standard(self, line: LineFormat, proxy: Section) -> Format | None:
        try:
            return standard(self._kind(line, proxy)).format
        except ConfigError:
            return None

    def kinds(self) -> set[str]:
        """Of the formats that proxies have."""
        return {form.kind for form in self.forms()}

    def structured(self, proxy: str) -> Form | None:
        """What log-format-sd of a frontend is."""
        section = self.configuration.proxy(proxy, In.FRONT)
        setting = None if section is None else section.one(StructuredFormat)
        return None if setting is None else make_form("log-format-sd", setting.format, at=setting.at, proxies=[proxy])

    # Facts, each with its place.

    def timeout(self, name: str, frontend: str, backend: str) -> str:
        """ "timeout server 30s" and where it stands; or that there is none."""
        front = name in FRONT_SIDE
        section = self.configuration.proxy(frontend if front else backend, In.FRONT if front else In.BACK)
        if section is None:
            return ""
        found = section.one(Timeout, name)
        if found is None and name in OTHERWISE:
            other = section.one(Timeout, OTHERWISE[name])
            if other is not None:
                return f"{self.said(section, other)}, which holds where `timeout {name}` is not set"
        return f"no `timeout {name}` is set in {section.title}" if found is None else self.said(section, found)

    def milliseconds(self, name: str, frontend: str, backend: str) -> int:
        """Of a timeout that holds; 0: none."""
        front = name in FRONT_SIDE
        section = self.configuration.proxy(frontend if front else backend, In.FRONT if front else In.BACK)
        found = None if section is None else section.one(Timeout, name)
        return 0 if found is None else found.milliseconds

    def server(self, backend: str, server: str) -> ServerLine | None:
        section = self.configuration.proxy(backend, In.BACK)
        if section is None:
            return None
        return next((line for line in section.all(ServerLine) if line.name == server), None)

    def limit(self, frontend: str) -> tuple[int, str]:
        """`maxconn` of a frontend, and its words; 0: it is not set."""
        section = self.configuration.proxy(frontend, In.FRONT)
        found = None if section is None else section.one(ProxyNumber, "maxconn")
        return (0, "") if section is None or found is None else (found.value, self.said(section, found))

    def backend(self, name: str) -> Section | None:
        return self.configuration.proxy(name, In.BACK)

    def said(self, section: Section, setting: Setting) -> str:
        """The words of a setting, whose they are and where they stand."""
        words = " ".join(setting.at.text.split("#")[0].split())
        owner = section.title if setting in section.settings else self._owner(section, setting)
        return f"`{words}` of {owner}, {place(setting.at)}"

    def _owner(self, section: Section, setting: Setting) -> str:
        defaults = section.defaults
        while defaults is not None:
            if setting in defaults.settings:
                return f"defaults '{defaults.name}'" if defaults.name else "defaults"
            defaults = defaults.defaults
        return section.title


def place(at: Position) -> str:
    """ "haproxy.cfg:12": the file as it was named."""
    return f"{at.file}:{at.line}"
