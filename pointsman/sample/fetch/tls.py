"""TLS (manual 7.3.4): what clear connections answer. Until there is TLS, all connections are clear.

Two things are known of a clear connection, that it is clear and that it was not resumed; all else is no sample.
"""

from typing import Final

from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.registry import Getter, fetch, fetch_with
from pointsman.sample.types import Reads, Type, Value, Where

SIDE: Final = Where.SESSION & ~Where.TCP_REQ_CON  # a handshake comes behind the first rules

# Names of the family by type, without prefix; those of a certificate exist for the client's, ours and the server's.
STRINGS: Final = "alpn cipher curve npn protocol sni crtname err_str"
NUMBERS: Final = "alg_keysize use_keysize err protocol_hello_id cipherlist_xxh"
BLOCKS: Final = "client_random server_random session_id session_key unique_id"
BOOLS: Final = "early_rcvd has_crt has_early"
SECRETS: Final = (
    "client_early_traffic_secret client_handshake_traffic_secret client_traffic_secret_0 "
    "early_exporter_secret exporter_secret server_handshake_traffic_secret server_traffic_secret_0"
)
HELLO_STRINGS: Final = "cipherlist_bin cipherlist_str eclist_bin extlist_bin"
HELLO_BLOCKS: Final = "cipherlist_hex sigalgs_bin supported_versions_bin"
CERTIFICATE_STRINGS: Final = "key_alg notafter notbefore sig_alg"
CERTIFICATE_BLOCKS: Final = "der serial sha1"


def _nothing(_: Context) -> Value | None:
    return None


def _no_sample(_: Arguments) -> Getter:
    """What only a TLS connection knows."""
    return _nothing


def _clear(names: str, prefix: str, kind: Type, where: Where = SIDE, arguments: str = "") -> None:
    for name in names.split():
        fetch_with(prefix + name, arguments, kind, where, Reads.CONNECTION, "7.3.4")(_no_sample)


_clear(STRINGS + " " + SECRETS + " ecformats_bin", "ssl_fc_", Type.STR)
_clear(NUMBERS, "ssl_fc_", Type.SINT)
_clear(BLOCKS, "ssl_fc_", Type.BIN)
_clear(BOOLS, "ssl_fc_", Type.BOOL)
_clear(HELLO_STRINGS, "ssl_fc_", Type.STR, arguments="([integer])")
_clear(HELLO_BLOCKS, "ssl_fc_", Type.BIN, arguments="([integer])")
for _certificate in ("ssl_c_", "ssl_f_", "ssl_s_"):
    _clear(CERTIFICATE_STRINGS, _certificate, Type.STR)
    _clear(CERTIFICATE_BLOCKS, _certificate, Type.BIN)
    _clear("version", _certificate, Type.SINT)
    _clear("i_dn s_dn", _certificate, Type.STR, arguments="([string,integer,string])")
_clear("chain_der", "ssl_c_", Type.BIN)
_clear("chain_der", "ssl_s_", Type.BIN)
_clear("ca_err ca_err_depth err verify", "ssl_c_", Type.SINT)
_clear("used", "ssl_c_", Type.BOOL)
_clear("san", "ssl_c_", Type.STR)
_clear("policies", "ssl_c_", Type.STR, arguments="([string])")
_clear("r_dn", "ssl_c_", Type.STR, arguments="([string,integer,string])")
_clear("alpn cipher curve npn protocol sni err_str", "ssl_bc_", Type.STR, Where.SERVER_SIDE)
_clear(SECRETS, "ssl_bc_", Type.STR)
_clear("alg_keysize use_keysize err", "ssl_bc_", Type.SINT, Where.SERVER_SIDE)
_clear(BLOCKS, "ssl_bc_", Type.BIN, Where.SERVER_SIDE)


@fetch("ssl_fc", Type.BOOL, SIDE, Reads.CONNECTION, "7.3.4")
def is_tls(_: Context) -> bool:
    """Whether the client's connection uses TLS."""
    return False


@fetch("ssl_fc_has_sni", Type.BOOL, SIDE, Reads.CONNECTION, "7.3.4")
def has_sni(_: Context) -> bool:
    """Whether the client named a server in its hello."""
    return False


@fetch("ssl_fc_is_resumed", Type.BOOL, SIDE, Reads.CONNECTION, "7.3.4")
def is_resumed(_: Context) -> bool:
    """Whether an earlier TLS session was resumed."""
    return False


@fetch("ssl_bc", Type.BOOL, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def server_is_tls(_: Context) -> bool:
    """Whether the server's connection uses TLS."""
    return False


@fetch("ssl_bc_is_resumed", Type.BOOL, Where.SERVER_SIDE, Reads.MOVING, "7.3.4")
def server_is_resumed(_: Context) -> bool:
    """Whether an earlier TLS session with the server was resumed."""
    return False
