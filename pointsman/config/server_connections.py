"""The words of `server` and `default-server` lines about how connections to servers are made (manual 5.2)."""

from dataclasses import replace

from pointsman.config.acls import acls_of
from pointsman.config.bind_connections import read_congestion, read_password
from pointsman.config.parameters import Words
from pointsman.config.server_words import BIGGEST, ServerParameters, server_word
from pointsman.config.setting import In
from pointsman.config.source_address import read_source
from pointsman.sample.expression import parse_expression
from pointsman.sample.types import Type, Where


@server_word("cc")
def congestion(words: Words, server: ServerParameters) -> ServerParameters:
    """cc <algo>: the congestion control of connections (TCP_CONGESTION)."""
    return replace(server, congestion=read_congestion(words))


@server_word("namespace")
def namespace(words: Words, server: ServerParameters) -> ServerParameters:
    """namespace <name>: the network namespace that connections begin in, as `ip netns` knows it."""
    word = words.value("expects <name> as argument", "<name>")
    if word.text == "*":
        raise words.wrong("what a PROXY header says of namespaces is not followed here", word, "the name of one")
    return replace(server, namespace=word.text)


@server_word("pool-conn-name")
def pool_conn_name(words: Words, server: ServerParameters) -> ServerParameters:
    """pool-conn-name <expr>: idle connections are for requests for which it yields the same, whatever `sni` yields."""
    word = words.value("expects <value> as argument", "a sample expression")
    expression = parse_expression(word, Where.REQUEST, acls_of(words.args.section))
    if expression.cast_to(Type.STR) is None:
        raise words.wrong(f"'{word.text}' cannot be a name", word, "what yields a string")
    return replace(server, pool_name=expression)


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


@server_word("tcp-md5sig")
def tcp_md5sig(words: Words, server: ServerParameters) -> ServerParameters:
    """tcp-md5sig <password>: segments are signed (RFC 2385), and only signed ones are taken."""
    return replace(server, password=read_password(words))


@server_word("usesrc")
def usesrc(words: Words, server: ServerParameters) -> ServerParameters:
    """usesrc: it belongs to `source`."""
    raise words.wrong("only allowed after a 'source' statement", None, "source <addr> usesrc <whose>")


@server_word("ws")
def websocket(words: Words, server: ServerParameters) -> ServerParameters:
    """ws auto|h1|h2: what WebSockets are spoken on; auto: HTTP/1.1 where ALPN offers it, else what requests are."""
    return replace(server, ws=words.choice(("auto", "h1", "h2"), "has to be 'auto', 'h1' or 'h2'"))
