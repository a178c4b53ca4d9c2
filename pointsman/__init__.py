"""Pointsman: a TCP and HTTP load balancer and proxy that runs haproxy.cfg unchanged."""

__version__ = "0.1.0"
__date__ = "2026/11/21"  # of this version, as `show info` says it
