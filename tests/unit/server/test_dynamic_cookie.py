"""Dynamic cookies. The values are those that the haproxy programs (2.6 and 3.2) show in `show stat` for these lines:

server s 127.0.0.1:8080     dynamic-cookie-key MYKEY
server s [::1]:8080         dynamic-cookie-key K1
"""

import pytest

from pointsman.server.dial import Dial
from pointsman.server.dynamic_cookie import dynamic_cookie


def dial(target: tuple[str, int] | str) -> Dial:
    made = Dial()
    made.target = target
    return made


@pytest.mark.parametrize(
    ("key", "target", "value"),
    [
        (b"MYKEY", ("127.0.0.1", 8080), b"74bda92f1cdfaf1a"),
        (b"K1", ("::1", 8080), b"c13646ebeb94d7be"),
        (b"", ("127.0.0.1", 8080), b""),
        (b"K1", "/run/app.sock", b""),
        (b"K1", ("app.example", 80), b""),
    ],
    ids=["IPv4", "IPv6", "no key", "a unix socket", "a name"],
)
def test_values(key: bytes, target: tuple[str, int] | str, value: bytes) -> None:
    assert dynamic_cookie(key, dial(target)) == value
