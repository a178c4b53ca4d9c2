"""option http-restrict-req-hdr-names (manual 4.2): names of request fields that not every server tells apart.

An application may be handed X_Forwarded_For and X-Forwarded-For as one variable, so that rules about the one are evaded
by the other. Each proxy looks behind its http-request rules.
"""

from typing import Final

from pointsman.proto.message import Field, Request

PRESERVE: Final = 0
DELETE: Final = 1
REJECT: Final = 2
POLICIES: Final = {"preserve": PRESERVE, "delete": DELETE, "reject": REJECT}

_PLAIN: Final = b"abcdefghijklmnopqrstuvwxyz0123456789-"  # names are in lower case


def is_plain(name: bytes) -> bool:
    return not name.translate(None, _PLAIN)


def names_pass(request: Request, policy: int) -> bool:
    """False: the request is to be rejected. Under DELETE it is rid of such fields."""
    odd: list[Field] = [one for one in request.fields if not is_plain(one.name)]
    if not odd:
        return True
    if policy == REJECT:
        return False
    request.fields = [one for one in request.fields if is_plain(one.name)]
    return True
