"""The words of `server` and `default-server` lines about checks (manual 5.2), one small function each."""

from dataclasses import replace

from pointsman.config.bind import check_proto as check_known_proto
from pointsman.config.parameters import Words
from pointsman.config.server_words import ServerParameters, server_word


@server_word("check-proto")
def check_proto(words: Words, server: ServerParameters) -> ServerParameters:
    """check-proto h1|none: what is spoken on connections of checks; it must be what checks of that kind speak."""
    word = check_known_proto(words)
    return replace(server, check_proto=word.text, check_proto_at=word.at)
