"""The benchmark: Pointsman and Debian's haproxy, same configuration, same run, same load (`make bench`)."""
