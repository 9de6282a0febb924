"""What the system does by itself, one chapter per file; `launcher/loop.py` is the table of contents.

A chapter is one public function ``chapter(project, tx) -> datetime | None``: it does one bounded batch in the open
transaction and says when it next wants to be called (None: when something happens). Chapters never call each other;
they meet in the database. What several of them need is in `candidates` (who could start) and `conclude` (what follows
from the end of an attempt).
"""
