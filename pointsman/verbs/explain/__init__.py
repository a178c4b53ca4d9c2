"""`pointsman explain`: the real rules and the real algorithm about a request that never had a socket."""
