"""What samples are: types, and what fetches read and actions write.

At run time a sample is a plain value; its type is known since start-up and is not carried along:

    BOOL bool    SINT int    IPV4 bytes of 4    IPV6 bytes of 16    ADDR bytes of 4 or 16    STR, BIN, METH bytes

"No sample" is None. The table of casts stands in casts.py.
"""

from enum import IntEnum, IntFlag
from typing import Final


class Type(IntEnum):
    """The types of samples (manual 7.3), with HAProxy's names in lower case."""

    ANY = 0
    BOOL = 1
    SINT = 2
    ADDR = 3
    IPV4 = 4
    IPV6 = 5
    STR = 6
    BIN = 7
    METH = 8


Value = bool | int | bytes


class Packed(bytes):
    """An address whose type is not known at start-up: in a variable."""


class Binary(bytes):
    """Binary data, told from a string by its type."""


class Reads(IntFlag):
    """What a fetch depends on. What moves is asked anew each time. Unsure means ALL.

    CONNECTION includes SOURCE, for a connection has one client; MOVING includes both. Heads and bodies are named.
    tests/unit/sample/test_contract.py runs all that is registered against what it declares.
    """

    NOTHING = 0
    CONNECTION = 1  # ports, our address, listener: the same for all requests of a connection
    REQUEST_LINE = 2
    HEADER_BLOCK = 4
    RESPONSE_LINE = 8
    RESPONSE_BLOCK = 16
    BODY = 32
    RESPONSE_BODY = 64
    MOVING = 128  # time, counters, variables, tables, random, users, server states
    SOURCE = 256  # the client's address, without its port: the same for many connections
    ALL = 511


# What repeats: the connection and the heads. A decision that stands on nothing else may be remembered.
OF_REQUEST: Final = Reads.CONNECTION | Reads.SOURCE | Reads.REQUEST_LINE | Reads.HEADER_BLOCK
OF_RESPONSE: Final = Reads.RESPONSE_LINE | Reads.RESPONSE_BLOCK
# Beside these bits: it is known only when somebody has been asked and was waited for (async functions, extension/).
WAITED: Final = 1 << 12


class Writes(IntFlag):
    """What an action may change; the same bits as Reads, so that `reads & written` says what must be asked anew."""

    NOTHING = 0
    CONNECTION = 1  # set-dst and its kin
    REQUEST_LINE = 2
    HEADER_BLOCK = 4
    RESPONSE_LINE = 8
    RESPONSE_BLOCK = 16
    MOVING = 128
    SOURCE = 256  # set-src
    ALL = 511


class Where(IntFlag):
    """Where an expression stands, and so what it may ask for (the columns of HAProxy's table of fetches)."""

    TCP_REQ_CON = 1
    TCP_REQ_SES = 2
    TCP_REQ_CNT = 4
    TCP_RES_CNT = 8
    HTTP_REQ = 16  # http-request, use_backend, redirect, balance, use-server, ACLs of requests
    HTTP_RES = 32
    HTTP_AFTER = 64
    LOG = 128
    CHECK = 256
    CONFIG = 512  # the configuration parser itself
    CLI = 1024

    RULES = 127  # all rules
    REQUEST = TCP_REQ_CNT | HTTP_REQ
    RESPONSE = TCP_RES_CNT | HTTP_RES | HTTP_AFTER
    STREAM = REQUEST | RESPONSE | LOG
    EVERYWHERE = 2047
    ANSWERED = TCP_RES_CNT | HTTP_RES | HTTP_AFTER | CHECK  # heads of responses
    EXCHANGE = REQUEST | TCP_RES_CNT | HTTP_RES | HTTP_AFTER | CHECK  # heads in either direction
    SERVER_SIDE = TCP_RES_CNT | HTTP_RES | HTTP_AFTER | LOG | CHECK  # what is known once a server is chosen
    BACKEND_SIDE = REQUEST | SERVER_SIDE
    SESSION = RULES | LOG  # what a client connection knows
    TRAFFIC = SESSION | CHECK  # all but the configuration parser and the runtime socket
    RUNNING = TRAFFIC | CLI  # all but the configuration parser
