"""Heads of requests as HTTP/2 has them, by what is to become of them: those that RFC 9113 calls malformed, with the
section, and good ones. A head is a list of its fields, in their order."""

from __future__ import annotations

Pairs = list[tuple[bytes, bytes]]


def head(method: bytes = b"GET", path: bytes = b"/", scheme: bytes = b"http", authority: bytes = b"ex.com") -> Pairs:
    return [(b":method", method), (b":scheme", scheme), (b":authority", authority), (b":path", path)]


# What resets its stream.
MALFORMED: dict[str, Pairs] = {
    # 8.3.1
    "no method": head()[1:],
    "no scheme": [head()[0], *head()[2:]],
    "no path": head()[:3],
    "only a method": head()[:1],
    "nothing": [],
    "an empty method": head(b""),
    "an empty path": head(path=b""),
    "a path without its slash": head(path=b"foo"),
    "an absolute path": head(path=b"http://x/"),
    "an asterisk, but not OPTIONS": head(path=b"*"),
    "an asterisk and more": head(b"OPTIONS", path=b"*/"),
    "a fragment": head(path=b"/a#b"),
    "an empty authority": head(authority=b""),
    "a user": head(authority=b"u@ex.com"),
    "a user with a password": head(authority=b"u:p@ex.com"),
    "two ports": head(authority=b"ex.com:80:80"),
    "a comma": head(authority=b"a,b"),
    "a slash in the authority": head(authority=b"a/b"),
    "a query in the authority": head(authority=b"a?b"),
    "a fragment in the authority": head(authority=b"a#b"),
    "a blank in the authority": head(authority=b"a b"),
    "an open bracket": head(authority=b"[::1"),
    "above 127 in the authority": head(authority=b"a\x80"),
    "another Host": [*head(), (b"host", b"other.com")],
    "a Host with another port": [*head(), (b"host", b"ex.com:8080")],
    "an empty Host": [*head(), (b"host", b"")],
    "two Hosts": [*head()[:2], head()[3], (b"host", b"h.org"), (b"host", b"g.org")],
    "a Host twice": [*head()[:2], head()[3], (b"host", b"h.org"), (b"host", b"h.org")],
    "two Hosts and an authority": [*head(), (b"host", b"ex.com"), (b"host", b"h.org")],
    "a blank in Host": [*head()[:2], head()[3], (b"host", b"a b")],
    "a comma in Host": [*head()[:2], head()[3], (b"host", b"a,b")],
    "a slash in Host": [*head()[:2], head()[3], (b"host", b"a/b")],
    "a user in Host": [*head()[:2], head()[3], (b"host", b"u@b")],
    # 8.3
    "a method twice": [head()[0], *head()],
    "a path twice": [*head(), head()[3]],
    "a scheme twice": [*head(), head()[1]],
    "an authority twice": [*head(), head()[2]],
    "an unknown pseudo-field": [*head(), (b":foo", b"x")],
    "a response's pseudo-field": [*head(), (b":status", b"200")],
    "a pseudo-field behind others": [*head()[:3], (b"a", b"b"), head()[3]],
    # 8.2.1
    "upper case": [*head(), (b"X-a", b"1")],
    "an empty name": [*head(), (b"", b"1")],
    "a colon": [*head(), (b":", b"1")],
    **{f"{byte!r} in a name": [*head(), (b"a" + byte, b"1")] for byte in (b" ", b"\t", b":", b"(", b'"', b"\0", b"\n")},
    **{f"{byte!r} in a name ": [*head(), (b"a" + byte, b"1")] for byte in (b"\x7f", b"\x80", b"\xff", b"\r", b"A")},
    **{f"{byte!r} in a value": [*head(), (b"a", b"1" + byte + b"2")] for byte in (b"\0", b"\r", b"\n")},
    **{f"{byte!r} before a value": [*head(), (b"a", byte + b"1")] for byte in (b" ", b"\t")},
    **{f"{byte!r} behind a value": [*head(), (b"a", b"1" + byte)] for byte in (b" ", b"\t")},
    **{f"{byte!r} in a path": head(path=b"/a" + byte + b"b") for byte in (b" ", b"\t", b"\0", b"\n", b"\r", b"\x1f")},
    **{f"{byte!r} in an authority": head(authority=b"a" + byte) for byte in (b"\0", b"\x7f", b"\n", b" ")},
    # 8.2.2
    "connection": [*head(), (b"connection", b"x")],
    "connection: close": [*head(), (b"connection", b"close")],
    "keep-alive": [*head(), (b"keep-alive", b"x")],
    "proxy-connection": [*head(), (b"proxy-connection", b"x")],
    "transfer-encoding": [*head(), (b"transfer-encoding", b"chunked")],
    "upgrade": [*head(), (b"upgrade", b"x")],
    "te: gzip": [*head(), (b"te", b"gzip")],
    "te: trailers, gzip": [*head(), (b"te", b"trailers, gzip")],
    "te: Trailers": [*head(), (b"te", b"Trailers")],
    "an empty te": [*head(), (b"te", b"")],
    # 8.5
    "CONNECT with a path": [(b":method", b"CONNECT"), (b":authority", b"ex.com:443"), (b":path", b"/")],
    "CONNECT with a scheme": [(b":method", b"CONNECT"), (b":authority", b"ex.com:443"), (b":scheme", b"http")],
    "CONNECT with all": head(b"CONNECT", authority=b"ex.com:443"),
    "CONNECT without authority": [(b":method", b"CONNECT")],
    "CONNECT with Host alone": [(b":method", b"CONNECT"), (b"host", b"ex.com:443")],
    "CONNECT without port": [(b":method", b"CONNECT"), (b":authority", b"ex.com")],
    "CONNECT with an empty port": [(b":method", b"CONNECT"), (b":authority", b"ex.com:")],
    "CONNECT without a host": [(b":method", b"CONNECT"), (b":authority", b":443")],
    "CONNECT with another Host": [(b":method", b"CONNECT"), (b":authority", b"ex.com:443"), (b"host", b"foo")],
}  # fmt: skip


# What is answered with 400, as in HAProxy.
ANSWERED: dict[str, Pairs] = {
    "a blank in the method": head(b"G T"),
    "a bracket in the method": head(b"G("),
    "the method of the preface": head(b"PRI"),
    "an empty scheme": head(scheme=b""),
    "a blank in the scheme": head(scheme=b"ht tp"),
    "a URI as scheme": head(scheme=b"http://x"),
    "a digit before the scheme": head(scheme=b"1a"),
    "DEL in the path": head(path=b"/a\x7fb"),
}


HOST: Pairs = [*head()[:2], head()[3]]  # without authority
# What goes on to a server.
SERVED: dict[str, Pairs] = {
    "the least": head(),
    "https": head(scheme=b"https"),
    "an upper-case scheme": head(scheme=b"HTTP"),
    "another scheme": head(scheme=b"ftp"),
    "a query": head(path=b"/a?b=c&d"),
    "an empty query": head(path=b"/?"),
    "two slashes": head(path=b"//a/b"),
    "odd bytes in the path": head(path=b'/a"<>\\^`{|}'),
    "bytes above 127 in the path": head(path=b"/a\x80\xff"),
    "an upper-case authority": head(authority=b"Ex.COM"),
    "a default port": head(authority=b"ex.com:80"),
    "the default port of https": head(scheme=b"https", authority=b"ex.com:443"),
    "the default port of another scheme": head(scheme=b"https", authority=b"ex.com:80"),
    "an empty port": head(authority=b"ex.com:"),
    "another port": head(authority=b"ex.com:8080"),
    "a port with a zero": head(authority=b"ex.com:080"),
    "an address": head(authority=b"[::1]:80"),
    "the same Host": [*head(), (b"x", b"y"), (b"host", b"ex.com")],
    "the same Host in upper case": [*head(), (b"host", b"EX.com")],
    "Host with the default port": [*head(), (b"host", b"ex.com:80")],
    "Host alone": [*HOST, (b"x", b"y"), (b"host", b"h.org:80"), (b"z", b"")],
    "neither authority nor Host": HOST,
    "another method": head(b"BREW"),
    "a method in lower case": head(b"get"),
    "TRACE": head(b"TRACE"),
    "POST without a body": head(b"POST"),
    "OPTIONS for all": head(b"OPTIONS", b"*"),
    "OPTIONS for all, without authority": [(b":method", b"OPTIONS"), (b":scheme", b"http"), (b":path", b"*")],
    "OPTIONS for a path": head(b"OPTIONS"),
    "pseudo-fields in another order": [head()[3], head()[2], head()[1], head()[0], (b"x", b"y")],
    "cookies": [*head(), (b"a", b"1"), (b"cookie", b"a=b"), (b"x", b"y"), (b"cookie", b"c=d"), (b"cookie", b"e=f")],
    "one cookie": [*head(), (b"cookie", b"a=b; c=d"), (b"x", b"y")],
    "an empty value": [*head(), (b"a", b"")],
    "controls in a value": [*head(), (b"a", b"\x01\x7f\x80")],
    "odd names": [*head(), (b"a_b", b"1"), (b"a.b", b"1"), (b"!#$%&'*+-^`|~", b"1")],
    "the same name twice": [*head(), (b"a", b"1"), (b"b", b"1"), (b"a", b"2")],
    "te": [*head(), (b"te", b"trailers")],
    "trailer and proxy-authorization": [*head(), (b"trailer", b"x"), (b"proxy-authorization", b"y")],
    "an expectation": [*head(), (b"expect", b"100-continue")],
    "an unknown expectation": [*head(), (b"expect", b"foo")],
    "a length of 0": [*head(b"POST"), (b"content-length", b"0")],
    "a length of 00": [*head(b"POST"), (b"content-length", b"00")],
    "equal lengths": [*head(b"POST"), (b"content-length", b"0"), (b"content-length", b"0")],
    "equal lengths in one": [*head(b"POST"), (b"content-length", b"0, 0")],
    "100 fields": [*head(), *[(b"a%d" % i, b"1") for i in range(99)]],
}
