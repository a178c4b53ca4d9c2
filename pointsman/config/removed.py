"""Words that HAProxy once had: since when they are gone, and what replaces them.

The versions are those that the program names ("" where it names none). Words whose meaning is clear and simple are not
here but still work, with a warning (contimeout, clitimeout, srvtimeout).
"""

from typing import Final

_REQUEST = "use 'http-request {}' (manual 4.4)"
_RESPONSE = "use 'http-response {}' (manual 4.4)"

REMOVED: Final[dict[str, tuple[str, str]]] = {
    "reqadd": ("2.1", _REQUEST.format("add-header")),
    "reqallow": ("2.1", _REQUEST.format("allow")),
    "reqiallow": ("2.1", _REQUEST.format("allow")),
    "reqdel": ("2.1", _REQUEST.format("del-header")),
    "reqidel": ("2.1", _REQUEST.format("del-header")),
    "reqdeny": ("2.1", _REQUEST.format("deny")),
    "reqideny": ("2.1", _REQUEST.format("deny")),
    "reqpass": ("2.1", "write a condition that leaves these requests out of the rule"),
    "reqipass": ("2.1", "write a condition that leaves these requests out of the rule"),
    "reqrep": ("2.1", "use 'http-request replace-path', 'http-request replace-uri' or 'http-request replace-header'"),
    "reqirep": ("2.1", "use 'http-request replace-path', 'http-request replace-uri' or 'http-request replace-header'"),
    "reqtarpit": ("2.1", _REQUEST.format("tarpit")),
    "reqitarpit": ("2.1", _REQUEST.format("tarpit")),
    "rspadd": ("2.1", _RESPONSE.format("add-header")),
    "rspdel": ("2.1", _RESPONSE.format("del-header")),
    "rspidel": ("2.1", _RESPONSE.format("del-header")),
    "rspdeny": ("2.1", _RESPONSE.format("deny")),
    "rspideny": ("2.1", _RESPONSE.format("deny")),
    "rsprep": ("2.1", _RESPONSE.format("replace-header")),
    "rspirep": ("2.1", _RESPONSE.format("replace-header")),
    "block": ("2.1", "use 'http-request deny' with the same condition (manual 4.4)"),
    "redispatch": ("2.1", "use 'option redispatch' (manual 4.2)"),
    "appsession": ("1.6", "use 'stick-table' and 'stick on' (manual 4.2)"),
    "monitor-net": ("", "use 'http-request return status 200 if { src <network> }' (manual 4.4)"),
    "dispatch": ("", "use a 'server' line (manual 5.2)"),
    "transparent": ("", "use 'server' with the address 0.0.0.0 (manual 5.2)"),
    "option transparent": ("", "use 'server' with the address 0.0.0.0 (manual 5.2)"),
    "option http_proxy": ("2.5", "use 'http-request set-dst' and 'http-request set-uri' (manual 4.4)"),
    "option forceclose": ("2.0", "remove it, or use 'option httpclose' (manual 4.2)"),
    "option http-tunnel": ("2.1", "remove it"),
    "option http-use-htx": ("", "remove it"),
    "option tcpsplice": ("", "use 'option splice-auto' (manual 4.2)"),
    "bind-process": ("2.7", "remove it: it has no effect without nbproc"),
    "nbproc": ("2.5", "use 'nbthread' (manual 3.1)"),
    "program": ("", "start the program by the service manager"),
}


def removed(word: str) -> tuple[str, str] | None:
    """The version that dropped the word ("" if not known), and what to do instead."""
    return REMOVED.get(word)
