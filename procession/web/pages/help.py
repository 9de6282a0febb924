"""Help: shortcuts, words, and where the rest is written. Nothing of it comes from another place."""

from __future__ import annotations

from procession import __version__
from procession.web.page import Ask, Shown, page
from procession.web.reference import STATES, TOPICS

SHORTCUTS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Everywhere",
        (
            ("?", "This page"),
            ("/", "Filter, or search the log"),
            ("g o", "Overview"),
            ("g t", "Tasks"),
            ("g p", "Processings"),
            ("g f", "Failures"),
            ("g q", "Questions"),
            ("g e", "Events"),
            ("g h", "Hosts and queues"),
            ("g l", "Locks"),
            ("g d", "Disk"),
            ("g m", "Messages"),
            ("g s", "Settings"),
            ("r", "Live on or off"),
            ("[", "Navigation narrow or wide"),
            ("y", "Copy a link to what is shown"),
        ),
    ),
    (
        "Lists",
        (
            ("j k", "Next and previous row"),
            ("J K", "Next and previous failed one"),
            ("x", "Select the row"),
            ("Enter", "Open the row"),
            (".", "Actions of the row"),
            ("R", "Ways to run it again"),
            ("P", "Pause or resume"),
            ("c", "Write a note"),
        ),
    ),
    (
        "Grids",
        (
            ("n N", "Next and previous failure, from anywhere on the page"),
            ("← → ↑ ↓", "Go through the cells, once one is chosen; with Shift select processings"),
            ("Enter", "Open the step"),
        ),
    ),
    (
        "Logs",
        (
            ("f", "Follow the end"),
            ("e E", "Next and previous error"),
            ("w", "Wrap long lines"),
            ("t", "Times of the lines"),
            ("g g, G", "Begin and end"),
        ),
    ),
)
WORDS = (
    ("Task", "What is done: ordered steps, and what starts them."),
    ("Event", "Something arrived: a name, a key and parameters."),
    ("Processing", "One pass of a task over one event. A re-run by a person is a new version of it: v1, v2."),
    ("Step", "One script or function of the chain."),
    ("Attempt", "One try at a step, on one host; it has a directory and a log."),
    ("Variable", "A named value that scripts read, with the origin of each."),
    ("Artifact", "A file that a step leaves for people to look at."),
    ("Lock", "A name that only so many may have at the same time."),
    ("Cause", "Why attempts failed: one for all that failed alike."),
    ("Launcher", "The process that serves the project: procession up."),
)


@page("/help", scope=None)
def help_(ask: Ask) -> Shown:
    """Help."""
    topics = {name: said[0] for name, said in TOPICS.items()}
    values = {
        "topics": topics,
        "shortcuts": SHORTCUTS,
        "words": WORDS,
        "states": tuple(STATES.items()),
        "version": __version__,
    }
    return Shown("pages/help.html", values, "Help", command="procession --help")
