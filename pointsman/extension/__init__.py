"""Python in the rules: what `python-load` files bring (docs/python.md). Of the whole folder only `load.py` is imported
where no file is loaded.

    python-load canary.py      load.py: the file is imported; its decorators (declare.py) record functions
    python.NAME in a rule      entries.py: each is a fetch, a converter, an action or a service of that configuration
        sync                   called in the lane, with a Transaction (transaction.py), measured (calls.py)
        async                  asked of control (net/questions.py) by remote.py, which runs it with a copy of the
                               exchange; changes come back, and are made in the lane
    tasks                      tasks.py: in control, as long as the generation lives

Everything here is interpreted, for it calls functions of users; what the compiled rules call derives from classes that
allow it.
"""
