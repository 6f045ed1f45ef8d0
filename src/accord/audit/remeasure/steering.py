"""Challenging prompts and others, put to a model of the run."""

from collections.abc import Iterator, Mapping, Sequence

from accord.artefacts import SteeringAnswer
from accord.audit.collection.prompt_distances import prompt_text
from accord.audit.conduct.steering_thresholds import SteeringThresholds
from accord.lm.causal import CausalModel
from accord.lm.generate import generate
from accord.records import Prompt, Sampling

__all__ = ["steering_answers"]


def steering_answers(
    causal: CausalModel,
    arm: str,
    prompts: Mapping[bool, Sequence[Prompt]],
    settings: SteeringThresholds,
    *,
    seed: int,
) -> Iterator[SteeringAnswer]:
    """What a model answers to each prompt, `prompts` being the challenging ones (true) and the others.

    A prompt that leaves no room for an answer is not asked, and its answers unknown.
    """
    asked = [(prompt, sort) for sort in (True, False) for prompt in prompts[sort]]
    ids = [tuple(causal.encode_prompt(prompt)) for prompt, _ in asked]
    fitting = [place for place, each in enumerate(ids) if 0 < len(each) + settings.max_tokens <= causal.context]
    sampling = Sampling(temperature=settings.temperature, max_tokens=settings.max_tokens, seed=seed)
    samples = generate(causal, [ids[place] for place in fitting], settings.answers, sampling)
    answers = dict(zip(fitting, samples, strict=True))
    for place, (prompt, sort) in enumerate(asked):
        for index in range(settings.answers):
            text = causal.conversation.text_of(answers[place][index]) if place in answers else None
            yield SteeringAnswer(
                arm=arm, prompt=prompt.id, question=prompt_text(prompt), challenging=sort, index=index, answer=text
            )
