"""crypt(3) of the system, for any thread: does a password belong to an encrypted one (manual 12.2).

Python's own module is gone since 3.13, and one thread at a time may use crypt itself; crypt_r writes to memory of its
caller. It stands in libcrypt (libxcrypt, older glibc) or in libc (musl). While it computes, other threads run.

The library is opened when the first encrypted password is declared: later it may be out of reach (chroot).
"""

import ctypes
import hmac
from typing import Final

_LIBRARIES: Final = ("libcrypt.so.1", "libcrypt.so.2", None)  # None: what is loaded already, libc among it
ROOM: Final = 1 << 18  # struct crypt_data: 32,768 bytes in libxcrypt, 131,232 in glibc's own, 260 in musl
FAILED: Final = b"*"  # what crypt answers where it cannot begins with this: no password is encrypted so


class Crypt:
    """`usable`: the system has crypt_r. Without it nobody has the right password."""

    def __init__(self) -> None:
        self.opened = False
        self.function: ctypes._NamedFuncPointer | None = None

    @property
    def usable(self) -> bool:
        self.open()
        return self.function is not None

    def open(self) -> None:
        """Have the library at hand, whatever becomes of the root directory."""
        if self.opened:
            return
        self.opened = True
        for name in _LIBRARIES:
            try:
                function = ctypes.CDLL(name).crypt_r
            except (OSError, AttributeError):
                continue
            function.restype = ctypes.c_char_p
            function.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p]
            self.function = function
            return

    def matches(self, password: bytes, encrypted: bytes) -> bool:
        """Whether crypt(3) turns the password into that text. False where its method is unknown to the system.

        Takes from 0.2 ms (MD5) to seconds (bcrypt, yescrypt): for a thread of its own.
        """
        self.open()
        function = self.function
        if function is None or b"\0" in password + encrypted:
            return False
        room = ctypes.create_string_buffer(ROOM)
        made = function(password, encrypted, room)
        ctypes.memset(room, 0, ROOM)  # it knew the password
        if not isinstance(made, bytes) or not made or made.startswith(FAILED):
            return False
        return hmac.compare_digest(made, encrypted)


CRYPT: Final = Crypt()
