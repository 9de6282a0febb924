"""All tables on one page, each index with the query that it serves.

Everything below a processing is keyed ``(processing_id, ordinal[, number])``. Moments are integer microseconds UTC.
Text columns that hold JSON say so. States are checked against the machines of `model/states.py`. The journal is
append-only and its id is the cursor of everything that follows what happens.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from procession.model.states import MACHINES, Machine

VERSION = "0010"
"""The migration that makes this schema; `store/migrations` ends with it."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RUNNABLE = "state = 'waiting' AND due_at IS NULL AND held_at IS NULL"
"""Processings that begin when there is room. A query must say it in these words for its index to be used."""
ANEW = f"{RUNNABLE} AND waiting_at > created_at"
"""Processings that wait not since their births: their index costs the birth and the first start of others nothing."""
FAILED_NOW = "state = 'failed' AND replaced_by IS NULL AND cause IS NOT NULL"
"""Processings that have failed, and that no newer version has replaced."""
LATER = "state = 'waiting' AND (due_at IS NOT NULL OR held_at IS NOT NULL)"
"""Processings that wait for a moment, or for a person."""

Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite gives out row ids only for INTEGER."""


def for_postgresql() -> None:
    """Give partial indexes their condition on PostgreSQL too: to say so in the table would load that dialect, which
    costs every command on SQLite 40 ms."""
    for table in metadata.tables.values():
        for index in table.indexes:
            condition = index.dialect_options["sqlite"]["where"]
            if condition is not None:
                index.dialect_options["postgresql"]["where"] = condition


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _states(machine: Machine) -> CheckConstraint:
    return CheckConstraint(f"state IN ({', '.join(repr(str(s)) for s in machine.states)})", name="state")


installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),  # first part of every attempt key
    Column("incarnation", Text, nullable=False),  # a restored backup gets a new one, so that foreign records are known
    Column("created_at", BigInteger, nullable=False),
    Column("fingerprint", Text),  # of the definition files that were last read
    Column("settings", Text),  # JSON of what the file says beside the tasks
    CheckConstraint("id = 1", name="single"),
)

event = Table(
    "event",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("key", Text),
    Column("title", Text, nullable=False),
    Column("params", Text, nullable=False),  # JSON
    Column("source", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("repeats", Integer, nullable=False, server_default="0"),
    Column("conflicts", Integer, nullable=False, server_default="0"),
    Column("last_seen_at", BigInteger, nullable=False),
    Column("origin_id", Id),  # the processing whose script emitted it
    Column("depth", Integer, nullable=False, server_default="0"),  # how many events led to it, one out of the other
    Column("taken", Integer, nullable=False, server_default="0"),  # 1: a task took it, when it came or later
    Column("alone", Text),  # limit of one that each of its processings takes for itself
    Index("ix_event_name", "name", "id"),  # events of one name, newest first
    # events that no task took, newest first
    Index(
        "ix_event_untaken",
        "id",
        sqlite_where=text("taken = 0"),
    ),
    sqlite_autoincrement=True,
)

event_key = Table(  # outlives its event, so that a repeat is known long after the event was cleaned away
    "event_key",
    metadata,
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("event_id", Id, nullable=False),
    Column("payload", Text, nullable=False),  # SHA-256 of the parameters
    PrimaryKeyConstraint("name", "key"),
    sqlite_with_rowid=False,
)

definition = Table(  # immutable: the resolved form of one task, by hash
    "definition",
    metadata,
    _id(),
    Column("hash", Text, nullable=False, unique=True),
    Column("task", Text, nullable=False),
    Column("body", Text, nullable=False),  # JSON
    Column("created_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

task = Table(  # live state of each task
    "task",
    metadata,
    Column("name", Text, primary_key=True),
    Column("definition_id", Id, nullable=False),
    Column("removed_at", BigInteger),  # no longer in the file: takes no events, begun work finishes
    Column("nominal_at", BigInteger),  # the last nominal time of a periodic task
    Column("resumed_at", BigInteger),  # failures before this moment no longer suspend it
    Column("registered_at", BigInteger),  # a program registered it; the files do not know it and do not remove it
)

setting = Table(  # what a person (or a suspension) has set while it runs; holds over the file until it is reset
    "setting",
    metadata,
    Column("name", Text, primary_key=True),  # model/setting.py says which there are
    Column("value", Text, nullable=False),  # JSON
    Column("by", Text, nullable=False),
    Column("reason", Text),
    Column("at", BigInteger, nullable=False),
)

processing = Table(
    "processing",
    metadata,
    _id(),
    Column("event_id", Id, nullable=False),
    Column("task", Text, nullable=False),
    Column("definition_id", Id, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("state", Text, nullable=False),
    Column("priority", Integer, nullable=False, server_default="0"),  # its rank: backfill is below all that is fresh
    Column("due_at", BigInteger),  # waiting: not before; emptied when it has passed
    Column("cancel_requested_at", BigInteger),
    Column("launcher_id", Id),  # owned by this foreground launcher alone; null: whoever serves the project
    Column("reason", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("waiting_at", BigInteger),  # since when it waits now; null: it does not
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("idle", BigInteger, nullable=False, server_default="0"),  # so long it had ended before it was let go on
    Column("held_at", BigInteger),  # nothing of it starts until it is released
    Column("pinned_at", BigInteger),  # the cleaner leaves it alone
    Column("errors", Integer, nullable=False, server_default="0"),  # recorded by its scripts: succeeded, but amber
    Column("origin_id", Id),  # the processing that emitted its event
    Column("first_id", Id),  # its first version, by which what it emits is known; null: this is the first
    Column("replaced_by", Id),  # the next version of it
    Column("code_of", Id),  # the processing whose scripts, as they were kept, it runs; null: as they are now
    Column("wants", Text),  # JSON: what it takes of limits, and what its first steps want (model/wants.py)
    Column("bytes", BigInteger),  # of its directory, when it was last measured; null: not yet, or nothing of it is left
    Column("cleaned_at", BigInteger),  # its working files are gone
    Column("place", Text),  # the launcher's place where its directory is; null: nothing of it has begun yet
    Column("callback", Text),  # URL to which its result is delivered when it has ended
    Column("retire_at", BigInteger),  # ended: not before this moment it goes with all its rows, and its key is free
    Column("description", Text),  # of this version, as the person who asked for it wrote it
    Column(
        "variables", Text
    ),  # JSON: {"standard_vars": {...}, "advanced_vars": {...}} that replace the script's defaults
    Column("run_number", BigInteger),  # as ``run_by`` of its task names it
    Column("run_group", Text),  # what its runs are grouped by, as ``group_by`` names it
    Column("cause", Text),  # failed: the signature of why
    Column("source", Text),  # where its data come from, as its task says it
    Column("experiment", Text),  # what they belong to
    UniqueConstraint("event_id", "task", "version"),
    _states(MACHINES["processing"]),
    # which of a task's processings is next; `wants` is read along, to pass over what cannot start
    Index(
        "ix_processing_waiting",
        "task",
        text("priority DESC"),
        "id",
        "wants",
        sqlite_where=text(RUNNABLE),
    ),
    # which of those that were let go on has waited longest; the others wait in the order of their births
    Index(
        "ix_processing_anew",
        "task",
        "waiting_at",
        "id",
        sqlite_where=text(ANEW),
    ),
    # those whose time comes, or that are held
    Index(
        "ix_processing_later",
        "due_at",
        "task",
        "held_at",
        sqlite_where=text(LATER),
    ),
    # how many of a task are running
    Index(
        "ix_processing_running",
        "task",
        "id",
        sqlite_where=text("state = 'running'"),
    ),
    Index("ix_processing_task", "task", "id"),  # list by task, newest first
    # those of a run, and the largest run of a task
    Index(
        "ix_processing_run",
        "task",
        "run_number",
        "id",
        sqlite_where=text("run_number IS NOT NULL"),
    ),
    # the last of a task in the order of their ends: failures in a row, retention, durations
    Index(
        "ix_processing_finished",
        "task",
        "finished_at",
        sqlite_where=text("finished_at IS NOT NULL"),
    ),
    # what has begun at a place and has not ended
    Index(
        "ix_processing_place",
        "place",
        sqlite_where=text("state IN ('waiting', 'running') AND place IS NOT NULL"),
    ),
    # children of a processing
    Index(
        "ix_processing_origin",
        "origin_id",
        sqlite_where=text("origin_id IS NOT NULL"),
    ),
    # directories that are to be measured
    Index(
        "ix_processing_unmeasured",
        "id",
        sqlite_where=text("finished_at IS NOT NULL AND bytes IS NULL AND cleaned_at IS NULL"),
    ),
    # what takes the disk, and which of it goes first
    Index(
        "ix_processing_kept",
        "task",
        "state",
        "finished_at",
        "bytes",
        sqlite_where=text("bytes IS NOT NULL AND cleaned_at IS NULL"),
    ),
    # logs that have outlived their retention
    Index(
        "ix_processing_logs",
        "finished_at",
        sqlite_where=text("cleaned_at IS NOT NULL AND bytes IS NOT NULL"),
    ),
    # rows that have outlived theirs
    Index(
        "ix_processing_cleaned",
        "finished_at",
        sqlite_where=text("cleaned_at IS NOT NULL AND bytes IS NULL"),
    ),
    # list what did not succeed, newest first
    Index(
        "ix_processing_ended",
        "state",
        "id",
        sqlite_where=text("state IN ('failed', 'cancelled', 'skipped')"),
    ),
    # what there is of a source
    Index(
        "ix_processing_source",
        "source",
        "id",
        sqlite_where=text("source IS NOT NULL"),
    ),
    # what there is of an experiment
    Index(
        "ix_processing_experiment",
        "experiment",
        "id",
        sqlite_where=text("experiment IS NOT NULL"),
    ),
    # failures by their cause
    Index(
        "ix_processing_cause",
        "cause",
        "id",
        sqlite_where=text(FAILED_NOW),
    ),
    # instances that have outlived their retention
    Index(
        "ix_processing_retire",
        "retire_at",
        sqlite_where=text("retire_at IS NOT NULL"),
    ),
    # what a foreground launcher that is gone has left behind
    Index(
        "ix_processing_launcher",
        "launcher_id",
        sqlite_where=text("launcher_id IS NOT NULL"),
    ),
    # cancels that wait for a live attempt to end
    Index(
        "ix_processing_cancel",
        "id",
        sqlite_where=text("cancel_requested_at IS NOT NULL AND state = 'running'"),
    ),
    sqlite_autoincrement=True,
)

step = Table(
    "step",
    metadata,
    Column("processing_id", Id, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),  # number of the latest attempt; never goes back
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("cpus", Float, nullable=False),
    Column("memory", BigInteger, nullable=False, server_default="0"),
    Column("gpus", Integer, nullable=False, server_default="0"),
    Column("wants", Text),  # JSON: what it takes of limits, which host it needs (model/wants.py)
    Column("held_at", BigInteger),
    Column("ready_at", BigInteger),  # since when it may start, or could again
    Column("due_at", BigInteger),  # not before; emptied when it has passed, so that the claim reads one short index
    Column("renewed", Integer, nullable=False, server_default="0"),  # attempts up to this one no longer count
    Column("reason", Text),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    PrimaryKeyConstraint("processing_id", "ordinal"),
    _states(MACHINES["step"]),
    # the claim: larger priority first, then older
    Index(
        "ix_step_ready",
        text("priority DESC"),
        "processing_id",
        "ordinal",
        sqlite_where=text("state = 'ready' AND due_at IS NULL AND held_at IS NULL"),
    ),
    # what the running ones take of limits
    Index(
        "ix_step_taking",
        "wants",
        sqlite_where=text("state = 'running' AND wants IS NOT NULL"),
    ),
    # held by a person
    Index(
        "ix_step_held",
        "processing_id",
        sqlite_where=text("held_at IS NOT NULL"),
    ),
    # retries whose time comes
    Index(
        "ix_step_due",
        "due_at",
        sqlite_where=text("state = 'ready' AND due_at IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

attempt = Table(  # append-only; live until it has an outcome
    "attempt",
    metadata,
    Column("processing_id", Id, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("launcher_id", Id),  # no foreign key: history outlives launchers
    Column("cpus", Float, nullable=False),  # what it takes, counted at every claim
    Column("memory", BigInteger, nullable=False, server_default="0"),
    Column("outcome", Text),
    Column("reason", Text),
    Column("note", Text),
    Column("made_by", Text),  # the person, where no script was executed
    Column("claimed_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("exit_code", Integer),
    Column("signal", Integer),
    Column("errno", Integer),
    Column("max_rss", BigInteger),
    Column("cpu_seconds", Float),
    Column("log_bytes", BigInteger),
    Column("code", Text),  # JSON: script path → SHA-256
    Column("metrics", Text),  # JSON: name → number
    Column("errors", Integer, nullable=False, server_default="0"),  # recorded by the script
    Column("peak_tree", BigInteger),  # bytes of its whole tree at a time, where that was watched
    Column("surroundings", Text),  # JSON: interpreter, packages, commit, sizes of inputs, at the claim
    Column("gpus", Text),  # JSON: numbers of the devices that it was given
    Column("worker", Text),  # who does it: a program elsewhere that claimed it, by the name it gave; null: a launcher
    Column("claimed_by", Text),  # done elsewhere: the account or token that claimed it, which alone is heard; null: any
    Column("expires_at", BigInteger),  # done elsewhere: not heard of until then, it is given back, or lost
    Column("paused_at", BigInteger),  # the function itself waits
    Column("pooled", Integer, nullable=False, server_default="0"),  # 1: called in the launcher's pool: it has no record
    Column("progress", Text),  # JSON: share and words, as a function or a program elsewhere told them last
    Column("cause", Text),  # signature of why it failed: attempts that failed for the same reason have the same
    Column("asks", Text),  # the question that a person is asked
    Column("asks_until", BigInteger),  # when it is settled: its time is over then, or it was answered then
    Column("answer", Text),  # JSON: what a person answered; `made_by` and `note` say who, and what they added
    PrimaryKeyConstraint("processing_id", "ordinal", "number"),
    # attempts to look after
    Index(
        "ix_attempt_live",
        "launcher_id",
        sqlite_where=text("outcome IS NULL"),
    ),
    # done elsewhere, and until when
    Index(
        "ix_attempt_expires",
        "expires_at",
        sqlite_where=text("outcome IS NULL AND expires_at IS NOT NULL"),
    ),
    # claimed by nobody: they wait for children, or for a person
    Index(
        "ix_attempt_children",
        "launcher_id",
        "worker",
        sqlite_where=text("outcome IS NULL AND launcher_id IS NULL AND worker IS NULL AND asks IS NULL"),
    ),
    # questions that are open
    Index(
        "ix_attempt_asks",
        "processing_id",
        sqlite_where=text("outcome IS NULL AND asks IS NOT NULL"),
    ),
    # questions that are answered, or whose time is over
    Index(
        "ix_attempt_asks_until",
        "asks_until",
        sqlite_where=text("outcome IS NULL AND asks_until IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

output = Table(
    "output",
    metadata,
    Column("processing_id", Id, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),  # JSON
    PrimaryKeyConstraint("processing_id", "ordinal", "name"),
    sqlite_with_rowid=False,
)

launcher = Table(
    "launcher",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),  # up: serves the project; run: one processing in the foreground
    Column("host", Text, nullable=False),
    Column("place", Text, nullable=False),  # its var/: whoever serves the same place can read its records
    Column("pid", Integer, nullable=False),
    Column("boot", Text, nullable=False),  # boot id: what was claimed under another boot is lost
    Column("cpus", Float, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("beat_at", BigInteger, nullable=False),
    Column("stopped_at", BigInteger),
    Column("memory", BigInteger),
    Column("labels", Text),  # JSON: list
    Column("queues", Text),  # JSON: list
    Column("closing", Text),  # drain or kill: it starts nothing any more, and leaves when nothing of its own runs
    Column("gpus", Integer, nullable=False, server_default="0"),
    Column("beats", BigInteger, nullable=False, server_default="0"),  # others watch it grow, each by its own clock
    Column("url", Text),  # of its web server
    Column("var", Text),  # path of its var/ on its host
    Column("lost_after", Float),  # seconds without a beat after which others take it for lost; null: with SQLite
    Column("version", Text),  # of Procession, as it serves
    CheckConstraint("kind IN ('up', 'run')", name="kind"),
    sqlite_autoincrement=True,
)

journal = Table(
    "journal",
    metadata,
    _id(),
    Column("at", BigInteger, nullable=False),
    Column("noun", Text, nullable=False),
    Column("processing_id", Id),
    Column("ordinal", Integer),
    Column("attempt", Integer),
    Column("verb", Text, nullable=False),
    Column("state", Text),  # after the move; null: refused, or nothing moved
    Column("by", Text, nullable=False),
    Column("reason", Text),
    Index("ix_journal_processing", "processing_id", "id"),  # the story of one processing
    sqlite_autoincrement=True,
)

tally = Table(  # counts by the hour: how much came, how it ended, how long it took; and what all of it comes to
    "tally",
    metadata,
    Column("hour", BigInteger, nullable=False),  # its first moment; -1: all that is there now (store/tallies.py)
    Column("noun", Text, nullable=False),  # event, task or cause (of attempts that failed)
    Column("name", Text, nullable=False),
    Column("what", Text, nullable=False),  # what came of it
    Column("n", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    PrimaryKeyConstraint("noun", "name", "what", "hour"),
    CheckConstraint("noun IN ('event', 'task', 'cause')", name="noun"),
    Index("ix_tally_hour", "noun", "hour", "name", "what", "n"),  # what all of them came to in some hours
    sqlite_with_rowid=False,
)

message = Table(  # what people should know: one row for each cause, however often it occurs
    "message",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),  # model/message.py says which there are
    Column("task", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("signature", Text, nullable=False),  # what makes two of them the same
    Column("text", Text, nullable=False),  # as it was last
    Column("processing_id", Id),  # where it was last
    Column("n", Integer, nullable=False, server_default="1"),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),  # it no longer occurs
    Column("read_at", BigInteger),
    Column("read_by", Text),
    Column("needs_person_at", BigInteger),  # when a person is told, if it still occurs then; null: never
    Column("told_at", BigInteger),  # when people were told of it
    Column("problem", Text),  # why they could not be told last
    CheckConstraint(
        "kind IN ('error', 'failure', 'suspended', 'silence', 'incomplete', 'disk', 'watch', "
        "'delivery', 'host', 'bridge', 'question')",
        name="kind",
    ),
    # the one that still occurs
    Index(
        "uq_message_active",
        "kind",
        "task",
        "step",
        "signature",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
    ),
    # those of which a person is to be told
    Index(
        "ix_message_untold",
        "needs_person_at",
        sqlite_where=text("ended_at IS NULL AND told_at IS NULL AND needs_person_at IS NOT NULL"),
    ),
    # those of whose end a person is to be told
    Index(
        "ix_message_ended_untold",
        "id",
        sqlite_where=text("told_at < ended_at"),
    ),
    sqlite_autoincrement=True,
)

cause = Table(  # why attempts failed: one row for each reason of a step, by its signature (model/cause.py)
    "cause",
    metadata,
    Column("signature", Text, primary_key=True),
    Column("task", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("text", Text, nullable=False),  # what made the signature
    Column("sample", Text, nullable=False),  # what was said of it last
    Column("n", BigInteger, nullable=False, server_default="1"),  # attempts that ended so
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("muted_at", BigInteger),  # nobody is told of it
    Column("muted_until", BigInteger),  # null: until somebody says so
    Column("muted_by", Text),
    Column("muted_up_to", BigInteger),  # nobody is told of it before it has occurred so often
    Column("note", Text),
    Column("owner", Text),  # who looks after it
    Column("known_at", BigInteger),  # somebody has looked at it
    Column("resolved_at", BigInteger),  # somebody says that it is mended; what fails for it later is a regression
    Column("resolved_by", Text),
    Index("ix_cause_last", "last_at"),  # those that occurred last, and those that have not for long
)

cause_note = Table(  # what people have noted on a cause, one after the other
    "cause_note",
    metadata,
    _id(),
    Column("signature", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index("ix_cause_note_signature", "signature", "id"),  # those of one cause
    sqlite_autoincrement=True,
)

source = Table(  # sources and experiments, known from the first processing on that names them
    "source",
    metadata,
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("parent", Text),  # of an experiment: the source that first named it
    Column("first_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "name"),
    CheckConstraint("kind IN ('source', 'experiment')", name="kind"),
    sqlite_with_rowid=False,
)

watch = Table(  # how each watched pattern stood at its last look
    "watch",
    metadata,
    Column("name", Text, primary_key=True),
    Column("first_at", BigInteger, nullable=False),  # when it was first seen: what is much older is backfill
    Column("growing", Integer, nullable=False, server_default="0"),  # files that may not be complete yet
    Column("said", Text),  # one of them, and why
    Column("problem", Text),  # what could not be looked at
)

counter = Table(  # where each counter of runs stands: it moves in the transaction of its events
    "counter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("last", BigInteger),  # everything up to it is an event, or pending
    Column("pending", Text, nullable=False),  # JSON: [run, since when it is waited for] of those without data yet
)

slot = Table(  # one set that is being collected, or was
    "slot",
    metadata,
    _id(),
    Column("name", Text, nullable=False),  # of the set, as the file has it
    Column("key", Text, nullable=False),
    Column("plan", Text, nullable=False),  # JSON: what the file said when its first piece came
    Column("first_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),  # when it is no longer waited for; null: for ever
    Column("done_at", BigInteger),
    Column("complete", Integer),  # 1: everything wanted came; 0: the time was over
    Column("event_id", Id),  # the event that it became
    Column("late", Integer, nullable=False, server_default="0"),  # pieces that came afterwards
    UniqueConstraint("name", "key"),
    # those that are waited for
    Index(
        "ix_slot_due",
        "due_at",
        sqlite_where=text("done_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)

piece = Table(
    "piece",
    metadata,
    Column("slot_id", Id, nullable=False),
    Column("name", Text, nullable=False),
    Column("event_id", Id, nullable=False),
    PrimaryKeyConstraint("slot_id", "name"),
    sqlite_with_rowid=False,
)

input_ = Table(  # what an event brings to a function beside its parameters: any value, kept as it came
    "input",
    metadata,
    Column("event_id", Id, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),  # json, or pickle where the operator opted in
    Column("form", Text, nullable=False),  # how the body is written: model/body.py
    Column("body", Text, nullable=False),
    CheckConstraint("kind IN ('json', 'pickle')", name="kind"),
)

result = Table(  # what a processing came to, served as it is
    "result",
    metadata,
    Column("processing_id", Id, primary_key=True, autoincrement=False),
    Column("mime", Text, nullable=False),
    Column("form", Text, nullable=False),  # how the body is written: model/body.py
    Column("size", BigInteger, nullable=False),  # bytes, as it is served
    Column("body", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

lock_hold = Table(  # a lock that somebody has; its id is its fencing number, which grows
    "lock_hold",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("processing_id", Id, nullable=False),  # the owner: the processing, or one attempt of it
    Column("ordinal", Integer, nullable=False, server_default="0"),  # 0: the processing
    Column("number", Integer, nullable=False, server_default="0"),
    Column("n", Integer, nullable=False),  # so often it was acquired, and must be released
    Column("at", BigInteger, nullable=False),
    Column("by", Text, nullable=False),  # the attempt that asked
    UniqueConstraint("name", "processing_id", "ordinal", "number"),
    # what an owner holds
    Index("ix_lock_hold_owner", "processing_id"),
    sqlite_autoincrement=True,
)

lock_wait = Table(  # somebody waits for a set of locks and has none of those that it lacks; first come, first served
    "lock_wait",
    metadata,
    _id(),
    Column("names", Text, nullable=False),  # JSON: sorted
    Column("processing_id", Id, nullable=False),
    Column("ordinal", Integer, nullable=False, server_default="0"),
    Column("number", Integer, nullable=False, server_default="0"),
    Column("by", Text, nullable=False),  # the attempt that asks
    Column("since", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),  # it asked again; who stops asking has left
    UniqueConstraint("processing_id", "by", "names"),
    sqlite_autoincrement=True,
)

delivery = Table(  # what is to be sent out, written in the transaction of the change that it tells of
    "delivery",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),
    Column("processing_id", Id),
    Column("target", Text, nullable=False),  # where to: a URL
    Column("body", Text),  # JSON; null: the result, as it is when it is sent
    Column("made_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),  # the next try; null: it is over
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("done_at", BigInteger),  # it arrived
    Column("problem", Text),  # why the last try failed
    CheckConstraint("kind IN ('callback')", name="kind"),
    # the next ones
    Index("ix_delivery_due", "due_at", sqlite_where=text("due_at IS NOT NULL")),
    Index("ix_delivery_processing", "processing_id"),  # those of one processing
    sqlite_autoincrement=True,
)

tombstone = Table(  # a cancel that came before its event; its key is taken in `event_key`, by the event 0
    "tombstone",
    metadata,
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until_at", BigInteger, nullable=False),  # an event that comes later than that is not cancelled
    Column("by", Text, nullable=False),
    Column("reason", Text),
    Column("event_id", Id),  # the event that came, and was cancelled
    PrimaryKeyConstraint("name", "key"),
    Index("ix_tombstone_until", "until_at"),  # those that have served
    sqlite_with_rowid=False,
)

bridge = Table(  # what went over each bridge
    "bridge",
    metadata,
    Column("name", Text, primary_key=True),
    Column("taken", BigInteger, nullable=False, server_default="0"),  # messages that became events
    Column("repeats", BigInteger, nullable=False, server_default="0"),  # that were known
    Column("cancels", BigInteger, nullable=False, server_default="0"),  # that cancelled
    Column("refused", BigInteger, nullable=False, server_default="0"),
    Column("sent", BigInteger, nullable=False, server_default="0"),  # that the broker has confirmed
    Column("last_in_at", BigInteger),
    Column("last_out_at", BigInteger),
)

bridge_link = Table(  # a connection of a bridge, or the wish for one: one row for each process and direction
    "bridge_link",
    metadata,
    Column("bridge", Text, nullable=False),
    Column("owner", Text, nullable=False),  # host:pid
    Column("way", Text, nullable=False),  # in or out
    Column("url", Text),  # of the broker
    Column("since", BigInteger, nullable=False),  # it is connected since then, or is not
    Column("connected", Integer, nullable=False),  # 1: it is
    Column("problem", Text),  # why it is not
    Column("seen_at", BigInteger, nullable=False),  # its process was there
    PrimaryKeyConstraint("bridge", "way", "owner"),
    CheckConstraint("way IN ('in', 'out')", name="way"),
)

outbox = Table(  # a message that is to be published, written in the transaction of the change that it tells of
    "outbox",
    metadata,
    _id(),
    Column("bridge", Text, nullable=False),
    Column("processing_id", Id, nullable=False),
    Column("destination", Text, nullable=False),
    Column("key", Text),  # of the event, as correlation id
    Column("body", Text, nullable=False),  # JSON
    Column("made_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),  # the next try; null: it was given up
    Column("tries", Integer, nullable=False, server_default="0"),  # that the broker has refused
    Column("problem", Text),  # why the broker refused it
    Index("ix_outbox_bridge", "bridge", "id"),  # the next ones
    sqlite_autoincrement=True,
)

account = Table(  # a person who may log in
    "account",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("groups", Text),  # JSON: groups of tasks; null: all
    Column("password", Text),  # scrypt, with its salt and costs; null: by link only
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
    CheckConstraint("role IN ('viewer', 'operator', 'admin')", name="role"),
)

view = Table(  # a filter of processings that somebody has given a name
    "view",
    metadata,
    Column("account", Text, nullable=False),  # whose it is; an account, or who uses the command line
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False),  # as it was written: relative times stay relative
    Column("sort", Text, nullable=False),  # how the list is ordered
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("account", "name"),
    sqlite_with_rowid=False,
)

token = Table(  # what lets a caller in; the secret itself is nowhere
    "token",
    metadata,
    Column("key", Text, primary_key=True),  # its first characters, by which people know it
    Column("hash", Text, nullable=False, unique=True),  # SHA-256 of the secret
    Column("kind", Text, nullable=False),  # bearer, login (a link that is used once) or session (a cookie)
    Column("name", Text, nullable=False),  # what it is for, in words
    Column("account", Text),  # of whom; null: of nobody in particular
    Column("scopes", Text, nullable=False),  # JSON: list
    Column("groups", Text),  # JSON: groups of tasks; null: all
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("used_at", BigInteger),  # the last time, to the minute
    CheckConstraint("kind IN ('bearer', 'login', 'session')", name="kind"),
    # those that have served
    Index("ix_token_expires", "expires_at", sqlite_where=text("expires_at IS NOT NULL")),
)

audit = Table(  # append-only: who asked for what, from where, and what came of it
    "audit",
    metadata,
    _id(),
    Column("at", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("via", Text, nullable=False),  # cli, http, python or attempt
    Column("origin", Text),  # address of the caller
    Column("token", Text),  # key of the token
    Column("verb", Text, nullable=False),
    Column("subject", Text),  # processing:12, task:scene ...
    Column("asked", Text, nullable=False),  # JSON: the arguments
    Column("before", Text),  # JSON
    Column("after", Text),  # JSON
    Column("outcome", Text, nullable=False),  # done, or what kind of refusal
    Column("problem", Text),
    CheckConstraint("via IN ('cli', 'http', 'python', 'attempt')", name="via"),
    Index("ix_audit_subject", "subject", "id"),  # what was done to one thing
    sqlite_autoincrement=True,
)

answer = Table(  # what a caller was answered who gave an idempotency key, so that asking again does nothing
    "answer",
    metadata,
    Column("caller", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("asked", Text, nullable=False),  # SHA-256 of the request
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),  # JSON
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("caller", "key"),
    Index("ix_answer_at", "at"),  # those that have served
    sqlite_with_rowid=False,
)

batch = Table(  # a verb over all that a query finds, done in small pieces by the flow
    "batch",
    metadata,
    _id(),
    Column("verb", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("asked", Text, nullable=False),  # JSON: the other arguments
    Column("by", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("until_id", Id, nullable=False),  # processings that came later are left out
    Column("cursor", Id),  # the last processing that was looked at
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("refused", Integer, nullable=False, server_default="0"),
    Column("problems", Text),  # JSON: the first refusals, with their ids
    Column("finished_at", BigInteger),
    Column("cancelled_at", BigInteger),
    # those at work
    Index("ix_batch_open", "id", sqlite_where=text("finished_at IS NULL")),
    sqlite_autoincrement=True,
)

batch_done = Table(  # what a batch has done: the processing, or the new version of it
    "batch_done",
    metadata,
    Column("batch_id", Id, nullable=False),
    Column("processing_id", Id, nullable=False),
    PrimaryKeyConstraint("batch_id", "processing_id"),
    Index("ix_batch_done_processing", "processing_id"),  # to forget a processing
    sqlite_with_rowid=False,
)

refusal = Table(  # what came and could not be taken: as it was, and why
    "refusal",
    metadata,
    _id(),
    Column("at", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("name", Text),  # of the event that it would have been, if that much could be read
    Column("reason", Text, nullable=False),
    Column("raw", Text, nullable=False),  # the beginning of it, as text
    Column("size", BigInteger, nullable=False),  # bytes of all of it
    sqlite_autoincrement=True,
)

variable_set = Table(  # values for processings that are still to come: by runs, by group or by filter
    "variable_set",
    metadata,
    _id(),
    Column("task", Text, nullable=False),
    Column("run_group", Text),
    Column("first_run", BigInteger),
    Column("last_run", BigInteger),  # null: for ever
    Column("made_for", BigInteger),  # the first run as it was asked for; a newer set may have displaced the beginning
    Column("filter", Text),  # condition over the parameters of the event
    Column("standard_vars", Text, nullable=False),  # JSON: name to value, of what does not follow the script
    Column("advanced_vars", Text, nullable=False),  # JSON
    Column("description", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("script", Text),  # SHA-256 of the file of defaults when it was made
    CheckConstraint(
        "(CASE WHEN run_group IS NULL THEN 0 ELSE 1 END) + (CASE WHEN first_run IS NULL THEN 0 ELSE 1 END)"
        " + (CASE WHEN filter IS NULL THEN 0 ELSE 1 END) = 1",
        name="scope",
    ),
    Index("ix_variable_set_task", "task", "id"),  # all of a task
    sqlite_autoincrement=True,
)
