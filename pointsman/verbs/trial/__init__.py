"""`pointsman try -f haproxy.cfg`: any file that loads, brought up on a laptop, without rights or surroundings.

    command.py     the verb: its words, the run from its beginning to its end
    order.py       what one process asks the other, and what that answers: plain data
    program.py     the child process: loads the files, changes them, and is the balancer
      lines.py       lines that are changed before they are parsed: files, users, addresses that are not here
      stand_ins.py   values for environment variables that are not set
      material.py    files that are missing, made in the run's folder; authority.py: certificates, by a CA of the run
      amend.py       settings that are changed once all is parsed: servers and log targets; ports.py: where it listens
      answers.py     what the checks of a backend want to hear
      told.py        a line about each request, whatever the file says about logs
    echo.py        all servers of the file, in one loop; echo_h2.py: their HTTP/2; checked.py: what health checks meet
    faults.py      what servers do wrong on request
    page.py        the page of what happened; page_text.py: its HTML, script and style
    seen.py        requests and log lines, as far as they are remembered
    asking.py      `--self-test` and `--once`: requests from here
    running.py     the processes and sockets of a run, and their end
    loopback.py    one listening socket for all servers
    sweeper.py     removes what is left when the run is killed

The balancer is a process of its own, so that the run outlives its crash and can tell of it. Its lines keep their
places: a mistake is told with the user's own file and line.
"""
