"""What a server may send, by the sections of RFC 9113 and RFC 7541: tables, run by test_servers_frames.py."""
