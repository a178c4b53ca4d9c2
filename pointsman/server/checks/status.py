"""What a check can come to: the statuses of management manual 9.1 (check_status), and one result."""

import os
from dataclasses import dataclass
from typing import Final

from pointsman.core.connection_faults import REFUSED, fault_of, message_of

UNKNOWN: Final = "UNK"
INITIALIZING: Final = "INI"
OBSERVED: Final = "HANA"  # errors of traffic
CHECKED: Final = "CHECKED"  # of agents: asked, and no word about the state

# status: its words in logs and statistics (check_desc), whether it passed, whether it comes with a code
STATUSES: Final[dict[str, tuple[str, bool, bool]]] = {
    "UNK": ("Unknown", False, False),
    "INI": ("Initializing", False, False),
    "HANA": ("Health analyze", False, False),
    "CHECKED": ("No status change", False, False),
    "SOCKERR": ("Socket error", False, False),
    "L4OK": ("Layer4 check passed", True, False),
    "L4TOUT": ("Layer4 timeout", False, False),
    "L4CON": ("Layer4 connection problem", False, False),
    "L6OK": ("Layer6 check passed", True, False),
    "L6TOUT": ("Layer6 timeout", False, False),
    "L6RSP": ("Layer6 invalid response", False, False),
    "L7OK": ("Layer7 check passed", True, True),
    "L7OKC": ("Layer7 check conditionally passed", True, True),
    "L7TOUT": ("Layer7 timeout", False, False),
    "L7RSP": ("Layer7 invalid response", False, False),
    "L7STS": ("Layer7 wrong status", False, True),
    "PROCOK": ("External check passed", True, True),
    "PROCERR": ("External check error", False, True),
    "PROCTOUT": ("External check timeout", False, True),
}


def connection_error(error: OSError) -> str:
    """Why there is no connection: 'ECONNREFUSED returned by OS (Connection refused)'."""
    if not error.errno:
        return str(error)
    text = os.strerror(error.errno)
    fault = fault_of(error.errno)
    return f"{message_of(fault).decode()} ({text})" if fault >= REFUSED else text


def _plain(text: str) -> str:
    """What a server may have said, with bytes that could mislead a reader of logs as <XX>."""
    data = text.encode("latin-1", "replace")
    return "".join(f"<{byte:02X}>" if byte < 32 or byte > 126 or byte in b'"<>' else chr(byte) for byte in data)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one check. `info`: its characters are bytes.

    `conditional`: passed, but no new work for the server (404 under disable-on-404).
    """

    status: str
    code: int = 0
    info: str = ""
    duration: int = 0  # ms

    @property
    def passed(self) -> bool:
        return STATUSES[self.status][1]

    @property
    def conditional(self) -> bool:
        return self.status == "L7OKC"

    @property
    def has_code(self) -> bool:
        return STATUSES[self.status][2]

    def reason(self) -> str:
        """As logs tell it: 'reason: Layer7 wrong status, code: 500, info: "Oops", check duration: 3ms'."""
        text = f"reason: {STATUSES[self.status][0]}"
        if self.has_code:
            text += f", code: {self.code}"
        if self.info:
            text += f', info: "{_plain(self.info)}"'
        return text if self.status == OBSERVED else f"{text}, check duration: {self.duration}ms"
