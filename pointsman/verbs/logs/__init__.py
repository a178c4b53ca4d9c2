"""`pointsman explain --log`: what log lines say, in plain words; one line, or a whole file summed up.

command.py    words -> one line or many, text or JSON
heading.py    what syslog, the journal or a container has put in front
pattern.py    a log-format -> a way to read its lines back
reader.py     which of several formats a line has
events.py     lines about servers, proxies and connections that failed
letters.py    the termination letters (manual 8.5): data
reading.py    a line's fields -> what they mean; configured.py: what the configuration says about them
page.py       the same as text
summary.py    many lines -> counts; sketch.py: percentiles in bounded memory; summary_page.py: as text
"""
