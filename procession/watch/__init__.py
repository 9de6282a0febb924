"""Directories whose new files become events.

*In:* a pattern, such as ``{project}/inbox/{sat}_{date}.h5``, and looks at moments that the caller names. *Out:* what
has arrived and is complete, what still grows and why, what could not be read. *Always:* nothing is opened, moved or
changed; an unreadable place is a line of text and no exception; everything remembered may be lost at any moment, and
then what was taken before is told again, so the keys of events decide what is new.

Knows nothing of tasks, events or databases.
"""

from procession.watch.look import Watch
from procession.watch.looks import Look, Looks
from procession.watch.pattern import IGNORE, Pattern, read_pattern
from procession.watch.scan import Found, Growing, Scan

__all__ = ["IGNORE", "Found", "Growing", "Look", "Looks", "Pattern", "Scan", "Watch", "read_pattern"]
