"""The words of `server` and `default-server` lines about how a server is watched beside its health checks, and what its
changes of state bring (manual 5.2), one small function each."""

from dataclasses import replace
from typing import Final

from pointsman.config.addresses import resolve
from pointsman.config.parameters import Words
from pointsman.config.server_words import ServerParameters, flag, positive_count, positive_time, server_word
from pointsman.core.address import is_ip
from pointsman.core.diagnostics import ConfigError
from pointsman.core.registry import nearest

LAYERS: Final = {"none": 0, "layer4": 4, "layer7": 7}
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


flag("no-agent-check", lambda words, server: replace(server, agent_check=False))


@server_word("agent-addr")
def agent_addr(words: Words, server: ServerParameters) -> ServerParameters:
    """agent-addr <addr>: where the agent is asked; a host name is looked up at start-up."""
    word = words.value("expects an address as argument.", "<addr>")
    host = word.text if is_ip(word.text) else resolve(word.text, 0) if ":" not in word.text else None
    if not host:
        message = f"{words.said} : parsing agent-addr failed. Check if '{word.text}' is correct address."
        raise ConfigError(message, word.at, "an IP address or a host name that resolves")
    return replace(server, agent_address=host)


@server_word("agent-check", values=0)
def agent_check(words: Words, server: ServerParameters) -> ServerParameters:
    """agent-check: an agent says which state, weight and limit the server has."""
    return replace(server, agent_check=True)


@server_word("agent-inter")
def agent_inter(words: Words, server: ServerParameters) -> ServerParameters:
    """agent-inter <delay>: between two questions to the agent, and how long it may take."""
    return replace(server, agent_interval=positive_time(words))


@server_word("agent-port")
def agent_port(words: Words, server: ServerParameters) -> ServerParameters:
    """agent-port <port>: where the agent listens."""
    return replace(server, agent_port=words.integer(0, 65535, "expects a port number as argument."))


@server_word("agent-send")
def agent_send(words: Words, server: ServerParameters) -> ServerParameters:
    """agent-send <string>: what an agent is sent as soon as it is connected."""
    text = words.value("expects a string as argument.", "<string>").text
    return replace(server, agent_send=text.encode("utf-8", "surrogateescape"))


@server_word("track")
def track(words: Words, server: ServerParameters) -> ServerParameters:
    """track [<backend>/]<server>: the state of that server is this one's."""
    return replace(server, track=words.value("expects [<proxy>/]<server> as argument.", "[<backend>/]<server>").text)


@server_word("error-limit")
def error_limit(words: Words, server: ServerParameters) -> ServerParameters:
    """error-limit <count>: so many errors in a row that `observe` sees bring what on-error says."""
    return replace(server, error_limit=positive_count(words))


@server_word("observe")
def observe(words: Words, server: ServerParameters) -> ServerParameters:
    """observe none|layer4|layer7: traffic shows how the server is, beside its checks."""
    layer = _one_of(words, tuple(LAYERS), "one of 'none', 'layer4', 'layer7'")
    return replace(server, observe=LAYERS[layer])


@server_word("on-error")
def on_error(words: Words, server: ServerParameters) -> ServerParameters:
    """on-error fastinter|fail-check|sudden-death|mark-down: what errors that `observe` sees bring."""
    said = "one of 'fastinter', 'fail-check', 'sudden-death' or 'mark-down'"
    return replace(server, on_error=_one_of(words, ("fastinter", "fail-check", "sudden-death", "mark-down"), said))


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
