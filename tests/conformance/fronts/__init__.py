"""What a client may send, by the sections of RFC 9113 and RFC 7541: a table for each, run by test_clients_frames.py."""
