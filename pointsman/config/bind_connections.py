"""The words of `bind` lines about what their sockets are called, and how the kernel treats them (manual 5.1)."""

from dataclasses import replace

from pointsman.config.bind import BindParameters, bind_word
from pointsman.config.parameters import Words
from pointsman.config.server_words import check_guid


@bind_word("guid-prefix")
def guid_prefix(words: Words, bind: BindParameters) -> BindParameters:
    """guid-prefix <string>: each socket of the line has a name of its own: this, "-" and its number from 0 on."""
    return replace(bind, guid_prefix=check_guid(words.value("expects an argument", "<string>"), "guid-prefix"))
