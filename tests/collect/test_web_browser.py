"""The pages as people meet them: in a browser, by keyboard alone, in both themes, on a phone.

With ACCORD_SCREENSHOTS set to a folder the pictures of the documents are made there: `docs/collect`.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_browser import CHROMIUM, enter, feedback_in, send, shown, violations
from small_studies import BAKING, KINDS, PASSWORD, lay_out

from accord.collect import Desk
from accord.feedback import Ledger
from accord.records import Comparison, Correction, Critique, Label, Ranking, Rating, Spans, Steps

PICTURES = os.environ.get("ACCORD_SCREENSHOTS")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed, so no page can be seen as people do"),
]


def type_in(page: Any, text: str) -> None:
    page.keyboard.press("t")
    page.keyboard.type(text)


def by_comparison(page: Any) -> None:
    page.keyboard.press("ArrowRight")
    page.keyboard.press("1")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    send(page)
    page.keyboard.press("2")
    page.keyboard.press("m")
    send(page)
    page.keyboard.press("3")
    send(page)


def by_ranking(page: Any) -> None:
    page.keyboard.press("4")
    for _ in range(3):
        page.keyboard.press("ArrowUp")  # 4 1 2 3
    page.keyboard.press("1")
    page.keyboard.press("ArrowDown")  # 4 2 1 3
    page.keyboard.press("3")
    page.keyboard.press("=")  # 3 as good as 1
    send(page)


def by_rating(page: Any) -> None:
    page.keyboard.press("6")
    send(page)


def by_label(page: Any) -> None:
    for key in "1311":
        page.keyboard.press(key)
    page.keyboard.press("4")
    page.keyboard.press("1")
    send(page)
    page.keyboard.press("0")
    send(page)


def by_spans(page: Any) -> None:
    page.keyboard.press("t")
    for _ in range(6):
        page.keyboard.press("ArrowRight")  # The moon landing was in 1968
    page.keyboard.press("1")
    for _ in range(2):
        page.keyboard.press("ArrowRight")  # . Neil
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("2")
    page.locator("q", has_text="Neil Armstrong").wait_for()
    send(page)


def by_steps(page: Any) -> None:
    for key in ("r", "r", "w", "ArrowUp", "ArrowUp", "u", "ArrowDown", "u"):
        page.keyboard.press(key)
    send(page)


def by_correction(page: Any) -> None:
    page.keyboard.press("t")
    page.keyboard.press("Control+Home")
    for _ in range(24):
        page.keyboard.press("ArrowRight")
    for _ in range(4):
        page.keyboard.press("Delete")
    page.keyboard.type("1969")
    assert page.locator(".diff del").all_inner_texts() == ["1968."]
    assert page.locator(".diff ins").all_inner_texts() == ["1969."]
    send(page, "Control+Enter")


def by_critique(page: Any) -> None:
    type_in(page, "Vague.")
    page.keyboard.press("Escape")
    send(page)
    page.keyboard.press("v")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("s")
    page.locator("[data-about]", has_text="wash it").wait_for()
    type_in(page, "How?")
    send(page, "Control+Enter")


def by_demonstration(page: Any) -> None:
    type_in(page, "Use baking soda.")
    send(page, "Control+Enter")


BY_KEYS: dict[str, Callable[[Any], None]] = {
    "comparison": by_comparison,
    "ranking": by_ranking,
    "rating": by_rating,
    "label": by_label,
    "spans": by_spans,
    "steps": by_steps,
    "correction": by_correction,
    "critique": by_critique,
    "demonstration": by_demonstration,
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_by_keyboard_alone(tmp_path: Path, browser: Any, kind: str) -> None:
    ledger = tmp_path / "people.db"
    with shown(browser, lay_out(tmp_path, kind)) as (desk, page):
        enter(page, desk)
        BY_KEYS[kind](page)
        page.keyboard.press("x")
        page.keyboard.type("I don't know")
        page.keyboard.press("Tab")
        send(page)
        page.keyboard.press("z")
        page.get_by_text("an answer of yours again").wait_for()
        assert page.locator("[name=reason]").input_value() == "I don't know"
    *answers, declined = feedback_in(ledger)
    assert declined.judgement.kind == "declined"
    assert all(answer.seconds is not None for answer in answers)
    match [answer.judgement for answer in answers]:
        case [Comparison() as one, Comparison() as two, Comparison() as three]:
            assert (one.preferred, one.strength) == ("left", 0.6)
            assert (two.preferred, two.strength) == ("right", 1.0)
            assert (three.preferred, three.strength) == ("tie", None)
        case [Ranking(tiers=tiers)]:
            assert tiers == ((3,), (1,), (0, 2))
        case [Rating(value=value)]:
            assert value == 6
        case [Label(selected=chosen), Label(selected=none)]:
            assert chosen == ("evasive", "too long")
            assert none == ()
        case [Spans(spans=spans)]:
            assert [(span.start, span.end, span.type) for span in spans] == [(24, 28, "wrong"), (30, 44, "unsupported")]
        case [Steps(verdicts=verdicts)]:
            assert verdicts == ("right", "unsure", "wrong", "unsure")
        case [Correction(text=text)]:
            assert text.startswith("The moon landing was in 1969. Neil")
            assert answers[0].telemetry.keystrokes == 8
        case [Critique() as whole, Critique() as part]:
            assert (whole.text, whole.start, whole.end) == ("Vague.", None, None)
            assert (part.text, part.start, part.end) == ("How?", 5, 12)
        case [other]:
            assert other.text == "Use baking soda."
            counted = answers[0].telemetry.model_dump(exclude={"active_seconds"})
            assert counted == {"pasted": 0, "keystrokes": 16, "focus_lost": 0}


def test_a_ranking_by_dragging(tmp_path: Path, browser: Any) -> None:
    ledger = tmp_path / "people.db"
    with shown(browser, lay_out(tmp_path, "ranking")) as (desk, page):
        enter(page, desk)
        cards = page.locator(".ranking .answer")
        cards.nth(3).locator(".handle").drag_to(cards.nth(0), target_position={"x": 200, "y": 4})
        assert [card.inner_text() for card in page.locator(".rank").all()] == ["1", "2", "3", "4"]
        page.locator(".ranking .answer").nth(1).get_by_label("move down").click()
        send(page)
    assert feedback_in(ledger)[0].judgement == Ranking(tiers=((3,), (1,), (0,), (2,)))


def test_spans_by_the_mouse_count_characters_that_cannot_be_seen(tmp_path: Path, browser: Any) -> None:
    study, ledger = lay_out(tmp_path, "spans"), tmp_path / "people.db"
    text = "ab\u202ecd \U0001f680 ef\u200b gh\nsecond line"
    line = '{"prompt": "x", "completions": ["' + text.replace("\n", "\\n") + '"]}\n'
    (study.parent / "items.jsonl").write_text(line)
    with shown(browser, study) as (desk, page):
        enter(page, desk)
        assert page.locator(".marks .odd").all_inner_texts() == ["U+202E", "U+200B"]
        page.evaluate(
            """() => {
              const walk = document.createTreeWalker(document.querySelector(".marks"), NodeFilter.SHOW_TEXT);
              let node;
              while ((node = walk.nextNode())) {
                const at = node.data.indexOf("gh");
                if (at >= 0) return getSelection().setBaseAndExtent(node, at, node, at + 2);
              }
            }"""
        )
        page.keyboard.press("1")
        page.evaluate("getSelection().selectAllChildren(document.querySelector('.marks'))")
        page.keyboard.press("2")
        send(page)
    (first, second) = feedback_in(ledger)[0].judgement.spans
    assert text[first.start : first.end] == "gh"
    assert (second.start, second.end) == (0, len(text))


def test_long_texts_are_saved_as_they_are_written(tmp_path: Path, browser: Any) -> None:
    with shown(browser, lay_out(tmp_path, "demonstration")) as (desk, page):
        enter(page, desk)
        type_in(page, "A long thought")
        page.locator("#status", has_text="Saved").wait_for()
        page.reload()
        assert page.locator("[name=text]").input_value() == "A long thought"
        page.keyboard.press("t")
        page.keyboard.press("End")
        page.keyboard.type(", and more")
        page.goto("/instructions")  # left before the pause in which it is saved
        page.goto("/work")
        assert page.locator("[name=text]").input_value() == "A long thought, and more"
        assert int(page.locator("[name=keystrokes]").input_value()) >= 24


def test_help_and_warnings_by_keyboard(tmp_path: Path, browser: Any) -> None:
    study = lay_out(tmp_path, warning="a description of a burn")
    with shown(browser, study) as (desk, page):
        enter(page, desk)
        page.keyboard.press("?")
        assert page.locator("dialog[open]").inner_text().count("Length is not quality.") == 1
        page.keyboard.press("1")  # keys rest while help is read
        page.keyboard.press("Escape")
        assert page.locator("[name=preferred]:checked").count() == 0
        assert page.get_by_text("a description of a burn").is_visible()
        assert not page.locator(".answers").is_visible()
        page.keyboard.press("v")
        assert page.locator(".answers").is_visible()
        page.keyboard.press("1")
        send(page)
        assert page.locator(".answers").is_visible()  # read once, it need not be read again
        page.get_by_text("Skip this one").click()
    with Ledger(tmp_path / "people.db", write=False) as opened_ledger:
        assert [record.judgement.kind for record in opened_ledger.feedback()] == ["comparison", "declined"]


XSS = [
    "<script>window.broken = 1</script>",
    "<img src=x onerror='window.broken = 1'>",
    "<svg/onload=window.broken=1>",
    "[a](javascript:window.broken=1) [b](data:text/html,<script>window.broken=1</script>)",
    "![x](x\" onerror=\"window.broken=1)",
    "</textarea></pre></details></form><script>window.broken=1</script>",
    '"><script>window.broken=1</script>',
    "`</code><script>window.broken=1</script>`",
    "```\"><img src=x onerror=window.broken=1>\n</code></pre><script>window.broken=1</script>\n```",
    "<a href='javascript:window.broken=1' style='position:fixed;inset:0'>click</a>",
    "{{ 7 * 7 }} {% include 'x' %}",
    "<iframe srcdoc='<script>parent.broken=1</script>'></iframe><base href='//evil'><meta http-equiv=refresh>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=window.broken=1&gt;\">",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["comparison", "spans", "steps", "correction"])
def test_nothing_that_a_model_wrote_runs(tmp_path: Path, browser: Any, kind: str) -> None:
    import json

    study = lay_out(tmp_path, kind)
    lines = []
    for number, text in enumerate(XSS):
        completions = [text] if kind != "comparison" else [text, f"{text} "]
        lines.append(json.dumps({"prompt": f"{number} {text}", "completions": completions}))
    (study.parent / "items.jsonl").write_text("\n".join(lines) + "\n")
    fetched: list[str] = []
    with shown(browser, study) as (desk, page):
        page.on("request", lambda request: fetched.append(request.url))
        enter(page, desk)
        for _ in XSS:
            assert page.evaluate("window.broken") is None
            assert page.locator("script").count() == 1
            assert page.locator("iframe, img, svg, base, style, meta[http-equiv], [onerror], [onload]").count() == 0
            assert page.locator("main a[href]").count() == 0
            page.keyboard.press("x")
            page.keyboard.press("Tab")
            with page.expect_navigation(url="**/work"):
                page.keyboard.press("Enter")
    assert {url.split("/")[2].split(":")[0] for url in fetched} == {"127.0.0.1"}


PAGES = ["/work", "/instructions", "/pause", "/device", "/code", "/admin", "/admin/items", "/admin/answers"]
PAGES += ["/admin/people", "/admin/agreement", "/admin/disputed", "/admin/export"]
OPENED = [
    ("/admin/items", "main code a, main a code"),
    ("/admin/answers", "main a.small"),
    ("/admin/people", "main td a"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_axe_finds_nothing(tmp_path: Path, browser: Any, kind: str, scheme: str) -> None:
    study = lay_out(tmp_path, kind, practice=kind == "comparison")
    with shown(browser, study, scheme=scheme, bypass_csp=True, reduced_motion="reduce") as (desk, page):
        page.goto(f"/join/{desk.invite().token}")
        problems = violations(page) if kind == "comparison" else []
        enter(page, desk)
        problems += violations(page)
        page.keyboard.press("1")
        page.keyboard.press("?")
        problems += violations(page)
        page.keyboard.press("Escape")
        page.keyboard.press("x")
        problems += violations(page)
        assert problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_other_pages(tmp_path: Path, browser: Any, scheme: str) -> None:
    themed = {"scheme": scheme, "bypass_csp": True, "reduced_motion": "reduce"}
    with shown(browser, lay_out(tmp_path, top="overlap = 2"), **themed) as (desk, page):
        desk.set_admin("kim", PASSWORD)
        people = [desk.accept(desk.invite().token, consent=True) for _ in range(2)]
        for person, better in zip(people, (min, max), strict=True):
            for _ in range(8):
                task = desk.next(person)
                ids = [completion.id for completion in task.completions]
                side = "left" if ids[0] == better(ids) else "right"
                desk.submit(person, task.reservation, {"preferred": side})
        desk.pause(people[0].pseudonym, "let us talk")
        page.goto("/admin")
        problems = violations(page)
        page.fill("#name", "kim")
        page.fill("#password", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/admin")
        enter(page, desk)
        for path in PAGES:
            page.goto(path)
            problems += violations(page)
        page.goto("/admin/disputed")
        page.get_by_text("Look").first.click()
        problems += violations(page)
        for path, link in OPENED:
            page.goto(path)
            page.locator(link).first.click()
            page.wait_for_url(f"**{path}/*")
            problems += violations(page)
        assert problems == []
        for path in PAGES:
            page.goto(path)
            boxes = "[document.documentElement, ...document.querySelectorAll('.scroll')]"
            beyond = page.evaluate(f"{boxes}.map(box => box.scrollWidth - box.clientWidth)")
            assert (path, max(beyond)) == (path, 0), "nothing lies beyond 1280 pixels"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_where_work_stops(tmp_path: Path, browser: Any, scheme: str) -> None:
    """What is explained, a rest, the end, a pause, and what went wrong."""
    themed = {"scheme": scheme, "bypass_csp": True, "reduced_motion": "reduce"}
    problems: list[str] = []
    for top, seen in (("session_items = 1", "It goes on at"), ("answers = 1", "Thank you")):
        with shown(browser, lay_out(tmp_path / seen, practice=True, top=top), **themed) as (desk, page):
            enter(page, desk)
            page.keyboard.press("1")
            send(page)
            page.get_by_text("talks around it").wait_for()
            problems += violations(page)
            page.keyboard.press("Enter")
            page.locator("form.judge").wait_for()
            page.keyboard.press("1")
            send(page)
            page.get_by_text(seen).first.wait_for()
            problems += violations(page)
            [someone] = [person.pseudonym for person in desk.progress().people]
            desk.pause(someone, "let us talk")
            page.goto("/work")
            assert "paused" in page.content().lower()
            problems += violations(page)
            # A page that says what went wrong is an error to the console, which a tab of `shown` does not take.
            other = browser.new_context(base_url=page.url, color_scheme=scheme, bypass_csp=True)
            for path in ("/nothing-of-that-name", "/join/nobody.wrote.this"):
                wrong = other.new_page()
                wrong.goto(path)
                problems += violations(wrong)
            other.close()
    assert problems == []


@pytest.mark.parametrize("kind", list(KINDS))
def test_nothing_runs_over_the_side_of_a_phone(tmp_path: Path, browser: Any, kind: str) -> None:
    study = lay_out(tmp_path, kind)
    lines = (study.parent / "items.jsonl").read_text()
    (study.parent / "items.jsonl").write_text(lines.replace("(1)", "W" * 300))
    with shown(browser, study, width=360, is_mobile=True, has_touch=True) as (desk, page):
        enter(page, desk)
        for _ in range(3):
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            small = page.evaluate(
                """() => [...document.querySelectorAll("button, summary, a, .choice span")]
                  .filter(e => e.checkVisibility() && !e.closest("dialog, .skip"))
                  .filter(e => e.getBoundingClientRect().height < 24).map(e => e.outerHTML)"""
            )
            assert small == []
            page.keyboard.press("x")
            page.keyboard.press("Tab")
            send(page)


def test_one_whole_session(tmp_path: Path, browser: Any) -> None:
    """From the invite to the thank-you page; with ACCORD_SCREENSHOTS set, the pictures of the documents."""
    more = '[attributes]\nage = ["under 30", "30 to 50", "over 50"]\n[pay]\nper_hour = 14'
    study = lay_out(tmp_path, practice=True, top='thanks = "Thank you. That was all of it."', more=more)
    ledger = tmp_path / "people.db"
    with shown(browser, study) as (desk, page):
        desk.set_admin("kim", PASSWORD)
        page.goto(f"/join/{desk.invite().token}")
        picture(page, "invite")
        page.select_option("select", "30 to 50")
        page.check("[name=consent]")
        page.get_by_text("Begin", exact=True).click()
        page.get_by_role("heading", name="Instructions").wait_for()
        page.keyboard.press("Enter")
        page.get_by_text("Practice 1 of 1").first.wait_for()
        better = "2" if "Baking" in page.locator(".answer.right").inner_text() else "1"
        page.keyboard.press(better)
        page.keyboard.press("Enter")
        page.get_by_text("Just as expected").wait_for()
        picture(page, "practice")
        page.keyboard.press("Enter")
        page.locator("form.judge").wait_for()
        page.keyboard.press("1")
        page.keyboard.press("c")
        picture(page, "comparison")
        send(page)
        page.keyboard.press("u")
        page.get_by_text("an answer of yours again").wait_for()
        assert page.locator("[name=preferred]:checked").input_value() == "left"
        page.keyboard.press("2")
        send(page)
        for number in range(2, 9):
            page.get_by_text(f"{number} of 50").wait_for()
            page.keyboard.press("3")
            page.keyboard.press("Enter")
        page.get_by_role("heading", name="Thank you").wait_for()
        assert page.get_by_text("That was all of it.").is_visible()
        picture(page, "thanks")
    answers = feedback_in(ledger)
    assert len(answers) == 9
    assert answers[1].replaces == answers[0].id
    assert {answer.position_in_session for answer in answers} == set(range(8))
    assert len({answer.evaluator for answer in answers}) == 1


@pytest.mark.skipif(
    not PICTURES, reason="ACCORD_SCREENSHOTS is not set: the pictures of the documents stay as they are"
)
@pytest.mark.parametrize("kind", ["ranking", "spans", "steps", "correction", "admin", "phone", "dark"])
def test_pictures_of_the_documents(tmp_path: Path, browser: Any, kind: str) -> None:
    other = {"admin": "comparison", "phone": "comparison", "dark": "comparison"}.get(kind, kind)
    phone = {"width": 380, "is_mobile": True, "has_touch": True} if kind == "phone" else {}
    scheme = "dark" if kind == "dark" else "light"
    with shown(browser, lay_out(tmp_path, other, top="overlap = 2"), scheme=scheme, **phone) as (desk, page):
        enter(page, desk)
        if kind == "admin":
            show_admin(page, desk)
        for key in {"ranking": "4", "spans": "t", "steps": "rrw", "correction": "t"}.get(kind, "1"):
            page.keyboard.press(key)
        if kind == "spans":
            for key in ("ArrowRight",) * 6 + ("1",) + ("ArrowRight",) * 2 + ("Shift+ArrowRight", "2"):
                page.keyboard.press(key)
        if kind == "correction":
            page.keyboard.press("Control+End")
            page.keyboard.type(" All three came back.")
        picture(page, kind)


def show_admin(page: Any, desk: Desk) -> None:
    desk.set_admin("kim", PASSWORD)
    for side in ("left", "right", "left"):
        person = desk.accept(desk.invite().token, consent=True)
        for _ in range(5):
            task = desk.next(person)
            if not hasattr(task, "reservation"):
                break
            better = "left" if BAKING[:20] in task.completions[0].text else "right"
            desk.submit(person, task.reservation, {"preferred": side if side == "right" else better})
    page.goto("/admin")
    page.fill("#name", "kim")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Progress").wait_for()


def picture(page: Any, name: str) -> None:
    """A picture for the documents, small enough to be kept beside them."""
    if not PICTURES:
        return
    from PIL import Image

    folder = Path(PICTURES)
    folder.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(300)
    page.screenshot(path=folder / f"{name}.png")
    with Image.open(folder / f"{name}.png") as image:
        image.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(folder / f"{name}.png", optimize=True)
    assert (folder / f"{name}.png").stat().st_size < 150_000


def test_the_script_is_short_and_plain() -> None:
    import accord.collect.web as web

    script = (Path(str(web.__file__)).parent / "static" / "accord.js").read_text()
    lines = [line.strip() for line in script.splitlines()]
    assert len([line for line in lines if line and not line.startswith("//")]) < 420
    assert not re.search(r"innerHTML|eval\(|document\.write|insertAdjacentHTML|https?://", script)
