"""What lines of a configuration say about TLS: `bind` lines, lines of crt-lists, `server` lines, and the defaults of
`global`. Frozen, and without meaning of their own: contexts are made of them (front.py, back.py)."""

from dataclasses import dataclass, fields, replace
from typing import Final, TypeVar

from pointsman.core.diagnostics import Position

VERSIONS: Final = ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")  # as lines name them, from the oldest on
EVERY_ERROR: Final = frozenset((-1,))  # `all`: no error of verification ends a handshake
NO_PROTOCOLS: Final = b""  # no-alpn


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """What either side can say of its contexts. None: it is not said here, so what stands above counts."""

    min_version: str | None = None  # one of VERSIONS (ssl-min-ver; force-tlsv1x sets both)
    max_version: str | None = None
    without: frozenset[str] | None = None  # versions that are taken out one by one (no-tlsv1x)
    ciphers: str | None = None  # of TLS 1.2 and before, in OpenSSL's words
    ciphersuites: str | None = None  # of TLS 1.3
    curves: str | None = None
    sigalgs: str | None = None
    client_sigalgs: str | None = None
    tickets: bool | None = None  # no-tls-tickets: False
    alpn: bytes | None = None  # as on the wire; NO_PROTOCOLS: none are offered
    verify: str | None = None  # none, optional (of clients alone), required
    ca_file: str | None = None  # a file or folder, its path complete; @system-ca
    crl_file: str | None = None
    early_data: bool | None = None  # allow-0rtt
    security_level: int | None = None  # ssl-security-level (SSL_CTX_set_security_level(3)); None: OpenSSL's own


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontOptions(TlsOptions):
    """What lines of crt-lists can say in brackets, and `bind` lines as well (manual 5.1)."""

    ecdhe: str | None = None  # a curve, where `curves` says nothing
    ca_verify_file: str | None = None  # trusted as ca_file, but not named to clients
    names_of_authorities: bool | None = None  # no-ca-names: False


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFiles:
    """A certificate and what belongs to it: one `load` line of a crt-store, the same words on a line of a crt-list, or
    what stands beside a file (manual 12.7.1). Paths are complete; "": not said, so it is looked for beside `crt`, as
    ssl-load-extra-files has it."""

    name: str  # by which it is known: its path, or @store/alias
    crt: str
    key: str = ""
    ocsp: str = ""
    issuer: str = ""
    sctl: str = ""
    ocsp_update: bool | None = None  # None: as ocsp-update.mode says
    generate: str = ""  # generate-dummy on: "keytype bits curve"; nothing is read then
    jwt: bool = False
    explicit: bool = False  # nothing but what is said is looked for: all of crt-stores, and lines that name other files
    at: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLine:
    """A line of a crt-list, an `ssl-f-use` line, or one `crt` or `default-crt` of a bind line."""

    files: LoadedFiles
    options: FrontOptions = FrontOptions()
    filters: tuple[str, ...] = ()  # names for which it serves, "!" before those that are excluded; none: its own names
    default: bool = False  # default-crt, or the filter "*"
    number: int = 0  # of its line, where it is one of a file
    at: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateList:
    """A crt-list: of a file, of a folder (`crt <folder>`), or @frontend of its ssl-f-use lines."""

    name: str
    lines: tuple[CertificateLine, ...]
    folder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BindTls(FrontOptions):
    """What a `bind` line says. `certificates`: in the order of the line, each a list or a single one."""

    ssl: bool = False
    certificates: tuple[CertificateLine | CertificateList, ...] = ()
    strict: bool | None = None  # strict-sni
    ignored_of_authorities: frozenset[int] = frozenset()  # ca-ignore-err; EVERY_ERROR
    ignored_of_client: frozenset[int] = frozenset()  # crt-ignore-err
    prefer_client_ciphers: bool | None = None
    ticket_keys: str = ""  # tls-ticket-keys: a file


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls(TlsOptions):
    """What a `server` line says, default-server lines included (manual 5.2). Expressions stand elsewhere."""

    ssl: bool = False
    ready: bool = False  # `ssl` was said, and perhaps taken back by `no-ssl`: it can be switched on at run time
    crt: LoadedFiles | None = None  # what is shown to servers that ask
    verify_host: str = ""  # verifyhost
    reuse: bool = True  # ssl-reuse: sessions are resumed
    renegotiate: bool | None = None  # None: as OpenSSL does by default, which follows a server that asks for it
    sni_auto: bool = True
    check: bool = False  # check-ssl
    check_sni: str = ""
    check_sni_auto: bool = True
    check_alpn: bytes | None = None  # None: as `alpn`


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What connections keep for those that ask, on both sides (tune.ssl.*)."""

    capture: int = 0  # bytes of a client's hello
    keylog: bool = False  # secrets of TLS 1.3


S = TypeVar("S", bound=TlsOptions)


def over(default: TlsOptions, said: S) -> S:
    """`said`, and where it says nothing what `default` says."""
    missing = {
        field.name: getattr(default, field.name)
        for field in fields(default)
        if hasattr(said, field.name) and getattr(said, field.name) is None
    }
    return replace(said, **missing)


def narrowed(options: FrontOptions) -> FrontOptions:
    """The part that a line of a crt-list can say, of what a bind line can say."""
    return FrontOptions(**{field.name: getattr(options, field.name) for field in fields(FrontOptions)})


def under(bind: FrontOptions, said: FrontOptions) -> FrontOptions:
    """What a line of a crt-list says, and where it says nothing its bind line (manual 5.1, crt-list).

    What is chosen only when a client's hello is there speaks no version that the bind line does not.
    """
    both = over(bind, said)
    low = max(filter(None, (both.min_version, bind.min_version)), key=VERSIONS.index, default=None)
    high = min(filter(None, (both.max_version, bind.max_version)), key=VERSIONS.index, default=None)
    return replace(both, min_version=low, max_version=high)


HTTP1: Final = b"http/1.1"
HTTP2: Final = b"h2"


def wire(*names: bytes) -> bytes:
    """Names of protocols as ALPN sends them: each behind its length (RFC 7301 3.1)."""
    return b"".join(bytes((len(name),)) + name for name in names)


def without_http2(offer: bytes) -> bytes:
    """A list of protocols as ALPN sends it, without "h2"."""
    names = list[bytes]()
    at = 0
    while at < len(offer):
        names.append(offer[at + 1 : at + 1 + offer[at]])
        at += 1 + offer[at]
    return wire(*(name for name in names if name != HTTP2))
