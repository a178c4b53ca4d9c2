"""The words of `server` and `default-server` lines about how a server is watched beside its health checks, and what its
changes of state bring (manual 5.2), one small function each."""

from dataclasses import replace
from typing import Final

from pointsman.config.parameters import Words
from pointsman.config.server_words import ServerParameters, server_word
from pointsman.core.registry import nearest

SHUTDOWN_SESSIONS: Final = "shutdown-sessions"
SHUTDOWN_BACKUPS: Final = "shutdown-backup-sessions"


def _one_of(words: Words, names: tuple[str, ...], said: str) -> str:
    """The next word, which is one of these; `said`: how HAProxy lists them."""
    expected = "one of " + ", ".join(names) if len(names) > 1 else names[0]
    word = words.value(f"expects {said} but got ''", expected)
    if word.text not in names:
        near = nearest(word.text, names)
        hint = f"did you mean '{near}'?" if near else ""
        raise words.wrong(f"expects {said} but got '{word.text}'", word, expected, hint)
    return word.text


@server_word("on-marked-down")
def on_marked_down(words: Words, server: ServerParameters) -> ServerParameters:
    """on-marked-down shutdown-sessions: whatever runs on the server ends when it goes down."""
    _one_of(words, (SHUTDOWN_SESSIONS,), f"'{SHUTDOWN_SESSIONS}'")
    return replace(server, ends_sessions=True)


@server_word("on-marked-up")
def on_marked_up(words: Words, server: ServerParameters) -> ServerParameters:
    """on-marked-up shutdown-backup-sessions: whatever runs on backup servers ends when this one comes back."""
    _one_of(words, (SHUTDOWN_BACKUPS,), f"'{SHUTDOWN_BACKUPS}'")
    return replace(server, ends_backups=True)
