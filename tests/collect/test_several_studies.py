"""Several studies under one address: one invite, one sign-in, one evaluator; each with its consent and its items."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from small_desks import Clock, answer, join, lay, task
from small_studies import PASSWORD, Visitor, lay_out, serving_app, token_in

from accord.collect import Desk, Study, Task
from accord.collect.web.app import make_house
from accord.errors import AccessError, FormError, StudyError
from accord.feedback import Ledger


def two(folder: Path, ledger: Ledger, **keys: str) -> list[Desk]:
    """Two studies of one ledger."""
    desks = []
    for name in ("first", "second"):
        (folder / name).mkdir(exist_ok=True)
        desk = Desk(lay(folder / name, name=name, **keys), ledger, clock=Clock())
        desk.load_items()
        desks.append(desk)
    return desks


def test_one_person_in_both(tmp_path: Path, where: Path | str) -> None:
    with Ledger(where) as ledger:
        first, second = two(tmp_path, ledger)
        anna = join(first)
        assert second.person(anna.pseudonym) is None
        with pytest.raises(FormError, match="agree"):
            second.take_part(anna, consent=False)
        again = second.take_part(anna, consent=True)
        assert (again.pseudonym, again.evaluator, again.study) == (anna.pseudonym, anna.evaluator, "second")
        assert second.take_part(anna, consent=True) == again
        for desk in (first, second, first):
            answer(desk, anna)
        assert {record.evaluator for record in ledger.feedback()} == {anna.evaluator}
        assert len(ledger.evaluators()) == 1
        assert [desk.progress().answers for desk in (first, second)] == [2, 1]
        assert [desk.left(anna) for desk in (first, second)] == [4, 5]
        assert [desk.person(anna.pseudonym).done for desk in (first, second)] == [2, 1]
        first.pause(anna.pseudonym, "why")
        assert isinstance(second.next(anna), Task), "a pause is of one study"
        second.undo(anna)
        assert first.progress().replaced == 0


def test_erasing_is_of_all(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        first, second = two(tmp_path, ledger)
        anna = join(first)
        second.take_part(anna, consent=True)
        token = second.sessions.create("person", anna.pseudonym)
        first.erase(anna.pseudonym)
        assert second.person(anna.pseudonym).status == "erased"
        assert second.sessions.find(token) is None
        third = Desk(lay(tmp_path, name="third"), ledger, clock=Clock())
        with pytest.raises(AccessError):
            third.take_part(anna, consent=True)


def test_what_is_left(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = Desk(lay(tmp_path, answers=4), ledger, clock=Clock())
        desk.load_items()
        anna, ben = join(desk), join(desk)
        assert desk.left(anna) == 4
        task(desk, anna)
        assert (desk.left(anna), desk.left(ben)) == (4, 3), "what is in hand is left to whoever has it"
        answer(desk, ben)
        assert (desk.left(anna), desk.left(ben)) == (3, 2)


# -- pages -----------------------------------------------------------------------------------------------------------


@contextmanager
def house(folder: Path) -> Iterator[tuple[list[Desk], Callable[[], Visitor]]]:
    """Both studies served, and a way to make visitors."""
    clients: list[httpx.Client] = []
    with Ledger(folder / "people.db", pooled=True) as ledger:
        desks = []
        for kind in ("comparison", "label"):
            desk = Desk(Study.load(lay_out(folder, kind, top=f'round = 1\nthanks = "Bye, {kind}."')), ledger)
            desk.load_items()
            desks.append(desk)
        with serving_app(make_house(desks)) as url:

            def visitor() -> Visitor:
                clients.append(httpx.Client(base_url=url, timeout=60))
                return Visitor(clients[-1])

            yield desks, visitor
            for client in clients:
                client.close()


def send(person: Visitor, study: str, **form: str) -> httpx.Response:
    page = person.get(f"/{study}/work").text
    action = re.search(f'action="(/{study}/work/[^"]+)"', page)
    assert action, page
    return person.client.post(action[1], data={"_csrf": token_in(page), **form}, follow_redirects=True)


def test_one_invite_leads_to_all(tmp_path: Path) -> None:
    with house(tmp_path) as ((first, second), visitor):
        person = visitor()
        assert person.get("/").status_code == 401
        token = first.invite().token
        page = person.post(f"/comparison/join/{token}", {"consent": "1"})
        assert page.url.path == "/"
        assert page.text.count("Plain answers") == 4
        assert f"0 done, {first.left(first.progress().people[0].pseudonym)} left" in page.text
        assert "You have not begun" in page.text
        assert 'href="/comparison/instructions"' in page.text, "whoever is new reads them first"
        assert person.get("/label/work").url.path == "/label/take-part", "consent comes first"
        assert person.post("/label/take-part", {"consent": ""}).status_code == 400
        assert person.post("/label/take-part", {"consent": "1"}).url.path == "/label/instructions"
        assert send(person, "label", chosen="evasive").status_code == 200
        assert send(person, "comparison", preferred="left").status_code == 200
        assert [desk.progress().answers for desk in (first, second)] == [1, 1]
        evaluators = {record.evaluator for record in first.ledger.feedback()}
        assert len(evaluators) == 1
        person.post("/label/undo", seen="/label/work")
        assert "This is an answer of yours again" in person.get("/label/work").text
        assert "This is an answer of yours again" not in person.get("/comparison/work").text
        person.post("/comparison/leave", seen="/comparison/pause")
        assert [person.get(path).status_code for path in ("/", "/label/work", "/comparison/work")] == [401] * 3


def test_forms_and_admins_stay_with_their_study(tmp_path: Path) -> None:
    with house(tmp_path) as ((first, second), visitor):
        first.set_admin("kim", PASSWORD)
        person, other = visitor(), visitor()
        person.post(f"/comparison/join/{first.invite().token}", {"consent": "1"})
        other.post(f"/label/join/{second.invite().token}", {"consent": "1"})
        name = first.next(first.progress().people[0].pseudonym).reservation
        theirs = {"_csrf": token_in(other.get("/label/work").text), "preferred": "left"}
        refused = other.client.post(f"/comparison/work/{name}", data=theirs, follow_redirects=True)
        assert refused.url.path == "/comparison/take-part"
        assert person.client.post(f"/label/work/{name}", data={"preferred": "left"}).status_code == 403
        sent = {"name": "kim", "password": PASSWORD}
        assert person.post("/comparison/admin/sign-in", sent).url.path == "/comparison/admin"
        assert person.get("/label/admin").url.path == "/label/admin/sign-in"
        assert person.post("/label/admin/sign-in", sent).status_code == 403
        assert "/comparison/admin/people" in person.get("/comparison/admin").text
        assert person.get("/nowhere").status_code == 404
        assert person.get("/label/nowhere").status_code == 404
        assert first.progress().rows == second.progress().rows == 0


def test_names_that_cannot_stand_beside_one_another(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = Desk(lay(tmp_path, name="static"), ledger)
        with pytest.raises(StudyError, match="'static' is the name of another page here"):
            make_house([desk, desk])
