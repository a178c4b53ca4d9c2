"""Server-state files: which ones are read, and what they say of the servers that there are (manual 3.1, 4.2).

A file that is missing is worth a notice: the first start has none. What is wrong with one is worth a warning, and
nobody refuses to start for it. Servers are known by the names of their backends and their own; of two lines about one
server the first counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pointsman.config.server_line import ServerLine
from pointsman.config.server_names import is_service
from pointsman.config.server_state import global_state_file, own_state_file, state_source
from pointsman.config.setting import In, Section
from pointsman.core.address import AF_INET, AF_INET6, is_ip
from pointsman.core.diagnostics import Diagnostics
from pointsman.server.state_file import SavedState, UnreadableState, read_lines, read_state

Columns = dict[str, str]


@dataclass(frozen=True, slots=True)
class StateFile:
    """One file. `said`: what stands in front of what is told of it; `kind`: what it is called."""

    path: str
    said: str
    kind: str

    def read(self, diagnostics: Diagnostics) -> list[Columns]:
        """Its lines; none where it is of no use."""
        name = f"{self.kind} '{self.path}'"
        try:
            with open(self.path, "rb") as stream:
                data = stream.read()
        except OSError as error:
            diagnostics.notice(f"{self.said}Can't open {name}: {error.strerror}")
            return []
        if not data:
            diagnostics.notice(f"{self.said}Empty {name}.")
            return []
        try:
            return list(read_lines(data))
        except UnreadableState as error:
            what = f"corrupted {name} at line {error.line}." if error.line else f"Can't get version of the {name}."
            diagnostics.warning(f"{self.said}{what}")
            return []


def read_saved_states(
    main: Section, proxies: Iterable[Section], diagnostics: Diagnostics
) -> dict[str, dict[str, SavedState]]:
    """By the names of backends and servers. `proxies`: those that are not disabled."""
    found: dict[str, dict[str, SavedState]] = {}
    common: dict[str, list[Columns]] | None = None  # of the file for all, by backend
    for section in proxies:
        source = state_source(section) if section.kind & In.BACK else "none"
        if source == "local":
            lines = _own_lines(main, section, diagnostics)
        elif source == "global" and not global_state_file(main):
            diagnostics.warning(
                f"backend '{section.name}' configured to load server state file from global section "
                "'server-state-file' directive. Unfortunately, 'server-state-file' is not set!"
            )
            continue
        elif source == "global":
            if common is None:
                common = _common_lines(main, diagnostics)
            lines = common.get(section.name, [])
        else:
            continue
        found[section.name] = _states(section, lines, diagnostics)
    return found


def _common_lines(main: Section, diagnostics: Diagnostics) -> dict[str, list[Columns]]:
    found: dict[str, list[Columns]] = {}
    for columns in StateFile(global_state_file(main), "", "global server state file").read(diagnostics):
        found.setdefault(columns["be_name"], []).append(columns)
    return found


def _own_lines(main: Section, section: Section, diagnostics: Diagnostics) -> list[Columns]:
    """Those of a backend's own file, where lines about something else are a mistake."""
    said = f"Proxy '{section.name}': "
    found: list[Columns] = []
    names = {line.name for line in section.all(ServerLine)}
    for columns in StateFile(own_state_file(main, section), said, "server state file").read(diagnostics):
        if columns["be_name"] != section.name:
            diagnostics.warning(
                f"{said}backend name mismatch: from server state file: '{columns['be_name']}', from running config "
                f"'{section.name}'"
            )
        elif columns["srv_name"] not in names:
            diagnostics.warning(f"{said}can't find server '{columns['srv_name']}' in backend '{section.name}'")
        else:
            found.append(columns)
    return found


def _states(section: Section, lines: list[Columns], diagnostics: Diagnostics) -> dict[str, SavedState]:
    names = {line.name for line in section.all(ServerLine)}
    found: dict[str, SavedState] = {}
    for columns in lines:
        name = columns["srv_name"]
        if name not in names:
            continue
        names.remove(name)
        try:
            found[name] = read_state(columns)
        except ValueError as error:
            diagnostics.warning(f"server-state application failed for server '{section.name}/{name}', {error}")
    return found


def at_saved_place(line: ServerLine, state: SavedState | None) -> tuple[ServerLine, str]:
    """The line with the port that its server had, and the address that its name had come to; "": none is known."""
    address = line.address
    if state is None or address.kind != "inet":
        return line, ""
    if is_service(address.host) and state.service != address.host:
        return line, ""
    follows = address.port is None or address.port_offset
    if state.port and not (follows and state.port == address.port):
        line = replace(line, address=replace(address, port=state.port, port_offset=False))
    family = AF_INET6 if ":" in state.address else AF_INET
    wanted = address.family in (0, family) and is_ip(state.address)
    return line, state.address if wanted else ""
