"""What lines say of stick tables: `stick-table` in proxies, `table` in peers sections (manual 11.1)."""

from dataclasses import dataclass

from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.tables.stick_types import KeyType, Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class StickTableOptions:
    """One table. `name`: of its proxy, or `<section>/<table>` in a peers section. `key_size`: bytes of a key, at most
    (STRING) or exactly. `expire`: ms since an entry was last touched; 0: they stay until there is no more room."""

    name: str
    type: KeyType
    type_name: str = "ip"  # as `show table` prints it
    key_size: int
    size: int
    expire: int = 0
    nopurge: bool = False
    server_key: str = "name"  # srvkey: "name" or "addr"
    write_to: str = ""
    receive_only: bool = False  # recv-only
    rates_factor: int = 1  # brates-factor
    peers: str = ""
    store: tuple[Stored, ...] = ()
    at: Position = NOWHERE
