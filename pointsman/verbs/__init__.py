"""What the command does beside running: `pointsman VERB ...`, for who writes a configuration and who asks about it.

    explain/   explain       why a request would go where it goes; what a log line says
    lint/      lint          what is wrong, or suspicious, in a file that loads
    routes/    test          requests and what is to become of them, played against a file
    trial/     try           a file, brought up on a laptop
    why.py     why           what the live program has decided
    terminal.py              text in 80 columns, with colours where they are wanted

A verb is a module with a function main(words), `words` behind the verb's name, which gives the exit status. It is
imported when it is asked for: what runs knows nothing of verbs.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Final, cast

VERBS: Final[dict[str, tuple[str, str]]] = {  # name: its module, and what the page of help says of it
    "explain": ("pointsman.verbs.explain.command", "why a request would go where it goes; what a log line says"),
    "lint": ("pointsman.verbs.lint.command", "find what is wrong or suspicious in a configuration"),
    "test": ("pointsman.verbs.routes.command", "play cases, requests and what is to become of them, against a file"),
    "try": ("pointsman.verbs.trial.command", "bring up a file on a laptop: other ports, certificates, echo servers"),
    "why": ("pointsman.verbs.why", "say why the running program sent a request where it went"),
}


def is_verb(word: str) -> bool:
    """Whether the command's first word names one. Options begin with "-", so that nothing else is meant."""
    return word in VERBS


def run_verb(name: str, words: Sequence[str]) -> int:
    """Its exit status."""
    module = importlib.import_module(VERBS[name][0])
    return cast(Callable[[Sequence[str]], int], module.main)(words)
