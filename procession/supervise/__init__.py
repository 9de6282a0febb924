"""OS processes: starting scripts, holding them to their limits, ending whole trees, and remembering how each ended.

Knows nothing of tasks, steps or databases. Reading order: `forge` makes shims; a `shim` takes one `attempt` after the
other; `start` executes its script within its `limits`, `guard` says what must end it, from what `usage`, `log` and
`cgroup` tell; `tree` waits for it and ends what descends from it. `record` is what a shim writes about an attempt,
`sighting` what that means and `spool` how others come by it; `logs` reads a log. `script` holds the text that repeats
an attempt by hand, `process` the small calls of the system. `deliver` stands alone: it is the script that copies
results. All but the executors above import the standard library only, so that the forge stays small and starts in some
milliseconds.
"""
