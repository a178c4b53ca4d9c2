"""What numbers about certificates mean (manual 7.3.1)."""

from pointsman.sample.registry import converter
from pointsman.sample.types import Type
from pointsman.tls.verify_errors import NAMES


@converter("x509_v_err_str", Type.SINT, Type.STR)
def verify_error_name(value: int) -> bytes:
    """The name of the constant for an error of verification (X509_V_ERR_CERT_HAS_EXPIRED); a number that has none stays
    one. ca-ignore-err and crt-ignore-err take the same names."""
    name = NAMES.get(value)
    return name.encode() if name is not None else b"%d" % value
