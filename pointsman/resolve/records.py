"""What names stand for, and what attempts to find out may end with."""

from dataclasses import dataclass
from typing import Final

from pointsman.config.resolvers import Holds

__all__ = ["ADDRESS", "INVALID", "NX", "OTHER", "REFUSED", "SERVICE", "TIMEOUT", "VALID", "Holds", "Record"]

ADDRESS: Final = "address"  # kinds: A and AAAA records of a name
SERVICE: Final = "service"  # SRV records, and the addresses of their targets

VALID: Final = "valid"  # statuses
NX: Final = "nx"
REFUSED: Final = "refused"
TIMEOUT: Final = "timeout"
OTHER: Final = "other"
INVALID: Final = "invalid"  # a response against the protocol; `hold other` is for it as well


@dataclass(frozen=True, slots=True)
class Record:
    """What a name stands for. Of an address record (A, AAAA) only `address` and `family` (4 or 6) say something; a
    service (SRV) has all, `address` "" and `family` 0 until that of its target is known."""

    address: str
    family: int
    target: str = ""
    port: int = 0
    weight: int = 0
    priority: int = 0
