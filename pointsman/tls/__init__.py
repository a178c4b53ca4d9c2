"""What TLS needs of files and memory: certificates and authorities, contexts that are made of them, and their changes.

The configuration's words are read in config/ (tls_*.py); the protocol is core/tls.py, a wire's transport net/tls.py.
"""
