"""`pointsman lint`: what is wrong, or suspicious, in a configuration.

command.py    the verb                       engine.py    rules run, comments ignore, fixes are tried
running.py    the words behind it            render.py    text, JSON, annotations, --explain
subject.py    what rules look at             rules/       one rule, one file
rule.py       how a rule is written          loading.py   names for what the load finds
logic.py      what conditions imply          shadow.py    what is never reached
values.py     what fetches may give          lists.py     lists of rules
text.py       comments and edits by position
"""
