"""Tools that test a load balancer from outside: as a program, over sockets.

Nothing of these but process.py imports the package under test. What is in which file:

- programs.py   starts `haproxy` or `python -m pointsman` on a configuration text and ends it again
- ports.py      free ports, addresses that refuse and addresses that never answer
- wire.py       cuts HTTP/1 messages out of raw bytes (a parser of its own, so that it shares no mistake with ours)
- actor.py      steps (Send, Recv, End, Reset...) and the engine that plays them on a socket
- origin.py     scripted servers: one script for each connection that they accept
- receiver.py   takes log lines from UDP or a unix datagram socket
- normalise.py  makes two transcripts comparable: ports, dates, timers
- process.py    what a process has only once, and how each test begins without what others have left there
- scenario.py   Scenario (configuration + servers + talk), and `run`, which returns a Transcript
- stage.py      private network and mount namespaces in which a tutorial's configuration runs unchanged
"""
