"""The termination letters of log lines (manual 8.5): data, for who explains a line or counts them.

    FIRST, SECOND, THIRD, FOURTH    each letter alone
    ENDINGS                         the first two together: what happened, what usually causes it, where to look
    PERSISTENCE                     the last two together

A combination that has no entry is told letter by letter. `{connect}` and its kin in `look` are replaced by what the
configuration says of that timeout, where it is known.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Ending:
    """What two letters say together. `timeout`: the one that has struck; "": none."""

    meaning: str
    causes: tuple[str, ...] = ()
    look: tuple[str, ...] = ()
    timeout: str = ""


FIRST: Final[dict[str, str]] = {
    "C": "the client broke off",
    "S": "the server broke off, or refused the connection",
    "P": "the proxy ended it: a rule, a limit, or a message that it did not let through",
    "L": "the proxy answered by itself",
    "R": "the proxy ran out of a resource: memory, sockets or source ports",
    "I": "the proxy found a fault in itself",
    "D": "the server went down, and its sessions were ended with it",
    "U": "an active server came back, and sessions of backup servers were ended",
    "K": "an administrator ended it",
    "c": "the client's side was silent until its timeout",
    "s": "the server's side was silent until its timeout",
    "-": "nobody in particular: it ended as it should",
}

SECOND: Final[dict[str, str]] = {
    "R": "while the request was received; no server had been asked",
    "Q": "while it waited in a queue for a place at a server",
    "C": "while the connection to the server was made",
    "H": "while the server's response head was awaited",
    "D": "while data was passed on",
    "L": "while the last data went to the client; the server had finished",
    "T": "while the client was held in a tarpit",
    "-": "at the end, with nothing left to pass on",
}

THIRD: Final[dict[str, str]] = {
    "N": "the client sent no persistence cookie",
    "I": "the client's cookie names no server that is known",
    "D": "the client's cookie names a server that is down",
    "V": "the client's cookie is valid, and was followed",
    "E": "the client's cookie was last used too long ago (maxidle), and was ignored",
    "O": "the client's cookie was made too long ago (maxlife), and was ignored",
    "U": "the client sent a cookie, but something else chose the server",
    "-": "no persistence cookie is configured here",
}

FOURTH: Final[dict[str, str]] = {
    "N": "none was set in the response",
    "I": "the proxy set one in the response",
    "U": "the proxy set it again, with a new date",
    "P": "the server set one, which went to the client as it was",
    "R": "the server set one, which the proxy rewrote",
    "D": "the server set one, which the proxy took out",
    "-": "nothing was to be done in the response",
}

ENDINGS: Final[dict[str, Ending]] = {
    "--": Ending("It ended as it should: both sides closed, and nothing was left to pass on."),
    "CC": Ending(
        "The client left while the connection to the server was still being made.",
        ("the server is dead, or unreachable, and is not checked", "the client did not want to wait any longer"),
        ("whether the server answers at its port", "`check` on its server line", "{connect}"),
    ),
    "CD": Ending(
        "The client left while data was passed on.",
        (
            "a closed tab, a cancelled download, a crashed client",
            "a firewall or NAT between client and proxy that dropped the connection",
            "a kept-alive session that the client ended first (harmless)",
        ),
        ("how many bytes it had got", "whether one network or one client stands out"),
    ),
    "CH": Ending(
        "The client left while the server was working on its answer.",
        ("the server took longer than the client, or its user, would wait", "a client with a timeout of its own"),
        ("the server's time up to then (it is what Ta has beyond TR, Tw and Tc)", "timeouts of the client"),
    ),
    "CL": Ending(
        "The client died while the last data was on its way to it; the server had finished.",
        ("the client's network went away in the last moment",),
        ("whether one client stands out; this is rare",),
    ),
    "CQ": Ending(
        "The client left while its request was queued.",
        ("all servers were busy up to their `maxconn`", "the server that its cookie names was slow"),
        ("Tw, and the two queue counters", "`maxconn` of the servers, and how many there are", "{queue}"),
    ),
    "CR": Ending(
        "The client left before its request was whole.",
        (
            "a browser's connection in advance that was never used",
            "a port probe, or a monitor that only connects",
            "a request typed by hand",
        ),
        ("`option dontlognull` and `option http-ignore-probes`, if these are probes",),
    ),
    "CT": Ending(
        "The client left while it was held in a tarpit.",
        ("an attacker that gave up", "a tarpit rule that catches good requests"),
        ("the `tarpit` rules: is this request meant?", "{tarpit}"),
    ),
    "cC": Ending(
        "The client's side was silent for its whole timeout while the connection to the server was made.",
        ("`timeout client` is not longer than `timeout connect`", "the server does not answer connection attempts"),
        ("{client}", "{connect}", "whether the server can be reached"),
        "client",
    ),
    "cD": Ending(
        "The client neither sent nor took any data for the whole of its timeout.",
        ("a client that left its network without a word", "an idle session (long polling, WebSocket, a database)"),
        ("{client}", "`timeout tunnel` for WebSockets and the like", "`option clitcpka`"),
        "client",
    ),
    "cH": Ending(
        "The client's timeout struck before the server had answered.",
        (
            "a request body (POST) that stopped coming",
            "packets too large for the client's line (MTU)",
            "a client timeout that is shorter than the server's, and a slow server",
        ),
        ("{client}", "{server}", "whether these are requests with a body"),
        "client",
    ),
    "cL": Ending(
        "The client took the last data too slowly, or not at all; the server had finished.",
        ("a client that left its network without a word",),
        ("{client}", "`timeout client-fin`"),
        "client",
    ),
    "cQ": Ending(
        "The client's timeout struck while its request was queued.",
        ("a queue timeout that is longer than the client's", "servers that are busy up to their `maxconn`"),
        ("{client}", "{queue}", "Tw and the queue counters"),
        "client",
    ),
    "cR": Ending(
        "The client did not send its whole request in time.",
        (
            "a browser's connection in advance that was never used (408)",
            "packets too large for the client's line (MTU)",
            "a slow client, or one that attacks by being slow",
            "a request typed by hand",
        ),
        ("{http-request}", "{client}", "`option http-ignore-probes`, if nothing was ever sent"),
        "http-request",
    ),
    "cT": Ending(
        "The client's timeout struck while it was held in a tarpit.",
        ("`timeout client` is shorter than `timeout tarpit`",),
        ("{client}", "{tarpit}"),
        "client",
    ),
    "LR": Ending(
        "The proxy answered by itself; no server was asked.",
        ("a redirect, `http-request return`, the statistics page, or another service",),
        ("whether this answer is meant; `pointsman explain` names the rule",),
    ),
    "LC": Ending(
        "The proxy redirected the client to its server instead of connecting there.",
        ("`redir` on the server line",),
        ("the server line's `redir`",),
    ),
    "LH": Ending(
        "The proxy answered by itself in place of the server's response.",
        ("`http-response return`, or a redirect by a response rule",),
        ("the `http-response` rules",),
    ),
    "LD": Ending(
        "The proxy ended it by itself while data was passed on.",
        ("a rule, or the service that answered",),
        ("rules on responses and contents",),
    ),
    "LT": Ending(
        "The proxy answered by itself after holding the client.",
        ("a `tarpit` rule",),
        ("{tarpit}",),
    ),
    "SC": Ending(
        "No connection to a server: it was refused, or there was none to connect to.",
        (
            "the server's program is not running, or listens elsewhere",
            "a firewall that refuses; no route to the host",
            "no server is up (then the server is <NOSRV>)",
        ),
        ("whether the server's program listens at its address and port", "checks: `show servers state`", "retries"),
    ),
    "SD": Ending(
        "The server broke the connection within its response.",
        ("the server's program crashed, or was restarted", "a device between proxy and server sent a reset"),
        ("the server's own log at that moment", "whether the response was cut short (bytes)"),
    ),
    "SH": Ending(
        "The server closed the connection before its response head was whole.",
        (
            "the program crashed on this request, or was restarted",
            "a kept-alive connection that the server closed at that moment",
            "a filter between proxy and server that killed it",
        ),
        ("the server's own log at that moment", "whether the same request fails each time"),
    ),
    "SL": Ending(
        "The server broke off while the last data went to the client.",
        ("the server's program, or a device before it, reset the connection",),
        ("the server's own log at that moment",),
    ),
    "SQ": Ending(
        "There was no server left while it was queued.",
        ("all servers of the backend went down",),
        ("`Server ... is DOWN` shortly before",),
    ),
    "sC": Ending(
        "The server did not answer the connection attempt in time.",
        (
            "the host is down, or a firewall drops packets without a word",
            "the server's backlog is full (SYN packets are dropped)",
            "packet loss between proxy and server",
        ),
        ("{connect}", "whether the server can be reached from here", "retries; `retries` and `option redispatch`"),
        "connect",
    ),
    "sD": Ending(
        "The server neither sent nor took any data for the whole of its timeout, within the response.",
        (
            "a device between proxy and server that forgot the connection",
            "a response that pauses for long (streams, long polling, WebSocket)",
            "a stalled server",
        ),
        ("{server}", "`timeout tunnel` for WebSockets and the like", "the server's own log"),
        "server",
    ),
    "sH": Ending(
        "The server did not answer in time.",
        (
            "a request that takes too long: a slow query, a locked database",
            "a server that is overloaded",
            "a timeout that is too short for this request",
        ),
        ("{server}", "the server's own log for this request", "Tr of other requests to that server"),
        "server",
    ),
    "sL": Ending(
        "The server's timeout struck while the last data went to the client.",
        ("a server connection that was not closed", "a client that takes data slowly"),
        ("{server}", "`timeout server-fin`"),
        "server",
    ),
    "sQ": Ending(
        "It waited in the queue until its time was up.",
        ("more requests than the servers take at once (`maxconn`)", "slow servers, so that places become free late"),
        ("{queue}", "`maxconn` of the servers, and how many there are", "Tr of the requests before"),
        "queue",
    ),
    "PC": Ending(
        "The proxy did not connect to a server: a limit of the process was reached.",
        ("the global `maxconn`, or `ulimit-n`, is too low for the load",),
        ("global `maxconn` and `ulimit-n`", "actconn in these lines"),
    ),
    "PD": Ending(
        "The proxy stopped a message whose body broke the rules of HTTP.",
        ("wrong chunks, or a body that does not fit its Content-Length, mostly from the server",),
        ("`show errors` on the runtime socket", "the server's program"),
    ),
    "PH": Ending(
        "The proxy did not let the server's response through.",
        (
            "a response that breaks the rules of HTTP (502)",
            "`http-response deny`, or a check such as `option checkcache`",
            "a rewrite that needs more room than there is (500, tune.maxrewrite)",
        ),
        ("`show errors` on the runtime socket", "the `http-response` rules"),
    ),
    "PL": Ending(
        "The proxy ended it while the last data went to the client.",
        ("a limit of the proxy",),
        ("the proxy's log at that moment",),
    ),
    "PQ": Ending(
        "The proxy ended it while it was queued.",
        ("a full queue (`maxqueue`)", "a limit of the proxy"),
        ("`maxqueue`", "the queue counters"),
    ),
    "PR": Ending(
        "The proxy refused the request; no server was asked.",
        (
            "`http-request deny` or `tcp-request content reject` (often 403)",
            "a request that breaks the rules of HTTP (400, <BADREQ>)",
            "a rewrite that needs more room than there is (500, tune.maxrewrite)",
        ),
        ("the `deny` and `reject` rules; `pointsman explain` names the one", "`show errors` on the runtime socket"),
    ),
    "PT": Ending(
        "The proxy held the client in a tarpit, and then refused the request.",
        ("a `tarpit` rule, mostly against attackers",),
        ("the `tarpit` rules: is this request meant?", "{tarpit} (Tw is how long it was held)"),
        "tarpit",
    ),
    "RC": Ending(
        "The proxy lacked something to connect to the server with: memory, sockets or source ports.",
        ("source ports used up towards one server", "limits of the system"),
        ("the proxy's error messages at that moment", "net.ipv4.ip_local_port_range", "`ulimit-n`"),
    ),
    "D-": Ending(
        "The server went down, and its sessions were ended with it.",
        ("`on-marked-down shutdown-sessions` on the server line",),
        ("`Server ... is DOWN` at that moment: its reason",),
    ),
    "U-": Ending(
        "An active server came back, and this session of a backup server was ended.",
        ("`on-marked-up shutdown-backup-sessions` on the server line",),
        ("`Server ... is UP` at that moment",),
    ),
    "I-": Ending(
        "The proxy found a fault in itself. This should never happen.",
        ("a bug, or damaged memory",),
        ("a report of this line to those who make the program", "a restart of the process"),
    ),
    "K-": Ending(
        "An administrator ended it.",
        ("`shutdown session` or `shutdown sessions server` on the runtime socket, or the statistics page",),
        ("who was at work at that moment",),
    ),
}

PERSISTENCE: Final[dict[str, str]] = {
    "--": "Persistence cookies are not used here.",
    "NN": "The client sent no cookie, and got none: for example under `postonly`, on a GET.",
    "NI": "The client sent no cookie, and got one: a first visit. Counting these counts visitors.",
    "NP": "The client sent no cookie; the server set one, which was passed on.",
    "NR": "The client sent no cookie; the server set one, which was rewritten.",
    "ND": "The client sent no cookie; the server set one, which was taken out.",
    "II": "The client's cookie names no server here (removed since?); it got a new one.",
    "IN": "The client's cookie names no server here (removed since?), and it got no new one.",
    "DI": "The server that the cookie names was down; another was chosen, and a new cookie set.",
    "DN": "The server that the cookie names was down; no new cookie was set.",
    "VN": "The client's cookie was followed. This is the usual case.",
    "VU": "The client's cookie was followed, and got a new date.",
    "VI": "The cookie's server could not be reached; another was chosen, and a new cookie set.",
    "VP": "The client's cookie was followed; the server set one again, which was passed on.",
    "VR": "The client's cookie was followed; the server set one again, which was rewritten.",
    "VD": "The client's cookie was followed; the server set one, which was taken out.",
    "EI": "The client's cookie was last used too long ago (`maxidle`); it got a new one.",
    "EN": "The client's cookie was last used too long ago (`maxidle`), and it got no new one.",
    "OI": "The client's cookie was made too long ago (`maxlife`); it got a new one.",
    "ON": "The client's cookie was made too long ago (`maxlife`), and it got no new one.",
    "UN": "The client sent a cookie, but a rule chose the server; none was set.",
    "UI": "The client sent a cookie, but a rule chose the server; it got a new one.",
}

ADMINISTERED: Final = frozenset("DUKI")  # first letters that say the same in every state


def ending_of(two: str) -> Ending:
    """Of the first two letters."""
    found = ENDINGS.get(two)
    if found is not None:
        return found
    first, second = two[:1], two[1:2]
    if first in ADMINISTERED and f"{first}-" in ENDINGS:
        whole = ENDINGS[f"{first}-"]
        return Ending(f"{whole.meaning} It was {SECOND.get(second, 'in a state that is not known')}.", *_rest(whole))
    who = FIRST.get(first)
    when = SECOND.get(second)
    if who is None or when is None:
        return Ending(f"'{two}' are no letters of manual 8.5: another program's line, or a damaged one.")
    return Ending(f"{who[0].upper()}{who[1:]}, {when}.")


def _rest(ending: Ending) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return ending.causes, ending.look


def persistence_of(two: str) -> str:
    """Of the last two letters."""
    found = PERSISTENCE.get(two)
    if found is not None:
        return found
    client, server = THIRD.get(two[:1]), FOURTH.get(two[1:2])
    if client is None or server is None:
        return f"'{two}' are no letters of manual 8.5."
    return f"{client[0].upper()}{client[1:]}; {server}."


def is_normal(letters: str) -> bool:
    """Nothing went wrong: it ended well, or was answered here on purpose (manual 8.3.3)."""
    return letters[:1] in ("-", "L")
