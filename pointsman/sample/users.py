"""Users and passwords of userlists (manual 12.2), as expressions ask for them.

A userlist may stand behind the rule that names it, so a list is found by name at once and filled when the configuration
is built. Encrypted passwords are checked with crypt(3) of the system; what was checked is remembered, because one check
may take milliseconds.
"""

import ctypes
import hmac
from typing import Final

REMEMBERED: Final = 1024  # pairs of user and password


class Account:
    """A user. password None: nobody gets in under this name."""

    def __init__(self, password: bytes | None, encrypted: bool, groups: frozenset[bytes]) -> None:
        self.password = password
        self.encrypted = encrypted
        self.groups = groups


class UserList:
    """The users of one list."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.accounts: dict[bytes, Account] = {}
        self.checked: dict[tuple[bytes, bytes], bool] = {}

    def declare(self, user: bytes, password: bytes | None, encrypted: bool, groups: frozenset[bytes]) -> None:
        """Add a user."""
        self.accounts[user] = Account(password, encrypted, groups)

    def check(self, user: bytes, password: bytes) -> bool:
        """Whether the user exists and has that password."""
        account = self.accounts.get(user)
        if account is None or account.password is None:
            return False
        if not account.encrypted:
            return hmac.compare_digest(account.password, password)
        key = (user, password)
        known = self.checked.get(key)
        if known is None:
            if len(self.checked) >= REMEMBERED:
                self.checked.clear()
            known = self.checked[key] = matches(password, account.password)
        return known


USERLISTS: Final[dict[str, UserList]] = {}


def userlist(name: str) -> UserList:
    """The list of that name; an empty one if nobody asked for it yet."""
    return USERLISTS.setdefault(name, UserList(name))


def matches(password: bytes, encrypted: bytes) -> bool:
    """Whether crypt(3) turns the password into that text. False where its method is unknown to the system."""
    try:
        library = ctypes.CDLL("libcrypt.so.1")
    except OSError:
        return False
    library.crypt.restype = ctypes.c_char_p
    made = library.crypt(ctypes.c_char_p(password), ctypes.c_char_p(encrypted))
    return isinstance(made, bytes) and hmac.compare_digest(made, encrypted)
