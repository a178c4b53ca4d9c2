"""What a log line shall say beside what it can say by itself: a converter, an action and a fetch.

python-load enrich.py
http-request python.note
log-format "... %[python.details]"
"""

import re

import pointsman
from pointsman import Transaction

APPS = {"ios": re.compile(r"iPhone|iPad"), "android": re.compile(r"Android"), "bot": re.compile(r"bot|crawl", re.I)}


@pointsman.converter(pure=True)
def app(agent: str) -> str:
    """Which kind of program a User-Agent is."""
    return next((name for name, pattern in APPS.items() if pattern.search(agent)), "browser")


@pointsman.action(fail="open")
def note(txn: Transaction) -> None:
    """Keep of the request what the line needs: when that is written the request is gone."""
    request = txn.request
    txn.variables["txn.app"] = app(request.headers.get("user-agent", ""))
    txn.variables["txn.tenant"] = request.host.partition(".")[0].lower()


@pointsman.fetch
def details(txn: Transaction) -> dict[str, object]:
    """JSON for the log line."""
    return {
        "tenant": txn.variables.get("txn.tenant", ""),
        "app": txn.variables.get("txn.app", ""),
        "user": txn.variables.get("txn.user", ""),
        "slow": (txn.sample("txn.timer.total", int) or 0) > 1_000,
    }
