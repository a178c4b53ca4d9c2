"""The words of TLS on `server` and `default-server` lines (manual 5.2), one small function each.

Most of them mean something without `ssl` as well: for checks (`check-ssl`), and once it is switched on at run time.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pointsman.config.acls import acls_of
from pointsman.config.certificates import Referring, refer
from pointsman.config.parameters import Parameter, Words
from pointsman.config.server_words import SERVER_WORDS, ServerParameters, server_word
from pointsman.config.tls_values import authorities, protocols, version
from pointsman.core.diagnostics import ConfigError
from pointsman.core.registry import Registry
from pointsman.core.tls import MISSING
from pointsman.sample.expression import parse_expression
from pointsman.sample.types import Type, Where
from pointsman.tls.options import VERSIONS, ServerTls

ForTls = Callable[[Words, ServerTls], ServerTls]


DEFAULT_WORDS: Final[Registry[Parameter[ServerTls]]] = Registry("option of ssl-default-server-options")


def tls_word(name: str, values: int = 1, default: bool = False) -> Callable[[ForTls], ForTls]:
    """Register a word that changes nothing but what a line says of TLS; default: for ssl-default-server-options too."""

    def record(parse: ForTls) -> ForTls:
        def on_server(words: Words, server: ServerParameters) -> ServerParameters:
            return replace(server, tls=parse(words, server.tls))

        on_server.__doc__ = parse.__doc__
        SERVER_WORDS.add(name, Parameter(name, on_server, values))
        if default:
            DEFAULT_WORDS.add(name, Parameter(name, parse, values))
        return parse

    return record


def tls_flag(name: str, change: Callable[[ServerTls], ServerTls], default: bool = False) -> None:
    """A word without values."""
    tls_word(name, 0, default)(lambda words, tls: change(tls))


@tls_word("ssl", 0)
def ssl(words: Words, tls: ServerTls) -> ServerTls:
    """ssl: connections to the server are encrypted, and checks of its own address as well."""
    _check_built(words)
    return replace(tls, ssl=True, ready=True)


@tls_word("check-ssl", 0)
def check_ssl(words: Words, tls: ServerTls) -> ServerTls:
    """check-ssl: checks are encrypted, whether traffic is or not, and wherever they go."""
    _check_built(words)
    return replace(tls, check=True)


def _check_built(words: Words) -> None:
    if MISSING:
        raise words.wrong(MISSING)


tls_flag("allow-0rtt", lambda tls: replace(tls, early_data=True))
tls_flag("check-sni-auto", lambda tls: replace(tls, check_sni_auto=True))
tls_flag("no-check-sni-auto", lambda tls: replace(tls, check_sni_auto=False))
tls_flag("no-check-ssl", lambda tls: replace(tls, check=False))
tls_flag("no-renegotiate", lambda tls: replace(tls, renegotiate=False), default=True)
tls_flag("no-sni-auto", lambda tls: replace(tls, sni_auto=False))
tls_flag("no-ssl", lambda tls: replace(tls, ssl=False))
tls_flag("no-ssl-reuse", lambda tls: replace(tls, reuse=False))
tls_flag("no-tls-tickets", lambda tls: replace(tls, tickets=False), default=True)
tls_flag("no-verifyhost", lambda tls: replace(tls, verify_host=""))
tls_flag("renegotiate", lambda tls: replace(tls, renegotiate=True), default=True)
tls_flag("sni-auto", lambda tls: replace(tls, sni_auto=True))
tls_flag("ssl-reuse", lambda tls: replace(tls, reuse=True))
tls_flag("tls-tickets", lambda tls: replace(tls, tickets=True))


def _forced(version: str) -> Callable[[ServerTls], ServerTls]:
    return lambda tls: replace(tls, min_version=version, max_version=version)


def _without(version: str) -> Callable[[ServerTls], ServerTls]:
    return lambda tls: replace(tls, without=(tls.without or frozenset()) | {version})


for _name, _version in zip(("sslv3", "tlsv10", "tlsv11", "tlsv12", "tlsv13"), VERSIONS):
    tls_flag(f"force-{_name}", _forced(_version), default=True)
    tls_flag(f"no-{_name}", _without(_version), default=True)


@tls_word("alpn")
def alpn(words: Words, tls: ServerTls) -> ServerTls:
    """alpn <protocols>: what is offered to the server, with commas between them.

    What becomes of "h2" depends on the backend's mode: see assemble/server_tls.py.
    """
    return replace(tls, alpn=protocols(words, keep_http2=True))


@tls_word("check-alpn")
def check_alpn(words: Words, tls: ServerTls) -> ServerTls:
    """check-alpn <protocols>: what checks offer; without it, what `alpn` says."""
    return replace(tls, check_alpn=protocols(words, keep_http2=True))


@tls_word("ca-file")
def ca_file(words: Words, tls: ServerTls) -> ServerTls:
    """ca-file <file|folder|@system-ca>: who may have signed the server's certificate."""
    return replace(tls, ca_file=authorities(words, "missing CAfile path"))


@tls_word("crl-file")
def crl_file(words: Words, tls: ServerTls) -> ServerTls:
    """crl-file <file>: certificates that were revoked."""
    return replace(tls, crl_file=authorities(words, "missing CRLfile path"))


@tls_word("crt")
def crt(words: Words, tls: ServerTls) -> ServerTls:
    """crt <file>: the certificate that is shown to the server where it asks for one, and its key."""
    word = words.value("missing certificate file path", "<file>")
    (files,) = refer(words.args.configuration, word, Referring(f"{words.said} : 'crt'"), bundles=False)
    return replace(tls, crt=files)


@tls_word("check-sni")
def check_sni(words: Words, tls: ServerTls) -> ServerTls:
    """check-sni <name>: the name in the hello of checks."""
    return replace(tls, check_sni=words.value("missing value", "<name>").text)


@tls_word("ciphers")
def ciphers(words: Words, tls: ServerTls) -> ServerTls:
    """ciphers <ciphers>: up to TLS 1.2, in the words of openssl-ciphers(1)."""
    return replace(tls, ciphers=words.value("missing cipher suite").text)


@tls_word("ciphersuites")
def ciphersuites(words: Words, tls: ServerTls) -> ServerTls:
    """ciphersuites <ciphersuites>: those of TLS 1.3."""
    return replace(tls, ciphersuites=words.value("missing cipher suite").text)


@tls_word("client-sigalgs")
def client_sigalgs(words: Words, tls: ServerTls) -> ServerTls:
    """client-sigalgs <sigalgs>: what our own certificate may be proven with."""
    return replace(tls, client_sigalgs=words.value("missing signature algorithm list").text)


@tls_word("curves")
def curves(words: Words, tls: ServerTls) -> ServerTls:
    """curves <curves>: groups for the exchange of keys, with colons between them."""
    return replace(tls, curves=words.value("missing curve suite").text)


@tls_word("sigalgs")
def sigalgs(words: Words, tls: ServerTls) -> ServerTls:
    """sigalgs <sigalgs>: what signatures of the server are accepted."""
    return replace(tls, sigalgs=words.value("missing signature algorithm list").text)


@tls_word("ktls")
def ktls(words: Words, tls: ServerTls) -> ServerTls:
    """ktls on|off: the kernel encrypts; here it never does."""
    at = words.word.at
    if words.choice(("on", "off"), "expects 'on' or 'off'") == "on":
        words.args.diagnostics.notice(
            f"{words.said} : 'ktls' has no effect: TLS of the kernel is not used here (manual 5.2)", at
        )
    return tls


@tls_word("ssl-max-ver", default=True)
def ssl_max_ver(words: Words, tls: ServerTls) -> ServerTls:
    """ssl-max-ver <version>: that one or an older one."""
    return replace(tls, max_version=version(words))


@tls_word("ssl-min-ver", default=True)
def ssl_min_ver(words: Words, tls: ServerTls) -> ServerTls:
    """ssl-min-ver <version>: that one or a newer one."""
    return replace(tls, min_version=version(words))


@tls_word("verify")
def verify(words: Words, tls: ServerTls) -> ServerTls:
    """verify none|required: whether the server's certificate has to be a good one."""
    word = words.value("missing verify method", "none or required")
    if word.text not in ("none", "required"):
        raise words.wrong(
            f"unknown verify method '{word.text}', only 'none' and 'required' are supported.", word, "none or required"
        )
    return replace(tls, verify=word.text)


@tls_word("verifyhost")
def verifyhost(words: Words, tls: ServerTls) -> ServerTls:
    """verifyhost <hostname>: whose certificate it has to be, where the hello names nobody."""
    return replace(tls, verify_host=words.value("missing hostname to verify against", "<hostname>").text)


@server_word("sni")
def sni(words: Words, server: ServerParameters) -> ServerParameters:
    """sni <expression>: the name in the hello, which the certificate has to be for as well."""
    word = words.value("missing sni expression", "a sample expression")
    expression = parse_expression(word, Where.REQUEST, acls_of(words.args.section))
    if expression.cast_to(Type.STR) is None:
        raise ConfigError(f"{words.said} : 'sni' : '{word.text}' cannot be a name", word.at, "what yields a string")
    return replace(server, sni=expression)
