"""Files that a configuration names and that cannot be read: made in the run's folder, under their own paths there."""

import os
from pathlib import Path
from typing import Final

CERTIFICATE: Final = "certificate"  # with its key
CHAIN: Final = "chain"  # without it
KEY: Final = "key"
AUTHORITY: Final = "authority"
REVOKED: Final = "revoked"
LIST: Final = "list"  # of certificates

ERROR: Final = (
    "HTTP/1.0 {code} Stand-in\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n"
    "{code}: the error file {path} is not here; pointsman try has made this one.\r\n"
)


class Material:
    """`made`: each missing file, with the kind and the path of what stands in for it."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.made: dict[str, tuple[str, str]] = {}

    def file(self, path: str, kind: str = "", base: str | None = None) -> str:
        """The path itself where it can be read, else that of a new file. Certificates are filled in later
        (authority.py), when the host names of all lines are known. `base`: of certificates, for a list of them."""
        complete = os.path.abspath(path)
        if complete in self.made:
            return self.made[complete][1]
        if _readable(path):
            return self._list(path, base) if kind == LIST else path
        if kind == CERTIFICATE and any(_readable(path + ending) for ending in (".ecdsa", ".rsa", ".dsa")):
            return path
        new = self._place(complete)
        self.made[complete] = (kind, str(new))
        if kind == CERTIFICATE and (path.endswith("/") or not os.path.splitext(path)[1]):
            new.mkdir(parents=True, exist_ok=True)  # as likely a folder as a file, and a folder serves as both
            (new / "site.pem").touch(0o600)
        elif kind == LIST:
            certificate = self.file(complete + ".pem", CERTIFICATE)
            _write(new, f"{certificate}\n")
        elif kind.startswith("error"):
            _write(new, ERROR.format(code=kind.partition(" ")[2], path=path))
        else:
            _write(new, "")
        return str(new)

    def _place(self, complete: str) -> Path:
        new = self.folder / "files" / complete.lstrip("/")
        new.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return new

    def _list(self, path: str, base: str | None) -> str:
        """A list of certificates that is there, though perhaps not all that it names."""
        lines = Path(path).read_text("utf-8", "surrogateescape").split("\n")
        changed = []
        for line in lines:
            name = line.split()[0] if line.split() else ""
            if not name or name.startswith(("#", "@")):
                changed.append(line)
                continue
            full = name if name.startswith("/") or base is None else f"{base}/{name}"
            changed.append(line.replace(name, self.file(full, CERTIFICATE), 1))
        if changed == lines:
            return path
        new = self._place(os.path.abspath(path))
        _write(new, "\n".join(changed))
        self.made[os.path.abspath(path)] = (LIST, str(new))
        return str(new)

    def encrypts(self) -> bool:
        return any(kind in (CERTIFICATE, CHAIN, KEY, AUTHORITY, REVOKED, "dh") for kind, _ in self.made.values())


def _readable(path: str) -> bool:
    return os.access(path, os.R_OK) and (not os.path.isdir(path) or bool(os.listdir(path)))


def _write(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
