"""Every preflight check fires on a planted fault and is quiet on a real run without one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from audit_checks import finding_of, verdict_of

from accord.artefacts import (
    CANDIDATES,
    COMPLETIONS,
    EXAMPLES,
    METRICS,
    PairMetrics,
    Verdict,
    WrittenCandidate,
)
from accord.audit import AuditSettings
from accord.audit.evidence import Evidence
from accord.audit.preflight import CHECKS
from accord.errors import ArtefactError
from accord.interfaces import Scores
from accord.lm.loading import load
from accord.lm.reward_model import ScalarHeadModel
from accord.lm.tiny import CHAT, START
from accord.loop.rewards import judges_of
from accord.loop.stage import Context
from accord.records import Completion, Evaluator, Prompt
from accord.run import RunDirectory
from accord.stats import Estimate
from accord.train.optimiser import Optimiser
from small_data import LetterJudge
from small_run import RECIPE

Row = dict[str, Any]
FOUR_PROMPTS = AuditSettings.model_validate({"preflight": {"stop_rate": 0.3}})  # whose texts all end prove .4, no more


def rewrite(run: RunDirectory, name: str, change: Callable[[Row], None]) -> None:
    rows = run.read_jsonl(name)
    for row in rows:
        change(row)
    run.write_jsonl(name, rows)


def learnt_from(row: Row) -> str:
    """Which log-probabilities of a sample stand for the policy's: the sampler's where the trainer read others alone."""
    return "logprobs" if "logprobs" in row else "rollout_logprobs"


@pytest.mark.parametrize("check", [check.id for check in CHECKS])
def test_a_real_run_without_a_fault_is_quiet(check: str, run: RunDirectory) -> None:
    (of_name,) = (each for each in CHECKS if each.id == check)
    finding = of_name.run(Evidence(run, judges_of(Context(RECIPE, run))), FOUR_PROMPTS)
    assert finding.verdict is Verdict.QUIET, finding.result
    assert all((run.path / name).exists() for name in finding.evidence)


@pytest.mark.parametrize(
    ("check", "gone"),
    [
        ("P-BOS tokens", "data/prompts.jsonl"),
        ("P-BOS tokens", "policy/model or sft/model"),
        ("P-EOS stopping", "evaluation/samples.jsonl or policy/metrics.jsonl"),
        ("P-EOS taught", "data/examples.jsonl"),
        ("P-EOS taught", "sft/model or policy/model"),
        ("P-PAD padding", "evaluation/samples.jsonl"),
        ("P-KL sign", "policy/metrics.jsonl"),
        ("P-RATIO rollout", "policy/samples.jsonl or evaluation/samples.jsonl or policy/metrics.jsonl"),
        ("P-RATIO remeasured", "policy/model"),
        ("P-RATIO remeasured", "evaluation/samples.jsonl"),
        ("P-RATIO reference", "sft/model"),
        ("P-ACC gradient", "data/examples.jsonl"),
        ("P-ACC gradient", "sft/model or policy/model"),
        ("P-SPLIT overlap", "data/pairs-held_out.jsonl or evaluation/samples.jsonl"),
        ("P-SPLIT overlap", "data/pairs-train.jsonl or policy/samples.jsonl"),
        ("P-SPLIT overlap", "data/summary.json"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.challenge,
)
def test_a_missing_input_is_named(check: str, gone: str, run: RunDirectory) -> None:
    names = tuple(gone.split(" or "))
    run.manifest.files = {file: each for file, each in run.manifest.files.items() if not file.startswith(names)}
    finding = finding_of(check, run, reward=LetterJudge())
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert gone in finding.needs


def test_without_a_judge_padding_cannot_be_assessed(run: RunDirectory) -> None:
    finding = finding_of("P-PAD padding", run)
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "judge 'reward'" in finding.needs


def test_an_altered_file_is_refused(run: RunDirectory) -> None:
    with (run.path / "policy/metrics.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(ArtefactError, match="differs from its digest"):
        finding_of("P-KL sign", run)


# -- one beginning ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("template", "wanted"), [(CHAT, Verdict.QUIET), (START + CHAT, Verdict.FIRES)])
def test_a_doubled_beginning_fires(template: str, wanted: Verdict, run: RunDirectory) -> None:
    """The beginning is here also the mark of every turn: several in a prompt are right, two at its start are not."""
    causal = load(run.verified("policy/model"))
    causal.tokenizer.bos_token = START
    causal.tokenizer.chat_template = template
    with run.write_folder("policy/model") as folder:
        causal.save(folder)
    assert verdict_of("P-BOS tokens", run) is wanted


# -- a learnt end ----------------------------------------------------------------------------------------------


STOPPING = next(check for check in CHECKS if check.id == "P-EOS stopping")


def never_stops(row: Row) -> None:
    row.update(finish_reason="length", token_ids=row["token_ids"][:-1] or [97])


def test_a_policy_that_never_stops_fires(run: RunDirectory) -> None:
    rewrite(run, "evaluation/samples.jsonl", lambda row: never_stops(row) if row["arm"] == "policy" else None)
    settings = AuditSettings.model_validate({"preflight": {"stop_rate": 0.9}})  # a few prompts, all alike, prove no .5
    finding = STOPPING.run(Evidence(run), settings)
    assert finding.verdict is Verdict.FIRES
    assert finding.facts["stop rate at the start"].value > 0.5


def test_a_policy_that_stops_half_the_time_is_inconclusive(run: RunDirectory) -> None:
    draw = np.random.default_rng(0)
    rewrite(run, "evaluation/samples.jsonl", lambda row: never_stops(row) if draw.random() < 0.5 else None)
    finding = finding_of("P-EOS stopping", run)
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "observations" in finding.needs


@pytest.mark.parametrize("has_model", [True, False])
@pytest.mark.parametrize(
    "ids",
    [
        lambda ids: [*ids, 97],
        lambda ids: [ids[-1], *ids],
        lambda ids: ids[:-1] or [97],
    ],
    ids=["goes on", "ends twice", "stops without its end"],
)
def test_an_end_that_is_not_last_fires(
    ids: Callable[[list[int]], list[int]], has_model: bool, run: RunDirectory
) -> None:
    if not has_model:
        run.manifest.files = {name: each for name, each in run.manifest.files.items() if "policy/model" not in name}
        assert STOPPING.run(Evidence(run), FOUR_PROMPTS).verdict is Verdict.QUIET
    rewrite(
        run,
        "evaluation/samples.jsonl",
        lambda row: row.update(token_ids=ids(row["token_ids"])) if row["index"] == 5 else None,
    )
    assert run.read_jsonl("evaluation/samples.jsonl")[5]["finish_reason"] == "eos"
    assert verdict_of("P-EOS stopping", run) is Verdict.FIRES


@pytest.mark.parametrize("sampled", [True, False])
def test_an_end_before_the_end_of_a_training_text_fires(sampled: bool, run: RunDirectory) -> None:
    """As a token that was sampled it is an end; as characters that somebody wrote it is text."""
    first, *others = EXAMPLES.read(run)
    marked = Completion(
        prompt=first.prompt, text="a<|im_end|>b", token_ids=(64, 257, 65, 257) if sampled else None, finish_reason="eos"
    )
    COMPLETIONS.write(run, [*COMPLETIONS.read(run), marked])
    EXAMPLES.write(run, [first.model_copy(update={"completion": marked.id}), *others])
    finding = finding_of("P-EOS taught", run)
    assert finding.verdict is (Verdict.FIRES if sampled else Verdict.QUIET)
    if not sampled:
        return
    assert finding.ids["completions"].ids == (marked.id,)
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(1 / finding.estimate.n)


def test_a_run_that_learnt_no_ends_fires_whatever_the_code_of_today_makes_of_its_examples(run: RunDirectory) -> None:
    quiet = finding_of("P-EOS taught", run)
    assert quiet.verdict is Verdict.QUIET
    rewrite(run, "sft/metrics.jsonl", lambda row: row.update(ended=0))
    finding = finding_of("P-EOS taught", run)
    assert finding.verdict is Verdict.FIRES
    assert finding.facts["texts learnt from without an end"].value == 1


def test_a_run_that_did_not_record_its_ends_is_not_assessed(run: RunDirectory) -> None:
    rewrite(run, "sft/metrics.jsonl", lambda row: [row.pop(name) for name in ("texts", "ended")])
    assert "(`texts`, `ended`) in sft/metrics.jsonl" in finding_of("P-EOS taught", run).needs


@pytest.mark.parametrize(("sampling", "wanted"), [("top_p = 1.0", Verdict.QUIET), ("top_p = 0.5", Verdict.FIRES)])
def test_samples_of_a_cut_distribution_fire(sampling: str, wanted: Verdict, run: RunDirectory) -> None:
    run.write_text("recipe.toml", f'[policy]\nkind = "ppo"\n[policy.sampling]\n{sampling}\n')
    finding = finding_of("P-RATIO rollout", run)
    assert finding.verdict is wanted
    assert ("another distribution" in finding.result) == (wanted is Verdict.FIRES)


# -- rewards and padding ---------------------------------------------------------------------------------------


class LastPlace(ScalarHeadModel):
    """Pads the call to one width and reads every score at the last place, padding or not: the classic fault."""

    @torch.no_grad()
    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        rows = [
            [*self.causal.encode_prompt(prompt), *self.causal.encode_completion(completion.text)]
            for prompt, completion in zip(prompts, completions, strict=True)
        ]
        width = max(map(len, rows))
        ids_BT = torch.tensor([[*row, *[self.causal.pad_id] * (width - len(row))] for row in rows])
        return Scores(self.head(self.causal.hidden(input_ids=ids_BT)[:, -1])[:, 0].double().numpy())


@pytest.mark.parametrize(("kind", "wanted"), [(ScalarHeadModel, Verdict.QUIET), (LastPlace, Verdict.FIRES)])
def test_a_judge_that_reads_padding_fires(kind: type[ScalarHeadModel], wanted: Verdict, run: RunDirectory) -> None:
    assert verdict_of("P-PAD padding", run, reward=kind.fresh(load("tiny"), name="reward")) is wanted
    right = ScalarHeadModel.fresh(load("tiny"), name="reward")
    planted = kind(right.causal, right.head, "eval_reward")
    finding = finding_of("P-PAD padding", run, reward=right, eval_reward=planted)
    assert finding.verdict is wanted
    assert ("'eval_reward'" in finding.result) or wanted is Verdict.QUIET


class Startled:
    """Right but for one text, which it scores otherwise in company."""

    name = "reward"

    def __init__(self, text: str) -> None:
        self.text = text

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        startled = [len(completions) > 1 and each.text == self.text for each in completions]
        return Scores(LetterJudge().score(prompts, list(completions)).value_N + np.array(startled))


def test_one_score_far_off_fires(run: RunDirectory) -> None:
    rewrite(run, "evaluation/samples.jsonl", lambda row: row.update(text=f"{'ab' * (row['index'] % 5)}{row['index']}"))
    assert verdict_of("P-PAD padding", run, reward=Startled("nothing of the kind")) is Verdict.QUIET
    assert verdict_of("P-PAD padding", run, reward=Startled("0")) is Verdict.FIRES


def test_samples_that_are_all_alike_tell_nothing_about_padding(run: RunDirectory) -> None:
    rewrite(run, "evaluation/samples.jsonl", lambda row: row.update(text="aa"))
    finding = finding_of("P-PAD padding", run, reward=LetterJudge())
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "tells apart" in finding.needs


# -- a KL that is one ------------------------------------------------------------------------------------------


def kl_of(row: Row) -> float:
    return float(np.sum(row[learnt_from(row)]) - np.sum(row["reference_logprobs"]))


def move_kl(run: RunDirectory, value: float) -> None:
    """Every step logs this KL, and its samples have it."""
    rewrite(run, "policy/metrics.jsonl", lambda row: row.update(kl=value))

    def move(row: Row) -> None:
        row[learnt_from(row)][0] += value - kl_of(row)

    rewrite(run, "policy/samples.jsonl", move)


@pytest.mark.parametrize(
    ("value", "wanted"), [(-2.0, Verdict.FIRES), (-0.1, Verdict.FIRES), (-0.01, Verdict.QUIET), (-1e-8, Verdict.QUIET)]
)
def test_a_kl_more_negative_than_chance_allows_fires(value: float, wanted: Verdict, run: RunDirectory) -> None:
    """Eight steps of 32 texts each: -.1 of every text is -26 nats together, of which no step alone is enough."""
    move_kl(run, value)
    finding = finding_of("P-KL sign", run)
    assert finding.verdict is wanted
    assert ("0 are lower than chance allows" in finding.result) == (value > -2)


@pytest.mark.parametrize("n", [1, 4, 64])
def test_the_sum_of_log_ratios_is_seldom_below_its_bound(n: int) -> None:
    """Whatever the policy and its reference are, heavy tails and few texts included."""
    draw = np.random.default_rng(0)
    ref_V, policy_V = draw.dirichlet([0.1] * 30), draw.dirichlet([0.5] * 30)
    tokens_RN = draw.choice(30, size=(20_000, n), p=policy_V)
    sum_R = np.log(policy_V / ref_V)[tokens_RN].sum(1)
    for level in (0.05, 0.01):
        assert (sum_R < np.log(level)).mean() <= level


def test_a_kl_of_other_tokens_fires(run: RunDirectory) -> None:
    def move(row: Row) -> None:
        row[learnt_from(row)] = [x + 0.1 for x in row[learnt_from(row)]]

    rewrite(run, "policy/samples.jsonl", move)
    assert verdict_of("P-KL sign", run) is Verdict.FIRES


def test_a_single_step_that_is_wrong_fires(run: RunDirectory) -> None:
    rewrite(run, "policy/metrics.jsonl", lambda row: row.update(kl=row["kl"] + 0.05 * (row["step"] == 3)))
    assert verdict_of("P-KL sign", run) is Verdict.FIRES


def change_evaluation(run: RunDirectory, by: float) -> None:
    content = run.read_json("evaluation/evaluation.json")
    kl = Estimate.from_json(content["kl"])
    assert kl.low is not None
    assert kl.high is not None
    moved = replace(kl, value=kl.value + by, low=kl.low + by, high=kl.high + by)
    run.write_json("evaluation/evaluation.json", {**content, "kl": moved.to_json()})


def test_an_evaluation_that_logs_another_kl_fires(run: RunDirectory) -> None:
    change_evaluation(run, 0.05)
    assert verdict_of("P-KL sign", run) is Verdict.FIRES


def test_without_a_kl_by_step_the_evaluation_is_judged(run: RunDirectory) -> None:
    """As with an algorithm that samples nothing while it learns."""
    rows = [
        PairMetrics(step=step, loss=0.6, accuracy=0.7, margin=0.1, lr=1e-3, grad_norm=1.0, seconds=0.5)
        for step in range(1, 9)
    ]
    METRICS.write(run, rows, stage="policy")
    del run.manifest.files["policy/samples.jsonl"]
    assert verdict_of("P-KL sign", run) is Verdict.QUIET
    assert verdict_of("P-RATIO rollout", run) is Verdict.QUIET
    change_evaluation(run, -9.0)
    assert verdict_of("P-KL sign", run) is Verdict.FIRES
    del run.manifest.files["evaluation/evaluation.json"]
    assert verdict_of("P-KL sign", run) is Verdict.NOT_ASSESSABLE


def test_a_step_without_samples_is_missing_and_not_right(run: RunDirectory) -> None:
    rows = [row for row in run.read_jsonl("policy/samples.jsonl") if row["step"] != 3]
    run.write_jsonl("policy/samples.jsonl", rows)
    finding = finding_of("P-KL sign", run)
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "step 3" in finding.needs


# -- sampler and trainer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [0.1, -0.1])
def test_a_sampler_that_disagrees_fires(by: float, run: RunDirectory) -> None:
    rewrite(
        run, "policy/samples.jsonl", lambda row: row.update(rollout_logprobs=[x + by for x in row["rollout_logprobs"]])
    )
    assert verdict_of("P-RATIO rollout", run) is Verdict.FIRES


@pytest.mark.parametrize(
    ("policy", "lag", "wanted", "words"),
    [
        ("staleness = 1", 1, Verdict.QUIET, "up to 1 steps behind"),
        ("staleness = 1", 2, Verdict.FIRES, "The recipe allows 1"),
        ("", 1, Verdict.FIRES, "The recipe allows 0"),
        ('staleness = 1\nimportance_weights = "none"', 1, Verdict.FIRES, "as if they were the policy's own"),
        ("staleness = 1", -1, Verdict.FIRES, "not there yet"),
    ],
)
def test_stale_rollouts_are_judged(policy: str, lag: int, wanted: Verdict, words: str, run: RunDirectory) -> None:
    """Whether they are as stale as the recipe allows, and weighed; how far they differ is told by their lag."""
    run.write_text("recipe.toml", f'[policy]\nkind = "ppo"\n{policy}\n')
    rewrite(run, "policy/samples.jsonl", lambda row: row.update(weights_step=max(0, row["step"] - 1 - lag)))
    finding = finding_of("P-RATIO rollout", run)
    assert finding.verdict is wanted
    assert words in finding.result
    if wanted is Verdict.QUIET:
        behind = [name for name in finding.facts if "steps behind" in name]
        assert behind == [f"the same of weights {each} steps behind" for each in (0, 1)]


def test_rounding_without_bias_is_quiet(run: RunDirectory) -> None:
    """Log-ratios of the size that bfloat16 gives."""
    draw = np.random.default_rng(0)

    def noisy(row: Row) -> None:
        if learnt_from(row) != "logprobs":
            return
        noise = draw.normal(-0.5 * 0.06**2, 0.06, len(row["logprobs"]))
        row["rollout_logprobs"] = (np.array(row["logprobs"]) - noise).tolist()

    rewrite(run, "policy/samples.jsonl", noisy)
    finding = finding_of("P-RATIO rollout", run)
    assert finding.verdict is Verdict.QUIET
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(0.048, abs=0.005)


def test_a_sampler_whose_mean_ratio_is_1_fires_all_the_same(run: RunDirectory) -> None:
    """Any two distributions have a mean ratio of 1 on what the second draws: that of these is 1, their KL is not 0."""
    draw, ratios = np.random.default_rng(0), list[float]()

    def other(row: Row) -> None:
        if learnt_from(row) != "logprobs":
            return
        noise = draw.normal(-0.5 * 0.2**2, 0.2, len(row["logprobs"]))
        ratios.extend(np.exp(noise))
        row["rollout_logprobs"] = (np.array(row["logprobs"]) - noise).tolist()

    rewrite(run, "policy/samples.jsonl", other)
    finding = finding_of("P-RATIO rollout", run)
    assert np.mean(ratios) == pytest.approx(1, abs=0.01)
    assert finding.verdict is Verdict.FIRES
    assert finding.facts["KL(sampler || trainer) by k3 (nats a token)"].value == pytest.approx(0.02, rel=0.2)


def test_a_step_that_logged_another_sampler_fires(run: RunDirectory) -> None:
    rewrite(run, "policy/metrics.jsonl", lambda row: row.update(sampler_logprob_diff=0.3 * (row["step"] == 4)))
    assert verdict_of("P-RATIO rollout", run) is Verdict.FIRES


@pytest.mark.parametrize(
    ("check", "column"), [("P-RATIO remeasured", "logprobs"), ("P-RATIO reference", "reference_logprobs")]
)
@pytest.mark.parametrize("by", [0.1, -0.1])
def test_probabilities_that_the_saved_model_does_not_give_fire(
    check: str, column: str, by: float, run: RunDirectory
) -> None:
    rewrite(run, "evaluation/samples.jsonl", lambda row: row.update({column: [x + by for x in row[column]]}))
    assert verdict_of(check, run) is Verdict.FIRES


@pytest.mark.parametrize(
    ("check", "model"), [("P-RATIO remeasured", "policy/model"), ("P-RATIO reference", "sft/model")]
)
def test_another_model_than_the_one_that_was_measured_fires(check: str, model: str, run: RunDirectory) -> None:
    with run.write_folder(model) as folder:
        load("tiny", seed=7).save(folder)
    assert verdict_of(check, run) is Verdict.FIRES


@pytest.mark.parametrize(
    ("recipe", "wanted"),
    [
        ('[policy]\nkind = "ppo"\nbase = "smollm2-135m"\n', Verdict.NOT_ASSESSABLE),
        ('[policy]\nkind = "sft"\nbase = "smollm2-135m"\n', Verdict.QUIET),
        ('[policy]\nkind = "ppo"\n', Verdict.QUIET),
    ],
)
def test_a_start_of_the_policys_own_is_not_the_supervised_one(recipe: str, wanted: Verdict, run: RunDirectory) -> None:
    run.write_text("recipe.toml", recipe)
    finding = finding_of("P-RATIO reference", run)
    assert finding.verdict is wanted
    assert ("smollm2-135m" in finding.needs) == (wanted is Verdict.NOT_ASSESSABLE)


# -- accumulation ----------------------------------------------------------------------------------------------


def test_a_loss_that_forgets_how_many_parts_there_are_fires(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part weighs the same, whatever its tokens: the mean of micro-batch means."""
    add = Optimiser.add
    monkeypatch.setattr(Optimiser, "add", lambda self, loss: add(self, loss / loss.detach().abs()))
    assert verdict_of("P-ACC gradient", run) is Verdict.FIRES


# -- clean splits ----------------------------------------------------------------------------------------------


def test_a_pair_on_both_sides_fires(run: RunDirectory) -> None:
    leaked = run.read_jsonl("data/pairs-train.jsonl")[:3]
    run.write_jsonl("data/pairs-held_out.jsonl", [*run.read_jsonl("data/pairs-held_out.jsonl"), *leaked])
    finding = finding_of("P-SPLIT overlap", run)
    assert finding.verdict is Verdict.FIRES
    assert "1 x prompt" in finding.result
    assert "x completion" in finding.result


@pytest.mark.parametrize("field", ["session", "evaluator"])
@pytest.mark.parametrize(("shared", "wanted"), [(False, Verdict.QUIET), (True, Verdict.FIRES)])
def test_a_batch_or_an_evaluator_on_both_sides_fires(
    field: str, shared: bool, wanted: Verdict, run: RunDirectory
) -> None:
    people = [Evaluator(kind="person", pseudonym=f"person {i}") for i in range(4)]
    if field == "evaluator":
        names = [each.id for each in people]
        run.write_jsonl("data/evaluators.jsonl", [{"id": each.id, **each.model_dump(mode="json")} for each in people])
    else:
        names = [f"batch {i}" for i in range(4)]
    for place, split in enumerate(("train", "eval_reward", "held_out")):
        rewrite(run, f"data/pairs-{split}.jsonl", lambda row, place=place: row.update({field: names[place]}))
    if shared:
        rows = run.read_jsonl("data/pairs-eval_reward.jsonl")
        run.write_jsonl("data/pairs-eval_reward.jsonl", [{**rows[0], field: names[0]}, *rows[1:]])
    if field == "session":
        rewrite(run, "data/evaluators.jsonl", lambda row: None)
    finding = finding_of("P-SPLIT overlap", run)
    assert finding.verdict is wanted
    assert (f"1 x {field}" in finding.result) == shared
    assert field not in finding.result.partition("Not known")[2]


def test_people_on_two_sides_are_what_a_split_by_prompts_has(run: RunDirectory) -> None:
    """Where the recipe splits by prompts, one evaluator answers on all sides: said, and not held against the run."""
    who = Evaluator(kind="person", pseudonym="anna")
    run.write_jsonl("data/evaluators.jsonl", [{"id": who.id, **who.model_dump(mode="json")}])
    for split in ("train", "eval_reward", "held_out"):
        rewrite(run, f"data/pairs-{split}.jsonl", lambda row: row.update(evaluator=who.id))
    assert finding_of("P-SPLIT overlap", run).verdict is Verdict.FIRES
    run.write_text("recipe.toml", '[data]\nledger = "l.db"\nsplit_by = "prompt"\n', stage="recipe")
    finding = finding_of("P-SPLIT overlap", run)
    assert finding.verdict is Verdict.QUIET
    assert "1 evaluators stand on two, as a split by prompts has it" in finding.result


def test_the_same_text_under_another_id_is_on_both_sides(run: RunDirectory) -> None:
    """A prompt of train, as another file has it: with another source and another space, among the held-out ones."""
    rows = run.read_jsonl("data/prompts.jsonl")
    original = next(row for row in rows if row["split"] == "train")
    first, *others = original["messages"]
    copy = Prompt.model_validate(
        {"messages": [{**first, "content": f"{first['content']} "}, *others], "source": "copy.jsonl"}, strict=False
    )
    line = {"id": copy.id, **copy.model_dump(mode="json", exclude_none=True), "split": "held_out"}
    run.write_jsonl("data/prompts.jsonl", [*rows, line])
    pair = run.read_jsonl("data/pairs-held_out.jsonl")[0]
    run.write_jsonl(
        "data/pairs-held_out.jsonl", [{**pair, "prompt": copy.id}, *run.read_jsonl("data/pairs-train.jsonl")[:1]]
    )
    finding = finding_of("P-SPLIT overlap", run)
    assert finding.verdict is Verdict.FIRES
    assert copy.id in finding.ids["prompts"].ids


def test_what_some_pair_does_not_say_is_not_known(run: RunDirectory) -> None:
    assert "Not known, because some pairs do not say it: session" in finding_of("P-SPLIT overlap", run).result


def test_a_supervised_example_that_is_kept_for_judging_fires(run: RunDirectory) -> None:
    kept = run.read_jsonl("data/pairs-held_out.jsonl")[0]
    stray = {"prompt": kept["prompt"], "completion": kept["chosen"], "source": "compared"}
    run.write_jsonl("data/examples.jsonl", [*run.read_jsonl("data/examples.jsonl"), stray])
    finding = finding_of("P-SPLIT overlap", run)
    assert finding.verdict is Verdict.FIRES
    assert "1 x supervised example" in finding.result


def test_a_prompt_of_what_the_start_wrote_must_be_a_training_one(run: RunDirectory) -> None:
    kept = next(row["id"] for row in run.read_jsonl("data/prompts.jsonl") if row["split"] == "held_out")
    del run.manifest.files["policy/samples.jsonl"]
    candidate = WrittenCandidate(group=0, index=0, prompt=kept, text="a", token_ids=(97,), finish_reason="length")
    CANDIDATES.write(run, [candidate], stage="policy")
    finding = finding_of("P-SPLIT overlap", run)
    assert finding.verdict is Verdict.FIRES
    assert "1 x prompt of a rollout" in finding.result


@pytest.mark.parametrize(
    ("name", "side", "said"),
    [
        ("policy/samples.jsonl", "held_out", "1 x prompt of a rollout"),
        ("evaluation/samples.jsonl", "train", "1 x prompt of the evaluation"),
    ],
)
def test_a_prompt_used_on_the_wrong_side_fires(name: str, side: str, said: str, run: RunDirectory) -> None:
    prompt = next(row["id"] for row in run.read_jsonl("data/prompts.jsonl") if row["split"] == side)
    rewrite(run, name, lambda row: row.update(prompt=prompt) if row["index"] == 0 else None)
    finding = finding_of("P-SPLIT overlap", run)
    assert finding.verdict is Verdict.FIRES
    assert said in finding.result
