"""Why connections fail: what fc_err, bc_err and the error log call it (manual 7.3.3, fc_err_str).

A fault is the number of a row of FAULTS. `Session.fault` has that of the client's connection, `Context.server_fault`
that of the server's; 0 means that nothing has failed.
"""

import errno
from typing import Final

# name, and what is said of it, by number
FAULTS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"", b"Success"),
    (b"CONF_FDLIM", b"Reached configured maxconn value"),
    (b"PROC_FDLIM", b"Too many sockets on the process"),
    (b"SYS_FDLIM", b"Too many sockets on the system"),
    (b"SYS_MEMLIM", b"Out of system buffers"),
    (b"NOPROTO", b"Protocol or address family not supported"),
    (b"SOCK_ERR", b"General socket error"),
    (b"PORT_RANGE", b"Source port range exhausted"),
    (b"CANT_BIND", b"Can't bind to source address"),
    (b"FREE_PORTS", b"Out of local source ports on the system"),
    (b"ADDR_INUSE", b"Local source address already in use"),
    (b"PRX_EMPTY", b"Connection closed while waiting for PROXY protocol header"),
    (b"PRX_ABORT", b"Connection error while waiting for PROXY protocol header"),
    (b"PRX_TIMEOUT", b"Timeout while waiting for PROXY protocol header"),
    (b"PRX_TRUNCATED", b"Truncated PROXY protocol header received"),
    (b"PRX_NOT_HDR", b"Received something which does not look like a PROXY protocol header"),
    (b"PRX_BAD_HDR", b"Received an invalid PROXY protocol header"),
    (b"PRX_BAD_PROTO", b"Received an unhandled protocol in the PROXY protocol header"),
    (b"CIP_EMPTY", b"Connection closed while waiting for NetScaler Client IP header"),
    (b"CIP_ABORT", b"Connection error while waiting for NetScaler Client IP header"),
    (b"CIP_TIMEOUT", b"Timeout while waiting for a NetScaler Client IP header"),
    (b"CIP_TRUNCATED", b"Truncated NetScaler Client IP header received"),
    (b"CIP_BAD_MAGIC", b"Received an invalid NetScaler Client IP magic number"),
    (b"CIP_BAD_PROTO", b"Received an unhandled protocol in the NetScaler Client IP header"),
    (b"SSL_EMPTY", b"Connection closed during SSL handshake"),
    (b"SSL_ABORT", b"Connection error during SSL handshake"),
    (b"SSL_TIMEOUT", b"Timeout during SSL handshake"),
    (b"SSL_TOO_MANY", b"Too many SSL connections"),
    (b"SSL_NO_MEM", b"Out of memory when initializing an SSL connection"),
    (b"SSL_RENEG", b"Rejected a client-initiated SSL renegotiation attempt"),
    (b"SSL_CA_FAIL", b"SSL client CA chain cannot be verified"),
    (b"SSL_CRT_FAIL", b"SSL client certificate not trusted"),
    (b"SSL_MISMATCH", b"Server presented an SSL certificate different from the configured one"),
    (b"SSL_MISMATCH_SNI", b"Server presented an SSL certificate different from the expected one"),
    (b"SSL_HANDSHAKE", b"SSL handshake failure"),
    (b"SSL_HANDSHAKE_HB", b"SSL handshake failure after heartbeat"),
    (b"SSL_KILLED_HB", b"Stopped a TLSv1 heartbeat attack (CVE-2014-0160)"),
    (b"SSL_NO_TARGET", b"Attempt to use SSL on an unknown target (internal error)"),
    (b"SSL_EARLY_FAILED", b"Server refused early data"),
    (b"SOCKS4_SEND", b"SOCKS4 Proxy write error during handshake"),
    (b"SOCKS4_RECV", b"SOCKS4 Proxy read error during handshake"),
    (b"SOCKS4_DENY", b"SOCKS4 Proxy deny the request"),
    (b"SOCKS4_ABORT", b"SOCKS4 Proxy handshake aborted by server"),
    (b"SSL_FATAL", b"SSL fatal error"),
    (b"REVERSE", b"Reverse connect failure"),
    (b"POLLERR", b"Poller reported POLLERR"),
    (b"EREFUSED", b"ECONNREFUSED returned by OS"),
    (b"ERESET", b"ECONNRESET returned by OS"),
    (b"EUNREACH", b"ENETUNREACH returned by OS"),
    (b"ENOMEM", b"ENOMEM returned by OS"),
    (b"EBADF", b"EBADF returned by OS"),
    (b"EFAULT", b"EFAULT returned by OS"),
    (b"EINVAL", b"EINVAL returned by OS"),
    (b"ENCONN", b"ENCONN returned by OS"),
    (b"ENSOCK", b"ENSOCK returned by OS"),
    (b"ENOBUFS", b"ENOBUFS returned by OS"),
    (b"EPIPE", b"EPIPE returned by OS"),
)

PROCESS_LIMIT: Final = 2
SYSTEM_LIMIT: Final = 3
NO_BUFFERS: Final = 4
NO_PROTOCOL: Final = 5
SOCKET_ERROR: Final = 6
PORT_RANGE: Final = 7
CANNOT_BIND: Final = 8
NO_PORTS: Final = 9
ADDRESS_IN_USE: Final = 10
PROXY_EMPTY: Final = 11
PROXY_ABORT: Final = 12
PROXY_TIMEOUT: Final = 13
PROXY_TRUNCATED: Final = 14
PROXY_NOT_A_HEADER: Final = 15
PROXY_BAD_HEADER: Final = 16
PROXY_BAD_PROTOCOL: Final = 17
CLIENT_IP_EMPTY: Final = 18  # of NetScaler's header: the first four in the order of those of PROXY headers
CLIENT_IP_BAD_MAGIC: Final = 22
CLIENT_IP_BAD_PROTOCOL: Final = 23
TLS_EMPTY: Final = 24
TLS_ABORT: Final = 25
TLS_TIMEOUT: Final = 26
TLS_TOO_MANY: Final = 27
TLS_NO_MEMORY: Final = 28
TLS_RENEGOTIATION: Final = 29
TLS_CA_FAILED: Final = 30
TLS_CERTIFICATE_FAILED: Final = 31
TLS_MISMATCH: Final = 32
TLS_MISMATCH_SNI: Final = 33
TLS_HANDSHAKE: Final = 34
TLS_EARLY_FAILED: Final = 38
SOCKS4_SEND: Final = 39
SOCKS4_RECEIVE: Final = 40
SOCKS4_DENIED: Final = 41
SOCKS4_ABORT: Final = 42
TLS_FATAL: Final = 43
REFUSED: Final = 46  # from here on: what the system says
RESET: Final = 47
BROKEN_PIPE: Final = 56

_OF_ERRNO: Final[dict[int, int]] = {
    errno.EMFILE: PROCESS_LIMIT,
    errno.ENFILE: SYSTEM_LIMIT,
    errno.EPROTO: TLS_FATAL,
    errno.EPROTONOSUPPORT: NO_PROTOCOL,
    errno.EAFNOSUPPORT: NO_PROTOCOL,
    errno.EADDRNOTAVAIL: NO_PORTS,
    errno.EADDRINUSE: ADDRESS_IN_USE,
    errno.ECONNREFUSED: REFUSED,
    errno.ECONNRESET: RESET,
    errno.ENETUNREACH: 48,
    errno.EHOSTUNREACH: 48,
    errno.ENOMEM: 49,
    errno.EBADF: 50,
    errno.EFAULT: 51,
    errno.EINVAL: 52,
    errno.ENOTCONN: 53,
    errno.ENOTSOCK: 54,
    errno.ENOBUFS: 55,
    errno.EPIPE: BROKEN_PIPE,
    errno.EKEYREJECTED: TLS_EARLY_FAILED,  # what a transport says of it (net/transport.py)
}


def fault_of(number: int) -> int:
    """The fault for what the system said (an errno) of a connection. What has no row of its own is a socket's error."""
    return _OF_ERRNO.get(number, SOCKET_ERROR)


def message_of(fault: int) -> bytes:
    """What fc_err_str and the error log say of it."""
    return FAULTS[fault][1]


class SourceError(OSError):
    """Connections cannot come from the address that `source` says."""
