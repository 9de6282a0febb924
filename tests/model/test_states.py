"""The two machines are whole: every move starts and ends in a state of its machine, and the ends are ends."""

import pytest

from procession.model.states import MACHINES, PROCESSING, STEP, By, Machine, State

pytestmark = pytest.mark.feature("M92")
BOTH = pytest.mark.parametrize("machine", [PROCESSING, STEP], ids=lambda machine: machine.noun)


@BOTH
def test_every_move_leads_from_states_of_its_machine_to_a_state_of_its_machine(machine: Machine) -> None:
    for verb, move in machine.moves.items():
        assert move.verb == verb
        assert move.meaning
        assert move.sources
        assert set(move.sources) <= set(machine.states), verb
        assert len(set(move.sources)) == len(move.sources)
        assert move.target in machine.states
        assert move.target not in move.sources, "nothing moves to where it is"


@BOTH
def test_every_state_can_be_reached_from_the_first_one(machine: Machine) -> None:
    reached = {machine.states[0]}
    while more := {m.target for m in machine.moves.values() if reached & set(m.sources)} - reached:
        reached |= more
    assert reached == set(machine.states)


@BOTH
def test_from_every_state_that_is_no_end_the_flow_can_reach_an_end(machine: Machine) -> None:
    """Liveness: nothing is ever stuck for want of an arrow, nor for want of a person."""
    ending = set(machine.terminal)
    while (
        more := {
            s
            for m in machine.moves.values()
            if m.target in ending and (m.by is By.FLOW or m.verb == "cancel")
            for s in m.sources
        }
        - ending
    ):
        ending |= more
    assert ending == set(machine.states)


@BOTH
def test_an_end_is_left_only_where_a_person_goes_on(machine: Machine) -> None:
    """A person's `retry`, `restart` and `accept`, and what follows from an `accept` for the processing."""
    leaving = {m.verb for m in machine.moves.values() if machine.terminal & set(m.sources)}
    assert leaving == {"restart", *({"retry", "resume", "complete"} if machine is PROCESSING else {"retry", "accept"})}
    for verb in leaving - {"restart"}:
        assert set(machine.moves[verb].sources) == {State.FAILED, State.CANCELLED}, "only a restart undoes a success"


@BOTH
def test_the_machine_allows_what_its_table_says_and_offers_only_what_a_person_may(machine: Machine) -> None:
    for state in machine.states:
        offered = machine.offers(state)
        for verb, move in machine.moves.items():
            assert machine.allows(verb, state) is (state in move.sources)
            assert machine.allows(verb, str(state)) is (state in move.sources), "also as the database writes it"
            assert (verb in offered) is (state in move.sources and move.by is By.PERSON)
    assert machine.offers(State.SUCCEEDED) == ["restart"]


def test_every_state_belongs_to_a_machine_and_the_ends_are_the_same_for_both() -> None:
    assert {state for machine in MACHINES.values() for state in machine.states} == set(State)
    assert PROCESSING.terminal == STEP.terminal == {State.SUCCEEDED, State.FAILED, State.CANCELLED, State.SKIPPED}
    assert {noun: machine.noun for noun, machine in MACHINES.items()} == {"processing": "processing", "step": "step"}


def test_only_a_claim_begins_to_run_a_step() -> None:
    """G15: the attempt is counted by the only move that leads to running."""
    assert [m.verb for m in STEP.moves.values() if m.target is State.RUNNING] == ["claim"]
    assert [m.verb for m in PROCESSING.moves.values() if m.target is State.RUNNING] == ["begin"]
