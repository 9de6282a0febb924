"""Logs as pages show them: by lines, however long they are, and with what in them tells of errors.

*Always:* what is kept in memory of a log is bounded, whatever a script has printed; lines are text and never more.
"""
