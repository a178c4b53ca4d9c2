"""Certificates by the names that lines give them: a file, a bundle of files, a folder (manual 5.1 "crt", 3.1
"ssl-load-extra-files"). Files are named here, folders are listed; what is in the files is read by who serves them."""

import os
from dataclasses import replace
from typing import Final

from pointsman.config.setting import Configuration
from pointsman.config.tls_paths import CrtBase, behind, extra_files
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.words import Word
from pointsman.tls.options import CertificateLine, CertificateList, FrontOptions, LoadedFiles

BUNDLED: Final = (".ecdsa", ".rsa", ".dsa")  # kinds of keys, in the order in which they are loaded
RESERVED: Final = (".issuer", ".key", ".ocsp", ".sctl")  # what is no certificate in a folder


def certificates(configuration: Configuration, word: Word, said: str) -> tuple[CertificateLine | CertificateList, ...]:
    """What `crt` and `default-crt` of a bind line name: a folder, a file, or the files of a bundle.

    A file that does not exist is named all the same: who reads it says so.
    """
    path = certificate_path(configuration, word.text)
    if os.path.isdir(path):
        return (certificate_folder(path, word.at, said),)
    return tuple(CertificateLine(files=files, at=word.at) for files in certificate_files(configuration, path, word.at))


def certificate_path(configuration: Configuration, name: str) -> str:
    base = configuration.main.one(CrtBase)
    return behind(None if base is None else base.folder, name)


def certificate_files(configuration: Configuration, path: str, at: Position) -> tuple[LoadedFiles, ...]:
    """A file, or where it is missing those of the bundle of that name."""
    paths = [path]
    if not os.path.exists(path) and "bundle" in extra_files(configuration):
        paths = [path + kind for kind in BUNDLED if os.path.exists(path + kind)] or [path]
    return tuple(LoadedFiles(name=one, crt=one, at=at) for one in paths)


def certificate_folder(path: str, at: Position, said: str) -> CertificateList:
    """All files of a folder in the order of their bytes, without hidden ones and those that belong to another."""
    folder = path.rstrip("/") or "/"
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and not entry.name.endswith(RESERVED) and entry.is_file()
            ]
    except OSError as error:
        raise ConfigError(f"{said} : unable to scan directory '{folder}' : {error.strerror}.", at) from None
    paths = [f"{folder.rstrip('/')}/{name}" for name in sorted(names, key=os.fsencode)]
    lines = (CertificateLine(files=LoadedFiles(name=one, crt=one, at=at), at=at) for one in paths)
    return CertificateList(name=folder, lines=tuple(lines), folder=True)


def narrowed(options: FrontOptions) -> FrontOptions:
    """The part that a line of a crt-list can say, of what a bind line can say."""
    names = FrontOptions.__dataclass_fields__
    return FrontOptions(**{name: getattr(options, name) for name in names})


def as_defaults(found: tuple[CertificateLine | CertificateList, ...]) -> tuple[CertificateLine | CertificateList, ...]:
    """The same, each certificate a default one; of a folder only its first one is, as of any list."""
    return tuple(replace(one, default=True) if isinstance(one, CertificateLine) else one for one in found)
