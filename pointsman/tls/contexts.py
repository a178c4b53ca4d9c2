"""From what lines say to a Context (core/tls.py): versions, ciphers, verification. What both sides have in common."""

from collections.abc import Callable
from typing import Final

from pointsman.core.tls import Context
from pointsman.tls.files import SYSTEM_AUTHORITIES
from pointsman.tls.options import EVERY_ERROR, NO_PROTOCOLS, VERSIONS, Kept, TlsOptions
from pointsman.tls.store import Authorities, enlist

SPOKEN: Final = {"SSLv3": "SSLv3", "TLSv1.0": "TLSv1", "TLSv1.1": "TLSv1.1", "TLSv1.2": "TLSv1.2", "TLSv1.3": "TLSv1.3"}
LOWEST: Final = "TLSv1.2"  # where nothing is said (manual 5.1, ssl-min-ver)
MODES: Final = {"none": 0, "optional": 1, "required": 2}
ALL_ERRORS: Final = tuple(range(1, 256))
NOTHING_KEPT: Final = Kept()
COMMANDS: Final = (  # of SSL_CONF_cmd(3), and the word by which errors name them
    ("CipherString", "ciphers", "cipher list"),
    ("Ciphersuites", "ciphersuites", "TLS 1.3 cipher suites"),
    ("Groups", "curves", "curves list"),
    ("SignatureAlgorithms", "sigalgs", "signature algorithms"),
    ("ClientSignatureAlgorithms", "client_sigalgs", "client signature algorithms"),
)


class TlsSetupError(Exception):
    """OpenSSL does not accept what a line says."""


def versions(options: TlsOptions) -> tuple[str, str]:
    """The lowest and the highest version, as VERSIONS names them. TlsSetupError: none is left."""
    without = options.without or frozenset()
    lowest = options.min_version
    if lowest is None:
        lowest = LOWEST
        if options.max_version is not None and VERSIONS.index(options.max_version) < VERSIONS.index(LOWEST):
            lowest = VERSIONS[0]
    highest = options.max_version or VERSIONS[-1]
    left = [
        version for version in VERSIONS[VERSIONS.index(lowest) : VERSIONS.index(highest) + 1] if version not in without
    ]
    if not left or left[-1] == VERSIONS[0]:  # no OpenSSL of today speaks SSLv3
        raise TlsSetupError("all SSL/TLS versions are disabled")
    return left[0], left[-1]


def fill(context: Context, options: TlsOptions, kept: Kept = NOTHING_KEPT) -> None:
    """What either side can say, but for certificates and authorities."""
    low, high = versions(options)
    if options.security_level is not None:
        context.set("CipherString", f"DEFAULT:@SECLEVEL={options.security_level}")
    for command, attribute, words in COMMANDS:
        value = getattr(options, attribute)
        if value:
            try:
                context.set(command, value)
            except ValueError:
                raise TlsSetupError(f"unable to set SSL {words} to '{value}'") from None
    context.set("MinProtocol", SPOKEN[low])
    context.set("MaxProtocol", SPOKEN[high])
    if options.tickets is False:
        context.set("Options", "-SessionTicket")
    if options.alpn not in (None, NO_PROTOCOLS):
        context.alpn = options.alpn
    context.capture = kept.capture
    context.keylog = kept.keylog


def trust(context: Context, authorities: Authorities, named: bool, user: Callable[[], None]) -> None:
    """Those are to be trusted. `named`: clients are told so. `user`: is called when they change."""
    if authorities.name == SYSTEM_AUTHORITIES and not authorities.pem:
        context.trust_system()
    else:
        try:
            context.trust(authorities.pem, named)
        except ValueError as error:
            raise TlsSetupError(f"unable to load '{authorities.name}': {error}") from None
    enlist(authorities.users, user)


def ignored(errors: frozenset[int]) -> tuple[int, ...]:
    """The numbers of errors of verification that end no handshake."""
    return ALL_ERRORS if errors == EVERY_ERROR else tuple(sorted(errors))
