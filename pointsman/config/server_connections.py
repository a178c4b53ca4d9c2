"""The words of `server` and `default-server` lines about how connections to servers are made (manual 5.2)."""

from dataclasses import replace

from pointsman.config.parameters import Words
from pointsman.config.server_words import BIGGEST, ServerParameters, server_word
from pointsman.config.setting import In
from pointsman.config.source_address import read_source


@server_word("redir")
def redir(words: Words, server: ServerParameters) -> ServerParameters:
    """redir <prefix>: GET and HEAD are redirected to this and the path that they ask for. "/": to the path alone."""
    word = words.value("expects <prefix> as argument.", "<prefix>")
    if any(character in word.text for character in "\r\n"):
        raise words.wrong("a prefix cannot have line breaks", word)
    return replace(server, redirect=word.text)


@server_word("shard")
def shard(words: Words, server: ServerParameters) -> ServerParameters:
    """shard <shard>: which entries of stick tables a peer gets (manual 11.2); of servers nobody asks."""
    words.integer(0, BIGGEST, "expects <shard> as argument")
    if words.args.section.kind != In.PEERS:
        words.args.diagnostics.notice(
            f"{words.said} : 'shard' is for peers, and has no effect here (manual 5.2)", words.word.at
        )
    return server


@server_word("source", values=-1)
def source(words: Words, server: ServerParameters) -> ServerParameters:
    """source <addr>[:<port>[-<port>]] [usesrc <whose>] [interface <name>]: our own end of connections to the server."""
    missing = "expects <addr>[:<port>[-<port>]], and optionally 'usesrc' <addr>, and 'interface' <name> as argument."
    return replace(server, source=read_source(words, words.value(missing, "<addr>"), ranges=True))


@server_word("usesrc")
def usesrc(words: Words, server: ServerParameters) -> ServerParameters:
    """usesrc: it belongs to `source`."""
    raise words.wrong("only allowed after a 'source' statement", None, "source <addr> usesrc <whose>")


@server_word("ws")
def websocket(words: Words, server: ServerParameters) -> ServerParameters:
    """ws auto|h1|h2: what WebSockets are spoken on. Servers are spoken to in HTTP/1.1 alone."""
    if words.choice(("auto", "h1", "h2"), "has to be 'auto', 'h1' or 'h2'") == "h2":
        raise words.wrong("protocol 'h2' is not built yet (manual 5.2)")
    return server
