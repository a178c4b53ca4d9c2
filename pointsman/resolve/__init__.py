"""Names that are looked up while the program runs: name servers, and what they have answered (manual 5.3).

    records.py      what names stand for
    families.py     IPv4, IPv6, or both
    message.py      queries and answers as bytes (RFC 1035, 2782, 6891), no I/O
    name_server.py  how they get to name servers and back, by UDP and TCP; what is counted
    attempt.py      queries to all of them until one has answered, or none is going to
    resolution.py   a name that somebody wants to know about, and what is known of it; sections of name servers

Lines of `resolvers` sections are read by config/resolvers.py. All I/O is control's.
"""
