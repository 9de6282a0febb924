"""Acting on many: what would happen is said first, the number is typed, the server does it and tells how far it is."""

from urllib.parse import urljoin

import pytest

from procession.store import audit
from tests.api.served import Served
from tests.web.visiting import Visitor, begun

pytestmark = pytest.mark.feature("P14", "M108", "P29")


def failing(served: Served, count: int) -> list[int]:
    found = []
    for _ in range(count):
        found.append(begun(served))
        served.driven.end(found[-1], 1)
    return found


def test_what_would_happen_is_said_before_and_what_happened_after(served: Served, admin: Visitor) -> None:
    bad, good = failing(served, 3), begun(served)
    query = f"id:{','.join(map(str, (*bad, good)))}"
    seen = admin.get(f"bulk/new?verb=retry&all=1&query={query}&back=p")
    said = " ".join(seen.page.text.split())
    assert "Retry 4 processings?" in said and "3 will be retried" in said and "1 skipped" in said
    assert [served.driven.state(each) for each in bad] == ["failed"] * 3, "it was only asked"
    more = admin.get(f"bulk/new?verb=retry&all=1&query=task:scene%20state:failed%20id:{bad[0]}&back=p")
    assert "Retry 1 processing?" in " ".join(more.page.text.split()), "a query of many terms"
    page = admin.send(seen, "do/batch-add")
    assert page.url.startswith("/bulk/"), "one sees how far it is"
    assert "0 of 4" in " ".join(page.page.text.split()) and page.page.form("do/batch-cancel")
    served.driven.turn(3)
    page = admin.get(page.url)
    said = " ".join(page.page.text.split())
    assert "4 of 4 · 3 retried · 1 skipped" in said and "Done" in said
    assert "failed" not in [served.driven.state(each) for each in bad]
    assert "Now: 1 waiting · 2 running" in said or "Now: 3 " in said
    served.driven.turn(2)
    again_bad, again_good, *_ = (each for each in served.driven.claimed() if each in bad)
    served.driven.end(again_bad, 1)
    served.driven.end(again_good)
    served.driven.turn()
    served.driven.end(again_good)
    page = admin.get(page.url)
    found = page.page.one("p", id="became")
    assert "1 succeeded" in " ".join(found.text.split()) and "1 failed again" in " ".join(found.text.split())
    (link,) = [a["href"] for a in page.page.all("a") if a.text.endswith("failed again")]
    rows = admin.get(urljoin(page.url, link)).page.all("input", name="id")
    assert [int(row["value"]) for row in rows] == [again_bad], "the number leads to exactly these"
    again = [a for a in page.page.all("a") if "the skipped" in a.text]
    assert f"id%3A{good}" in again[0]["href"] or f"id:{good}" in again[0]["href"]
    with served.project.store.read() as tx:
        line = audit.page(tx, before=None, verb="batch-add", limit=1)[0]
    assert query in line.asked and line.by.startswith("admin")


def test_ticked_rows_are_meant_without_a_script(served: Served, admin: Visitor) -> None:
    bad = failing(served, 3)
    seen = admin.get(f"bulk/new?verb=retry&id={bad[0]}&id={bad[2]}&ids=&all=&query=state:failed")
    assert seen.page.form("do/batch-add")["query"] == f"id:{bad[0]},{bad[2]}"
    assert "Retry 2 processings?" in seen.page.text
    seen = admin.get(f"bulk/new?verb=retry&ids={bad[1]}&id={bad[0]}&all=&query=state:failed")
    assert seen.page.form("do/batch-add")["query"] == f"id:{bad[1]}", "what a script says is what is ticked now"
    assert admin.get("bulk/new?verb=retry&query=state:failed").status == 400, "nothing was ticked"
    assert admin.get("bulk/new?verb=retry&ids=1,x").status == 400


def test_to_delete_the_number_is_typed_and_a_wrong_one_stays_with_what_is_wrong_beside_it(
    served: Served, admin: Visitor
) -> None:
    bad = failing(served, 2)
    seen = admin.get(f"bulk/new?verb=delete&id={bad[0]}&id={bad[1]}")
    assert "Type 2 to go on" in seen.page.text and "required" in seen.page.one("input", id="expect-f").attributes
    wrong = admin.send(seen, "do/batch-add", expect="20")
    field = wrong.page.one("input", id="expect-f")
    assert (wrong.status >= 400, field["value"], field["aria-invalid"]) == (True, "20", "true")
    assert "finds 2 processings now, not 20" in wrong.page.one("span", id="expect-e").text
    assert "2 will be deleted" in " ".join(wrong.page.text.split()), "the preview is still there"
    assert served.driven.state(bad[0]) == "failed"
    done = admin.send(wrong, "do/batch-add", expect="2")
    served.driven.turn(3)
    assert "2 of 2 · 2 deleted" in " ".join(admin.get(done.url).page.text.split())


def test_why_it_is_done_to_many_stands_with_each_of_them_and_in_the_audit(served: Served, admin: Visitor) -> None:
    why = "the table of gains <b>v15</b> is there"
    bad, left = failing(served, 2), failing(served, 1)
    seen = admin.get(f"bulk/new?verb=retry&id={bad[0]}&id={bad[1]}")
    long = admin.send(seen, "do/batch-add", reason="x" * 1001)
    assert long.status == 400 and "the longest is 1000" in long.page.text
    assert long.page.one("textarea", id="reason-f").text.strip() == "x" * 1001, "what was typed is kept"
    done = admin.send(seen, "do/batch-add", reason=why)
    number = done.url.rpartition("/")[2]
    served.driven.turn(3)
    assert why in admin.get(f"bulk/{number}").page.text and why in admin.get("bulk").page.text
    told = served.ask("GET", f"/api/v1/batches/{number}").json
    assert (told["reason"], told["arguments"]) == (why, {})
    for pid in bad:
        assert f"batch {number}: {why}" in admin.get(f"p/{pid}/s/one?tab=history").page.text
    with served.project.store.read() as tx:
        assert why in audit.page(tx, before=None, verb="batch-add", limit=1)[0].asked
    accepted = served.ask("POST", "/api/v1/batches", {"verb": "accept", "query": f"id:{left[0]}", "reason": why}).json
    served.driven.turn(3)
    assert served.ask("GET", f"/api/v1/batches/{accepted['id']}").json["done"] == 1
    assert f"batch {accepted['id']}: {why}" in admin.get(f"p/{left[0]}/s/one?tab=history").page.text


def test_the_rest_of_a_bulk_action_can_be_cancelled_and_it_stays_so(served: Served, admin: Visitor) -> None:
    bad = failing(served, 2)
    page = admin.send(admin.get(f"bulk/new?verb=retry&id={bad[0]}&id={bad[1]}"), "do/batch-add")
    page = admin.send(admin.get(page.url), "do/batch-cancel")
    served.driven.turn(3)
    page = admin.get(page.url)
    assert "Cancelled" in page.page.text and "0 of 2" in " ".join(page.page.text.split())
    assert [served.driven.state(each) for each in bad] == ["failed", "failed"]
    assert page.url.rpartition("/")[2] in {
        a["href"].rpartition("/")[2] for a in admin.get("bulk").page.all("a") if "/bulk/" in a["href"]
    }


@pytest.mark.check(39)
def test_a_viewer_can_start_nothing(served: Served, viewer: Visitor) -> None:
    bad = failing(served, 1)
    buttons = [e for e in viewer.get("p").page.all("button") if e["name"] == "verb"]
    assert buttons
    assert all(e["aria-disabled"] and e["title"].startswith("operators only") for e in buttons)
    assert not any("disabled" in e.attributes for e in buttons), "they can be reached, and the reason read"
    assert viewer.get(f"bulk/new?verb=retry&id={bad[0]}").status == 403
    assert served.driven.state(bad[0]) == "failed"


def test_a_verb_that_cannot_be_done_to_many_is_refused(served: Served, admin: Visitor) -> None:
    bad = failing(served, 1)
    for verb in ("emit", "<script>", ""):
        seen = admin.get(f"bulk/new?verb={verb}&id={bad[0]}")
        assert "will be" not in seen.page.text or seen.status >= 400
        assert not seen.page.all("script", src="")
        sent = admin.send(seen, "do/batch-add") if seen.status == 200 else seen
        assert sent.status >= 400
