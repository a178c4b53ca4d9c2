"""Attacks by HTTP/2, each a bounded script, on Pointsman and on haproxy (`python -m bench.attacks`)."""
