"""Certificates, authorities and crt-lists as runtime commands see them (management manual 9.3).

`set` stages what is to be in force in the memory of the process that was asked, one transaction of a kind at a time;
`commit` makes it a change of all processes (tls/changes.py), `abort` forgets it (transactions.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pointsman.tls.changes import TlsFollower
from pointsman.tls.files import Material
from pointsman.tls.front import FrontTls
from pointsman.tls.options import FrontOptions
from pointsman.tls.store import Store

CERT: Final = "cert"  # a kind of transaction; those of authorities are named in tls/changes.py


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line for a crt-list: the certificate, what stands in brackets, and the names."""

    certificate: str
    options: FrontOptions
    filters: tuple[str, ...]


def no_lines(text: str) -> ReadLine:
    """Nobody can read lines."""
    raise ValueError(f"'{text}' cannot be read")


@dataclass(slots=True)
class TlsMemory:
    store: Store = field(default_factory=Store)
    follower: TlsFollower = field(init=False)
    fronts: Sequence[FrontTls] = ()
    read_line: Callable[[str], ReadLine] = no_lines  # ValueError says what is wrong with a line
    certificate: tuple[str, Material] | None = None  # that transaction: its name, and what it is to be
    authorities: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # those, by their kind

    def __post_init__(self) -> None:
        self.follower = TlsFollower(self.store)

    def staged(self, kind: str) -> str | None:
        """The name that the transaction of that kind is about; None: there is none."""
        if kind == CERT:
            return None if self.certificate is None else self.certificate[0]
        found = self.authorities.get(kind)
        return None if found is None else found[0]

    def forget(self, kind: str) -> None:
        if kind == CERT:
            self.certificate = None
        else:
            self.authorities.pop(kind, None)
