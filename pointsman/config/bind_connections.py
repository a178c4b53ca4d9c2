"""The words of `bind` lines about what their sockets are called, and how the kernel treats them (manual 5.1)."""

from dataclasses import replace
from typing import Final

from pointsman.config.bind import BindParameters, bind_word
from pointsman.config.parameters import Words
from pointsman.config.server_words import check_guid
from pointsman.net.tcp_options import LONGEST_KEY

LONGEST_NAME: Final = 15  # bytes of the name of a congestion control, TCP_CA_NAME_MAX of <linux/tcp.h> less a NUL


@bind_word("cc")
def congestion(words: Words, bind: BindParameters) -> BindParameters:
    """cc <algo>: the congestion control of what is accepted (TCP_CONGESTION)."""
    return replace(bind, congestion=read_congestion(words))


@bind_word("guid-prefix")
def guid_prefix(words: Words, bind: BindParameters) -> BindParameters:
    """guid-prefix <string>: each socket of the line has a name of its own: this, "-" and its number from 0 on."""
    return replace(bind, guid_prefix=check_guid(words.value("expects an argument", "<string>"), "guid-prefix"))


@bind_word("namespace")
def namespace(words: Words, bind: BindParameters) -> BindParameters:
    """namespace <name>: the network namespace to listen in, as `ip netns` knows it."""
    return replace(bind, namespace=words.value("missing namespace id", "<name>").text)


@bind_word("tcp-md5sig")
def tcp_md5sig(words: Words, bind: BindParameters) -> BindParameters:
    """tcp-md5sig <password>: segments are signed (RFC 2385), and only signed ones are taken."""
    return replace(bind, password=read_password(words))


def read_congestion(words: Words) -> str:
    """The name of a congestion control. Whether the kernel has it is seen when sockets are made."""
    word = words.value("missing TCP congestion control algorithm", "<algo>")
    text = word.text
    if not text.isascii() or not text.isprintable() or not 0 < len(text) <= LONGEST_NAME:
        raise words.wrong(f"'{text}' cannot be a congestion control algorithm", word, "a name such as cubic or bbr")
    return text


def read_password(words: Words) -> str:
    """What segments are signed with."""
    word = words.value("missing TCP MD5 signature password", "<password>")
    if not 0 < len(word.text.encode("utf-8", "surrogateescape")) <= LONGEST_KEY:
        raise words.wrong(f"a password has from 1 to {LONGEST_KEY} bytes", word)
    return word.text
