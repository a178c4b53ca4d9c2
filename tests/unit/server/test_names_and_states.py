"""What is logged when a server's name has no address, or has one again. The transcripts are those of HAProxy 3.2."""

import pytest
from scripted import Farm

import pointsman.keywords
from pointsman.admin.rows import server_status
from pointsman.core.address import net_address
from pointsman.server.dial import NO_HOST, Dial
from pointsman.server.server import DRAIN, RESOLUTION_MAINT, RUNNING, STARTING, STOPPED

assert pointsman.keywords

LEFT = "0 sessions active, 0 requeued, 0 remaining in queue."


def farm(*servers: str) -> Farm:
    return Farm("", list(servers), list(range(1, 1 + len(servers))))


def test_an_address_is_lost_and_found() -> None:
    made = farm("check", "check", "check backup")
    made.server.fqdn = "app.test"
    health = made.checkers[0].health
    health.lose_address(1000, "DNS NX status")
    assert made.said() == [
        f"1 Server b/s1 is going DOWN for maintenance (DNS NX status). 1 active and 1 backup servers left. {LEFT}"
    ]
    assert (made.server.state, made.server.admin) == (STOPPED, RESOLUTION_MAINT)
    assert (made.server.usable, server_status(made.server)) == (False, "MAINT (resolution)")
    health.lose_address(2000, "DNS timeout status")
    assert made.said() == []
    health.regain_address(5000)
    assert made.said() == [
        "5 Server b/s1 ('app.test') is UP/READY (resolves again).",
        "5 Server b/s1 administratively READY thanks to valid DNS answer.",
    ]
    assert (made.server.state, made.server.admin, made.server.usable) == (RUNNING, 0, True)
    assert (made.server.downs, made.server.down_time) == (1, 4000)
    made.checkers[2].health.lose_address(6000, "No IP for server ")
    made.checkers[2].health.regain_address(7000)
    assert [line[:20] for line in made.said()] == [
        "1 Backup Server b/s3",
        "5 Backup Server b/s3",
        "5 Server b/s3 admini",
    ]


def test_the_last_one() -> None:
    made = farm("")
    made.checkers[0].health.lose_address(1000, "No IP for server ")
    assert made.said() == [
        f"1 Server b/s1 is going DOWN for maintenance (No IP for server ). 0 active and 0 backup servers left. {LEFT}",
        "0 backend b has no server available!",
    ]


def test_one_that_is_down() -> None:
    made = farm("check", "")
    made.server.state = STOPPED
    made.checkers[0].health.lose_address(1000, "unspecified DNS error")
    assert made.said() == ["5 Server b/s1 was DOWN and now enters maintenance (unspecified DNS error)."]


def test_one_in_maintenance_already() -> None:
    """Nothing is said of what changes nothing."""
    made = farm("", "")
    made.server.fqdn = "app.test"
    health = made.checkers[0].health
    health.enter_maintenance(1000)
    assert len(made.said()) == 1
    health.lose_address(1000, "DNS NX status")
    assert made.said() == []
    health.leave_maintenance(2000)
    assert made.said() == ["5 Server b/s1 is leaving forced maintenance but remains in maintenance."]
    assert made.server.state == STOPPED
    health.enter_maintenance(3000)
    assert made.said() == []
    health.regain_address(4000)
    assert made.said() == [
        "5 Server b/s1 ('app.test') resolves again but remains in maintenance.",
        "5 Server b/s1 administratively READY thanks to valid DNS answer.",
    ]
    assert not made.server.usable
    health.leave_maintenance(5000)
    assert made.said() == ["5 Server b/s1 is UP/READY (leaving forced maintenance)."]
    assert made.server.usable


def test_one_that_is_drained() -> None:
    made = farm("", "")
    made.server.fqdn = "app.test"
    health = made.checkers[0].health
    health.enter_drain()
    made.said()
    health.lose_address(1000, "DNS refused status")
    assert made.said() == [
        f"5 Server b/s1 is going DOWN for maintenance (DNS refused status). 1 active and 0 backup servers left. {LEFT}"
    ]
    assert made.server.admin & DRAIN
    health.regain_address(2000)
    assert made.said() == [
        "5 Server b/s1 ('app.test') is UP/DRAIN (resolves again).",
        "5 Server b/s1 remains in forced drain mode.",
        "5 Server b/s1 administratively READY thanks to valid DNS answer.",
    ]
    health.leave_drain()
    health.lose_address(3000, "DNS refused status")
    made.said()
    health.enter_drain()
    assert made.said() == []


def test_a_slow_start() -> None:
    made = farm("check slowstart 10s", "")
    health = made.checkers[0].health
    health.lose_address(1000, "DNS NX status")
    health.regain_address(2000)
    assert made.server.state == STARTING


def test_a_server_without_an_address_cannot_be_connected_to() -> None:
    dial = Dial()
    dial.target = (NO_HOST, 80)
    client = net_address("127.0.0.1", 1234)
    with pytest.raises(OSError):
        dial.connect(client)
    with pytest.raises(OSError):
        dial.open(client)
    assert dial.address(client).text == b"-"
