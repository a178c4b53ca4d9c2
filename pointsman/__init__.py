"""Pointsman: a TCP and HTTP load balancer and proxy that runs haproxy.cfg unchanged."""

__version__ = "0.1.0"
