"""Foreign bytes become text, facts and pictures: in a child process, within limits, by a closed list of decoders.

`lane` is what the vault calls; it starts a `zygote`, which has the parsers loaded and forks one
`child` for each document into a `cage`. What comes back are `frames`, believed only as far as they
have been looked at. Only `lane`, `frames`, `limits` and `tessdata` may be imported by the vault's
own processes: the others load parsers, which belong into the child.

Rejected: a fresh interpreter for each document (0.2 s of imports, five times the work itself), and
threads or the worker itself (a parser that crashes or never ends would take other documents along).
"""
