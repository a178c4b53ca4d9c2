"""Connections that cannot even be begun: what they are called (manual 7.3.3, fc_err_str)."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from pointsman.core.address import UNIX_ADDRESS
from pointsman.core.connection_faults import ADDRESS_IN_USE, CANNOT_BIND, NO_PORTS, PROCESS_LIMIT, SOCKET_ERROR
from pointsman.server.dial import Dial, SourceError, fault_of_dial


def failure(dial: Dial) -> OSError:
    with pytest.raises(OSError) as caught:
        dial.open(UNIX_ADDRESS).close()
    return caught.value


def test_a_source_that_is_not_ours() -> None:
    dial = Dial()
    dial.target = ("127.0.0.1", 1)
    dial.source = ("192.0.2.1", 0)
    error = failure(dial)
    assert isinstance(error, SourceError) and error.errno == errno.EADDRNOTAVAIL
    assert fault_of_dial(error) == CANNOT_BIND


def test_a_source_port_that_leads_there_already() -> None:
    """The kernel finds no other one, as the line names it."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as first:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        first.bind(("127.0.0.1", 0))
        first.connect(server.getsockname())
        dial = Dial()
        dial.target = server.getsockname()
        dial.source = first.getsockname()
        assert fault_of_dial(failure(dial)) == NO_PORTS


def test_a_unix_socket_that_is_not_there(tmp_path: Path) -> None:
    dial = Dial()
    dial.family = socket.AF_UNIX
    dial.target = str(tmp_path / "none")
    assert fault_of_dial(failure(dial)) == SOCKET_ERROR


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (errno.EMFILE, PROCESS_LIMIT),
        (errno.EADDRINUSE, ADDRESS_IN_USE),
        (errno.ENETUNREACH, SOCKET_ERROR),  # as 3.2 says it of a connection that was never under way
        (errno.ECONNREFUSED, SOCKET_ERROR),
    ],
)
def test_what_the_system_says_at_once(number: int, fault: int) -> None:
    assert fault_of_dial(OSError(number, "")) == fault


@pytest.mark.parametrize("target", [("127.0.0.1", 80), "/run/server.sock"])
def test_a_target_that_is_renewed_is_equal_and_another(target: tuple[str, int] | str) -> None:
    dial = Dial()
    dial.target = before = target
    dial.renew()
    assert dial.target == before
    assert dial.target is not before
