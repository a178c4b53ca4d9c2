"""Certificates and authorities in memory, each by its name and once, whoever uses it: what `show ssl cert` lists.

They are read while a configuration is loaded; contexts (front.py, back.py) are made of what is here, and are made anew
when it changes (changes.py). Each process has its own copy: lanes get theirs when they are forked.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from pointsman.core.tls import Identity, dummy
from pointsman.tls.files import (
    SYSTEM_AUTHORITIES,
    ExtraFiles,
    Material,
    TlsFileError,
    read_authorities,
    read_material,
)
from pointsman.tls.options import Kept, LoadedFiles

GENERATED_NAME: Final = "localhost"  # whom a certificate that was generated is for


class Certificate:
    """One that is known by a name, with its key. Those who show it are told when it changes (`users`)."""

    def __init__(self, files: LoadedFiles, material: Material, identity: Identity) -> None:
        self.files = files
        self.name = files.name
        self.material = material
        self.identity = identity
        self.users: list[Callable[[], None]] = []

    def replace(self, material: Material, identity: Identity) -> None:
        """For connections yet to come."""
        self.material = material
        self.identity = identity


@dataclass(slots=True)
class Authorities:
    """A file or folder of CAs, or of lists of revoked certificates."""

    name: str
    pem: bytes
    users: list[Callable[[], None]] = field(default_factory=list)


Passphrase = Callable[[str], bytes | None]  # for the file of that name; None: there is none


def no_passphrase(path: str) -> bytes | None:
    """Nobody knows any."""
    return None


class Store:
    def __init__(self, extra: ExtraFiles | None = None, passphrase: Passphrase = no_passphrase) -> None:
        self.extra = extra if extra is not None else ExtraFiles()
        self.passphrase = passphrase
        self.kept = Kept()  # what connections keep that show or verify what is here
        self.certificates: dict[str, Certificate] = {}
        self.authorities: dict[str, Authorities] = {}
        self.revocations: dict[str, Authorities] = {}

    def certificate(self, files: LoadedFiles) -> Certificate:
        """It is read where it is not known yet. TlsFileError: it cannot be had."""
        found = self.certificates.get(files.name)
        if found is None:
            material = generated(files.generate) if files.generate else read_material(files, self.extra)
            found = Certificate(files, material, self.identity(material, files.name, files.key))
            self.certificates[files.name] = found
        return found

    def identity(self, material: Material, name: str, key: str = "") -> Identity:
        """What connections show. `key`: the file that its key is from, if that is another one."""
        try:
            try:
                made = Identity(material.chain, material.key)
            except ValueError as error:
                if "passphrase" not in str(error):
                    raise
                made = Identity(material.chain, material.key, self.passphrase(key or name))
        except ValueError as error:
            said = str(error)
            if said.startswith("certificate and key"):
                said = f"inconsistencies between private key and certificate loaded '{name}'."
            else:
                said = f"unable to load certificate from file '{name}': {said}."
            raise TlsFileError(said) from None
        made.label = name.encode("utf-8", "surrogateescape")
        if material.ocsp:
            made.staple = material.ocsp
        if material.sctl:
            made.timestamps = material.sctl
        return made

    def trusted(self, path: str) -> Authorities:
        """CAs by which peers are verified (ca-file, ca-verify-file)."""
        return _known(self.authorities, path)

    def revoked(self, path: str) -> Authorities:
        """Lists of what is revoked (crl-file)."""
        return _known(self.revocations, path)


def generated(words: str) -> Material:
    """A certificate that is made on the spot: "RSA 2048 P-384" (manual 12.7.1, generate-dummy)."""
    kind, bits, curve = words.split()
    try:
        chain, key = dummy(kind, int(bits), curve, GENERATED_NAME)
    except ValueError as error:
        raise TlsFileError(f"unable to generate a certificate: {error}.") from None
    return Material(chain=chain, key=key)


def _known(table: dict[str, Authorities], path: str) -> Authorities:
    found = table.get(path)
    if found is None:
        pem = b"" if path == SYSTEM_AUTHORITIES else read_authorities(path)
        found = table[path] = Authorities(path, pem)
    return found
