"""Encrypted passwords for tests, and what stands in for crypt(3) where its answers are to come when the test wants."""

from __future__ import annotations

import base64
import ctypes
import threading

from pointsman.sample.crypt import CRYPT, ROOM

# What `openssl passwd -1|-5|-6 -salt saltsalt secret` and perl's crypt say of "secret".
HASHES = {
    "DES": b"abNANd1rDfiNc",
    "MD5": b"$1$saltsalt$9xy1btjgzLYfb7hivXtC//",
    "SHA-256": b"$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
    "SHA-512": b"$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
    "bcrypt": b"$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
    "yescrypt": b"$y$j75$abcdefgh$uMUXG79B2cFpoAYyDccUnsaH/aGTyBYMlnQidzyag01",
}
QUICK = HASHES["MD5"]
SLOW = b"$2b$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u"  # about 60 ms
ENDLESS = b"$2b$20$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u"  # a minute; nobody's


def knows(encrypted: bytes) -> bool:
    """Whether this system's crypt(3) has the method."""
    assert CRYPT.usable and CRYPT.function is not None
    made = CRYPT.function(b"", encrypted, ctypes.create_string_buffer(ROOM))
    return isinstance(made, bytes) and not made.startswith(b"*")


def authorization(user: str, password: str) -> str:
    """The header of a request."""
    return f"Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


class Stall:
    """Stands in for crypt(3): computes nothing until it is let; the password "right" is right."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.seen: list[bytes] = []
        self.failure: BaseException | None = None

    def matches(self, password: bytes, encrypted: bytes) -> bool:
        self.seen.append(password)
        self.begun.release()
        assert self.gate.acquire(timeout=20)
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        return password == b"right"
