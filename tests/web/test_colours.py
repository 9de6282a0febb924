"""Colours of states as people see them who lack a kind of cone, and on grey paper; and that none stands alone."""

import re
from pathlib import Path

import pytest

from procession.web import static, words
from tests.web.colour import CSS, VISION, Triple, apart, lab, tokens

pytestmark = [pytest.mark.feature("M104"), pytest.mark.check(30)]
ICONS = Path(static.__file__).parent / "static" / "icons.svg"
AT_A_GLANCE = 12.0
BAD = {"failed", "lost"}
"""Both are failures and share a fill; a lost one is hatched."""


def fills() -> dict[str, str]:
    """State → name of the colour that fills its cells, marks and bars; what is hollow shows the ground."""
    found: dict[str, str] = {}
    for names, fill in re.findall(r"^(.*state-.*)\{.*--f:([^};]+)", (CSS / "components.css").read_text("utf-8"), re.M):
        for name in re.findall(r"\.state-([\w-]+)", names):
            found[name] = "bg" if fill == "transparent" else fill.removeprefix("var(--").removesuffix(")")
    return found


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0),
        ((50.0, 2.5, 0.0), (50.0, 0.0, -2.5), 4.3065),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_distance_is_that_of_the_published_pairs(one: Triple, other: Triple, distance: float) -> None:
    assert round(apart(one, other), 4) == round(apart(other, one), 4) == distance


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISION)
def test_what_failed_is_told_from_all_else_at_a_glance(theme: str, vision: str) -> None:
    colours, of = tokens(theme), fills()
    assert of.keys() >= set(words.SAID), "each state has a fill"
    failed = lab(colours[of["failed"]], vision)
    near = {
        state: round(distance, 1)
        for state, name in of.items()
        if state not in BAD and (distance := apart(failed, lab(colours[name], vision))) < AT_A_GLANCE
    }
    assert near == {}


def test_what_is_ok_after_a_retry_is_amber_in_cells_marks_legend_and_glyph() -> None:
    assert fills()["retried"] == "retry-cell"
    painted = (CSS.parent / "js" / "islands" / "grid-paint.js").read_text("utf-8")
    names, cells = (re.search(rf"const {each} = \[(.*?)\];", painted) for each in ("STATES", "FILLS"))
    assert names and cells
    of = dict(zip(names[1].split(", "), cells[1].split(", "), strict=True))
    assert of['"retried"'] == '"retry-cell"'
    glyph = re.search(r'<symbol id="state-retried"[^>]*>(.*?)</symbol>', ICONS.read_text("utf-8"))
    assert glyph and 'fill="var(--retry-cell' in glyph[1]


def test_each_state_has_a_shape_of_its_own() -> None:
    drawn = dict(re.findall(r'<symbol id="state-([\w-]+)"[^>]*>(.*?)</symbol>', ICONS.read_text("utf-8"), re.S))
    of = {state: words.glyph(state).removeprefix("state-") for state in fills()}
    assert [state for state, shape in of.items() if shape not in drawn] == []
    assert len({drawn[shape] for shape in of.values()}) == len(of)
    assert all(re.search(r"<(path|circle|rect|line|poly)", each) for each in drawn.values())
