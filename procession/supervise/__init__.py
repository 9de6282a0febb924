"""OS processes: starting scripts, ending whole trees, and remembering how each of them ended.

Knows nothing of tasks, steps or databases. Reading order: `forge` makes shims, a `shim` is the parent of one
script after the other, `tree` waits for a script and ends what descends from it, `record` is what a shim
writes about an attempt and `spool` how others read it; `script` holds the text that repeats an attempt by
hand, `process` the small calls of the system. All but the executors above import the standard library only,
so that the forge stays small and starts in some milliseconds.
"""
