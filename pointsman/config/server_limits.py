"""Words of server lines that say how much a server takes, and how many may wait for it (manual 5.2): minconn, maxqueue,
strict-maxconn.
`maxconn` stands in server_words.py."""

from dataclasses import replace

from pointsman.config.parameters import Words
from pointsman.config.server_words import BIGGEST, ServerParameters, flag, server_word


@server_word("minconn")
def minconn(words: Words, server: ServerParameters) -> ServerParameters:
    """minconn <minconn>: what it takes at least; up to maxconn as its backend's load comes near fullconn."""
    return replace(server, minconn=words.integer(0, BIGGEST))


@server_word("maxqueue")
def maxqueue(words: Words, server: ServerParameters) -> ServerParameters:
    """maxqueue <maxqueue>: how many may wait for this server; 0: any number."""
    return replace(server, maxqueue=words.integer(0, BIGGEST))


flag("strict-maxconn", lambda words, server: replace(server, strict_maxconn=True))
