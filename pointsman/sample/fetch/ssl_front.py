"""What TLS knows of the client's connection (manual 7.3.4). Certificates stand in ssl_certificates.py, what the hello
of the client says in ssl_hello.py.

Of a clear connection two things are known, that it is clear and that it was not resumed; all else is no sample. A
handshake that failed has left what was known until then, for error-log-format.
"""

from typing import Final

from pointsman.core.tls import Connection, error_text
from pointsman.sample.context import Context
from pointsman.sample.registry import HANDSHAKEN, fetch
from pointsman.sample.types import Reads, Type

NO_CIPHER: Final = b"(NONE)"  # so the program says it


def settled(ctx: Context) -> Connection | None:
    """The client's connection, unless early data is all that came of it: that may be a replay."""
    tls = ctx.session.tls
    return tls if tls is not None and not tls.early else None


@fetch("ssl_fc", Type.BOOL, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def is_tls(ctx: Context) -> bool:
    """Whether the client's connection uses TLS."""
    return ctx.session.tls is not None


@fetch("ssl_fc_has_sni", Type.BOOL, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def has_sni(ctx: Context) -> bool:
    """Whether the client named a server in its hello."""
    tls = ctx.session.tls
    return tls is not None and tls.name is not None


@fetch("ssl_fc_is_resumed", Type.BOOL, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def is_resumed(ctx: Context) -> bool:
    """Whether an earlier TLS session was resumed."""
    tls = ctx.session.tls
    return tls is not None and tls.resumed


@fetch("ssl_fc_has_crt", Type.BOOL, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def has_certificate(ctx: Context) -> bool | None:
    """Whether the client has shown a certificate in this handshake. One of a session that was resumed does not count:
    ssl_c_used."""
    tls = ctx.session.tls
    return tls.shown if tls is not None and tls.finished else None


@fetch("ssl_fc_has_early", Type.BOOL, HANDSHAKEN, Reads.MOVING, "7.3.4")
def has_early_data(ctx: Context) -> bool | None:
    """Whether there was early data, and the handshake is not over yet, so that it may be a replay."""
    tls = ctx.session.tls
    return tls.early if tls is not None else None


@fetch("ssl_fc_early_rcvd", Type.BOOL, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def received_early_data(ctx: Context) -> bool | None:
    """Whether there was early data, even if the handshake is over by now."""
    tls = ctx.session.tls
    return tls.early_seen if tls is not None else None


@fetch("ssl_fc_sni", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def server_name(ctx: Context) -> bytes | None:
    """The server that the client named in its hello, in its own letters."""
    tls = ctx.session.tls
    return tls.name if tls is not None else None


@fetch("ssl_fc_alpn", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def protocol_above(ctx: Context) -> bytes | None:
    """The protocol that was agreed on by ALPN."""
    tls = ctx.session.tls
    return tls.alpn if tls is not None else None


@fetch("ssl_fc_npn", Type.STR, HANDSHAKEN, Reads.NOTHING, "7.3.4")
def protocol_by_npn(_: Context) -> bytes | None:
    """The protocol that was agreed on by NPN, which came before ALPN: none, for `npn` is refused on bind lines."""
    return None


@fetch("ssl_fc_protocol", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def version(ctx: Context) -> bytes | None:
    """The version: TLSv1.2, TLSv1.3."""
    tls = ctx.session.tls
    return tls.protocol if tls is not None else None


def cipher_of(tls: Connection) -> bytes:
    """Its suite, or that there is none yet."""
    return tls.cipher or NO_CIPHER


@fetch("ssl_fc_cipher", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def cipher(ctx: Context) -> bytes | None:
    """The suite of ciphers, by OpenSSL's name."""
    tls = ctx.session.tls
    return cipher_of(tls) if tls is not None else None


def curve_of(tls: Connection) -> bytes | None:
    """The group in which keys were agreed on, which the program has in capitals."""
    group = tls.group
    return group.upper() if group is not None else None


@fetch("ssl_fc_curve", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def curve(ctx: Context) -> bytes | None:
    """The group in which keys were agreed on: X25519, SECP256R1."""
    tls = ctx.session.tls
    return curve_of(tls) if tls is not None else None


@fetch("ssl_fc_alg_keysize", Type.SINT, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def size_of_algorithm(ctx: Context) -> int | None:
    """How many bits the keys of the cipher have."""
    tls = ctx.session.tls
    return tls.bits[1] or None if tls is not None else None


@fetch("ssl_fc_use_keysize", Type.SINT, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def size_of_secret(ctx: Context) -> int | None:
    """How many bits of them are secret."""
    tls = ctx.session.tls
    return tls.bits[0] or None if tls is not None else None


@fetch("ssl_fc_err", Type.SINT, HANDSHAKEN, Reads.MOVING, "7.3.4")
def fault(ctx: Context) -> int | None:
    """OpenSSL's number of what was wrong first with the handshake, or later; 0: nothing."""
    tls = settled(ctx)
    return tls.cause if tls is not None else None


@fetch("ssl_fc_err_str", Type.STR, HANDSHAKEN, Reads.MOVING, "7.3.4")
def fault_text(ctx: Context) -> bytes | None:
    """The same in OpenSSL's words. No sample where nothing was wrong."""
    number = fault(ctx)
    return error_text(number) if number else None


@fetch("ssl_fc_crtname", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def name_of_certificate(ctx: Context) -> bytes | None:
    """The name of the certificate that was shown to the client, as "show ssl cert" has it."""
    tls = ctx.session.tls
    return tls.label if tls is not None else None


@fetch("ssl_fc_client_random", Type.BIN, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def client_random(ctx: Context) -> bytes | None:
    """The random number of the client's hello."""
    tls = ctx.session.tls
    return tls.client_random or None if tls is not None else None


@fetch("ssl_fc_server_random", Type.BIN, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def server_random(ctx: Context) -> bytes | None:
    """The random number of our hello."""
    tls = ctx.session.tls
    return tls.server_random or None if tls is not None else None


@fetch("ssl_fc_session_id", Type.BIN, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def session_id(ctx: Context) -> bytes | None:
    """The identifier of the TLS session."""
    tls = ctx.session.tls
    return tls.session_id or None if tls is not None else None


@fetch("ssl_fc_session_key", Type.BIN, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def session_key(ctx: Context) -> bytes | None:
    """The master key of the TLS session: whoever has it can read the traffic of TLS 1.2."""
    tls = ctx.session.tls
    return tls.master_key or None if tls is not None else None


def binding_of(tls: Connection, of_client: bool) -> bytes | None:
    """The channel binding tls-unique (RFC 5929, 3): the first Finished of the handshake, which is the server's where a
    session was resumed. `of_client`: this end is the client."""
    return (tls.own_finished if of_client != tls.resumed else tls.peer_finished) or None


@fetch("ssl_fc_unique_id", Type.BIN, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def unique_id(ctx: Context) -> bytes | None:
    """What both ends know of this connection alone (RFC 5929, 3)."""
    tls = settled(ctx)
    return binding_of(tls, False) if tls is not None else None


def secret_of(tls: Connection | None, label: bytes) -> bytes | None:
    """The secret of that label in the key log, in hexadecimal digits, once the handshake is over. Nothing is kept
    without tune.ssl.keylog."""
    lines = tls.secrets if tls is not None and tls.finished else None
    if lines is not None:
        for line in lines:
            if line.startswith(label):  # and a space
                return line[line.rindex(b" ") + 1 :]
    return None


@fetch("ssl_fc_client_early_traffic_secret", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def client_early_traffic_secret(ctx: Context) -> bytes | None:
    """The secret of early data."""
    return secret_of(ctx.session.tls, b"CLIENT_EARLY_TRAFFIC_SECRET ")


@fetch("ssl_fc_client_handshake_traffic_secret", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def client_handshake_traffic_secret(ctx: Context) -> bytes | None:
    """The secret of what the client sends in the handshake."""
    return secret_of(ctx.session.tls, b"CLIENT_HANDSHAKE_TRAFFIC_SECRET ")


@fetch("ssl_fc_server_handshake_traffic_secret", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def server_handshake_traffic_secret(ctx: Context) -> bytes | None:
    """The secret of what the server sends in the handshake."""
    return secret_of(ctx.session.tls, b"SERVER_HANDSHAKE_TRAFFIC_SECRET ")


@fetch("ssl_fc_client_traffic_secret_0", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def client_traffic_secret_0(ctx: Context) -> bytes | None:
    """The secret of what the client sends."""
    return secret_of(ctx.session.tls, b"CLIENT_TRAFFIC_SECRET_0 ")


@fetch("ssl_fc_server_traffic_secret_0", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def server_traffic_secret_0(ctx: Context) -> bytes | None:
    """The secret of what the server sends."""
    return secret_of(ctx.session.tls, b"SERVER_TRAFFIC_SECRET_0 ")


@fetch("ssl_fc_exporter_secret", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def exporter_secret(ctx: Context) -> bytes | None:
    """The secret that others derive keys from."""
    return secret_of(ctx.session.tls, b"EXPORTER_SECRET ")


@fetch("ssl_fc_early_exporter_secret", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def early_exporter_secret(ctx: Context) -> bytes | None:
    """The secret that others derive keys from before the handshake is over."""
    return secret_of(ctx.session.tls, b"EARLY_EXPORTER_SECRET ")
