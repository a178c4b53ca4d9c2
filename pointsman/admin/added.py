"""Servers and backends that come and go at run time (management manual 9.3): what runtime commands ask of whoever can
make them (assemble/added.py).

A change that makes something says where its cells are (`block`, core/reserve.py) and which one it is of all that ever
have that name (`generation`), so that making it twice does no harm, and that nothing that was about an earlier one of
the same name is taken for it.
"""

from collections.abc import Sequence
from typing import Protocol

from pointsman.server.backend import LiveServer
from pointsman.stream.proxies import BackendProxy
from pointsman.tables.changes import Change


class AddError(Exception):
    """It cannot be added, and why."""


class Added(Protocol):
    def server(self, backend: BackendProxy, words: Sequence[str]) -> tuple[Change, str]:
        """The change that adds a server, of which everything was looked at, and what is to be remarked. `words`: its
        name, its address, and the rest of its line. AddError: it is not possible."""

    def backend(self, name: str, defaults: str, mode: str, guid: str) -> Change:
        """The change that adds a backend, of which everything was looked at. AddError: it is not possible."""

    def refers_to_backend(self, backend: BackendProxy) -> bool:
        """Something of the configuration names it, so that it cannot be deleted."""

    def without_backend(self, backend: BackendProxy) -> Change:
        """The change that deletes a backend."""

    def defaults(self) -> list[str]:
        """What `show defaults` lists."""

    def default_servers(self, backend: BackendProxy) -> list[str]:
        """What `show default-server` lists of a backend: origins as `from` takes them."""

    def refers_to(self, server: LiveServer) -> bool:
        """Something of the configuration names it, so that it cannot be deleted."""

    def renamed(self, server: LiveServer, name: str) -> Change:
        """The change that gives a server another name, of which everything was looked at. AddError: it cannot be."""

    def without_server(self, server: LiveServer) -> Change:
        """The change that deletes a server."""

    def ended(self, change: Change, number: int) -> None:
        """That change, of that number, has deleted something: what it had may be used again."""

    def last_change(self) -> int:
        """The number of the last change that was made."""

    def words(self) -> list[str]:
        """What `add server help` lists."""
