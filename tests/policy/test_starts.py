"""What a stage opens to train, moves and keeps, over adapters in the start, in the stage, in both and in neither.

After every stage that trains the weights are not those of its start, what was saved gives plain transformers the
numbers that were trained, and the first step finds the policy where its reference is.
"""

import itertools
import json
import math
import random
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from accord.artefacts import MODEL, SAMPLES, OnlineMetrics, RolloutRow
from accord.errors import ModelError
from accord.feedback import Dataset
from accord.interfaces import Scores
from accord.lm.adapters import LoRA
from accord.lm.causal import CausalModel
from accord.lm.loading import load
from accord.lm.logprobs import completion_logprobs
from accord.lm.tiny import tiny_tokenizer
from accord.policy import SFT
from accord.policy.materials import Materials
from accord.policy.registry import ALGORITHMS
from accord.policy.settings import PolicySettings
from accord.records import Completion, Sampling
from accord.reward import BradleyTerry
from accord.run import RunDirectory
from accord.train import Optim
from families import plain
from plainly import Texts, opened, plain_logprobs, plain_scores
from small_data import letters_dataset, truth

DATA = letters_dataset(prompts=3, texts=4)
TEXTS: Texts = [((5, 6, 7), (97, 98, 99, 257)), ((30,), (1, 2, 3, 4, 5, 6)), ((9, 8), (97,))]
OPTIM = Optim(lr=1e-2, warmup_steps=0)
SAMPLED: dict[str, Any] = {"sampling": Sampling(max_tokens=5)}
ONLINE: dict[str, Any] = {"max_steps": 2, "prompts_per_step": 1, "group_size": 3, **SAMPLED}
GIVEN: dict[str, Any] = {"batch_size": 4, "epochs": 1}
Starts = dict[tuple[str, bool], Path]
FORM: dict[str, dict[str, Any]] = {
    "sft": GIVEN,
    "best_of_n": {**GIVEN, **SAMPLED, "n": 2, "epochs": 4},
    "conditional": {**GIVEN, "controls": ("no", "yes")},
    "curated": {**GIVEN, "epochs": 2},
    "abstaining": {**GIVEN, **SAMPLED, "n": 1},
    "context_distillation": {**GIVEN, **SAMPLED, "n": 2, "epochs": 2, "context": "Be brief."},
    **{kind: {"batch_size": 3} for kind in ("dpo", "ipo", "simpo", "orpo", "kto")},
    **dict.fromkeys(("ppo", "grpo", "rloo", "reinforce", "reinforce++", "rrhf", "pro"), ONLINE),
    "group_soup": {**ONLINE, "components": ("one", "other")},
}


class Lengths:
    """A judge that likes some texts better than others, with two components, whatever an untrained model writes."""

    name = "lengths"

    def score(self, prompts: object, completions: list[Completion]) -> Scores:
        value_N = np.array([truth(each.text) + sum(each.token_ids or (0,)) % 7 for each in completions])
        return Scores(value_N, components={"one": Scores(value_N), "other": Scores(-value_N)})


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Starts:
    """By family and whether adapters were saved: untrained weights, and a supervised start that has adapters."""
    made: Starts = {}
    for family in ("llama", "gpt2", "gemma3", "qwen2"):
        folder = tmp_path_factory.mktemp(family) / "base"
        plain(family).save_pretrained(folder)
        tiny_tokenizer().save_pretrained(folder)
        made[family, False] = folder
        settings = SFT(base=str(folder), dtype="float32", lora=LoRA(rank=2), optim=OPTIM, **GIVEN)
        with RunDirectory.create(folder.with_name("run")) as run:
            list(settings.train_on(Materials(data=DATA).examples, run))
            made[family, True] = run.verified("sft/model")
    return made


@dataclass
class Kept:
    """What a model made of the texts when its stage saved it, and its whole weights then."""

    logprob_N: Tensor
    weights: dict[str, Tensor]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[str, Kept]:
    """By the name of its stage, what was first saved of each model."""
    found: dict[str, Kept] = {}
    save = CausalModel.save

    def saved(self: CausalModel, folder: Path, **options: Any) -> None:
        if folder.parent.name not in found:
            found[folder.parent.name] = Kept(logprobs(self), weights_of(self))
        save(self, folder, **options)

    monkeypatch.setattr(CausalModel, "save", saved)
    return found


def logprobs(causal: CausalModel) -> Tensor:
    return torch.cat(completion_logprobs(causal, [prompt for prompt, _ in TEXTS], [text for _, text in TEXTS]))


def weights_of(causal: CausalModel) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in causal.merged().model.state_dict().items()}


# What is never changed is opened once for all cases that begin there.


@cache
def start_of(start: Path) -> CausalModel:
    return load(start)


@cache
def origin_of(start: Path) -> dict[str, Tensor]:
    return weights_of(load(start, merge=True))


@cache
def plain_start(start: Path) -> Any:
    return opened(start)


@cache
def plain_logprobs_of(start: Path) -> Tensor:
    return plain_logprobs(plain_start(start), TEXTS)


def settings_of(kind: str, **options: Any) -> PolicySettings:
    made = ALGORITHMS.get(kind)(**{"dtype": "float32", "optim": OPTIM, **FORM[kind], **options})
    assert isinstance(made, PolicySettings)
    return made


def check(kind: str, start: Path, folder: Path, kept: dict[str, Kept], **options: Any) -> None:
    """Train by an algorithm from a start, and hold what it left against the start, both plainly opened."""
    settings = settings_of(kind, **options)
    with RunDirectory.create(folder) as run:
        first, *_ = settings.steps(Materials(data=DATA, start=start, judge=Lengths()), run)
        policy = run.verified("policy/model")
        rows = list(SAMPLES.read(run, "policy")) if SAMPLES.has(run, "policy") else []
    after, loaded = plain_logprobs(opened(policy), TEXTS), load(policy)
    assert float((after - plain_logprobs_of(start)).abs().max()) > 1e-3, "nothing was trained"
    torch.testing.assert_close(after, logprobs(loaded), atol=1e-4, rtol=0)
    if kind != "group_soup":
        trained, origin, saved = kept["policy"], origin_of(start), weights_of(loaded)
        for name, weight in trained.weights.items():
            wanted = weight + settings.extrapolation * (weight - origin[name])
            torch.testing.assert_close(saved[name], wanted, atol=1e-5, rtol=1e-5)
        if not settings.extrapolation:
            torch.testing.assert_close(after, trained.logprob_N, atol=1e-4, rtol=0)
    check_reference(kind, start, first.metrics, [row for row in rows if row.step == 1])


def check_reference(kind: str, start: Path, first: Any, rows: list[RolloutRow]) -> None:
    """The first step finds the policy where its reference is, and the reference is the start itself."""
    if isinstance(first, OnlineMetrics) and first.kl is not None:
        assert first.kl == pytest.approx(0, abs=1e-4)
    if kind in ("dpo", "kto"):
        assert first.loss == pytest.approx(math.log(2) if kind == "dpo" else 0.5, abs=1e-4)
    encode = start_of(start).encode_prompt
    for row in rows:
        ids = tuple(encode(DATA.prompts[row.prompt])), row.token_ids
        if row.reference_logprobs is not None:
            found = torch.tensor(row.reference_logprobs)
            torch.testing.assert_close(found, plain_logprobs(plain_start(start), [ids]), atol=1e-4, rtol=0)


OPTIONS: dict[str, tuple[Any, ...]] = {
    "adapters": (False, True),
    "lora": (None, LoRA(rank=2), LoRA(rank=2, dropout=0.2)),
    "trained_layers": (None, 1),
    "extrapolation": (0.0, 0.5),
}


def named(case: dict[str, Any]) -> str:
    lora: LoRA | None = case["lora"]
    words = [case.get("kind", ""), case.get("family", ""), "over adapters" if case["adapters"] else ""]
    words += ["" if lora is None else f"lora {lora.dropout:g}"]
    words += [f"{key} {case[key]}" for key in ("trained_layers", "extrapolation", "layers", "heads") if case.get(key)]
    return ", ".join(filter(None, words))


def covering(columns: dict[str, Any], *, seed: int = 0) -> list[dict[str, Any]]:
    """Cases in which every value of a column meets every value of every other: the best of 50 random ones each time."""

    def meetings(row: tuple[Any, ...]) -> set[tuple[int, str, int, str]]:
        return {(i, str(row[i]), j, str(row[j])) for i, j in itertools.combinations(range(len(row)), 2)}

    draw, rows = random.Random(seed), list[tuple[Any, ...]]()
    unmet = {pair for row in itertools.product(*columns.values()) for pair in meetings(row)}
    while unmet:
        tries = [tuple(draw.choice(column) for column in columns.values()) for _ in range(50)]
        rows.append(max(tries, key=lambda row: len(meetings(row) & unmet)))
        unmet -= meetings(rows[-1])
    return [dict(zip(columns, row, strict=True)) for row in rows]


KINDS = tuple(FORM)
QUICK = covering({"kind": ("sft", "ppo", "rloo", "pro", "dpo", "context_distillation"), **OPTIONS})
EACH = covering({"kind": KINDS, **OPTIONS}, seed=1)
FAMILIES = covering({"kind": ("sft", "ppo", "grpo", "dpo"), "family": ("gpt2", "gemma3", "qwen2"), **OPTIONS}, seed=2)
ALL = [
    dict(zip(("kind", *OPTIONS), values, strict=True))
    for values in itertools.product(("sft", "ppo", "dpo"), *OPTIONS.values())
]


def run_case(case: dict[str, Any], starts: Starts, folder: Path, kept: dict[str, Kept]) -> None:
    options = dict(case)
    start = starts[options.pop("family", "llama"), options.pop("adapters")]
    check(options.pop("kind"), start, folder, kept, **options)


@pytest.mark.parametrize("case", QUICK, ids=named)
def test_a_stage_trains_what_it_opened_and_keeps_what_it_trained(
    case: dict[str, Any], starts: Starts, tmp_path: Path, kept: dict[str, Kept]
) -> None:
    run_case(case, starts, tmp_path / "run", kept)


@pytest.mark.slow
@pytest.mark.parametrize("case", [*EACH, *FAMILIES], ids=named)
def test_every_algorithm_and_other_families_train_what_they_opened(
    case: dict[str, Any], starts: Starts, tmp_path: Path, kept: dict[str, Kept]
) -> None:
    run_case(case, starts, tmp_path / "run", kept)


@pytest.mark.slow
def test_all_combinations_of_one_family(starts: Starts, tmp_path: Path, kept: dict[str, Kept]) -> None:
    for number, case in enumerate(ALL):
        kept.clear()
        run_case(case, starts, tmp_path / str(number), kept)


def test_every_algorithm_is_tried() -> None:
    assert set(KINDS) == set(ALGORITHMS.names)


REWARD_OPTIONS: dict[str, tuple[Any, ...]] = {
    **{name: OPTIONS[name] for name in ("adapters", "lora", "trained_layers")},
    "layers": (None, 1),
    "heads": (1, 3, "groups"),
}


def grouped() -> Dataset:
    """The data with two groups of people in it."""
    people = list(DATA.evaluators.values())
    groups = {each.id: each.model_copy(update={"pool": f"pool {i % 2}"}) for i, each in enumerate(people)}
    names = list(groups)
    pairs = {
        split: tuple(pair.model_copy(update={"evaluator": names[i % 2]}) for i, pair in enumerate(some))
        for split, some in DATA.pairs.items()
    }
    return Dataset(**{**vars(DATA), "evaluators": groups, "pairs": pairs})


def check_reward(case: dict[str, Any], starts: Starts, folder: Path) -> None:
    """Fit a reward model, load it again as its judge, and open it plainly: one score, and its decoder was trained."""
    options = dict(case)
    start, heads = starts["llama", options.pop("adapters")], options.pop("heads")
    form: dict[str, Any] = {"group_by": "pool"} if heads == "groups" else {"ensemble_size": heads}
    form |= {"base": str(start), "dtype": "float32", "step_completions": 8, "epochs": 3, "optim": OPTIM}
    settings = BradleyTerry(**form, **options)
    data = grouped()
    completions = list(data.completions.values())[:5]
    prompts = [data.prompts[each.prompt] for each in completions]
    with RunDirectory.create(folder) as run:
        list(settings.steps(data, run))
        judge, model = settings.load(run), MODEL.verified(run, "reward")
        ids = [judge.answer(prompt, text, 0) for prompt, text in zip(prompts, completions, strict=True)]
        found = plain_scores(model, [(each.prompt, each.completion) for each in ids])
    scores = judge.score(prompts, completions)
    torch.testing.assert_close(found.mean(1).double(), torch.tensor(scores.value_N), atol=1e-4, rtol=1e-4)
    decoder, origin = weights_of(judge.causal), origin_of(start)
    moved = [name for name, weight in decoder.items() if not torch.equal(weight, origin[name])]
    assert any("layers" in name for name in moved), "only the head was trained"
    assert judge.causal.layers == (options["layers"] or start_of(start).layers)


@pytest.mark.parametrize("case", covering(REWARD_OPTIONS), ids=named)
def test_a_reward_model_is_the_same_when_it_is_loaded_again(
    case: dict[str, Any], starts: Starts, tmp_path: Path
) -> None:
    check_reward(case, starts, tmp_path / "run")


@pytest.mark.slow
def test_all_combinations_of_a_reward_model(starts: Starts, tmp_path: Path) -> None:
    for number, values in enumerate(itertools.product(*REWARD_OPTIONS.values())):
        check_reward(dict(zip(REWARD_OPTIONS, values, strict=True)), starts, tmp_path / str(number))


def test_what_leaves_nothing_to_be_trained_is_refused_before_training(
    starts: Starts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accord.lm.settings.freeze_below", lambda causal, _: causal.model.requires_grad_(False))
    for kind in ("ppo", "dpo", "sft"):
        settings = settings_of(kind, trained_layers=1)
        with (
            RunDirectory.create(tmp_path / kind) as run,
            pytest.raises(ModelError, match="leave no weight of it to be"),
        ):
            list(settings.steps(Materials(data=DATA, start=starts["llama", False], judge=Lengths()), run))


@pytest.mark.parametrize("gone", [False, True], ids=["the old place is another run's", "the old place is gone"])
def test_adapters_open_where_their_run_was_moved_to(gone: bool, starts: Starts, tmp_path: Path) -> None:
    """Both with the old folder gone and with another run in it, adapters belong to the start beside them."""
    old, new = tmp_path / "old/run", tmp_path / "elsewhere/and/new"
    sft = SFT(base=str(starts["llama", False]), dtype="float32", optim=OPTIM, batch_size=4)
    with RunDirectory.create(old) as run:
        list(sft.train_on(Materials(data=DATA).examples, run))
        start = run.verified("sft/model")
        list(settings_of("dpo", lora=LoRA(rank=2)).steps(Materials(data=DATA, start=start), run))
        wanted = logprobs(load(run.verified("policy/model")))
    shutil.copytree(old, new)
    shutil.rmtree(old)
    if not gone:
        shutil.copytree(starts["llama", False], old / "sft/model")
    with RunDirectory.open(new) as run:
        torch.testing.assert_close(logprobs(load(run.verified("policy/model"))), wanted)


def test_adapters_whose_model_is_gone_say_so(starts: Starts, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(starts["llama", False], base)
    sft = SFT(base=str(base), dtype="float32", lora=LoRA(rank=2), optim=OPTIM, batch_size=4)
    with RunDirectory.create(tmp_path / "run") as run:
        list(sft.train_on(Materials(data=DATA).examples, run))
        shutil.move(base, tmp_path / "other")
        with pytest.raises(ModelError, match=r"belong to .*/base, which is gone; put that model back there"):
            load(run.verified("sft/model"))
        base.symlink_to(tmp_path / "other")
        load(run.verified("sft/model"))


CODE = """
from transformers import LlamaConfig, LlamaForCausalLM


class OwnConfig(LlamaConfig):
    model_type = "own"


class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig
"""


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that comes with code of its own."""
    folder = tmp_path_factory.mktemp("coded") / "own"
    plain("llama").save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    (folder / "own.py").write_text(CODE)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "architectures": ["OwnForCausalLM"]}
    config["auto_map"] = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnForCausalLM"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("lora", [None, LoRA(rank=2)], ids=["whole", "lora"])
@pytest.mark.parametrize("kind", ["sft", "ppo", "group_soup"])
def test_models_with_code_of_their_own_are_trained_saved_and_opened(
    kind: str, lora: LoRA | None, coded: Path, tmp_path: Path
) -> None:
    form: dict[str, Any] = {"trust_remote_code": True, "lora": lora, "extrapolation": 0.5}
    with RunDirectory.create(tmp_path / "run") as run:
        list(settings_of(kind, **form).steps(Materials(data=DATA, start=coded, judge=Lengths()), run))
        model = run.verified("policy/model")
    found = plain_logprobs(opened(model, trust_remote_code=True), TEXTS)
    torch.testing.assert_close(found, logprobs(load(model, trust_remote_code=True)), atol=1e-4, rtol=0)
    assert float((found - plain_logprobs(opened(coded, trust_remote_code=True), TEXTS)).abs().max()) > 1e-3
    with pytest.raises(ModelError, match="trust_remote_code"):
        load(model)


@pytest.mark.parametrize("lora", [None, LoRA(rank=2)], ids=["whole", "lora"])
def test_a_reward_model_with_code_of_its_own_is_loaded_again(lora: LoRA | None, coded: Path, tmp_path: Path) -> None:
    settings = BradleyTerry(
        base=str(coded), dtype="float32", step_completions=8, optim=OPTIM, lora=lora, trust_remote_code=True
    )
    completions = list(DATA.completions.values())[:5]
    with RunDirectory.create(tmp_path / "run") as run:
        judge = settings.fit(DATA, run)
        ids = [judge.answer(DATA.prompts[text.prompt], text, 0) for text in completions]
        texts = [(each.prompt, each.completion) for each in ids]
        found = plain_scores(run.verified("reward/model"), texts, trust_remote_code=True)
    scores = judge.score([DATA.prompts[text.prompt] for text in completions], completions)
    torch.testing.assert_close(found[:, 0].double(), torch.tensor(scores.value_N), atol=1e-4, rtol=1e-4)
