"""`pointsman test`: requests and what is to become of them, played against a configuration without a socket.

    nodes.py      YAML as a tree that knows its places; duplicate keys, tags and endless anchors are refused
    keys.py       every key of the format, once: its words for documentation, its schema
    reader.py     the tree as cases: defaults, groups, parameters
    model.py      a case: what is asked (explain's Asked), and what is expected of the Explanation
    wanted.py     one expectation: "is", "regex", "absent"...
    check.py      an Explanation beside a case: what fails, and whether it could be known at all
    play.py       cases one after the other, each from the state in which the program starts
    why.py        the few steps of an explanation that decided
    command.py    the words of the command; report.py what it prints, junit.py what programs read
    coverage.py   which rules no case has reached: as a summary, a listing, lcov
    plugin.py     the same cases as items of pytest (items.py, fixtures.py)

The format is described in docs/test.md, and by the JSON schema that `pointsman test --schema` prints.
"""
