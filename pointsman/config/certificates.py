"""Certificates by the names that lines give them: a file, a bundle of files, a folder, one of a crt-store (manual 5.1
"crt", 12.7, 3.1 "ssl-load-extra-files").

Files are named here, folders are listed; what is in the files is read by who serves them. A certificate is known by one
name and defined once: by a `load` line, by the words of a line of a crt-list, or by nothing but its file. Lines that
name it again have to agree (`refer`).
"""

import os
import stat
from dataclasses import dataclass, replace
from typing import Final

from pointsman.config.ocsp import ocsp_updates
from pointsman.config.setting import Configuration
from pointsman.config.tls_paths import CrtBase, behind, extra_files
from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.registry import nearest
from pointsman.core.words import Word
from pointsman.tls.options import CertificateLine, CertificateList, LoadedFiles

BUNDLED: Final = (".ecdsa", ".rsa", ".dsa")  # kinds of keys, in the order in which they are loaded
RESERVED: Final = (".issuer", ".key", ".ocsp", ".sctl")  # what is no certificate in a folder
STORED: Final = "@"  # names of crt-stores begin so
COMPARED: Final = (("key", "key"), ("ocsp", "ocsp"), ("issuer", "issuer"), ("sctl", "sctl"))


@dataclass(frozen=True, slots=True)
class Definition:
    """What defined a certificate first."""

    files: LoadedFiles
    stored: bool = False  # a `load` line
    said: bool = False  # words of a crt-list or of ssl-f-use


class Definitions(dict[str, Definition]):
    """All certificates of a configuration, by their names."""


def definitions(configuration: Configuration) -> Definitions:
    found = configuration.main.tables.setdefault(Definitions, Definitions())
    assert isinstance(found, Definitions)
    return found


def stored_certificates(configuration: Configuration) -> tuple[LoadedFiles, ...]:
    """Those of crt-stores, which are loaded whether something refers to them or not."""
    return tuple(one.files for one in definitions(configuration).values() if one.stored)


@dataclass(frozen=True, slots=True)
class Referring:
    """Who names a certificate: for errors."""

    said: str  # how they begin
    subject: str = "Can't load '{name}'"
    words: LoadedFiles | None = None  # the words of a crt-list that define it


def certificates(configuration: Configuration, word: Word, said: str) -> tuple[CertificateLine | CertificateList, ...]:
    """What `crt` and `default-crt` of a bind line name: a folder, a file, the files of a bundle, or @store/name.

    A file that does not exist is named all the same: who reads it says so.
    """
    path = certificate_path(configuration, word.text)
    if path not in definitions(configuration) and os.path.isdir(path):
        return (_folder(configuration, path, word.at, said),)
    found = refer(configuration, word, Referring(said))
    return tuple(CertificateLine(files=files, at=word.at) for files in found)


def certificate_path(configuration: Configuration, name: str) -> str:
    """The name of a certificate: the path of its file, complete, or that of a crt-store."""
    if name.startswith(STORED):
        return name
    base = configuration.main.one(CrtBase)
    return behind(None if base is None else base.folder, name)


def refer(configuration: Configuration, word: Word, by: Referring, bundles: bool = True) -> tuple[LoadedFiles, ...]:
    """The certificate of that name, or those of its bundle.

    Raises ConfigError where it is defined otherwise, is none of a crt-store, or is a folder.
    """
    known = definitions(configuration)
    path = certificate_path(configuration, word.text)
    if path in known:
        return (_agreed(configuration, path, word.at, by),)
    if path.startswith(STORED):
        near = nearest(path, known)
        raise ConfigError(
            f"{by.said} : unable to stat SSL certificate from file '{path}' : No such file or directory.",
            word.at,
            "the name of a certificate that a crt-store has loaded before",
            f"did you mean '{near}'?" if near else "",
        )
    paths = _paths(configuration, path, bundles)
    if paths is None:
        raise ConfigError(f"{by.said} : '{path}' is a directory, and a line is for one certificate", word.at)
    if by.words is not None and paths != [path]:
        raise ConfigError(
            f"{by.said} : Can't load '{path}'. Using crt-store keyword is not compatible with multi certificates "
            "bundle.",
            word.at,
        )
    return tuple(_agreed(configuration, one, word.at, by) for one in paths)


def _paths(configuration: Configuration, path: str, bundles: bool) -> list[str] | None:
    """A file, or where it is missing those of the bundle of that name. None: it is a folder."""
    try:
        return None if stat.S_ISDIR(os.stat(path).st_mode) else [path]
    except OSError:
        if not bundles or "bundle" not in extra_files(configuration):
            return [path]
    return [path + kind for kind in BUNDLED if os.path.exists(path + kind)] or [path]


def _agreed(configuration: Configuration, name: str, at: Position, by: Referring) -> LoadedFiles:
    """The definition of that name, which is this one if there was none."""
    known = definitions(configuration)
    found = known.get(name)
    if found is None:
        files = LoadedFiles(name=name, crt=name, at=at) if by.words is None else replace(by.words, name=name, crt=name)
        found = known[name] = Definition(files, said=by.words is not None)
        return found.files
    if by.words is None and not found.said:
        return found.files
    wrong = _differences(configuration, found.files, by.words or LoadedFiles(name=name, crt=name))
    if not wrong and by.words is not None and (found.said or found.stored):
        return found.files
    if by.words is None:
        wrong.insert(0, "it was defined with keywords, and is without them here")
    elif not found.said and not found.stored:
        wrong.insert(0, "it was defined without any keyword, and has some here")
    raise ConfigError(
        f"{by.said} : {by.subject.format(name=name)}, is already defined with incompatible parameters: "
        + ", ".join(wrong),
        at,
        hint=f"it was defined at {found.files.at}" if found.files.at is not None else "",
    )


def _differences(configuration: Configuration, before: LoadedFiles, now: LoadedFiles) -> list[str]:
    pairs = [(name, getattr(before, field) or "none", getattr(now, field) or "none") for name, field in COMPARED]
    pairs.append(("ocsp-update", _mode(configuration, before), _mode(configuration, now)))
    return [f"different parameter '{name}' : previously '{was}' vs '{new}'" for name, was, new in pairs if was != new]


def _mode(configuration: Configuration, files: LoadedFiles) -> str:
    if files.ocsp_update is not None:
        return "on" if files.ocsp_update else "off"
    return f"default (ocsp-update.mode {'on' if ocsp_updates(configuration).on else 'off'})"


def _folder(configuration: Configuration, path: str, at: Position, said: str) -> CertificateList:
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
    by = Referring(said)
    paths = [f"{folder.rstrip('/')}/{name}" for name in sorted(names, key=os.fsencode)]
    lines = (CertificateLine(files=_agreed(configuration, one, at, by), at=at) for one in paths)
    return CertificateList(name=folder, lines=tuple(lines), folder=True)


def as_defaults(found: tuple[CertificateLine | CertificateList, ...]) -> tuple[CertificateLine | CertificateList, ...]:
    """The same, each certificate a default one; of a folder only its first one is, as of any list."""
    return tuple(replace(one, default=True) if isinstance(one, CertificateLine) else one for one in found)
