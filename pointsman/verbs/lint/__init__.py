"""`pointsman lint`: what is wrong, or suspicious, in a configuration.

command.py    the words behind the verb          engine.py   rules run, comments ignore, fixes are tried
subject.py    what rules look at                 render.py   text, JSON, annotations, --explain
rule.py       how a rule is written              rules/      one rule, one file
loading.py    names for what the load finds      text.py     comments and edits by position
logic.py      whether one condition implies another
"""
