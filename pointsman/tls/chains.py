"""What is sent behind a certificate: a chain that lacks its issuers is completed, and a root is left out where nobody
needs it (manual 3.1, issuers-chain-path and ssl-skip-self-issued-ca)."""

import os
from dataclasses import replace
from pathlib import Path

from pointsman.core.tls import Certificate, pem_certificates
from pointsman.tls.files import CERTIFICATES, Material, TlsFileError, blocks


class Chains:
    """`folder`: files of chains, each from the issuer of some certificates on; "": none."""

    def __init__(self, folder: str = "", skip_self_issued: bool = False) -> None:
        self.folder = folder
        self.skip_self_issued = skip_self_issued
        self.known: list[tuple[Certificate, bytes]] | None = None  # the first certificate of each file, and all of it

    def completed(self, material: Material) -> Material:
        """The same with the chain that is sent. TlsFileError: the folder cannot be read."""
        if not self.folder and not self.skip_self_issued:
            return material
        texts = [block for kind, block in blocks(material.chain) if kind in CERTIFICATES]
        ders = pem_certificates(material.chain)
        if len(texts) == 1 and self.folder:
            leaf = Certificate(ders[0])
            for issuer, chain in self._chains():
                if leaf.issued_by(issuer):
                    return replace(material, chain=texts[0] + chain, issuer=material.issuer or chain)
        if self.skip_self_issued and len(texts) > 1 and Certificate(ders[-1]).self_signed:
            return replace(material, chain=b"".join(texts[:-1]), issuer=material.issuer or texts[-1])
        return material

    def _chains(self) -> list[tuple[Certificate, bytes]]:
        if self.known is None:
            self.known = []
            try:
                for name in sorted(os.listdir(self.folder)):
                    path = Path(self.folder, name)
                    if path.is_file():
                        self._take(path.read_bytes())
            except OSError as error:
                raise TlsFileError(f"unable to read the chains of '{self.folder}' : {error.strerror}.") from None
        return self.known

    def _take(self, text: bytes) -> None:
        """A file that holds no certificate is no chain."""
        assert self.known is not None
        try:
            ders = pem_certificates(text)
        except ValueError:
            return
        if ders:
            found = [block for kind, block in blocks(text) if kind in CERTIFICATES]
            self.known.append((Certificate(ders[0]), b"".join(found)))
