"""The word of `server` and `default-server` lines that names a healthcheck section (manual 5.2)."""

from dataclasses import replace

from pointsman.config.parameters import Words
from pointsman.config.server_words import ServerParameters, server_word


@server_word("healthcheck")
def healthcheck(words: Words, server: ServerParameters) -> ServerParameters:
    """healthcheck <name>: checks of this server are those of a healthcheck section, not those of its backend."""
    word = words.value("expects a healthcheck section name as argument.", "<name>")
    return replace(server, healthcheck=word.text, healthcheck_at=word.at)
