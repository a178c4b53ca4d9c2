"""Where connections to servers come from: what `source` lines say becomes part of how a server is connected to."""

import socket
from typing import Final

from pointsman.config.proxy import SourceSetting
from pointsman.config.server_line import ServerLine
from pointsman.config.server_words import ServerParameters
from pointsman.config.setting import Section
from pointsman.config.source_address import Presented as PresentedAddress
from pointsman.config.source_address import SourceAddress
from pointsman.core.address import AddressSpec, net_address
from pointsman.core.diagnostics import Diagnostics
from pointsman.server.dial import Dial
from pointsman.server.source import ClientAddress, FieldAddress, FixedAddress, Presented
from pointsman.stream.proxies import BackendProxy

ANY: Final = ("0.0.0.0", "::")


def _source_of(section: Section, parameters: ServerParameters) -> SourceAddress | None:
    """What the server's own line says, else its backend."""
    if parameters.source is not None:
        return parameters.source
    found = section.one(SourceSetting)
    return found.source if found is not None else None


def set_source(dial: Dial, section: Section, parameters: ServerParameters, http: bool) -> None:
    source = _source_of(section, parameters)
    if source is None:
        return
    host = _host(source.address, dial.family)
    if host not in ANY or source.address.port:
        dial.source = (host, source.address.port or 0)
        dial.last_port = source.last_port
    if source.interface:
        dial.interface = source.interface.encode("utf-8", "surrogateescape")
    if source.presented is not None and (http or source.presented.kind != "header"):
        dial.presented = _presented(source.presented, dial.family)


def _host(address: AddressSpec, family: int) -> str:
    return address.host or ("::" if family == socket.AF_INET6 else "0.0.0.0")


def _presented(said: PresentedAddress, family: int) -> Presented:
    if said.kind == "header":
        return FieldAddress(said.field.lower().encode("utf-8", "surrogateescape"), said.occurrence)
    if said.address is not None:
        return FixedAddress(net_address(_host(said.address, family), said.address.port or 0))
    return ClientAddress(said.kind == "client")


def warn_of_source(backend: BackendProxy, section: Section, diagnostics: Diagnostics) -> None:
    """Where nobody speaks HTTP there are no fields whose addresses could be presented."""
    if backend.http:
        return
    said = [(one.source, one.at) for one in section.all(SourceSetting)]
    said += [(one.parameters.source, one.at) for one in section.all(ServerLine) if one.parameters.source is not None]
    for source, at in said:
        if source.presented is not None and source.presented.kind == "header":
            diagnostics.warning(
                f"{section.title} : ignoring use of header {source.presented.field} as source IP in non-HTTP mode.", at
            )
