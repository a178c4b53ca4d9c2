"""Variables that nobody has set, and ports that stand for others."""

import socket

import pytest

from pointsman.verbs.trial.ports import Ports
from pointsman.verbs.trial.stand_ins import StandIns


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BACKEND_HOST", "127.0.0.1"),
        ("SITE_DOMAIN", "example.com"),
        ("CONNECT_TIMEOUT", "30s"),
        ("MAXCONN", "100"),
        ("IP", "127.0.0.1"),
        ("STATS_PASSWORD", "stats-password"),
    ],
)
def test_values_fit_their_names(name: str, value: str) -> None:
    variables = StandIns({"SET": "1"})
    assert variables.get(name, "") == value
    assert variables.get(name) == value
    assert variables.made == {name: value}


def test_what_is_set_or_has_a_default_is_left_alone() -> None:
    variables = StandIns({"SET": "1", "EMPTY": ""})
    assert variables.get("SET", "") == "1"
    assert variables.get("EMPTY", "") == ""
    assert variables.get("PORT", "81") == "81"
    assert "PORT" not in variables
    assert variables.made == {}


def test_each_port_is_another_one() -> None:
    variables = StandIns({})
    assert variables.get("HTTP_PORT", "") != variables.get("HTTPS_PORT", "")


def test_ports_stay_or_move_up() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        ports = Ports(0, (9443, 8025))
        found = ports.all([25, busy, 9443, 25])
    assert found[0] == 10025  # 8025 is taken
    assert busy not in found
    assert 9443 not in found
    assert len(set(found)) == 4
    assert min(found) >= 1024


def test_a_base() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        base = probe.getsockname()[1]
        found = Ports(base, (base + 1,)).all([80, 8080, 443])
    assert found == sorted(found)
    assert found[0] > base + 1
