"""What is kept for one that has waited long enough: nobody starves, nobody waits in a circle (P17, N6)."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procession.model.admission import admit
from procession.model.capacity import CPUS, Candidate, Capacity, Kept, Live
from procession.model.limits import limit_of
from procession.model.obstacles import Obstacle
from procession.model.setting import Pause
from procession.model.wants import Wants

pytestmark = pytest.mark.feature("P17", "N6", "M44")
MINUTE = 60_000_000
LIMITS = {"ftp": 2.0, "tape": 1.0, "satellite:{sat}": 1.0, "satellite:L8": 2.0}
NAMES = ("ftp", "tape", "satellite:L8", "satellite:L9", "unlimited")


def one(pid: int, cpus: float = 1.0, *, since: int = 0, begun: bool = False, **more: object) -> Candidate:
    uses, takes = more.pop("uses", ()), more.pop("takes", ())
    wants = replace(Wants(), uses=tuple(uses)) if uses else Candidate(0, 0, "", 0, 0, False).wants  # type: ignore[arg-type]
    return Candidate(pid, 1, "t", cpus, 0, begun, wants=wants, takes=tuple(takes), since=since, **more)  # type: ignore


def room(cpus: float = 4, now: int = 0, **more: object) -> Capacity:
    return Capacity(cpus, limits=LIMITS, now=now, **more)  # type: ignore[arg-type]


def codes(obstacles: dict[tuple[int, int], Obstacle]) -> dict[int, str]:
    return {pid: obstacle.code for (pid, _), obstacle in obstacles.items()}


# ── what is kept, and from whom ────────────────────────────────────────────────────────────────────


def test_one_that_needs_much_lets_others_pass_for_a_while_and_then_room_is_kept_for_it() -> None:
    def ask(now: int) -> tuple[list[Candidate], dict[tuple[int, int], Obstacle]]:
        return admit([one(1, 3), one(2), one(3)], room(4, now), Live(2.0, 2))

    admitted, obstacles = ask(MINUTE - 1)
    assert [c.processing_id for c in admitted] == [2, 3]
    assert codes(obstacles) == {1: "cpus"}
    admitted, obstacles = ask(MINUTE)
    assert not admitted
    assert codes(obstacles) == {1: "cpus", 2: "kept", 3: "kept"}
    assert obstacles[2, 1].sentence == "room for 3 cpus is kept for processing 1, which has waited longer"


def test_what_needs_nothing_of_it_passes_however_long_the_other_has_waited() -> None:
    admitted, _ = admit([one(1, 3), one(2, 0), one(3, 0, uses=[("ftp", 1.0)])], room(4, 9 * MINUTE), Live(2.0, 2))
    assert [c.processing_id for c in admitted] == [2, 3]


def test_one_that_waits_for_a_limit_keeps_that_limit_and_no_processor() -> None:
    """A hot key holds up what wants the same key, and nothing else."""
    live = Live(1.0, 1, taken={"satellite:L9": 1.0}, holders={"satellite:L9": [9]})
    hot = [one(n, uses=[("satellite:L9", 1.0)]) for n in range(1, 4)]
    admitted, obstacles = admit([*hot, one(7), one(8)], room(2, 9 * MINUTE), live)
    assert [c.processing_id for c in admitted] == [7]
    assert codes(obstacles) == {1: "limit", 2: "limit", 3: "limit", 8: "cpus"}
    assert live.kept[CPUS].processing_id == 8, "not for those that wait for the key"


def test_many_small_takers_of_a_limit_do_not_starve_one_that_needs_much_of_it() -> None:
    live = Live(1.0, 1, taken={"ftp": 1.0}, holders={"ftp": [9]})
    late = room(9, MINUTE)
    admitted, obstacles = admit([one(1, uses=[("ftp", 2.0)]), one(2, uses=[("ftp", 1.0)]), one(3)], late, live)
    assert [c.processing_id for c in admitted] == [3]
    assert codes(obstacles) == {1: "limit", 2: "kept"}
    assert obstacles[2, 1].shared, "all that want the same meet it, and are passed over"
    assert "2 of ftp is kept for processing 1" in obstacles[2, 1].sentence


def test_when_no_limit_is_lacking_the_limits_it_needs_are_kept_with_the_room() -> None:
    large = one(1, 2, uses=[("tape", 1.0)])
    live = Live(1.0, 1)
    admitted, obstacles = admit([large, one(2, 0, uses=[("tape", 1.0)]), one(3, 0)], room(2, MINUTE), live)
    assert [c.processing_id for c in admitted] == [3]
    assert codes(obstacles) == {1: "cpus", 2: "kept"}
    assert live.kept == {"tape": Kept(1, 1.0), CPUS: Kept(1, 2.0)}


def test_limits_are_gathered_the_scarcest_first_so_that_nobody_waits_for_them_in_turn_for_ever() -> None:
    """Else it lacks now the one, now the other, and each is taken while it waits for the other."""
    both = one(1, uses=[("ftp", 2.0), ("tape", 1.0)])
    others = [one(2, uses=[("tape", 1.0)]), one(3, uses=[("ftp", 1.0)])]
    lacking_ftp = Live(1.0, 1, taken={"ftp": 1.0}, holders={"ftp": [9]})
    admitted, _ = admit([both, *others], room(9, MINUTE), lacking_ftp)
    assert not admitted, "the tape is free, and stays so"
    lacking_tape = Live(1.0, 1, taken={"tape": 1.0}, holders={"tape": [9]})
    admitted, _ = admit([both, *others], room(9, MINUTE), lacking_tape)
    assert [c.processing_id for c in admitted] == [3], "of what there is more of nothing lies idle meanwhile"


def test_whoever_the_holder_waits_for_is_let_through_as_well() -> None:
    """1 waits for 5, which holds ftp and waits for the tape of 6, whose next step needs what is kept for 1."""
    waiting = one(1, priority=9, uses=[("ftp", 2.0), ("satellite:L9", 1.0)])
    live = Live(taken={"ftp": 1.0, "tape": 1.0}, holders={"ftp": [5], "tape": [6]})
    next_of_5 = one(5, begun=True, uses=[("tape", 1.0)])
    next_of_6, other = one(6, begun=True, uses=[("satellite:L9", 1.0)]), one(7, uses=[("satellite:L9", 1.0)])
    admitted, obstacles = admit([waiting, next_of_5, next_of_6, other], room(9, MINUTE), live)
    assert [c.processing_id for c in admitted] == [6]
    assert codes(obstacles) == {1: "limit", 5: "limit", 7: "limit"}


def test_who_holds_what_is_waited_for_is_let_through_so_that_it_ends() -> None:
    """Processing 5 holds the tape from its first step to its last, and its next step needs ftp."""
    waiting = one(1, priority=9, takes=[("tape", 1.0)], uses=[("ftp", 2.0)])
    live = Live(1.0, 1, taken={"tape": 1.0, "ftp": 1.0}, holders={"tape": [5], "ftp": [6]})
    next_step, other = one(5, begun=True, uses=[("ftp", 1.0)]), one(7, uses=[("ftp", 1.0)])
    admitted, obstacles = admit([waiting, other, next_step], room(9, MINUTE), live)
    assert [c.processing_id for c in admitted] == [5]
    assert codes(obstacles) == {1: "limit", 7: "kept"}


def test_nothing_is_kept_from_the_children_of_one_that_holds_what_is_waited_for() -> None:
    waiting = one(1, takes=[("ftp", 2.0)])
    live = Live(taken={"ftp": 1.0}, holders={"ftp": [5]}, gathering=frozenset({5}))
    admitted, obstacles = admit([waiting, one(6, takes=[("ftp", 1.0)])], room(9, MINUTE), live)
    assert [c.processing_id for c in admitted] == [6], "else its parent would wait for ever, and 1 for the parent"
    assert codes(obstacles) == {1: "limit"}


def test_memory_is_kept_like_processors() -> None:
    large, small = one(1, memory=3 << 30), one(2, memory=1 << 30)
    admitted, obstacles = admit([large, small, one(3)], room(9, MINUTE, memory=4 << 30), Live(1.0, 1, memory=2 << 30))
    assert [c.processing_id for c in admitted] == [3]
    assert codes(obstacles) == {1: "memory", 2: "kept"}
    assert "3.22 GB of memory is kept for processing 1" in obstacles[2, 1].sentence


def test_one_that_waits_for_the_disk_keeps_nothing_from_those_whose_end_makes_room() -> None:
    large = one(1, disk=50)
    admitted, obstacles = admit([large, one(2, disk=5), one(3, begun=True)], room(9, MINUTE, disk=10), Live())
    assert [c.processing_id for c in admitted] == [2, 3]
    assert codes(obstacles) == {1: "disk"}


def test_what_can_never_start_keeps_nothing() -> None:
    never = [one(1, 99), one(2, uses=[("tape", 2.0)]), one(3, pause=Pause("task t", "stop", "eva", None, 0))]
    admitted, obstacles = admit([*never, one(4, 4, uses=[("tape", 1.0)])], room(4, 9 * MINUTE), Live())
    assert [c.processing_id for c in admitted] == [4]
    assert codes(obstacles) == {1: "too_many_cpus", 2: "too_much", 3: "paused"}


@pytest.mark.feature("N5")
def test_a_pause_lets_what_has_begun_go_on_only_when_it_drains() -> None:
    for mode, starts in (("stop", []), ("skip", []), ("drain", [2])):
        pause = Pause("task t", mode, "eva", "calibration", 0)
        admitted, obstacles = admit([one(1, pause=pause), one(2, begun=True, pause=pause)], room(), Live())
        assert [c.processing_id for c in admitted] == starts
        assert obstacles[1, 1].sentence.startswith("task t is paused by eva: calibration; to go on")


@pytest.mark.feature("P13", "N5", "M20")
def test_labels_and_queues_are_asked_for_by_name() -> None:
    def wanting(pid: int, **wanted: object) -> Candidate:
        return replace(one(pid), wants=Wants(**wanted))  # type: ignore[arg-type]

    here = replace(room(), labels=frozenset({"gpu", "big"}), queues=frozenset({"", "night"}))
    found = [
        wanting(1, labels=("gpu",)), wanting(2, labels=("gpu", "tape")), wanting(3, queue="night"),
        wanting(4, queue="day"), one(5),
    ]  # fmt: skip
    admitted, obstacles = admit(found, here, Live())
    assert [c.processing_id for c in admitted] == [1, 3, 5]
    assert codes(obstacles) == {2: "no_host", 4: "no_queue"}
    assert "label tape" in obstacles[2, 1].sentence
    assert all(obstacle.shared for obstacle in obstacles.values())
    _, none = admit([one(6)], replace(here, queues=frozenset({"night"})), Live())
    assert codes(none) == {6: "no_queue"}, "one that says nothing is for those who serve the common queue"
    assert "the queue general" in none[6, 1].sentence


def test_a_limit_for_one_value_goes_before_its_template() -> None:
    assert limit_of("satellite:L8", LIMITS) == 2
    assert limit_of("satellite:anything:at all", LIMITS) == 1
    assert limit_of("satellite:", LIMITS) is None
    assert limit_of("nothing", LIMITS) is None


# ── a system that runs for a while ─────────────────────────────────────────────────────────────────


@dataclass
class Job:
    """A processing of some steps, as the flow would know it."""

    pid: int
    steps: list[Candidate]
    born: int
    takes: tuple[tuple[str, float], ...]
    done: int = 0
    ends: int | None = None
    """When its running step ends."""
    ready: int = 0


@dataclass
class System:
    """Candidates come, are admitted, run and end; at every turn no limit may be exceeded."""

    capacity: Capacity
    jobs: list[Job] = field(default_factory=list)

    def live(self, now: int) -> Live:
        live = Live(gathering=frozenset())
        for job in self.jobs:
            if job.done == 0 and job.ends is None:
                continue
            live.take(job.takes, job.pid)
            if job.ends is not None:
                step = job.steps[job.done]
                live.cpus += step.cpus
                live.count += 1
                live.odd += step.cpus != 1
                live.memory += step.memory
                live.take(step.wants.uses, job.pid)
        assert live.cpus <= self.capacity.cpus + 1e-9
        assert self.capacity.memory is None or live.memory <= self.capacity.memory
        for name, taken in live.taken.items():
            there = limit_of(name, self.capacity.limits)
            assert there is None or taken <= there + 1e-9, (name, taken)
        return live

    def turn(self, now: int, spans: list[int]) -> None:
        for job in self.jobs:
            if job.ends is not None and job.ends <= now:
                job.done, job.ends, job.ready = job.done + 1, None, now
        self.jobs = [job for job in self.jobs if job.done < len(job.steps)]
        waiting = [
            replace(
                job.steps[job.done], begun=job.done > 0, since=job.ready if job.done else job.born,
                takes=() if job.done else job.takes,
            )
            for job in self.jobs
            if job.ends is None
        ]  # fmt: skip
        waiting.sort(key=lambda candidate: candidate.turn)
        admitted, obstacles = admit(waiting, replace(self.capacity, now=now), self.live(now))
        assert len(admitted) + len(obstacles) == len(waiting)
        by_id = {job.pid: job for job in self.jobs}
        for candidate in admitted:
            by_id[candidate.processing_id].ends = now + spans[candidate.processing_id % len(spans)]
        self.live(now)


AMOUNTS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from([0.5, 1.0, 2.0])), max_size=3, unique_by=lambda u: u[0]
)


@st.composite
def chains(draw: st.DrawFn, pid: int) -> Job:
    """A chain whose processing holds ftp, and whose steps wait for the others: never for what is held already."""

    def fit(uses: list[tuple[str, float]], *, held: bool) -> tuple[tuple[str, float], ...]:
        return tuple((n, min(a, limit_of(n, LIMITS) or a)) for n, a in uses if (n == "ftp") is held)

    takes = fit(draw(AMOUNTS), held=True)
    steps = []
    for ordinal in range(1, draw(st.integers(1, 3)) + 1):
        uses = fit(draw(AMOUNTS), held=False)
        step = one(pid, draw(st.sampled_from([0.0, 0.5, 1.0, 2.0, 4.0])), uses=uses, priority=draw(st.integers(0, 1)))
        steps.append(replace(step, ordinal=ordinal, memory=draw(st.sampled_from([0, 1, 3]))))
    return Job(pid, steps, 0, takes)


def served(first: list[Job], spans: list[int]) -> None:
    """All of these end, while a stream of small ones never ends."""
    system = System(Capacity(4, memory=4, limits=LIMITS, patience=5))
    system.jobs = list(first)
    pid = 100
    for now in range(600):
        if all(job.done == len(job.steps) for job in first):
            break
        for n in range(3):
            pid += 1
            small = one(pid, 1.0, uses=[(NAMES[(now + n) % 4], 0.5)], memory=1, priority=0)
            system.jobs.append(Job(pid, [small], now, ()))
        system.jobs = [job for job in system.jobs if job in first or job.ends is not None or now - job.born < 20]
        system.turn(now, spans)
    assert all(job.done == len(job.steps) for job in first), "somebody has starved"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_everybody_is_served_in_the_end_and_no_limit_is_ever_exceeded(data: st.DataObject) -> None:
    """All or nothing; small ones keep coming for as long as a large one waits."""
    spans = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    served([data.draw(chains(pid)) for pid in range(1, data.draw(st.integers(2, 9)) + 1)], spans)


def test_one_that_lacks_now_one_limit_and_now_another_is_served() -> None:
    """Found by the test above: the small ones took the tape while ftp was kept, and ftp while the tape was."""

    def job(pid: int, takes: float, *steps: tuple[float, list[tuple[str, float]]]) -> Job:
        made = [replace(one(pid, cpus, uses=uses), ordinal=n) for n, (cpus, uses) in enumerate(steps, 1)]
        return Job(pid, made, 0, (("ftp", takes),) if takes else ())

    served(
        [
            job(1, 0.5, (0, [("satellite:L8", 0.5), ("satellite:L9", 0.5)]), (0.5, [])),
            job(2, 0, (0, []), (0, []), (0, [("satellite:L9", 0.5)])),
            job(3, 2, (0, []), (0, [("satellite:L9", 0.5)])),
            job(4, 0.5, (0.5, [("satellite:L8", 2.0)]), (4, [])),
            job(5, 0, (4, [])),
            job(6, 2, (0, [("tape", 1.0)])),
        ],
        [4, 3, 4],
    )
