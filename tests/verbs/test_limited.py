"""Who is limited to groups learns of no task, cause or signature of others: not by a refusal, not by a completion."""

from collections.abc import Callable

import pytest

from procession import verbs
from procession.errors import NotFound
from procession.verbs import Caller
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven

pytestmark = [pytest.mark.feature("P29"), pytest.mark.check(39)]
Drive = Callable[..., Driven]

TOML = """
[tasks.scene]
on = "scene"
group = "optical"
run = "./one.sh"
[tasks.scenery]
on = "scenery"
group = "optical"
run = "./one.sh"
[tasks.radar]
on = "echo"
group = "sar"
run = "./two.sh"
"""
LIMITED = Caller("ann", "http", groups=frozenset({"sar"}))
EVERYBODY = Caller("bob", "http")


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(TOML, cpus=40)


@pytest.mark.parametrize("named", ["scene", "scen", "nothing"])
def test_a_task_of_others_is_as_one_that_there_is_not(d: Driven, named: str) -> None:
    d.born("scene")
    mine = d.born("echo")
    for name, given in (
        ("list", {}), ("count", {}), ("neighbours", {"id": mine}), ("grid", {"name": "radar"}),
        ("gallery", {"name": "radar"}),
    ):  # fmt: skip
        with pytest.raises(NotFound) as refused:
            verbs.call(d.project, LIMITED, name, {**given, "query": f"state:failed task:{named}"})
        assert str(refused.value) == f"there is no task {named!r}; the tasks are: radar", name
    assert verbs.call(d.project, LIMITED, "list", {"query": "task:radar"})["items"][0]["id"] == mine
    assert verbs.call(d.project, LIMITED, "count", {"query": "task:*"})["n"] == 1
    with pytest.raises(NotFound, match=r"the tasks are: radar, scene, scenery"):
        verbs.call(d.project, EVERYBODY, "list", {"query": "task:nothing"})


def test_completions_are_of_what_one_may_see(d: Driven) -> None:
    for name in ("scene", "echo"):
        pid = d.born(name)
        d.turn()
        d.end(pid, 1)
    signatures = {each["task"]: each["signature"] for each in verbs.call(d.project, EVERYBODY, "causes", {})["items"]}
    assert set(signatures) == {"scene", "radar"}

    def completed(caller: Caller, **given: object) -> set[str]:
        return {each["text"] for each in verbs.call(d.project, caller, "complete", given)["items"]}

    for task, signature in signatures.items():
        text = f"cause:{signature[:4]}"
        assert f"cause:{signature}" in completed(EVERYBODY, text=text)
        assert (f"cause:{signature}" in completed(LIMITED, text=text)) is (task == "radar")
    whole = completed(LIMITED, whole=True)
    assert {"task:radar", "group:sar", "state:failed", "after:-1d", "key:"} <= whole
    assert not {each for each in whole if "scene" in each or "optical" in each}
    assert {"task:scene", "group:optical"} <= completed(EVERYBODY, whole=True)
    assert completed(LIMITED, text="event:") == {"event:echo"}
