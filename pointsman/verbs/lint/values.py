"""What values expressions may have, for rules about patterns that never match."""

from typing import Final

from pointsman.sample.acl import Acl

HOST: Final = frozenset({"req.hdr(host)", "req.fhdr(host)", "req.hdr(host,1)", "req.hdr(host,-1)"})
SNI: Final = frozenset({"ssl_fc_sni", "req.ssl_sni", "req_ssl_sni"})
LOWERING: Final = frozenset({"lower"})
PORTS: Final = (0, 65_535)
COUNTS: Final = (0, (1 << 31) - 1)
# What integers these fetches may give, both ends included.
BOUNDS: Final = {
    "dst_port": PORTS,
    "fc_dst_port": PORTS,
    "fc_src_port": PORTS,
    "bc_dst_port": PORTS,
    "bc_src_port": PORTS,
    "src_port": PORTS,
    "status": (100, 999),
    "res.status": (100, 999),
    "avg_queue": COUNTS,
    "be_conn": COUNTS,
    "be_sess_rate": COUNTS,
    "connslots": (-1, (1 << 31) - 1),
    "fe_conn": COUNTS,
    "fe_req_rate": COUNTS,
    "fe_sess_rate": COUNTS,
    "hdr_cnt": COUNTS,
    "nbsrv": COUNTS,
    "queue": COUNTS,
    "req.body_len": COUNTS,
    "req.body_size": COUNTS,
    "req.cook_cnt": COUNTS,
    "req.fhdr_cnt": COUNTS,
    "req.hdr_cnt": COUNTS,
    "req.len": COUNTS,
    "res.hdr_cnt": COUNTS,
    "res.len": COUNTS,
    "srv_conn": COUNTS,
    "table_cnt": COUNTS,
}


def is_host(acl: Acl) -> bool:
    """It asks the Host field as it came, or in lower case."""
    return _plain(acl) in HOST


def is_sni(acl: Acl) -> bool:
    """It asks the name of a TLS hello."""
    return _plain(acl) in SNI


def _plain(acl: Acl) -> str:
    """The fetch with its arguments, where no converter but those of case is behind it."""
    expression = acl.expression
    if not LOWERING.issuperset(expression.converters):
        return ""
    name = "req.hdr" if expression.fetch == "hdr" else expression.fetch
    arguments = ",".join(one.lower() for one in expression.arguments)
    return f"{name}({arguments})" if arguments else name


def is_path(acl: Acl) -> bool:
    """It asks the path as it came, or in lower case."""
    return acl.expression.fetch == "path" and LOWERING.issuperset(acl.expression.converters)


def lowered(acl: Acl) -> bool:
    """Its value has no upper case."""
    return "lower" in acl.expression.converters
