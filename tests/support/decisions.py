"""The runtime socket of a stand (stand.py), as far as decisions are asked for."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pointsman.admin.console import RuntimeConnection
from pointsman.assemble.admin import Administration
from support.stand import Stand


def say(stand: Stand, line: str, level: str = "admin") -> str:
    """The answer to a command, without the empty line that ends it."""
    administration = next(one for one in stand.live.services if isinstance(one, Administration))
    console = RuntimeConnection(administration.view, administration.gauge, level, "none", 10_000)
    return asyncio.run(console.answer(line.split()))[:-1]


def decisions(stand: Stand, which: str = "last 1000") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(say(stand, f"show decisions {which} json"))["decisions"]
    return found
