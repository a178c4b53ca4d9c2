"""Families about words that Debian 12's haproxy does not know, by name: test_peer_newer.py plays them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from support.scenario import Scenario

from families import newer_forwarded, newer_normalize

FAMILIES: Mapping[str, Sequence[Scenario]] = {
    "forwarded": newer_forwarded.SCENARIOS,
    "normalize": newer_normalize.SCENARIOS,
}
