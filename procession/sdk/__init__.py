"""For those who write scripts and programs around Procession.

`script` is one file for scripts: standard library only, Python 3.8 or newer, so that it works in any old environment.
`copy` puts it there.
"""
