"""Here: what ``procession run`` shows of its processing, and asks of the person at this terminal.

In: the processing, again and again. Out: what its scripts print, and its questions with what may be answered; a line
that is typed is the answer. Always: nothing waits for the person, so the answer may as well come from elsewhere; where
there is no terminal, or this runs in the background of one, the question says how it is answered.
"""

from __future__ import annotations

import os
import select
import sys
import termios

import click

from procession.cli.table import clean
from procession.cli.tail import Echo
from procession.commands import questions
from procession.commands.asked import asked
from procession.commands.questions import Open
from procession.errors import Invalid, UsageError
from procession.model.processing import Processing
from procession.project import Project


class Here(Echo):
    """An echo that asks. Questions of several steps are asked one after the other."""

    def __init__(self, project: Project, *, logs: bool) -> None:
        super().__init__(project.var, logs=logs)
        self._project = project
        self._open: Open | None = None
        self._listens = sys.stdin.isatty() and sys.stderr.isatty()

    def tell(self, found: Processing) -> None:
        """Write what is new, and take the answer if one was typed."""
        super().tell(found)
        if not self._in_front():
            self._let_go()
            return
        if self._open is None and any(step.asking is not None for step in found.steps):
            self._ask(found)
        elif self._open is not None:
            self._hear(found, self._open)

    def asks(self, processing_id: int, step: str, text: str) -> None:
        """Without a terminal: how it is answered. At one it is asked in its turn."""
        if not self._in_front():
            super().asks(processing_id, step, text)

    def _in_front(self) -> bool:
        """Does this terminal listen to us now? Whoever touches it from the background is stopped by the system."""
        try:
            return self._listens and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
        except OSError:  # not the terminal of this session
            return False

    def _let_go(self) -> None:
        """Somebody took it to the background, or ended the input: how it is answered. In front it is asked again."""
        if self._open is not None:
            click.echo(f"\nprocession: {self._open.hint}", err=True)
            self._open = None

    def _ask(self, found: Processing) -> None:
        self._open = next(iter(questions.open_of(self._project, found.id)), None)
        if self._open is not None:
            asking = self._open.asking
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)  # what was typed before was no answer to this
            said = self._open.question.sentence(asking.text)
            click.echo(clean(f"procession: step {asking.step} asks: {said}"), err=True)
            click.echo("answer: ", nl=False, err=True)

    def _hear(self, found: Processing, asked_now: Open) -> None:
        asking = asked_now.asking
        if not any(step.ordinal == asking.ordinal and step.asking is not None for step in found.steps):
            click.echo("\nprocession: it is answered, or asked no more", err=True)
            self._open = None
            return
        if not select.select([sys.stdin], [], [], 0)[0]:
            return
        try:
            typed = os.read(sys.stdin.fileno(), 65536)  # a terminal gives whole lines
        except OSError:  # it was closed
            typed = b""
        if not typed:  # Ctrl-D
            self._listens = False
            self._let_go()
            return
        self._answer(asked_now, typed.decode("utf-8", "replace").strip())

    def _answer(self, asked_now: Open, value: str) -> None:
        asking = asked_now.asking
        try:
            questions.answer(self._project, asking.processing_id, asking.step, value, asked())
        except Invalid as problem:
            click.echo(clean(f"procession: {problem}") + "\nanswer: ", nl=False, err=True)
            return
        except UsageError as problem:  # somebody else was first
            click.echo(clean(f"procession: {problem}"), err=True)
        self._open = None
