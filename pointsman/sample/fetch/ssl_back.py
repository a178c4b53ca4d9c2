"""What TLS knows of the server's connection (manual 7.3.4); the server's certificate stands in ssl_certificates.py.

No sample before a server is connected, and on a clear connection. Who asks is noted while the configuration is read
(WISHES.server_tls): nothing is kept for those that nobody asks about.
"""

from pointsman.core.connection_faults import TLS_EMPTY, TLS_FATAL
from pointsman.core.tls import error_text
from pointsman.sample.context import Context
from pointsman.sample.fetch.ssl_front import binding_of, cipher_of, curve_of, secret_of
from pointsman.sample.registry import HANDSHAKEN, fetch
from pointsman.sample.types import Reads, Type, Where


@fetch("ssl_bc", Type.BOOL, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def is_tls(ctx: Context) -> bool:
    """Whether the server's connection uses TLS."""
    return ctx.server_tls is not None


@fetch("ssl_bc_is_resumed", Type.BOOL, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def is_resumed(ctx: Context) -> bool:
    """Whether an earlier TLS session with the server was resumed."""
    tls = ctx.server_tls
    return tls is not None and tls.resumed


@fetch("ssl_bc_sni", Type.STR, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def server_name(ctx: Context) -> bytes | None:
    """The name that was sent to the server."""
    tls = ctx.server_tls
    return tls.name if tls is not None else None


@fetch("ssl_bc_alpn", Type.STR, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def protocol_above(ctx: Context) -> bytes | None:
    """The protocol that was agreed on by ALPN."""
    tls = ctx.server_tls
    return tls.alpn if tls is not None else None


@fetch("ssl_bc_protocol", Type.STR, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def version(ctx: Context) -> bytes | None:
    """The version: TLSv1.2, TLSv1.3."""
    tls = ctx.server_tls
    return tls.protocol if tls is not None else None


@fetch("ssl_bc_cipher", Type.STR, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def cipher(ctx: Context) -> bytes | None:
    """The suite of ciphers, by OpenSSL's name."""
    tls = ctx.server_tls
    return cipher_of(tls) if tls is not None else None


@fetch("ssl_bc_curve", Type.STR, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def curve(ctx: Context) -> bytes | None:
    """The group in which keys were agreed on: X25519, SECP256R1."""
    tls = ctx.server_tls
    return curve_of(tls) if tls is not None else None


@fetch("ssl_bc_alg_keysize", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def size_of_algorithm(ctx: Context) -> int | None:
    """How many bits the keys of the cipher have."""
    tls = ctx.server_tls
    return tls.bits[1] or None if tls is not None else None


@fetch("ssl_bc_use_keysize", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def size_of_secret(ctx: Context) -> int | None:
    """How many bits of them are secret."""
    tls = ctx.server_tls
    return tls.bits[0] or None if tls is not None else None


@fetch("ssl_bc_err", Type.SINT, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def fault(ctx: Context) -> int | None:
    """OpenSSL's number of what was wrong first with the handshake, or later; 0: nothing that has one. No sample where
    the handshake was given up, or never begun."""
    tls = ctx.server_tls
    if tls is None:
        return None
    number = tls.cause
    return number if number or tls.finished or TLS_EMPTY <= ctx.server_fault <= TLS_FATAL else None


@fetch("ssl_bc_client_random", Type.BIN, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def client_random(ctx: Context) -> bytes | None:
    """The random number of our hello."""
    tls = ctx.server_tls
    return tls.client_random or None if tls is not None else None


@fetch("ssl_bc_server_random", Type.BIN, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def server_random(ctx: Context) -> bytes | None:
    """The random number of the server's hello."""
    tls = ctx.server_tls
    return tls.server_random or None if tls is not None else None


@fetch("ssl_bc_session_id", Type.BIN, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def session_id(ctx: Context) -> bytes | None:
    """The identifier of the TLS session."""
    tls = ctx.server_tls
    return tls.session_id or None if tls is not None else None


@fetch("ssl_bc_session_key", Type.BIN, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def session_key(ctx: Context) -> bytes | None:
    """The master key of the TLS session: whoever has it can read the traffic of TLS 1.2."""
    tls = ctx.server_tls
    return tls.master_key or None if tls is not None else None


@fetch("ssl_bc_unique_id", Type.BIN, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def unique_id(ctx: Context) -> bytes | None:
    """What both ends know of this connection alone (RFC 5929, 3)."""
    tls = ctx.server_tls
    return binding_of(tls, True) if tls is not None else None


@fetch("ssl_bc_err_str", Type.STR, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def fault_text(ctx: Context) -> bytes | None:
    """The fault in OpenSSL's words. No sample where nothing was wrong."""
    number = fault(ctx)
    return error_text(number) if number else None


@fetch("ssl_bc_npn", Type.STR, Where.SERVER_SIDE, Reads.NOTHING, "7.3.4")
def protocol_by_npn(_: Context) -> bytes | None:
    """The protocol that was agreed on by NPN, which came before ALPN: none, for `npn` is refused on server lines."""
    return None


@fetch("ssl_bc_client_early_traffic_secret", Type.STR, HANDSHAKEN, Reads.MOVING, "7.3.4")
def client_early_traffic_secret(ctx: Context) -> bytes | None:
    """The secret of early data."""
    return secret_of(ctx.server_tls, b"CLIENT_EARLY_TRAFFIC_SECRET ")


@fetch("ssl_bc_client_handshake_traffic_secret", Type.STR, HANDSHAKEN, Reads.MOVING, "7.3.4")
def client_handshake_traffic_secret(ctx: Context) -> bytes | None:
    """The secret of what the client sends in the handshake."""
    return secret_of(ctx.server_tls, b"CLIENT_HANDSHAKE_TRAFFIC_SECRET ")


@fetch("ssl_bc_server_handshake_traffic_secret", Type.STR, HANDSHAKEN, Reads.MOVING, "7.3.4")
def server_handshake_traffic_secret(ctx: Context) -> bytes | None:
    """The secret of what the server sends in the handshake."""
    return secret_of(ctx.server_tls, b"SERVER_HANDSHAKE_TRAFFIC_SECRET ")


@fetch("ssl_bc_client_traffic_secret_0", Type.STR, HANDSHAKEN, Reads.MOVING, "7.3.4")
def client_traffic_secret_0(ctx: Context) -> bytes | None:
    """The secret of what the client sends."""
    return secret_of(ctx.server_tls, b"CLIENT_TRAFFIC_SECRET_0 ")


@fetch("ssl_bc_server_traffic_secret_0", Type.STR, HANDSHAKEN, Reads.MOVING, "7.3.4")
def server_traffic_secret_0(ctx: Context) -> bytes | None:
    """The secret of what the server sends."""
    return secret_of(ctx.server_tls, b"SERVER_TRAFFIC_SECRET_0 ")


@fetch("ssl_bc_exporter_secret", Type.STR, HANDSHAKEN, Reads.MOVING, "7.3.4")
def exporter_secret(ctx: Context) -> bytes | None:
    """The secret that others derive keys from."""
    return secret_of(ctx.server_tls, b"EXPORTER_SECRET ")


@fetch("ssl_bc_early_exporter_secret", Type.STR, HANDSHAKEN, Reads.MOVING, "7.3.4")
def early_exporter_secret(ctx: Context) -> bytes | None:
    """The secret that others derive keys from before the handshake is over."""
    return secret_of(ctx.server_tls, b"EARLY_EXPORTER_SECRET ")
