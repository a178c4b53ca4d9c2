"""Users and passwords of userlists (manual 12.2), as expressions ask for them.

A userlist may stand behind the rule that names it, so a list is found by name at once and filled when the configuration
is built. A plain password is compared at once, in constant time. One that is encrypted is computed by a thread
(passwords.py): where the evaluation can wait, it does so, and is repeated when the answer is there (need.py); where it
cannot, as in what routes and in values of headers, the lane computes it itself.
"""

import hmac
from typing import Final

from pointsman.sample.context import Context
from pointsman.sample.crypt import CRYPT
from pointsman.sample.need import MET
from pointsman.sample.passwords import PASSWORDS, PasswordNeed, VerifiedPassword


class Account:
    """A user. password None: nobody gets in under this name."""

    def __init__(self, password: bytes | None, encrypted: bool, groups: frozenset[bytes]) -> None:
        self.password = password
        self.encrypted = encrypted
        self.groups = groups
        self.verified = VerifiedPassword()


class UserList:
    """The users of one list."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.accounts: dict[bytes, Account] = {}

    def declare(self, user: bytes, password: bytes | None, encrypted: bool, groups: frozenset[bytes]) -> None:
        """Add a user."""
        self.accounts[user] = Account(password, encrypted, groups)
        if encrypted and password is not None:
            CRYPT.open()

    def check(self, user: bytes, password: bytes, ctx: Context) -> bool:
        """Whether the user exists and has that password; false also where that is not known yet (`ctx.need`)."""
        account = self.accounts.get(user)
        if account is None or account.password is None:
            return False
        if not account.encrypted:
            return hmac.compare_digest(account.password, password)
        return _is_encrypted_as(user, password, account.password, account.verified, ctx)


def _is_encrypted_as(user: bytes, password: bytes, encrypted: bytes, verified: VerifiedPassword, ctx: Context) -> bool:
    key = PASSWORDS.key(user, password, encrypted)
    if verified.is_known(key, PASSWORDS.now):
        return True
    found = ctx.answer_to(key)
    if found is not None:
        return isinstance(found, PasswordNeed) and found.state == MET and found.holds
    if ctx.may_wait:
        if ctx.need is None:
            ctx.need = PASSWORDS.ask(key, password, encrypted, verified)
        return False
    holds = CRYPT.matches(password, encrypted)
    if holds:
        verified.note(key, PASSWORDS.now)
    return holds


USERLISTS: Final[dict[str, UserList]] = {}


def userlist(name: str) -> UserList:
    """The list of that name; an empty one if nobody asked for it yet."""
    return USERLISTS.setdefault(name, UserList(name))
