"""The words of `server` and `default-server` lines about how connections to servers are made (manual 5.2)."""

from dataclasses import replace

from pointsman.config.parameters import Words
from pointsman.config.server_words import ServerParameters, server_word
from pointsman.config.source_address import read_source


@server_word("source", values=-1)
def source(words: Words, server: ServerParameters) -> ServerParameters:
    """source <addr>[:<port>[-<port>]] [usesrc <whose>] [interface <name>]: our own end of connections to the server."""
    missing = "expects <addr>[:<port>[-<port>]], and optionally 'usesrc' <addr>, and 'interface' <name> as argument."
    return replace(server, source=read_source(words, words.value(missing, "<addr>"), ranges=True))


@server_word("usesrc")
def usesrc(words: Words, server: ServerParameters) -> ServerParameters:
    """usesrc: it belongs to `source`."""
    raise words.wrong("only allowed after a 'source' statement", None, "source <addr> usesrc <whose>")
