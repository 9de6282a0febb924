"""Bridges: brokers as a way in and a way out, equal to every other.

`frames` is the protocol, `reaching` opens a socket, `connection` is what is spoken over it; `receiver` takes messages
in, `sender` sends them out; `line` is what both share, `serving` all of a project, beside a launcher or in a process of
their own.
"""
