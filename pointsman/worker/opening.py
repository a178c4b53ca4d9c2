"""Opening all sockets of a generation, while an older process may still listen (management manual 4).

First try; where an address is in use and older processes are known, they are asked to pause (SIGTTOU) and it is tried
again for a while; if that fails too, they are asked to resume (SIGTTIN). Unix sockets get their names last, so an old
process loses nothing to a new one that cannot start.
"""

import os
import signal
import time
from collections.abc import Sequence
from typing import Final

from pointsman.listener.sockets import INHERITED, BindError, Opening
from pointsman.worker.console import Console

_RETRIES: Final = 100
_INTERVAL: Final = 0.02  # s between two attempts to bind


def tell(pids: Sequence[int], number: signal.Signals) -> None:
    """Send a signal to older processes; those that are gone need none."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            pass


def open_all(openings: Sequence[Opening], old_pids: Sequence[int], console: Console) -> bool:
    """Open them all, or none. Failures are shown on the console."""
    _find_twins(openings)
    failures = _try(openings)
    paused = False
    if failures and old_pids and all(error.in_use for _, error in failures):
        tell(old_pids, signal.SIGTTOU)
        for _ in range(_RETRIES):
            time.sleep(_INTERVAL)
            failures = _try([opening for opening, _ in failures])
            if not failures or not all(error.in_use for _, error in failures):
                break
        paused = True
    if not failures:
        failures = _commit(openings)
    for opening in openings:
        for warning in opening.warnings:
            console.warning(warning)
    if not failures:
        return True
    for opening, error in failures:
        console.alert(opening.complaint(error))
    for opening in openings:
        opening.abandon()
    if paused:  # only now, when none of their addresses is held here any more
        tell(old_pids, signal.SIGTTIN)
    return False


def _find_twins(openings: Sequence[Opening]) -> None:
    """Note which openings share an inherited descriptor, as several lines may name one."""
    first: dict[int | None, Opening] = {}
    for opening in openings:
        if opening.spec.kind in INHERITED:
            one = first.setdefault(opening.spec.port, opening)
            opening.twin = one if one is not opening else None


def _try(openings: Sequence[Opening]) -> list[tuple[Opening, BindError]]:
    failures: list[tuple[Opening, BindError]] = []
    for opening in openings:
        try:
            opening.open()
        except BindError as error:
            failures.append((opening, error))
    return failures


def _commit(openings: Sequence[Opening]) -> list[tuple[Opening, BindError]]:
    for opening in openings:
        try:
            opening.commit()
        except BindError as error:
            return [(opening, error)]
    return []
