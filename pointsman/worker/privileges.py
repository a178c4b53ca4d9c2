"""Giving up rights: chroot, group, user (manual 3.1), in this order, when all that needs them is open.

Root is needed only where something asks for it. Without root a chroot is tried from within a user namespace of its own.
"""

import ctypes
import importlib
import os
import resource
import tempfile
import time
from dataclasses import dataclass
from typing import Final

from pointsman.core import capabilities

CLONE_NEWUSER: Final = 0x10000000  # <sched.h>
PR_SET_DUMPABLE: Final = 4  # <linux/prctl.h>

# What Python would import on first use, which fails behind a chroot.
_LATE: Final = (
    "asyncio.base_subprocess",
    "asyncio.unix_events",
    "concurrent.futures.thread",
    "encodings.ascii",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_8",
    "linecache",
    "locale",
    "multiprocessing",
    "stringprep",
    "tokenize",
    "traceback",
    "unicodedata",
)


class PrivilegeError(Exception):
    """Rights could not be given up as asked."""


@dataclass(frozen=True, slots=True)
class Privileges:
    chroot: str = ""  # a folder, or "auto"
    uid: int | None = None
    gid: int | None = None
    dumpable: bool = False  # set-dumpable: a crash may leave a core
    capabilities: tuple[str, ...] = ()  # setcap: what is kept of root's rights


def preload() -> None:
    """Load what would be looked for on disk later: behind a chroot there is nothing."""
    for name in _LATE:
        importlib.import_module(name)
    time.tzset()
    time.localtime()


def enter_jail(folder: str) -> None:
    """chroot <folder>, or "auto": into an empty folder without a name. Raises PrivilegeError."""
    jail = folder
    try:
        if os.geteuid() != 0:
            _own_namespace()
        if folder == "auto":
            jail = tempfile.mkdtemp(prefix="pointsman-")
            os.chmod(jail, 0o555)
            os.chdir(jail)
            os.rmdir(jail)
            os.chroot(".")
        else:
            os.chroot(jail)
        os.chdir("/")
    except OSError as error:
        raise PrivilegeError(f"[pointsman.main()] Cannot chroot({jail}) ({error.strerror}).") from None


def _own_namespace() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def left(privileges: Privileges) -> int:
    """The capabilities that `drop` will leave in effect."""
    effective, permitted = capabilities.sets()
    kept = permitted & capabilities.mask(list(privileges.capabilities))
    if os.geteuid() != 0:
        return kept if privileges.capabilities else effective
    return kept if privileges.uid else effective


def drop(privileges: Privileges) -> list[str]:
    """Change group, then user. Returns warnings; raises PrivilegeError."""
    warnings: list[str] = []
    gid, uid = privileges.gid, privileges.uid
    if (gid is not None and gid != os.getegid()) or (uid is not None and uid != os.geteuid()):
        try:
            if os.getgroups():
                os.setgroups([])
        except OSError:
            warnings.append(
                "[pointsman.main()] Failed to drop supplementary groups. Using 'gid'/'group' without "
                "'uid'/'user' is generally useless."
            )
    try:
        if gid is not None:
            os.setgid(gid)
    except OSError as error:
        raise PrivilegeError(f"[pointsman.main()] Cannot set gid {gid} ({error.strerror}).") from None
    keeps = privileges.capabilities and (uid or os.geteuid())
    try:
        if keeps:
            capabilities.keep_over_setuid()
        if uid is not None:
            os.setuid(uid)
    except OSError as error:
        raise PrivilegeError(f"[pointsman.main()] Cannot set uid {uid} ({error.strerror}).") from None
    if keeps:
        try:
            capabilities.restrict(capabilities.mask(list(privileges.capabilities)))
        except OSError as error:
            warnings.append(f"[pointsman.main()] Failed to set the capabilities of 'setcap' ({error.strerror}).")
    if privileges.dumpable:
        warnings += _permit_core_dumps()
    return warnings


def _permit_core_dumps() -> list[str]:
    """A change of user makes a process undumpable: undo this, and lift the limits (manual 3.1, set-dumpable)."""
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        try:
            resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except (OSError, ValueError):
            resource.setrlimit(limit, (resource.getrlimit(limit)[1],) * 2)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0:
        return ["[pointsman.main()] Failed to set the dumpable flag, no core will be dumped."]
    return []
