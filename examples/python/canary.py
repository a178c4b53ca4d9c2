"""A new version for some users, always the same ones: a fetch.

python-load canary.py [<user>...]
use_backend new if { python.canary(5) }

So many per cent of the users, and those that the line names, belong to it. Who a user is says the cookie "uid".
"""

import zlib

import pointsman
from pointsman import Transaction

ALWAYS = frozenset(pointsman.arguments)


@pointsman.fetch(reads="request-headers")
def canary(txn: Transaction, percent: int, salt: str = "") -> bool:
    """Whether this user belongs to the canaries. Another salt means other users."""
    user = txn.request.cookies.get("uid")
    if user is None:
        return False
    return user in ALWAYS or zlib.crc32(f"{salt}{user}".encode()) % 100 < percent
