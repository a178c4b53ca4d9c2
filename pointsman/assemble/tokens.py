"""What converters know of JSON web tokens (manual 7.3.1, jwt_verify_cert): the certificates in memory, which they name,
and what is allowed of encrypted ones."""

from pointsman.assemble.live import Live
from pointsman.config.setting import Configuration
from pointsman.config.tokens import DecryptList
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.sample.converter.encrypted_tokens import ALLOWED
from pointsman.sample.converter.secrets import decoded
from pointsman.sample.converter.token_keys import CERTIFICATES, PEM, TokenCertificate
from pointsman.tls.files import TlsFileError
from pointsman.tls.options import LoadedFiles
from pointsman.tls.store import Certificate, Store


def prepare_tokens(live: Live, configuration: Configuration, diagnostics: Diagnostics) -> None:
    """Once all else has named its certificates: load those that converters alone name, which says that they may check
    tokens."""
    store = live.tls_store
    for name, at in CERTIFICATES.wanted.items():
        if store.named(name) is None and name not in store.empty:
            try:
                store.stored(LoadedFiles(name=name, crt=name, jwt=True, at=at))
            except TlsFileError as error:
                diagnostics.add(ConfigError(f"a converter names a certificate: {error}", at).finding)
    CERTIFICATES.find = Memory(store).find
    ALLOWED.reset()
    for said in configuration.main.all(DecryptList):
        if said.content:
            ALLOWED.content = said.names
        else:
            ALLOWED.algorithms = said.names


class Memory:
    def __init__(self, store: Store) -> None:
        self.store = store

    def find(self, name: bytes) -> TokenCertificate | None:
        found = self.store.named(name.decode("utf-8", "surrogateescape"))
        if found is None:
            return None
        if isinstance(found, Certificate):
            identity = found.identity
            return TokenCertificate(identity.leaf, lambda: identity.key, found.jwt)
        first = PEM.search(found.material.chain)
        leaf = decoded(b"".join(first[2].split())) if first is not None else None
        return None if leaf is None else TokenCertificate(leaf, lambda: b"", found.jwt)
