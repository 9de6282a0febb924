"""Locks as scripts ask for them: all or none, counted, fair, gone with their owner, never in a circle (G19 to G23)."""

# ruff: noqa: F811  the fixture of both databases

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from procession.commands import locks, processings, reasons
from procession.commands.asked import Asked
from procession.commands.locks import Granted, Waiting, Which
from procession.errors import Deadlock, Denied, Invalid, NotFound, Refused
from procession.store import locks as store
from procession.verbs import Caller, call
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven
from tests.waiting import eventually

Drive = Callable[..., Driven]
TOML = """
    [limits]
    ftp = 2
    "satellite:{sat}" = 1
    [tasks.t]
    on = "e"
    run = "./one.sh"
    [tasks.two]
    on = "two"
    steps = ["./one.sh", { run = "./two.sh", uses = ["ftp"] }]
    [tasks.beside]
    on = "beside"
    steps = [{ name = "a", run = "./one.sh", needs = [] }, { name = "b", run = "./two.sh", needs = [] }]
    [tasks.using]
    on = "using"
    uses = ["satellite:{sat}"]
    run = "./one.sh"
    [tasks.needing]
    on = "needing"
    steps = ["./one.sh", { run = "./two.sh", uses = ["satellite:{sat}"] }]
"""
pytestmark = pytest.mark.feature("M45", "M48", "N6")


def several(d: Driven, n: int, name: str = "e", **params: object) -> list[Which]:
    """So many attempts that run."""
    pids = [d.born(name, **params) for _ in range(n)]
    d.turn()
    d.begin()
    return [(pid, 1, 1) for pid in pids]


def asked(d: Driven, which: Which, *names: str, wait: bool = False, owner: str = "processing") -> bool:
    return isinstance(locks.acquire(d.project, which, names, owner, wait=wait), Granted)


def holders(d: Driven, name: str) -> list[int]:
    (taken,) = locks.find(d.project, name)
    return [each.processing_id for each in taken.holds]


def why(d: Driven, which: Which) -> tuple[str, str]:
    found = reasons.why(d.project, which[0])
    return found.code, found.sentence


def test_all_of_them_or_none(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    one, two = several(d, 2)
    assert asked(d, one, "account:17", "account:18")
    answer = locks.acquire(d.project, two, ["account:16", "account:17"])
    assert isinstance(answer, Waiting)
    assert [(lack.name, lack.holders) for lack in answer.lacking] == [("account:17", ((one[0], 0),))]
    assert holders(d, "account:16") == [], "nothing of it"
    assert asked(d, two, "account:16")


@pytest.mark.feature("M47")
def test_what_one_has_it_gets_again_and_releases_as_often(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    one, two = several(d, 2)
    first = locks.acquire(d.project, one, ["account:17", "account:17"])
    again = locks.acquire(d.project, one, ["account:17", "account:18"])
    assert isinstance(first, Granted)
    assert isinstance(again, Granted)
    assert [lock.count for lock in first.locks] == [1], "names are a set"
    assert [(lock.name, lock.count) for lock in again.locks] == [("account:17", 2), ("account:18", 1)]
    assert first.locks[0].fence == again.locks[0].fence, "it is the same grant"
    assert [lock.count for lock in locks.release(d.project, one, ["account:17", "account:18"])] == [1]
    assert not asked(d, two, "account:17")
    assert locks.release(d.project, one, ["account:17"]) == ()
    assert asked(d, two, "account:17")


def test_a_release_of_what_is_not_held_changes_nothing(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    one, two = several(d, 2)
    assert asked(d, one, "a", "b")
    assert asked(d, two, "c")
    for which, names in ((two, ["a"]), (one, ["a", "c"]), (one, ["a", "nobody"]), (two, ["c", "a"])):
        with pytest.raises(Refused, match="nothing was released"):
            locks.release(d.project, which, names)
    with pytest.raises(Refused, match="this attempt does not hold a"):
        locks.release(d.project, one, ["a"], "attempt")
    assert [holders(d, name) for name in "abc"] == [[one[0]], [one[0]], [two[0]]]


@pytest.mark.parametrize("names", [[], "a", [""], ["a b"], ["ä"], ["a" * 257], ["x"] * 101, [7], ["a\n"], None])
def test_names_that_cannot_be_are_refused(drive: Drive, names: list[str]) -> None:
    d = drive(TOML)
    (one,) = several(d, 1)
    for act in (locks.acquire, locks.release):
        with pytest.raises(Invalid):
            act(d.project, one, names)  # type: ignore[operator]
    with pytest.raises(Invalid, match="owner of a lock"):
        locks.acquire(d.project, one, ["a"], "me")
    assert d.rows("SELECT * FROM lock_hold") == []


@pytest.mark.feature("M46")
@pytest.mark.parametrize("code", [0, 1, 75, None])
def test_locks_fall_with_their_owner_in_the_transaction_of_its_end(drive: Drive, code: int | None) -> None:
    d = drive(TOML, cpus=9)
    one, two = several(d, 2)
    assert asked(d, one, "mine")
    assert asked(d, one, "of-attempt", owner="attempt")
    assert not asked(d, two, "mine", "of-attempt", wait=True)
    d.end(one[0], code)
    assert holders(d, "of-attempt") == []
    goes_on = d.state(one[0]) == "running"
    assert goes_on == (code == 75)
    assert holders(d, "mine") == ([one[0]] if goes_on else []), "kept while the processing goes on"
    d.crash()
    assert asked(d, two, "mine", "of-attempt", wait=True) == (not goes_on)
    processings.cancel(d.project, one[0])
    processings.cancel(d.project, two[0])
    d.turn(3)
    if two[0] in d.claimed():
        d.end(two[0], None)
    with pytest.raises(Refused, match="has ended"):
        asked(d, one, "late")


@pytest.mark.feature("M50")
def test_first_come_first_served_for_each_name(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    one, two, three, four = several(d, 4)
    assert asked(d, one, "a")
    assert not asked(d, two, "a", "b", wait=True)
    assert not asked(d, three, "b"), "free, but two was there before"
    assert not asked(d, three, "b", wait=True)
    assert asked(d, four, "c"), "nobody waits for that"
    assert why(d, three)[1].endswith(f"processing {two[0]} has waited longer for it")
    code, sentence = why(d, two)
    assert (code, f"waits for a, held by processing {one[0]} since" in sentence) == ("lock", True)
    locks.release(d.project, one, ["a"])
    assert not asked(d, one, "a"), "nor does the one that had it overtake"
    assert asked(d, two, "a", "b", wait=True)
    locks.release(d.project, two, ["a", "b"])
    assert asked(d, three, "b", wait=True)


def test_who_does_not_ask_any_more_has_left_the_queue(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    one, two, three = several(d, 3)
    assert asked(d, one, "a")
    assert not asked(d, two, "a", wait=True)
    d.clock.advance(20)
    assert not asked(d, three, "a", wait=True)
    d.clock.advance(20)
    locks.release(d.project, one, ["a"])
    assert asked(d, three, "a", wait=True)
    assert not asked(d, two, "a", wait=True)
    assert not asked(d, two, "a"), "the last time, without waiting: it gives its place up"
    assert d.rows("SELECT * FROM lock_wait") == []


def test_who_would_wait_for_itself_is_refused(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    one, two, three = several(d, 3)
    for which, name in ((one, "a"), (two, "b"), (three, "c")):
        assert asked(d, which, name)
    assert not asked(d, one, "b", wait=True)
    assert not asked(d, two, "c", wait=True)
    with pytest.raises(Deadlock, match=f"processing {three[0]} would wait for a"):
        asked(d, three, "a", wait=True)
    assert not asked(d, three, "a"), "without waiting there is no circle"
    locks.release(d.project, three, ["c"])
    assert not asked(d, three, "a", wait=True)
    assert asked(d, two, "c", wait=True)


def test_the_one_for_whom_the_older_waits_is_let_through(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    one, two, three = several(d, 3)
    assert asked(d, one, "a")
    assert asked(d, three, "c")
    assert not asked(d, two, "a", "b", wait=True)
    assert asked(d, one, "b"), "two waits for one"
    assert not asked(d, one, "c", wait=True)
    assert asked(d, three, "d"), "and for three by one"


@pytest.mark.feature("M45", "M48")
def test_a_queue_closes_no_circle(drive: Drive) -> None:
    """The third stands behind the second, which waits for the first: so the first is not behind the third."""
    d = drive(TOML, cpus=9)
    one, two, three, four = several(d, 4)
    assert asked(d, one, "a")
    assert not asked(d, two, "a", "b", wait=True)
    assert not asked(d, three, "b", "c", wait=True), "nobody has them, but the second came first"
    assert not asked(d, four, "c", wait=True)
    assert asked(d, one, "c", wait=True)
    locks.release(d.project, one, ["a", "c"])
    assert not asked(d, three, "b", "c", wait=True)
    assert asked(d, two, "a", "b", wait=True)
    d.end(two[0], 0)
    assert asked(d, three, "b", "c", wait=True)
    d.end(three[0], 0)
    assert asked(d, four, "c", wait=True)


def test_each_grant_has_a_larger_number_and_only_the_present_one_stands(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    one, two = several(d, 2)
    fences = []
    for which in (one, two, one):
        answer = locks.acquire(d.project, which, ["a"])
        assert isinstance(answer, Granted)
        fences.append(answer.locks[0].fence)
        assert [locks.holds(d.project, "a", fence) for fence in fences] == [False] * (len(fences) - 1) + [True]
        assert not locks.holds(d.project, "b", fences[-1])
        locks.release(d.project, which, ["a"])
    assert fences == sorted(set(fences))
    assert not locks.holds(d.project, "a", fences[-1])


@pytest.mark.feature("M49", "P16", "M50")
def test_locks_and_limits_are_one_account(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    using, other = d.born("using", sat="L8"), d.born("using", sat="L9")
    (one,) = several(d, 1)
    assert not asked(d, one, "satellite:L8")
    d.end(using)
    assert asked(d, one, "satellite:L8")
    assert asked(d, (other, 1, 1), "satellite:L9"), "it has that already, by uses"
    late = d.born("using", sat="L8")
    d.turn()
    assert d.state(late) == "waiting"
    code, sentence = reasons.why(d.project, late).code, reasons.why(d.project, late).sentence
    assert (code, f"by processing {one[0]}" in sentence) == ("lock", True)
    locks.release(d.project, one, ["satellite:L8"])
    d.turn()
    assert d.state(late) == "running"
    locks.release(d.project, (other, 1, 1), ["satellite:L9"])
    assert not asked(d, one, "satellite:L9"), "still taken, by uses"
    (taken,) = locks.find(d.project, "satellite:L9")
    assert (taken.taken, taken.uses) == (1.0, ((other, 1.0),))


@pytest.mark.feature("M44", "P17")
def test_as_many_hold_a_lock_as_its_limit_says(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    one, two, three = several(d, 3)
    assert [asked(d, which, "ftp") for which in (one, two, three)] == [True, True, False]
    chain = d.born("two")
    d.turn()
    d.end(chain)
    assert d.states(chain) == ["succeeded", "ready"]
    assert reasons.why(d.project, chain).code == "lock"
    locks.release(d.project, one, ["ftp"])
    d.turn()
    assert d.states(chain) == ["succeeded", "running"]
    assert asked(d, (chain, 2, 1), "ftp"), "its step has it"
    assert not asked(d, three, "ftp")


@pytest.mark.feature("N6", "P17")
def test_what_an_older_waiter_wants_is_kept_from_steps_and_the_other_way_round(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    one, two = several(d, 2)
    assert asked(d, one, "satellite:L8")
    assert not asked(d, two, "satellite:L8", wait=True)
    d.clock.advance(1)
    step = d.born("using", sat="L8")
    locks.release(d.project, one, ["satellite:L8"])
    d.turn()
    assert d.state(step) == "waiting"
    assert f"kept for processing {two[0]}" in reasons.why(d.project, step).sentence
    assert asked(d, two, "satellite:L8", wait=True)
    for _ in range(4):
        d.after(20)
    locks.release(d.project, two, ["satellite:L8"])
    assert not asked(d, one, "satellite:L8", wait=True), "the step has waited for its patience"
    d.turn()
    assert d.state(step) == "running"


@pytest.mark.feature("P17")
def test_a_later_step_that_has_waited_for_its_patience_gets_it_before_who_asks_anew(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    one, two = several(d, 2)
    assert asked(d, one, "satellite:L8")
    chain = d.born("needing", sat="L8")
    d.turn()
    d.clock.advance(1)
    d.end(chain)
    for _ in range(4):
        d.after(20)
    locks.release(d.project, one, ["satellite:L8"])
    assert not asked(d, two, "satellite:L8")
    d.turn()
    assert d.states(chain) == ["succeeded", "running"]


def test_who_asks_for_a_lock_and_who_ends_its_attempt_never_wait_for_each_other(drive: Drive) -> None:
    """Whoever has the claim lock may take the row of any attempt."""
    d = drive(TOML)
    if d.project.store.engine.dialect.name == "sqlite":
        pytest.skip("one writer at a time")
    one, two = several(d, 2)
    d.executor.end(d.key(*two), 0)
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with ThreadPoolExecutor(2) as pool:
        with d.project.store.begin() as tx:
            tx.claim_alone()
            asking, turning = pool.submit(asked, d, one, "a"), pool.submit(d.turn)
            eventually(
                lambda: tx.connection.exec_driver_sql(waiting).scalar() == 2, what="both wait for the claim lock"
            )
            for which in (one, two):
                assert store.lives(tx, locks.owner_of(which, "attempt"))
        assert asking.result(20)
        turning.result(20)
    assert d.state(two[0]) == "succeeded"


def test_attempts_side_by_side_exclude_each_other_only_by_locks_of_their_own(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    pid = d.born("beside")
    d.turn()
    a, b = (pid, 1, 1), (pid, 2, 1)
    assert asked(d, a, "x")
    assert asked(d, b, "x"), "the processing has it"
    assert asked(d, a, "y", owner="attempt")
    assert not asked(d, b, "y", owner="attempt")
    assert asked(d, b, "y"), "for the processing: it has it"
    assert locks.release(d.project, a, ["y"], owner="attempt") == ()
    assert asked(d, b, "y", owner="attempt")
    assert not asked(d, a, "y", owner="attempt", wait=True)
    assert asked(d, a, "z", owner="attempt")
    with pytest.raises(Deadlock, match="another attempt of this processing"):
        asked(d, b, "z", owner="attempt", wait=True)


def test_a_circle_that_a_claim_closed_is_refused_at_the_next_question(drive: Drive) -> None:
    """One holds a lock over its steps and the next step waits for a limit of one that waits for this lock."""
    d = drive(TOML, cpus=9)
    chain, user = d.born("needing", sat="L8"), d.born("using", sat="L8")
    d.turn()
    assert asked(d, (chain, 1, 1), "a")
    assert not asked(d, (user, 1, 1), "a", wait=True)
    d.end(chain)
    assert d.states(chain) == ["succeeded", "ready"]
    with pytest.raises(Deadlock):
        asked(d, (user, 1, 1), "a", wait=True)
    d.end(user)
    assert d.states(chain) == ["succeeded", "running"]


@pytest.mark.feature("M48")
def test_a_person_takes_locks_away_and_the_journal_of_the_owner_says_so(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    one, two = several(d, 2)
    assert asked(d, one, "a", "b")
    assert asked(d, one, "a")
    who = Asked("eva", "the account was closed")
    with pytest.raises(NotFound):
        locks.unlock(d.project, "c", who)
    with pytest.raises(NotFound):
        locks.unlock(d.project, "a", who, two[0])
    assert [hold.count for hold in locks.unlock(d.project, "a", who)] == [2]
    assert asked(d, two, "a")
    assert [hold.name for hold in locks.unlock_all(d.project, one[0], who)] == ["b"]
    with pytest.raises(NotFound):
        locks.unlock_all(d.project, one[0], who)
    assert d.verbs(one[0])[-2:] == ["lock unlock", "lock unlock"]
    assert [row.reason for row in d.rows("SELECT reason FROM journal WHERE noun = 'lock' ORDER BY id")] == [
        "a, which it held: the account was closed", "b, which it held: the account was closed",
    ]  # fmt: skip
    with pytest.raises(Refused, match="does not hold a"):
        locks.release(d.project, one, ["a"])


def test_only_a_live_attempt_acquires(drive: Drive) -> None:
    d = drive(TOML, cpus=9)
    (one,) = several(d, 1)
    person, script = Caller("eva", "http"), Caller("attempt", "attempt", attempt=one)
    for name in ("acquire", "release-lock"):
        with pytest.raises(Denied, match="scripts that run"):
            call(d.project, person, name, {"names": ["a"]})
    answer = call(d.project, script, "acquire", {"names": ["a"]})
    assert (answer["granted"], answer["waiting"], answer["locks"][0]["count"]) == (True, None, 1)
    fence = answer["locks"][0]["fence"]
    assert call(d.project, person, "lock", {"name": "a", "fence": fence})["stands"] is True
    assert [each["name"] for each in call(d.project, person, "locks", {})["items"]] == ["a"]
    for which in ((one[0], 1, 2), (one[0], 2, 1), (one[0] + 1, 1, 1)):
        with pytest.raises(Refused, match="has ended, or there is none"):
            call(d.project, Caller("old", "attempt", attempt=which), "acquire", {"names": ["b"]})
    assert call(d.project, person, "unlock", {"processing": one[0]})["items"][0]["name"] == "a"
    assert call(d.project, person, "lock", {"name": "a", "fence": fence})["stands"] is False
    for wrong in ({}, {"name": "a", "processing": -1}):
        with pytest.raises(Invalid):
            call(d.project, person, "unlock", wrong)


@pytest.mark.feature("P29")
def test_a_grant_after_waiting_is_in_the_audit_once(drive: Drive) -> None:
    from procession.verbs.witness import Line, witnessed  # noqa: PLC0415

    d = drive(TOML, cpus=9)
    one, two = several(d, 2)
    assert asked(d, one, "account:17")
    with witnessed(Line(d.project, Caller("ann", "cli"), "acquire", {"names": ["account:17"]})):
        assert not asked(d, two, "account:17", wait=True)
        assert d.rows("SELECT id FROM audit") == []
        with ThreadPoolExecutor(1) as beside:  # somebody else's deed
            beside.submit(locks.release, d.project, one, ["account:17"]).result()
        assert asked(d, two, "account:17", wait=True)
    lines = [(row.verb, row.outcome) for row in d.rows("SELECT verb, outcome FROM audit")]
    assert lines == [("acquire", "done")]
