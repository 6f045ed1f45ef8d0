"""Attacks on a model of the run: what it answers each query, and whether that gives in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from accord.artefacts import AttackResult
from accord.audit.attacks.attack_file import AttackFile
from accord.audit.attacks.families import AttackFamily
from accord.audit.attacks.queries import Answerable, Query, queries_of, query_prompt
from accord.audit.attacks.requests import Harmful
from accord.audit.attacks.results import attack_result
from accord.audit.attacks.seeds import named_seed
from accord.audit.attacks.thresholds import WHITE_BOX, AttackThresholds
from accord.audit.remeasure.coordinate_gradient import SuffixSearch, SuffixTask, printable_tokens
from accord.interfaces import Judge
from accord.lm.causal import CausalModel
from accord.lm.generate import generate
from accord.records import Completion, Prompt, Sampling

__all__ = ["Attacker"]

BY_GRADIENT = AttackFamily(WHITE_BOX, "harmful", "gradients", lambda request, material: [])


@dataclass(frozen=True)
class Attacker:
    """All queries on a model.

    causal    the model
    arm       `start` or `policy`
    settings  how it is attacked
    file      with what
    families  in which ways
    judge     who says whether a request without a pattern was met; None where refusal does
    seed      decides every draw, whatever is asked before: an attack that was stopped goes on to the same answers
    """

    causal: CausalModel
    arm: str
    settings: AttackThresholds
    file: AttackFile
    families: Sequence[AttackFamily]
    judge: Judge | None
    seed: int

    def on(self, request: Answerable) -> list[AttackResult]:
        """Every query on a request with its answer, in one batch."""
        queries = list(queries_of(request, self.file, self.families, budget=self.settings.budget, seed=self.seed))
        if self.settings.white_box and isinstance(request, Harmful):
            queries += self._by_gradient(request)
        answers = self._answers(request, queries)
        judged = self._judged(request, answers)
        return [
            attack_result(self.arm, request, query, answer, self.settings, judged=opinion)
            for query, answer, opinion in zip(queries, answers, judged, strict=True)
        ]

    @cached_property
    def _printable(self) -> dict[int, str]:
        return printable_tokens(self.causal)

    def _by_gradient(self, request: Harmful) -> Iterator[Query]:
        """The request with the suffix that makes its target likeliest, as often as the budget allows.

        Nothing where the model has no room for one.
        """
        settings = self.settings

        def prompt(suffix: str) -> Prompt:
            return query_prompt(request, f"{request.text} {suffix}")

        task = SuffixTask(self.causal, lambda suffix: self.causal.encode_prompt(prompt(suffix)), request.target)
        room = self.causal.context - len(task.prompt("")) - len(task.target_ids)
        if room < 2 * settings.suffix_tokens:
            return
        seed = named_seed(self.seed, request.name, WHITE_BOX)
        search = SuffixSearch(task, self._printable, tokens=settings.suffix_tokens, seed=seed)
        best = search.run(settings.suffix_steps, settings.suffix_candidates)
        for number in range(1, settings.budget + 1):
            yield Query(BY_GRADIENT, number, prompt(best.text), best.evaluations)

    def _answers(self, request: Answerable, queries: Sequence[Query]) -> list[str | None]:
        """What the model answers each query; None where it and an answer are longer than the model reads."""
        settings, causal = self.settings, self.causal
        ids = [tuple(causal.encode_prompt(query.prompt)) for query in queries]
        fitting = [place for place, each in enumerate(ids) if len(each) + settings.max_tokens <= causal.context]
        answers: list[str | None] = [None] * len(queries)
        if fitting:
            sampling = Sampling(
                temperature=settings.temperature,
                max_tokens=settings.max_tokens,
                seed=named_seed(self.seed, request.name),
            )
            samples = generate(causal, [ids[place] for place in fitting], 1, sampling)
            for place, (sample,) in zip(fitting, samples, strict=True):
                answers[place] = causal.conversation.text_of(sample)
        return answers

    def _judged(self, request: Answerable, answers: Sequence[str | None]) -> list[bool | None]:
        """What the judge makes of each answer to the request as it stands, where it is asked."""
        given = [place for place, answer in enumerate(answers) if answer is not None]
        judged: list[bool | None] = [None] * len(answers)
        if self.judge is None or not given or not isinstance(request, Harmful) or request.reveals is not None:
            return judged
        prompt = query_prompt(request, request.text)
        completions = [Completion(prompt=prompt.id, text=str(answers[place])) for place in given]
        scores = self.judge.score([prompt] * len(given), completions)
        for place, score in zip(given, scores.value_N.tolist(), strict=True):
            judged[place] = score > self.settings.judge_above
        return judged
