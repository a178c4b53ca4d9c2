"""What a `bind` line finally says of TLS: its own words over the defaults of `global`, lists of certificates included.

    tls = front_tls(configuration, bind, http, diagnostics)

The live part (tls/front.py) needs nothing else. ALPN and versions are resolved here, because they depend on the mode of
the frontend and on all that was said; so are the lines of crt-lists that say any of these.
"""

from dataclasses import replace
from typing import Final

from pointsman.config.bind import Bind
from pointsman.config.setting import Configuration
from pointsman.config.tls_global import bind_defaults, spoken
from pointsman.config.tls_values import NO_HTTP2, wire, without_http2
from pointsman.core.diagnostics import Diagnostics
from pointsman.tls.options import NO_PROTOCOLS, VERSIONS, BindTls, CertificateLine, CertificateList, FrontOptions, over

OFFER: Final = wire(b"http/1.1")  # of HTTP frontends; "h2" comes before it once HTTP/2 is built (manual 5.1, alpn)


def front_tls(configuration: Configuration, bind: Bind, http: bool, diagnostics: Diagnostics) -> BindTls:
    """All of it; `http`: the frontend's mode. Warnings tell what cannot be meant; what OpenSSL refuses comes later."""
    said = bind.parameters.tls
    default = bind_defaults(configuration)
    subject = f"bind '{bind.text}'"
    low, high = spoken(default, said, subject, bind.at, diagnostics)
    resolving = _Resolving(bind, http, low, high, diagnostics)
    return replace(
        over(default, said),
        min_version=low,
        max_version=high,
        without=None,
        alpn=resolving.offer(said.alpn),
        certificates=tuple(resolving.certificates(one) for one in said.certificates),
    )


class _Resolving:
    """What one bind line and its lists have in common."""

    def __init__(self, bind: Bind, http: bool, low: str, high: str, diagnostics: Diagnostics) -> None:
        self.bind = bind
        self.http = http
        self.low = low
        self.high = high
        self.diagnostics = diagnostics
        self.told = False

    def offer(self, alpn: bytes | None) -> bytes:
        """What clients may choose from. In TCP mode nothing is looked at, so "h2" may pass."""
        if not self.http:
            return NO_PROTOCOLS if alpn is None else alpn
        if alpn is None:
            return OFFER
        kept = without_http2(alpn)
        if kept != alpn and not self.told:
            self.told = True
            self.diagnostics.warning(f"'bind {self.bind.text}' : 'alpn' : {NO_HTTP2} (manual 5.1)", self.bind.at)
        return kept

    def certificates(self, one: CertificateLine | CertificateList) -> CertificateLine | CertificateList:
        """A list whose lines say something of their own is made anew."""
        if isinstance(one, CertificateLine) or all(line.options == _NOTHING for line in one.lines):
            return one
        return replace(one, lines=tuple(self._line(line) for line in one.lines))

    def _line(self, line: CertificateLine) -> CertificateLine:
        said = line.options
        if said == _NOTHING:
            return line
        options = said
        if said.alpn is not None:
            options = replace(options, alpn=self.offer(said.alpn))
        if said.min_version or said.max_version:  # what the bind line does not speak, no line of a list can add
            low = max(said.min_version or self.low, self.low, key=VERSIONS.index)
            high = min(said.max_version or self.high, self.high, key=VERSIONS.index)
            options = replace(options, min_version=low, max_version=high)
        return line if options == said else replace(line, options=options)


_NOTHING: Final = FrontOptions()
