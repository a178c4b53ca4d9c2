"""Ask an HTTP service who may do what: an async action.

python-load auth.py <URL of the service>
http-request python.authenticate [<realm>]

The service gets the client's Authorization field and what is asked for. 200 lets the request pass, with the user's name
from the field X-User; 401 and 403 are passed on to the client; with anything else the action has failed.
"""

import time

import pointsman
from pointsman import Transaction, http

[URL] = pointsman.arguments
KEPT = 5.0  # s for which an answer is remembered
MOST = 10_000  # of them

# State of a module belongs to its process. Async functions run in one, so this is the only one of its kind.
known: dict[tuple[str, str], tuple[float, int, str]] = {}


async def ask(token: str, path: str) -> tuple[int, str]:
    """Status and user, by the service or from memory."""
    found = known.get((token, path))
    if found is not None and found[0] > time.monotonic():
        return found[1], found[2]
    answer = await http.get(URL, headers={"authorization": token, "x-path": path}, timeout=0.8)
    if answer.status not in (200, 401, 403):
        raise RuntimeError(f"the service of logins answers {answer.status}")
    if len(known) >= MOST:
        known.clear()
    user = answer.headers.get("x-user", "")
    known[token, path] = (time.monotonic() + KEPT, answer.status, user)
    return answer.status, user


@pointsman.action(timeout=1.0, fail="closed")
async def authenticate(txn: Transaction, realm: str = "members") -> None:
    """Let those pass whom the service knows, and tell the server who they are."""
    request = txn.request
    request.headers.remove("x-user")  # whoever sends it himself
    token = request.headers.get("authorization")
    if token is None:
        txn.reply(401, "Who are you?\n", {"www-authenticate": f'Bearer realm="{realm}"'})
    status, user = await ask(token, request.path)
    if status != 200:
        txn.deny(status)
    request.headers["x-user"] = user
    txn.variables["txn.user"] = user
