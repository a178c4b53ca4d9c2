"""open-redirect."""

import re
from collections.abc import Iterator
from typing import Final

from pointsman.rules.redirect import Redirect
from pointsman.rules.rule import Rule
from pointsman.sample.condition import Condition
from pointsman.verbs.lint.rule import Found, Level, rule
from pointsman.verbs.lint.subject import Subject

FOUND = """
frontend www
    mode http
    bind :80
    http-request redirect location %[url_param(next)] if { path /login }  # here
    http-request redirect location https://%[urlp(host)]/ if { path /go }  # here
    http-request redirect code 301 location %[path,regsub(/index.html,/)]  # here
"""
CLEAN = """
frontend www
    mode http
    bind :80
    http-request redirect location /welcome?next=%[url_param(next)] if { path /login }
    http-request redirect location https://%[hdr(host)]%[path] if { path /go }
    http-request redirect location %[path,regsub(^/old,/new)] if { path_beg /old/ }
    http-request redirect location %[url_param(next),map(known.map,/)] if { path /next }
    http-request redirect location %[url_param(next)] if { url_param(next) -m beg https://www.example.com/ }
"""
GIVEN: Final = re.compile(
    r"(?:https?:)?(?://)?%\[(?:url_param|urlp|cook|req\.cook|(?:req\.)?f?hdr\((?!host\b)|req\.body_param)(?P<rest>[^\]]*)\]",
    re.IGNORECASE,
)
PATH: Final = re.compile(r"%\[(?:path|pathq|url|capture\.req\.uri)(?P<rest>(?:,[^\]]*)?)\]")
CHECKED: Final = re.compile(r",(?:map|regsub\(['\"]?\^?/(?:/|\+|\{|\*)|url_enc|hex|base64)")


@rule("open-redirect", Level.WARNING, FOUND, CLEAN)
def open_redirect(subject: Subject) -> Iterator[Found]:
    """A redirection goes wherever the client's own request says.

    A link to your site that ends up at another one is what phishing needs: the site is yours until after the click. A
    path can be such an address as well: `//evil.example/` is another host to browsers. Begin with a host or path of
    your own, look the target up in a map, or compare it first.
    """
    for section in subject.proxies:
        for one in section.all(Rule):
            if not isinstance(one.action, Redirect) or one.action.kind not in ("location", "prefix"):
                continue
            words = subject.words(one.at)
            for number, word in enumerate(words[:-1]):
                if word.text != one.action.kind:
                    continue
                target = words[number + 1]
                given = GIVEN.match(target.text)
                path = PATH.match(target.text) if word.text == "location" else None
                found = given or path
                if found is None or CHECKED.search(found["rest"]):
                    continue
                if not _compared(one.condition, ("path", "url", "capture.req.uri", "base") if path else ()):
                    what = "a path may begin with '//', which is another host" if path else "the client says where to"
                    yield Found(target.at, f"{what}: this redirection leads anywhere", "begin with a host of your own")
                break


def _compared(condition: Condition | None, fetches: tuple[str, ...]) -> bool:
    """Each alternative compares what the target is made of with more than a slash."""
    if condition is None:
        return False
    return all(
        any(
            not term.negated
            and term.acls
            and all(
                (acl.expression.fetch.startswith(fetches) if fetches else not acl.expression.fetch.startswith("path"))
                and acl.method in ("str", "beg", "reg")
                and (acl.lists.names or acl.lists.written)
                and all(len(pattern.key.lstrip("^")) > 1 for pattern in acl.lists.written)
                for acl in term.acls
            )
            for term in terms
        )
        for terms in condition.alternatives
    )
