"""Everything that a person or a program may ask, each verb once, for every surface.

A verb is one function: arguments as they come in JSON, one command or one look, an answer that is JSON. The HTTP API
makes a route of each, the Python client a method, and the command line speaks the same words; a test compares the
three. `call` is the one door: it checks the scope, and writes the audit.
"""

from procession.verbs.verb import VERBS, Caller, Raw, Verb, call, load, verb

__all__ = ["VERBS", "Caller", "Raw", "Verb", "call", "load", "verb"]
