"""Passphrases of private keys, by a program that the configuration names (manual 3.1, ssl-passphrase-cmd).

It runs while a configuration is loaded, never in a lane: `close` sees to that. What it has said is tried for other keys
before it is asked again, and for those that come over the runtime socket.
"""

import subprocess
from collections.abc import Iterator, Sequence
from typing import Final

PATIENCE: Final = 30  # s for the program


class Passphrases:
    """`command`: the program and its arguments; empty: nobody is asked."""

    def __init__(self, command: Sequence[str] = ()) -> None:
        self.command = command
        self.known: list[bytes] = []

    def candidates(self, path: str) -> Iterator[bytes]:
        """For the key in this file: those that are known, then what the program says."""
        yield from tuple(self.known)
        said = self._ask(path)
        if said is not None:
            self.known.append(said)
            yield said

    def close(self) -> None:
        """From now on nobody is asked."""
        self.command = ()

    def _ask(self, path: str) -> bytes | None:
        if not self.command:
            return None
        program, *words = self.command
        try:
            done = subprocess.run(
                [program, path, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.rstrip(b"\r\n") if done.returncode == 0 else None
