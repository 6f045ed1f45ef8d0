"""The page of a run, as a browser without a script gets it: whole, escaped, for whoever has the token."""

import json
import re
from pathlib import Path

import pytest
from logged_runs import begin_policy, finish, log_steps
from watch_server import get, watching

from accord.run import RunDirectory

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)> \u202e \x07 {{ 7 * 7 }}"


def test_a_page_shows_a_run_and_what_is_new_of_it(trained: Path) -> None:
    with watching(trained) as url:
        page = get(url + "/")
        assert page.status == 200
        for words in (
            "Not begun: audit, report.",
            "KL to the start",
            "What it writes, step by step",
            "held-out accuracy",
        ):
            assert words in page.text
        assert page.text.count("<svg") == len(re.findall('role="img" aria-label="[^"]{20,}"', page.text))
        assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in page.text
        assert "http-equiv" not in get(url + "/?still=1").text
        again = get(url + "/", if_none_match=page.headers["etag"])
        assert (again.status, again.text) == (304, "")
        assert "style=" not in page.text
        assert re.findall(r"<script[^>]*>[^<]", page.text) == []
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text):
            assert get(url + address).status == 200


def test_curves_are_over_what_is_asked_for(trained: Path) -> None:
    with watching(trained) as url:
        assert "KL to the start, nats a text</text>" in get(url + "/?over=kl").text
        assert "time of the stage</text>" in get(url + "/?over=time").text
        assert get(url + "/?over=nonsense").text.count("step</text>") == get(url + "/").text.count("step</text>") > 0


def test_the_page_changes_with_the_run(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run, watching(run.path) as url:
        begin_policy(run)
        log_steps(run, 2)
        first = get(url + "/")
        assert "step 2 of 10" in first.text
        assert 'content="5"' in first.text
        log_steps(run, 3, first=3)
        with (run.path / "policy/metrics.jsonl").open("a") as file:
            file.write('{"step": 4, "rew')
        second = get(url + "/", if_none_match=first.headers["etag"])
        assert second.status == 200
        assert "step 3 of 10" in second.text
        assert ">running</span>" in second.text
        numbers = json.loads(get(url + "/numbers").text)
        assert (numbers["state"], numbers["last_steps"]["policy"]["step"]) == ("running", 3)
        (run.path / "manifest.json").write_text("{")
        damaged = get(url + "/")
        assert damaged.status == 200
        assert ">damaged</span>" in damaged.text


def test_nothing_that_a_model_wrote_is_alive(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        run.manifest.name = HOSTILE
        begin_policy(run)
        log_steps(run, 2, text=HOSTILE)
        run.stop("policy", HOSTILE)
        metrics = run.log("policy/metrics.jsonl")
        metrics.append({"step": 3, "components": {HOSTILE: 1.0}}, {"step": 4, "components": {HOSTILE: 2.0}})
        finish(run, HOSTILE.replace("/", ""))
    with watching(run.path) as url:
        page = get(url + "/")
    assert page.status == 200
    assert len(re.findall(r"<script", page.text)) == 1
    assert "<img" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "U+202E" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "\x07" not in page.text


def test_rounds_have_links_and_unknown_ones_a_page_of_their_own(tmp_path: Path) -> None:
    for name in ("01", "02"):
        with RunDirectory.create(tmp_path / "run/rounds" / name) as run:
            begin_policy(run)
            log_steps(run, int(name))
    with watching(tmp_path / "run") as url:
        page = get(url + "/?over=kl").text
        assert 'href="/?over=kl&amp;round=rounds%2F01"' in page
        assert "step 2 of 10" in page
        assert "step 1 of 10" in get(url + "/?round=rounds%2F01").text
        missing = get(url + "/?round=rounds%2F%3Cb%3E")
        assert missing.status == 404
        assert "<b>" not in missing.text
        assert get(url + "/nothing").status == 404
        assert get(url + "/static/../app.py").status == 404


def test_a_browser_shows_the_token_once(trained: Path) -> None:
    with watching(trained, token="the-token") as url:
        assert get(url + "/").status == 401
        assert "Show the token" in get(url + "/").text
        assert get(url + "/numbers").status == 401
        assert get(url + "/?token=wrong").status == 401
        let_in = get(url + "/?token=the-token")
        assert (let_in.status, let_in.headers["location"]) == (303, "/")
        cookie = let_in.headers["set-cookie"].partition(";")[0]
        assert "HttpOnly" in let_in.headers["set-cookie"]
        assert get(url + "/", cookie=cookie).status == 200
        assert get(url + "/sign-in", data=b"token=the-token").status == 303
        assert get(url + "/sign-in", data=b"token=wrong").status == 401
        assert get(url + "/sign-in", data=b"token=the-token", origin="http://elsewhere.example").status == 400
        for _ in range(20):
            get(url + "/?token=wrong")
        assert get(url + "/?token=the-token").status == 401


@pytest.mark.parametrize("host", ["elsewhere.example", "", "127.0.0.1:99999999"])
def test_only_names_of_this_machine_are_answered_to(trained: Path, host: str) -> None:
    with watching(trained) as url:
        assert get(url + "/", host=host).status == 400
