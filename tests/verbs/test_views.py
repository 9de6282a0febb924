"""Views: filters that people keep under names; everybody has their own."""

from collections.abc import Callable

import pytest

from procession.commands import tokens, views
from procession.errors import Denied, Invalid, NotFound, Refused
from procession.store import tokens as kept
from procession.verbs import Caller
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven
from tests.verbs.calling import ask

Drive = Callable[..., Driven]

pytestmark = pytest.mark.feature("M105", "P27")
BOB = Caller("bob", "http", frozenset({"read"}), groups=frozenset({"other"}))


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive('[tasks.t]\non = "e"\nrun = "./one.sh"\n')


def names(d: Driven, who: Caller | None = None) -> list[str]:
    found = ask(d, "views") if who is None else ask(d, "views", who)
    return [each["name"] for each in found["items"]]


def test_a_view_is_kept_under_its_name_and_written_anew(d: Driven) -> None:
    ask(d, "save-view", name=" mine ", query="state:failed after:-1d")
    found = ask(d, "save-view", name="mine", query="task:t", sort="ended")
    assert (found["name"], found["query"], found["sort"]) == ("mine", "task:t", "ended")
    assert ask(d, "views")["items"] == [found]
    ask(d, "save-view", name="all")
    assert names(d) == ["all", "mine"]
    ask(d, "remove-view", name="mine")
    assert names(d) == ["all"]
    with pytest.raises(NotFound, match="ada has no view 'mine'"):
        ask(d, "remove-view", name="mine")


@pytest.mark.feature("M111")
def test_everybody_has_their_own_also_who_only_looks_at_some_groups(d: Driven) -> None:
    ask(d, "save-view", name="mine", query="task:t")
    assert names(d, BOB) == []
    ask(d, "save-view", BOB, name="bobs", query="state:failed")
    assert (names(d), names(d, BOB)) == (["mine"], ["bobs"])
    with pytest.raises(NotFound):
        ask(d, "remove-view", BOB, name="mine")
    with pytest.raises(Denied, match="for people"):
        ask(d, "views", Caller("attempt 1", "attempt", attempt=(1, 1, 1)))


@pytest.mark.feature("P29")
def test_who_logs_in_by_a_link_finds_the_views_of_the_person_who_made_it(d: Driven) -> None:
    def session() -> Caller:
        made = tokens.use_link(d.project, tokens.link(d.project, "carl").secret)
        return Caller(f"token {made.token.key}", "http", token=made.token.key)

    ask(d, "save-view", session(), name="mine")
    assert names(d, session()) == ["mine"]
    bearer = tokens.add(d.project, "robot", ["read"], "carl").token.key
    assert names(d, Caller(f"token {bearer}", "http", token=bearer)) == [], "a program is nobody's other self"


def test_tokens_of_one_name_have_views_of_their_own_which_go_with_them(d: Driven) -> None:
    one, other = (tokens.add(d.project, "robot", ["read"], "carl", seconds=60).token for _ in range(2))
    callers = [Caller("robot", "http", token=each.key) for each in (one, other)]
    ask(d, "save-view", callers[0], name="mine")
    assert [names(d, each) for each in callers] == [["mine"], []]
    with d.project.store.begin() as tx:
        kept.remove_expired(tx, one.expires_at or 0)
    assert names(d, callers[0]) == ["mine"]
    with d.project.store.begin() as tx:
        kept.remove_expired(tx, (other.expires_at or 0) + 1)
    assert d.rows("SELECT name FROM view") == []


def test_with_an_account_its_views_go(d: Driven) -> None:
    tokens.add_account(d.project, "ada", "viewer")
    ask(d, "save-view", name="mine")
    tokens.remove_account(d.project, "ada")
    assert d.rows("SELECT name FROM view") == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [({"name": ""}, "name of a view"), ({"name": "x" * 81}, "name of a view"), ({"name": "a\nb"}, "name of a view"),
     ({"name": "a", "query": "stat:failed"}, "stat"), ({"name": "a", "query": "task:nothing"}, "nothing"),
     ({"name": "a", "sort": "task"}, "sort")],
)  # fmt: skip
def test_what_is_no_view_is_refused(d: Driven, given: dict[str, str], problem: str) -> None:
    with pytest.raises((Invalid, NotFound), match=problem):
        ask(d, "save-view", **given)
    assert names(d) == []


def test_one_person_keeps_so_many_and_no_more(d: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST", 2)
    for name in ("a", "b", "a"):
        ask(d, "save-view", name=name)
    with pytest.raises(Refused, match="remove one first"):
        ask(d, "save-view", name="c")
