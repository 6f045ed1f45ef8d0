"""The page: whole and partial runs, hostile texts, links, ids, colours, the same bytes."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import report_runs
from report_page_reading import Page

from accord.artefacts import (
    ALGORITHM,
    CARD,
    CURVE,
    EVALUATION,
    METRICS,
    AlgorithmRow,
    CurvePoint,
    OnlineMetrics,
    OptimumEstimate,
    PairMetrics,
    RewardCard,
    RunReader,
)
from accord.artefacts.finding import Finding, Verdict
from accord.errors import ArtefactError
from accord.policy.registry import ALGORITHMS
from accord.policy.settings import PolicySettings
from accord.report import summary, write
from accord.report.samples import SHOWN, twins
from accord.report.verdict import verdict
from accord.run import InputEntry, RunDirectory, digest_of
from accord.stats import Estimate, proportion

HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</style></svg></blockquote>&lt;b&amp;",
    "{{ 7 * 7 }} {% raw %}",
    "\N{RIGHT-TO-LEFT OVERRIDE}txet desrever \N{ARABIC LETTER ALEF}\N{HEBREW LETTER ALEF}",
    "W" * 900,
    "a\x00b\x1b[31mred",
    "",
    "   \n\n\t lines \r\n",
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDirectory, Page]:
    run = report_runs.whole(tmp_path_factory.mktemp("whole") / "demo")
    return run, Page(write(run).read_text(encoding="utf-8"))


def page_of(run: RunDirectory) -> Page:
    return Page(write(run).read_text(encoding="utf-8"))


def assert_sound(run: RunDirectory, page: Page) -> None:
    """What holds for every page: closed elements, unique ids, no link that leads out of it, no script."""
    assert page.unbalanced == []
    assert len(page.ids) == len(set(page.ids))
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "iframe", "object", "embed", "link", "img", "form", "base"}
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "action"):
            target = attributes.get(name)
            if target is not None:
                assert tag in {"a", "use"}
                assert target.startswith("#")
                assert target[1:] in page.ids
    text = (run.path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"(url\(|@import|src=|href=)\s*[\"']?\s*(https?:)?//", text)
    referred = re.findall(r"url\(#([^)]+)\)", text)
    assert set(referred) <= set(page.ids)


def test_whole_run_gives_a_sound_page(whole: tuple[RunDirectory, Page]) -> None:
    run, page = whole
    assert_sound(run, page)
    policy = [each for each in page.of("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert (policy[0]["content"] or "").startswith("default-src 'none'")
    assert "script-src" not in (policy[0]["content"] or "")
    assert page.of("html")[0]["lang"] == "en"
    assert "missing" not in {each.get("class") for each in page.of("p")}


def test_every_number_of_the_summary_stands_on_the_page_and_in_its_file(whole: tuple[RunDirectory, Page]) -> None:
    run, page = whole
    rows = [row for row in summary(run) if row.estimate is not None]
    assert len(rows) == 20
    for row in rows:
        assert row.text in page.text
        content = run.read_json(row.file)
        for key in row.key.split(".")[1:] or [row.key]:
            content = content[key]
        assert row.estimate is not None
        assert content == row.estimate.to_json()


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (report_runs.whole(tmp_path / place / "demo") for place in ("one", "two"))
    digests = [digest_of(write(first)), digest_of(write(second)), digest_of(write(first))]
    first.finish("report", "s", 2.5)
    digests.append(digest_of(write(first)))
    assert len(set(digests)) == 1
    report_runs.add_judge(second, accuracy=0.650)
    assert digest_of(write(second)) != digests[0]


def test_headings_descend_one_level_at_a_time(whole: tuple[RunDirectory, Page]) -> None:
    levels = [int(tag[1]) for tag, _ in whole[1].elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_figures_and_tables_are_named(whole: tuple[RunDirectory, Page]) -> None:
    _, page = whole
    drawings = page.of("svg")
    assert len(drawings) == 14  # accuracy and curve at two widths, nine courses, a multiplier
    for each in drawings:
        names = (each["aria-labelledby"] or "").split()
        assert len(names) == 2
        assert set(names) <= set(page.ids)
    assert len(page.of("caption")) == len(page.of("table"))
    assert {each.get("scope") for each in page.of("th")} == {"col", "row", "rowgroup"}


def test_figures_take_the_colours_of_the_page(whole: tuple[RunDirectory, Page]) -> None:
    text = (whole[0].path / "report.html").read_text(encoding="utf-8")
    drawings = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert set(re.findall(r"#[0-9a-f]{6}\b", drawings)) == set()
    assert set(re.findall(r"var\(--(\w+)\)", drawings)) <= set(re.findall(r"--(\w+):", text))


@pytest.mark.parametrize("scheme", [0, 1])
@pytest.mark.parametrize(
    ("front", "back"),
    [(f, b) for f in ("ink", "muted", "link", "proxy", "judge") for b in ("paper", "card", "tint")]
    + [("fires-ink", "fires")],
)
def test_contrast_reaches_aa(whole: tuple[RunDirectory, Page], scheme: int, front: str, back: str) -> None:
    text = (whole[0].path / "report.html").read_text(encoding="utf-8")
    on_screen = text.partition("@media print")[0].split("prefers-color-scheme: dark")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", on_screen[scheme]))
    light, dark = sorted((_luminance(colours[front]), _luminance(colours[back])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_what_people_were_asked_stands_before_the_result(whole: tuple[RunDirectory, Page]) -> None:
    text = whole[1].text
    assert text.index(report_runs.ABOUT) < text.index("The result, with")


_GROUPS = (("Fires", 1), ("Inconclusive", 1), ("Not assessable", 1), ("Not detected by this test", 1), ("Quiet", 1))


def test_findings_that_fire_come_first_and_fundamental_ones_never_pass(whole: tuple[RunDirectory, Page]) -> None:
    text = whole[1].text
    places = [text.index(f"{name} ({n})") for name, n in _GROUPS]
    assert places == sorted(places)
    assert "OV1 consistency not detected by this test" in text
    assert "What to do: Stop near step 8" in text
    assert "about 40 prompts instead of 16" in text
    assert "1 of 5 checks fired" in text
    assert "evaluators 60 Their ids 50 ids; 10 more are not listed: e-0, e-1," in text
    assert "Humans make simple mistakes due to limited time, attention, or care" in text
    assert "1 inconclusive, 1 not assessable, 1 not detected by this test, 1 quiet" in text


def test_samples_follow_the_rule_and_not_the_score(whole: tuple[RunDirectory, Page]) -> None:
    run, page = whole
    rows = run.read_jsonl("evaluation/samples.jsonl")
    prompts = list(dict.fromkeys(row["prompt"] for row in rows))
    shown = twins(RunReader.of(run))
    assert len(shown) == SHOWN
    for number, twin in enumerate(shown):
        turn, prompt = divmod(number, len(prompts))
        for arm in ("start", "policy"):
            of_arm = [row for row in rows if row["arm"] == arm and row["prompt"] == prompts[prompt]]
            text = getattr(twin, arm)
            assert text.text == of_arm[turn]["text"]
            assert (text.reward, text.eval_reward) == (of_arm[turn]["reward"], of_arm[turn]["eval_reward"])
            assert text.text in page.text


def test_hostile_texts_are_shown_and_do_nothing(tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "<b>demo & 'co'")
    report_runs.add_data(run, about=HOSTILE[0], asks=HOSTILE[1] + "{}")
    report_runs.add_evaluation(run, texts=HOSTILE)
    strange = Finding(
        HOSTILE[0], HOSTILE[1], HOSTILE[2], Verdict.FIRES, HOSTILE[3], HOSTILE[4], proportion(1, 2),
        remedy=HOSTILE[5], evidence=("javascript:alert(1)", "../../etc/passwd", HOSTILE[1], "", "audit.json c-1"),
        facts={HOSTILE[0]: proportion(1, 3)}, source=HOSTILE[6],
    )  # fmt: skip
    report_runs.add_audit(run, [strange])
    run.record_input(HOSTILE[0], InputEntry("0f", path=HOSTILE[1]))
    run.finish(HOSTILE[0], "s", 1.0)
    page = page_of(run)
    assert_sound(run, page)
    for text in HOSTILE[:3]:
        assert text in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "a\N{REPLACEMENT CHARACTER}b" in page.text
    isolated = {each.get("dir") for each in page.of("blockquote")}
    assert isolated == {"auto"}


def test_a_run_with_nothing_says_so(tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "empty")
    page = page_of(run)
    assert_sound(run, page)
    for words in (
        "Nothing has been trained and tested in this run yet.",
        "No reward model in this run.",
        "No independent judge in this run.",
        "No policy in this run.",
        "No texts were sampled before and after in this run.",
        "The claims of this run were not audited.",
        "Nobody has put what is claimed of this run to the test.",
        "What was asked Not recorded.",
        "No recipe is kept in this run.",
        "No input from outside the run is recorded.",
    ):
        assert words in page.text


def test_a_reward_model_alone(tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "reward")
    report_runs.add_data(run, about=None)
    report_runs.add_judge(run)
    page = page_of(run)
    assert_sound(run, page)
    assert "No model that writes was trained here, only one that scores texts." in page.text
    assert "No independent judge in this run." in page.text
    assert "There is no policy in this run: nothing was optimised." in page.text
    assert len(page.of("svg")) == 2


def test_a_policy_without_evaluation_or_rollouts(tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "policy")
    report_runs.add_data(run)
    report_runs.add_policy(run, samples=False)
    page = page_of(run)
    assert_sound(run, page)
    assert "A model was trained; nobody has compared its texts with those from before." in page.text
    assert "What that changed was not evaluated." in page.text
    assert "No judge looked at the texts that the policy wrote along the run" in page.text


def test_dpo_without_reward_model_draws_what_it_logged(tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "dpo")
    report_runs.add_data(run)
    run.write_text("recipe.toml", report_runs.RECIPE.format(kind="dpo", steps=3))
    sentence = "DPO then trained the policy on the pairs themselves"
    run.write_json("policy/algorithm.json", {"kind": "dpo", "sentence": sentence})
    run.write_bytes("policy/model/model.safetensors", b"weights")
    rows = [
        PairMetrics(
            step=step, loss=0.7 - step / 10, accuracy=None if step == 1 else 0.6, margin=step / 10, **report_runs.UPDATE
        )
        for step in (1, 2, 3)
    ]
    METRICS.write(run, rows, stage="policy")
    report_runs.add_judge(run, "eval_reward")
    report_runs.add_evaluation(run, proxy=False)
    (run.path / "evaluation/curve.jsonl").unlink()
    del run.manifest.files["evaluation/curve.jsonl"]
    page = page_of(run)
    assert_sound(run, page)
    assert "DPO then trained the policy on the pairs themselves, in 3 steps." in page.text
    assert len(page.of("svg")) == 2 + 4
    assert "win rate by its own reward not measured in this run" in page.text
    assert "not scored" in page.text


@pytest.mark.parametrize(
    ("optimum", "words"),
    [
        (None, None),
        (
            OptimumEstimate(
                kl_coef=0.05,
                kl=Estimate(3.2, 3.1, 3.3, 12),
                samples=32,
                effective=Estimate(1.3, 1.1, 1.5, 12),
                resolved=False,
            ),
            "the score less 0.05 times the KL to the start (the last step's coefficient), is greatest at least about "
            "3.20 [3.10, 3.30] nats a text "
            "from the start; 32 texts a prompt cannot tell how much farther, since that optimum rests on 1.3 [1.1, "
            "1.5] of them and so many show 3.47 nats at most. The policy's own 6.53 [6.05, 7.01] nats therefore say "
            "where training ended, not where the objective has its optimum;",
        ),
        (
            OptimumEstimate(
                kl_coef=1.0,
                kl=Estimate(0.04, 0.03, 0.05, 12),
                samples=32,
                effective=Estimate(29.5, 29, 30, 12),
                resolved=True,
            ),
            "the score less 1 times the KL to the start (the last step's coefficient), is greatest 0.04 [0.03, 0.05] "
            "nats a text from the start, as "
            "far as 32 texts a prompt of the start show; the policy is 6.53 [6.05, 7.01] nats from it.",
        ),
    ],
    ids=["no anchor", "too far", "near"],
)
def test_the_optimum_of_the_objective_is_told(
    tmp_path: Path, optimum: OptimumEstimate | None, words: str | None
) -> None:
    run = report_runs.new(tmp_path / "run")
    report_runs.add_data(run)
    report_runs.add_evaluation(run)
    EVALUATION.write(run, EVALUATION.read(run).model_copy(update={"optimum": optimum}))
    page = page_of(run)
    assert_sound(run, page)
    assert ("What it was trained for" in page.text) == (words is not None)
    assert words is None or words in page.text


def test_one_step_and_numbers_without_intervals_can_be_drawn(tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "run")
    bare = Estimate(0.5, None, None, 1)
    CARD.write(run, RewardCard(accuracy=bare, majority=bare, length_only=bare), stage="reward")
    step = OnlineMetrics(
        step=1, reward=0.1, reward_std=1.0, kl=0.0, kl_se=None, entropy=2.0, clip_frac=None, policy_loss=None,
        length=9.0, stop_rate=1.0, sampler_logprob_diff=None, sampler_kl=None, **report_runs.UPDATE,
    )  # fmt: skip
    METRICS.write(run, [step], stage="policy")
    CURVE.write(run, [CurvePoint(step=1, kl=bare, reward=bare, eval_reward=bare)])
    page = page_of(run)
    assert_sound(run, page)
    assert "0.500 [no interval]" in page.text
    assert len(page.of("svg")) == 2 + 2 + 6


def test_an_altered_file_is_refused(tmp_path: Path) -> None:
    run = report_runs.whole(tmp_path / "run")
    (run.path / "evaluation/evaluation.json").write_text("{}")
    with pytest.raises(ArtefactError, match="differs from its digest"):
        write(RunDirectory.open(run.path, write=False))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("reward/evaluation.json", {"accuracy": 0.7}),
        ("audit.json", {"findings": [{"challenge": "RG2"}]}),
        ("audit.json", []),
    ],
)
def test_a_file_that_is_something_else_is_named(tmp_path: Path, file: str, content: object) -> None:
    run = report_runs.new(tmp_path / "run")
    run.write_json(file, content)
    with pytest.raises(ArtefactError, match=file):
        write(run)


def test_a_run_opened_for_reading_is_not_written(tmp_path: Path) -> None:
    report_runs.new(tmp_path / "run").close()
    with pytest.raises(ArtefactError, match="reading only"):
        write(RunDirectory.open(tmp_path / "run", write=False))
    assert not (tmp_path / "run" / "report.html").exists()


def test_writing_a_page_needs_no_torch(tmp_path: Path) -> None:
    report_runs.whole(tmp_path / "run").close()
    code = (
        "import sys; from accord.report import write; from accord.run import RunDirectory; import accord.report; "
        f"write(RunDirectory.open({str(tmp_path / 'run')!r})); assert callable(accord.report.write); "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=ALGORITHMS.names)
def test_every_algorithm_has_its_sentence(algorithm: type[PolicySettings], tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "run")
    run.write_bytes("policy/model/model.safetensors", b"weights")
    row = AlgorithmRow(kind=str(algorithm.model_fields["kind"].default), sentence=algorithm.sentence)
    ALGORITHM.write(run, row, stage="policy")
    (sentence,) = [text for text in verdict(RunReader(run)) if text.startswith(algorithm.sentence)]
    assert sentence == f"{algorithm.sentence}."


def test_a_reward_that_was_given_is_not_said_to_have_learnt(tmp_path: Path) -> None:
    run = report_runs.whole(tmp_path / "run")
    trained = " ".join(verdict(RunReader(run)))
    assert "The reward model that learnt from them orders" in trained
    assert "An independent judge, trained on feedback that the reward never saw, prefers" in trained
    run.manifest.files = {name: entry for name, entry in run.manifest.files.items() if "reward/model" not in name}
    given = " ".join(verdict(RunReader(run)))
    assert "The reward, a given one that learnt nothing from them, orders" in given
    assert "An independent judge, given with the run, prefers" in given
