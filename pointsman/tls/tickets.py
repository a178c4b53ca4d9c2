"""Keys of session tickets (manual 5.1, tls-ticket-keys; management manual 9.3, set ssl tls-key).

Of three keys, the oldest first, the one before the last seals new tickets, and all open what clients bring. The last
one seals nothing yet: by the time it does, every lane, every generation and every balancer beside this one has it.

    TicketKeys     three keys that bind lines share: those of one file, or those of one frontend
    OwnKeys        where no file says any: made before the fork, renewed by control, handed to the next generation
    Tickets        all of them, and how all processes change them in the same order

A frontend's own keys are derived from secrets of the program, one for each generation of keys, so that a reload may add
frontends, and a ticket of one opens at no other. What clients have to prove is compared by core/_tls.c in any case.
"""

import base64
import binascii
import hmac
import os
import secrets
import struct
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

from pointsman.core.handed import Handed, is_memory_file, memory_file
from pointsman.core.tls import Context
from pointsman.tables.changes import Change, Follower, Plain, number, text
from pointsman.tls.files import TlsFileError

KEPT: Final = 3  # TLS_TICKETS_NO (manual 5.1)
SIZES: Final = (48, 80)  # bytes of a key: for AES-128 and AES-256
PERIOD: Final = 12 * 3600  # s after which own keys are renewed: "ex. every 12h" (manual 5.1)
_SECRET: Final = 32
_SLOT: Final = 256  # bytes of the memory that is handed on; there are two, in turn
_CONTENT: Final = struct.Struct("<Qd96s")  # how often they were renewed, when that is due, secrets


class TicketKeys:
    """`name`: the file; "" of those that no file says. `users` are called when the keys have changed."""

    def __init__(self, name: str, keys: Sequence[bytes]) -> None:
        self.name = name
        self.keys = list(keys)  # the oldest first
        self.changed = False
        self.users: list[Callable[[], None]] = []

    def give(self, context: Context) -> None:
        """It seals and opens tickets from now on."""
        oldest, sealing, newest = self.keys
        context.tickets([sealing, newest, oldest])

    def replace(self, keys: Sequence[bytes]) -> None:
        """For tickets yet to be sealed or opened, in this process."""
        self.keys = list(keys)
        self.changed = True
        for user in self.users:
            user()


def decode(word: str) -> bytes:
    """A key in base64. ValueError: it is none."""
    try:
        return base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("no base64") from None


def read_ticket_keys(path: str) -> list[bytes]:
    """The last three keys of a file. TlsFileError says which line is wrong."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise TlsFileError(f"unable to load the TLS ticket keys file '{path}': {error.strerror}") from None
    keys: list[bytes] = []
    for line, data in enumerate(content.splitlines(), 1):
        try:
            key = decode(data.decode("ascii"))
        except ValueError:
            raise TlsFileError(f"'{path}': unable to decode the base64 key on line {line}") from None
        size = len(keys[0]) if keys else 0
        if len(key) not in ((size,) if size else SIZES):
            wanted = f"{size} as in the lines before" if size else "48 or 80"
            raise TlsFileError(f"'{path}': wrong sized key on line {line}: {len(key)} bytes instead of {wanted}")
        keys.append(key)
    if len(keys) < KEPT:
        raise TlsFileError(f"'{path}': {len(keys)} keys: at least {KEPT} are needed in a TLS ticket keys file")
    return keys[-KEPT:]


def _boot_time() -> float:
    """Seconds of a clock that all programs share, which nobody sets, and which goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class OwnKeys(Handed):
    """Keys that no file says. `count`: how often they were renewed; `due`: when they are the next time."""

    def __init__(self, clock: Callable[[], float] = _boot_time, period: float = 0.0) -> None:
        super().__init__("tls-ticket-keys")
        self.clock = clock
        self.period = period or PERIOD
        self.count = 0
        self.due = clock() + self.period
        self.secrets = [secrets.token_bytes(_SECRET) for _ in range(KEPT)]  # the oldest first
        self.derived: dict[bytes, TicketKeys] = {}

    def of(self, scope: bytes) -> TicketKeys:
        """`scope`: a frontend, by what it is known by in the next generation, too."""
        found = self.derived.get(scope)
        if found is None:
            found = self.derived[scope] = TicketKeys("", [_derive(secret, scope) for secret in self.secrets])
        return found

    def renewed(self) -> tuple[int, float, list[bytes]]:
        """What they are to be now that it is time: `become` takes it. Who comes late has missed several times."""
        times = 1 + max(0, int((self.clock() - self.due) // self.period))
        fresh = [secrets.token_bytes(_SECRET) for _ in range(min(times, KEPT))]
        return self.count + times, self.due + times * self.period, [*self.secrets, *fresh][-KEPT:]

    def become(self, count: int, due: float, kept: Sequence[bytes]) -> None:
        """In this process, from now on."""
        self.count, self.due, self.secrets = count, due, list(kept)
        for scope, keys in self.derived.items():
            keys.replace([_derive(secret, scope) for secret in self.secrets])

    # The next generation.

    def hand_on(self) -> None:
        """Write down what they are: once before the fork, and in control whenever they have changed. It is killed amid
        that at the worst, and then the other slot counts."""
        if self.fd < 0:
            self.fd = memory_file("tls-ticket-keys", 2 * _SLOT)
        content = _CONTENT.pack(self.count, self.due, b"".join(self.secrets))
        os.pwrite(self.fd, blake2b(content).digest() + content, self.count % 2 * _SLOT)

    def adopt(self, fd: int) -> bool:
        """A copy of it: what the former generation renews while it finishes is of no use here, and the other way
        round."""
        best: tuple[int, float, list[bytes]] | None = None
        for slot in range(2) if is_memory_file(fd, 2 * _SLOT) else ():
            data = os.pread(fd, 64 + _CONTENT.size, slot * _SLOT)
            if blake2b(data[64:]).digest() == data[:64]:
                count, due, kept = _CONTENT.unpack(data[64:])
                if best is None or count > best[0]:
                    best = count, due, [kept[at : at + _SECRET] for at in range(0, KEPT * _SECRET, _SECRET)]
        if best is None:
            return False
        count, due, kept = best
        # Its clock is this one's, but its period may have been another.
        self.become(count, min(due, self.clock() + self.period), kept)
        os.close(fd)
        return True


def _derive(secret: bytes, scope: bytes) -> bytes:
    """A key of 80 bytes: HKDF-Expand with SHA-256 (RFC 5869, 2.3)."""
    found = block = b""
    for turn in range(1, 4):
        block = hmac.digest(secret, block + b"session tickets of " + scope + bytes([turn]), "sha256")
        found += block
    return found[: SIZES[1]]


class Tickets(Follower):
    """All ticket keys of the program. Changes:

    tickets own <count> <due> [secret ...]     tickets file <name> [key ...]     (all in base64, the oldest first)
    """

    def __init__(self) -> None:
        self.own = OwnKeys()
        self.files: dict[str, TicketKeys] = {}  # in the order in which they were read

    def of_file(self, path: str) -> TicketKeys:
        """Read once. TlsFileError: they cannot be had."""
        found = self.files.get(path)
        if found is None:
            found = self.files[path] = TicketKeys(path, read_ticket_keys(path))
        return found

    def of_frontend(self, name: str) -> TicketKeys:
        return self.own.of(name.encode("utf-8", "surrogateescape"))

    def numbered(self) -> list[TicketKeys]:
        """Those of files, by the numbers that the runtime API has for them: the last one that was read is 0."""
        return list(self.files.values())[::-1]

    def find(self, word: str) -> TicketKeys | None:
        """`#<id>`, or the file."""
        if not word.startswith("#"):
            return self.files.get(word)
        digits = word[1:] or "0"
        known = self.numbered()
        return known[int(digits)] if digits.isascii() and digits.isdigit() and int(digits) < len(known) else None

    def renewal(self) -> Change:
        """The change that is due."""
        count, due, kept = self.own.renewed()
        return ["tickets", "own", count, str(due), _words(kept)]

    def addition(self, keys: TicketKeys, key: bytes) -> Change:
        """The change by which `key` becomes the last one, and the oldest goes."""
        return ["tickets", "file", keys.name, _words([*keys.keys[1:], key])]

    def apply(self, change: Change) -> None:
        if text(change, 1) == "own":
            self.own.become(number(change, 2), float(text(change, 3)), _bytes(change[4]))
        elif (found := self.files.get(text(change, 2))) is not None:
            found.replace(_bytes(change[3]))

    def snapshot(self) -> list[Change]:
        own = self.own
        found: list[Change] = [["tickets", "own", own.count, str(own.due), _words(own.secrets)]]
        found += [["tickets", "file", keys.name, _words(keys.keys)] for keys in self.files.values() if keys.changed]
        return found


def _words(keys: Sequence[bytes]) -> list[Plain]:
    return [base64.b64encode(key).decode() for key in keys]


def _bytes(words: Plain) -> list[bytes]:
    assert isinstance(words, list)
    return [decode(text(words, place)) for place in range(len(words))]
