"""The stories of many streams at once (test_many_at_once.py), with a server that speaks HTTP/2."""

from __future__ import annotations

import pytest
import test_many_at_once as stories
from support.h2_server_stand import H2Server, H2ServerStand

# Told of the windows and the numbers of frames.py; tests/unit/stream/test_h2_back.py tells what is so here.
OF_FRAMES = (
    "test_a_client_that_takes_nothing_holds_its_own_exchange_alone",
    "test_a_server_that_takes_nothing_holds_its_own_exchange_alone",
    "test_a_connection_that_takes_nothing_holds_all_its_exchanges",
    "test_a_connection_is_retired",
)


@pytest.fixture(autouse=True)
def over_h2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stories, "FrameStand", H2ServerStand)
    monkeypatch.setattr(stories, "FramePeer", H2Server)


globals().update(
    {name: story for name, story in vars(stories).items() if name.startswith("test_") and name not in OF_FRAMES}
)
