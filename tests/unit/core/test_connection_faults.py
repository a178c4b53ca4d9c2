"""The table of fc_err_str (manual 7.3.3), and what the system's errors are called in it."""

import errno

import pytest

from pointsman.core import connection_faults
from pointsman.core.connection_faults import FAULTS, SOCKET_ERROR, fault_of, message_of


@pytest.mark.parametrize(
    ("constant", "name"),
    [
        ("PROCESS_LIMIT", b"PROC_FDLIM"),
        ("SYSTEM_LIMIT", b"SYS_FDLIM"),
        ("NO_BUFFERS", b"SYS_MEMLIM"),
        ("NO_PROTOCOL", b"NOPROTO"),
        ("SOCKET_ERROR", b"SOCK_ERR"),
        ("PORT_RANGE", b"PORT_RANGE"),
        ("CANNOT_BIND", b"CANT_BIND"),
        ("NO_PORTS", b"FREE_PORTS"),
        ("ADDRESS_IN_USE", b"ADDR_INUSE"),
        ("PROXY_EMPTY", b"PRX_EMPTY"),
        ("PROXY_ABORT", b"PRX_ABORT"),
        ("PROXY_TIMEOUT", b"PRX_TIMEOUT"),
        ("PROXY_TRUNCATED", b"PRX_TRUNCATED"),
        ("PROXY_NOT_A_HEADER", b"PRX_NOT_HDR"),
        ("PROXY_BAD_HEADER", b"PRX_BAD_HDR"),
        ("PROXY_BAD_PROTOCOL", b"PRX_BAD_PROTO"),
        ("TLS_EMPTY", b"SSL_EMPTY"),
        ("TLS_ABORT", b"SSL_ABORT"),
        ("TLS_TIMEOUT", b"SSL_TIMEOUT"),
        ("TLS_TOO_MANY", b"SSL_TOO_MANY"),
        ("TLS_NO_MEMORY", b"SSL_NO_MEM"),
        ("TLS_RENEGOTIATION", b"SSL_RENEG"),
        ("TLS_CA_FAILED", b"SSL_CA_FAIL"),
        ("TLS_CERTIFICATE_FAILED", b"SSL_CRT_FAIL"),
        ("TLS_MISMATCH", b"SSL_MISMATCH"),
        ("TLS_MISMATCH_SNI", b"SSL_MISMATCH_SNI"),
        ("TLS_HANDSHAKE", b"SSL_HANDSHAKE"),
        ("TLS_EARLY_FAILED", b"SSL_EARLY_FAILED"),
        ("TLS_FATAL", b"SSL_FATAL"),
        ("REFUSED", b"EREFUSED"),
        ("RESET", b"ERESET"),
        ("BROKEN_PIPE", b"EPIPE"),
    ],
)
def test_constants_are_rows_of_the_table(constant: str, name: bytes) -> None:
    assert FAULTS[getattr(connection_faults, constant)][0] == name


def test_the_table_is_the_manuals() -> None:
    assert len(FAULTS) == 57
    assert FAULTS[0] == (b"", b"Success")
    assert FAULTS[44] == (b"REVERSE", b"Reverse connect failure")
    assert len({name for name, _ in FAULTS}) == len({message for _, message in FAULTS}) == 57


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ECONNREFUSED, b"ECONNREFUSED returned by OS"),
        (errno.ECONNRESET, b"ECONNRESET returned by OS"),
        (errno.EHOSTUNREACH, b"ENETUNREACH returned by OS"),
        (errno.ENOTCONN, b"ENCONN returned by OS"),
        (errno.ENOTSOCK, b"ENSOCK returned by OS"),
        (errno.EPIPE, b"EPIPE returned by OS"),
        (errno.EADDRINUSE, b"Local source address already in use"),
        (errno.EMFILE, b"Too many sockets on the process"),
    ],
)
def test_what_the_system_says(number: int, message: bytes) -> None:
    assert message_of(fault_of(number)) == message


def test_what_has_no_row_is_an_error_of_the_socket() -> None:
    assert fault_of(errno.ENOENT) == fault_of(0) == SOCKET_ERROR
