"""The client against what a vLLM server said: `tools.record_vllm` wrote it down, and its scenarios are run again.

A request that differs from the one that was recorded at its place is answered with status 418, so that the client
cannot come to say something else unnoticed.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tools.record_vllm import PROMPTS, SAMPLING, SCENARIOS, answering, model, with_adapters, without_names

from accord.lm.causal import CausalModel
from accord.records import Sample

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "vllm_dialogue.json").read_text())


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACCORD_TOKEN", raising=False)


def replay(name: str, folder: Path) -> Any:
    """A scenario against the recorded answers, in their order. All of them must have been asked for."""
    left = iter(RECORDED["dialogues"][name])
    named: list[str] = []

    def answer(method: str, path: str, body: str) -> tuple[int, str]:
        said = next(left, None)
        asked = {"method": method, "path": path, "body": json.loads(without_names(body, folder) or "null")}
        if said is None or asked != {key: said[key] for key in asked}:
            return 418, json.dumps({"error": {"message": f"asked {asked}, recorded {said}"}})
        sent = json.loads(body) if body else {}
        if path != "/v1/unload_lora_adapter":
            named.extend(sent[key] for key in ("new_version", "lora_name") if key in sent)
        content = said["answer"] if isinstance(said["answer"], str) else json.dumps(said["answer"])
        for word in ("accord-WEIGHTS", "half-WEIGHTS", "WEIGHTS"):
            content = content.replace(f'"{word}"', json.dumps(named[-1] if named else word))
        return said["status"], content

    with answering(answer) as url:
        found = SCENARIOS[name](url, folder)
    assert next(left, None) is None
    return found


def logprobs_of(causal: CausalModel, prompt: tuple[int, ...], sample: Sample, temperature: float) -> list[float]:
    ids = torch.tensor([[*prompt, *sample.token_ids]])
    with torch.no_grad():
        logp_TV = (causal.model(ids).logits[0].float() / temperature).log_softmax(-1)
    return [float(logp_TV[len(prompt) - 1 + place, token]) for place, token in enumerate(sample.token_ids)]


def agree(causal: CausalModel, groups: list[list[Sample]], temperature: float) -> None:
    """vLLM's log-probabilities are those of plain transformers, at the temperature at which tokens were drawn."""
    for prompt, group in zip(PROMPTS, groups, strict=True):
        for sample in group:
            wanted = logprobs_of(causal, prompt, sample, temperature)
            assert sample.logprobs == pytest.approx(wanted, abs=1e-4)


def test_whole_weights_are_handed_over_and_sampled_from(tmp_path: Path) -> None:
    assert RECORDED["server"] == "vllm"
    moved, stopped, back = replay("whole_weights", tmp_path)
    agree(model("moved"), moved, SAMPLING.temperature)
    agree(model("moved"), stopped, 1.0)
    agree(model("start"), back, SAMPLING.temperature)
    assert [len(group) for group in moved] == [3, 3]
    assert len({sample.token_ids for group in moved for sample in group}) == 6
    reasons = {sample.finish_reason for groups in (moved, stopped) for group in groups for sample in group}
    assert "stop" in reasons
    assert "length" in reasons


def test_adapters_are_handed_over_and_sampled_from(tmp_path: Path) -> None:
    found = replay("adapters", tmp_path)
    policy = with_adapters(tmp_path)
    for groups in found:
        with torch.no_grad():
            for weight in policy.trainable():
                weight.add_(0.02)
        agree(policy, groups, SAMPLING.temperature)


def test_what_the_server_refuses_is_one_line_each(tmp_path: Path) -> None:
    told = replay("refusals", tmp_path)
    assert len(told) == 4
    assert "answers 404 (The model `another` does not exist" in told[0]
    assert "answers 400 (Token id 999 is out of vocabulary" in told[1]
    assert "answers 400" in told[2]
    assert "answers 404 (Loading lora none failed" in told[3]
    assert all("\n" not in line for line in told)


def test_log_probabilities_of_another_temperature_are_noticed(tmp_path: Path) -> None:
    assert "start vLLM with --logprobs-mode processed_logprobs" in replay("plain_logprobs", tmp_path)
