"""The page of a run among those of whoever runs a study: for them alone, with the study's own frame."""

import re
from pathlib import Path

import httpx
from small_desks import Clock, lay
from small_studies import PASSWORD, Visitor, lay_out, opened, serving_app, visiting

from accord.collect import Desk
from accord.collect.web.app import make_house
from accord.feedback import Ledger
from accord.run import RunDirectory
from accord.watch import Watched
from accord.watch.study_page import study_page


def a_run(path: Path) -> Path:
    with RunDirectory.create(path) as run:
        run.begin("policy")
        run.plan("policy", 10)
        run.log("policy/metrics.jsonl").append({"step": 1, "reward": 0.25}, {"step": 2, "reward": 0.75})
        run.wait("policy", "8 completions wait for people")
    return path


def test_the_run_is_for_whoever_runs_the_study(tmp_path: Path) -> None:
    page = study_page(Watched(a_run(tmp_path / "run")))
    with (
        opened(lay_out(tmp_path), tmp_path / "people.db") as desk,
        visiting(desk, added=[page]) as visitor,
    ):
        desk.set_admin("kim", PASSWORD)
        admin, person = visitor(), visitor()
        person.join(desk.invite().token)
        assert "8 completions wait" not in person.get("/admin/run").text
        assert "8 completions wait" not in person.get("/work").text
        assert 'href="/admin/run"' in admin.sign_in().text
        shown = admin.get("/admin/run")
        assert "8 completions wait for people" in shown.text
        assert "step 2 of 10" in shown.text
        assert 'data-every="30"' in shown.text
        assert 'href="/admin/run?over=kl"' in shown.text
        assert 'aria-current="page">Run</a>' in shown.text
        assert "style=" not in shown.text
        for address in re.findall(r'(?:href|src)="(/static/watch[^"]+)"', shown.text):
            assert admin.get(address).status_code == 200
        assert "no round" in admin.get("/admin/run?round=rounds/07").text
        assert admin.get("/static/watch.html").status_code == 404


def test_each_of_several_studies_has_it_and_without_a_run_there_is_none(tmp_path: Path) -> None:
    page = study_page(Watched(a_run(tmp_path / "run")))
    with Ledger(tmp_path / "l.db", pooled=True) as ledger:
        desks = []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            desks.append(Desk(lay(tmp_path / name, name=name), ledger, clock=Clock()))
            desks[-1].load_items()
            desks[-1].set_admin("kim", PASSWORD)
        with serving_app(make_house(desks, added=[page])) as url, httpx.Client(base_url=url, timeout=60) as client:
            sign_in = Visitor(client).post("/second/admin/sign-in", {"name": "kim", "password": PASSWORD})
            assert 'href="/second/admin/run"' in sign_in.text
            shown = client.get("/second/admin/run").text
            assert "8 completions wait for people" in shown
            assert 'href="/second/admin/run?over=kl"' in shown
            assert client.get("/static/watch.css").status_code == 200
    with opened(lay_out(tmp_path), tmp_path / "people.db") as desk, visiting(desk) as visitor:
        desk.set_admin("kim", PASSWORD)
        admin = visitor()
        assert "/admin/run" not in admin.sign_in().text
        assert admin.get("/admin/run").status_code == 404
        assert admin.get("/static/watch.css").status_code == 404
