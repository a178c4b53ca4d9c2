"""Words of TLS on `bind` lines (manual 5.1): a model of what the line says, BindTls. Lines of crt-lists know some of
them as well, in brackets.

A word means nothing without `ssl`, but it is looked at all the same.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pointsman.config.bind import BIND_TLS, BIND_WORDS, BindParameters
from pointsman.config.certificates import as_defaults, certificates
from pointsman.config.crt_list import CRT_LIST_WORDS, read_crt_list
from pointsman.config.parameters import Parameter, Words
from pointsman.config.tls_values import authorities, ignored_errors, protocols, version
from pointsman.core.registry import Registry
from pointsman.core.tls import MISSING
from pointsman.tls.options import NO_PROTOCOLS, VERSIONS, BindTls

Parse = Callable[[Words, BindTls], BindTls]


DEFAULT_WORDS: Final[Registry[Parameter[BindTls]]] = Registry("option of ssl-default-bind-options")


def tls_word(name: str, values: int = 1, crt_list: bool = False, default: bool = False) -> Callable[[Parse], Parse]:
    """Register a word of TLS for bind lines; crt_list: for lines of crt-lists too; default: for
    ssl-default-bind-options."""

    def record(parse: Parse) -> Parse:
        def on_bind(words: Words, bind: BindParameters) -> BindParameters:
            return replace(bind, tls=parse(words, bind.tls))

        on_bind.__doc__ = parse.__doc__
        BIND_WORDS.add(name, Parameter(name, on_bind, values))
        if name != "ssl":
            BIND_TLS[name] = values
        if crt_list:
            CRT_LIST_WORDS.add(name, Parameter(name, parse, values))
        if default:
            DEFAULT_WORDS.add(name, Parameter(name, parse, values))
        return parse

    return record


@tls_word("ssl", values=0)
def ssl(words: Words, tls: BindTls) -> BindTls:
    """ssl: connections are encrypted."""
    if MISSING:
        findings = words.args.diagnostics.findings
        if not any(MISSING in finding.message for finding in findings):  # once for all lines
            raise words.wrong(MISSING)
    return replace(tls, ssl=True)


@tls_word("allow-0rtt", values=0, crt_list=True)
def allow_0rtt(words: Words, tls: BindTls) -> BindTls:
    """allow-0rtt: what clients send before the handshake is over (TLS 1.3's early data) is taken. Whoever saw it on its
    way can send it once more: rules may wait for the handshake, or deny (wait-for-handshake, ssl_fc_has_early)."""
    return replace(tls, early_data=True)


@tls_word("alpn", crt_list=True)
def alpn(words: Words, tls: BindTls) -> BindTls:
    """alpn <protocols>: which protocols clients may choose from; each statement replaces the one before.

    What becomes of "h2" depends on the frontend's mode: see tls_front.py.
    """
    return replace(tls, alpn=protocols(words, keep_http2=True))


@tls_word("no-alpn", values=0, crt_list=True)
def no_alpn(words: Words, tls: BindTls) -> BindTls:
    """no-alpn: no protocol is negotiated."""
    return replace(tls, alpn=NO_PROTOCOLS)


@tls_word("ca-file", crt_list=True)
def ca_file(words: Words, tls: BindTls) -> BindTls:
    """ca-file <cafile>: a file or folder of CAs that clients' certificates have to be of; @system-ca: the system's."""
    return replace(tls, ca_file=authorities(words, "missing CAfile path"))


@tls_word("ca-verify-file", crt_list=True)
def ca_verify_file(words: Words, tls: BindTls) -> BindTls:
    """ca-verify-file <cafile>: as ca-file, but clients are not told the names of these CAs."""
    return replace(tls, ca_verify_file=authorities(words, "missing CAfile path"))


@tls_word("ca-ignore-err")
def ca_ignore_err(words: Words, tls: BindTls) -> BindTls:
    """ca-ignore-err all|<error>[,...]: errors of CAs of the client's certificate that do not end the handshake."""
    return replace(tls, ignored_of_authorities=tls.ignored_of_authorities | ignored_errors(words))


@tls_word("crt-ignore-err")
def crt_ignore_err(words: Words, tls: BindTls) -> BindTls:
    """crt-ignore-err all|<error>[,...]: errors of the client's certificate itself that do not end the handshake."""
    return replace(tls, ignored_of_client=tls.ignored_of_client | ignored_errors(words))


@tls_word("ciphers", crt_list=True)
def ciphers(words: Words, tls: BindTls) -> BindTls:
    """ciphers <ciphers>: the ciphers of TLS 1.2 and before, in OpenSSL's words."""
    return replace(tls, ciphers=words.value("missing cipher suite", "<ciphers>").text)


@tls_word("ciphersuites", crt_list=True)
def ciphersuites(words: Words, tls: BindTls) -> BindTls:
    """ciphersuites <ciphersuites>: the ciphers of TLS 1.3, in OpenSSL's words."""
    return replace(tls, ciphersuites=words.value("missing cipher suite", "<ciphersuites>").text)


@tls_word("client-sigalgs", crt_list=True)
def client_sigalgs(words: Words, tls: BindTls) -> BindTls:
    """client-sigalgs <sigalgs>: with which algorithms clients' certificates may sign."""
    return replace(tls, client_sigalgs=words.value("missing signature algorithm list", "<sigalgs>").text)


@tls_word("crl-file", crt_list=True)
def crl_file(words: Words, tls: BindTls) -> BindTls:
    """crl-file <crlfile>: the lists of revoked certificates, one for each CA of the chain."""
    return replace(tls, crl_file=authorities(words, "missing CRLfile path"))


@tls_word("crt")
def crt(words: Words, tls: BindTls) -> BindTls:
    """crt <cert>: a certificate with its key, all those of a folder, or a bundle of one for each kind of key.

    The first one of a line is what clients get that ask for no known name.
    """
    word = words.value("missing certificate location", "a file or a folder")
    found = certificates(words.args.configuration, word, words.said)
    return replace(tls, certificates=(*tls.certificates, *(found if tls.certificates else as_defaults(found))))


@tls_word("default-crt")
def default_crt(words: Words, tls: BindTls) -> BindTls:
    """default-crt <cert>: as crt, and clients that ask for no known name may get it."""
    word = words.value("missing certificate location", "a file or a folder")
    found = certificates(words.args.configuration, word, words.said)
    return replace(tls, certificates=(*tls.certificates, *as_defaults(found)))


@tls_word("crt-list")
def crt_list(words: Words, tls: BindTls) -> BindTls:
    """crt-list <file>: certificates with options and names of their own, one a line."""
    word = words.value("missing certificate location", "<file>")
    return replace(tls, certificates=(*tls.certificates, read_crt_list(words, word)))


@tls_word("curves", crt_list=True)
def curves(words: Words, tls: BindTls) -> BindTls:
    """curves <curves>: groups for the exchange of keys, with colons between them."""
    return replace(tls, curves=words.value("missing curve suite", "<curves>").text)


@tls_word("ecdhe", crt_list=True)
def ecdhe(words: Words, tls: BindTls) -> BindTls:
    """ecdhe <named curve>: the curve for the exchange of keys, where `curves` says nothing."""
    return replace(tls, ecdhe=words.value("missing named curve", "<named curve>").text)


@tls_word("ktls", crt_list=True)
def ktls(words: Words, tls: BindTls) -> BindTls:
    """ktls on|off: the kernel's TLS. It is not used, and a notice says so."""
    if words.choice(("on", "off"), "expects 'on' or 'off'") == "on":
        words.args.diagnostics.notice(
            f"{words.said} : 'ktls' has no effect: TLS is done by OpenSSL here, never by the kernel (manual 5.1)",
            words.word.at,
        )
    return tls


@tls_word("no-ca-names", values=0, crt_list=True)
def no_ca_names(words: Words, tls: BindTls) -> BindTls:
    """no-ca-names: clients are not told the names of the CAs of ca-file."""
    return replace(tls, names_of_authorities=False)


@tls_word("prefer-client-ciphers", values=0, default=True)
def prefer_client_ciphers(words: Words, tls: BindTls) -> BindTls:
    """prefer-client-ciphers: of the ciphers that both know, the one the client likes best."""
    return replace(tls, prefer_client_ciphers=True)


@tls_word("sigalgs", crt_list=True)
def sigalgs(words: Words, tls: BindTls) -> BindTls:
    """sigalgs <sigalgs>: with which algorithms this side's certificates may sign."""
    return replace(tls, sigalgs=words.value("missing signature algorithm list", "<sigalgs>").text)


@tls_word("ssl-max-ver", crt_list=True, default=True)
def ssl_max_ver(words: Words, tls: BindTls) -> BindTls:
    """ssl-max-ver <version>: the newest version that is spoken."""
    return replace(tls, max_version=version(words))


@tls_word("ssl-min-ver", crt_list=True, default=True)
def ssl_min_ver(words: Words, tls: BindTls) -> BindTls:
    """ssl-min-ver <version>: the oldest version that is spoken."""
    return replace(tls, min_version=version(words))


@tls_word("strict-sni", values=0, default=True)
def strict_sni(words: Words, tls: BindTls) -> BindTls:
    """strict-sni: clients that ask for no known name are refused."""
    return replace(tls, strict=True)


@tls_word("no-strict-sni", values=0, default=True)
def no_strict_sni(words: Words, tls: BindTls) -> BindTls:
    """no-strict-sni: they get a default certificate, whatever was said before or in ssl-default-bind-options."""
    return replace(tls, strict=False)


@tls_word("tls-ticket-keys")
def tls_ticket_keys(words: Words, tls: BindTls) -> BindTls:
    """tls-ticket-keys <keyfile>: the keys that seal tickets, in base64, one a line."""
    return replace(tls, ticket_keys=words.value("missing TLS ticket keys file path", "<keyfile>").text)


@tls_word("tls-tickets", values=0, default=True)
def tls_tickets(words: Words, tls: BindTls) -> BindTls:
    """tls-tickets: sessions are resumed by tickets."""
    return replace(tls, tickets=True)


@tls_word("no-tls-tickets", values=0, default=True)
def no_tls_tickets(words: Words, tls: BindTls) -> BindTls:
    """no-tls-tickets: sessions are resumed from this side's memory alone."""
    return replace(tls, tickets=False)


@tls_word("verify", crt_list=True)
def verify(words: Words, tls: BindTls) -> BindTls:
    """verify none|optional|required: whether clients are asked for a certificate, and have to have one."""
    methods = ("none", "optional", "required")
    word = words.value("missing verify method", "one of " + ", ".join(methods))
    if word.text not in methods:
        raise words.wrong(
            f"unknown verify method '{word.text}', only 'none', 'optional', and 'required' are supported",
            word,
            "one of " + ", ".join(methods),
        )
    return replace(tls, verify=word.text)


def _only(version: str) -> Parse:
    def parse(words: Words, tls: BindTls) -> BindTls:
        return replace(tls, min_version=version, max_version=version)

    parse.__doc__ = f"force-{version.lower().replace('.', '')}: {version} alone is spoken."
    return parse


def _without(version: str) -> Parse:
    def parse(words: Words, tls: BindTls) -> BindTls:
        return replace(tls, without=(tls.without or frozenset()) | {version})

    parse.__doc__ = f"no-{version.lower().replace('.', '')}: {version} is not spoken."
    return parse


for _version in VERSIONS:
    _name = _version.lower().replace(".", "")
    tls_word(f"force-{_name}", values=0, default=True)(_only(_version))
    tls_word(f"no-{_name}", values=0, default=True)(_without(_version))
