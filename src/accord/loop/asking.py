"""The first stage of a round: whether it asks, about which texts, and what it is told."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from typing import Any

from accord.artefacts import (
    ASKED_ANSWERS,
    ASKED_PAIRS,
    ASKED_TEXTS,
    ASKING,
    AnsweredPair,
    AskedPair,
    AskingRow,
    RuleEvidence,
    ShiftRow,
)
from accord.errors import RecipeError
from accord.feedback import read_data
from accord.feedback.dataset.pairs import draw_pairs
from accord.feedback.store.fresh import ledger_to_fill
from accord.interfaces import Judge, Writer
from accord.lm.loading import load
from accord.lm.writer import ModelWriter
from accord.loop.allotment import places_of
from accord.loop.asked_crowd import open_crowds
from accord.loop.asked_evaluators import Asker, asked_study
from accord.loop.asked_texts import By, PairWriter
from accord.loop.asking_rule import answered_pairs, evidence_of, probabilities
from accord.loop.earlier_round import EarlierRound, earlier_round
from accord.loop.policy_shift import is_still, policys_own, shift_since
from accord.loop.rewards import policy_judge
from accord.loop.stage import Context
from accord.recipe.rounds import Round
from accord.records import Completion, Declined, Feedback

__all__ = ["ask"]

NOTHING_TO_ASK = "nothing to ask about: both texts of each pair were the same; the reward is kept as it is"
NOTHING_SAID = "no answer decides anything, all were declined, so the reward is kept as it is"


def ask(context: Context) -> None:
    """Ask what the round is to learn from, as far as its settings, the rule and the budget have it.

    What is asked is written before anybody is asked, so that a run which was stopped asks nothing twice. Raises
    `WaitingForPeople` while people are to answer.
    """
    settings = context.recipe.round
    assert settings is not None
    with earlier_round(settings) as earlier:
        asking = _Asking(context, settings, earlier)
        asked = asking.decide()
        if asking.answered:
            ASKED_ANSWERS.write(context.run, asking.answered, stage=context.stage)
    ASKING.write(context.run, asked, stage=context.stage)
    context.progress.say(
        f"  ask: {asked.reason}; {asked.labels:,} answers, {asked.spent:,} of {settings.budget:,} in all"
    )


class _Asking:
    """One round's asking."""

    def __init__(self, context: Context, settings: Round, earlier: EarlierRound) -> None:
        self.context, self.settings, self.earlier = context, settings, earlier
        self.left = max(0, settings.budget - earlier.spent)
        self.answered: list[AnsweredPair] = []
        self.shift: ShiftRow | None = None

    def decide(self) -> AskingRow:
        s = self.settings
        if s.ask == "never":
            return self._asking(learns_anew=False, reason="nobody is asked (ask = 'never')")
        if s.ask == "every" and (s.number - 2) % s.every:
            return self._asking(learns_anew=False, reason=f"every {s.every} rounds ask, and this one is between them")
        if not self.left:
            return self._asking(learns_anew=False, reason="the budget is spent")
        study = asked_study(s.study, s.evaluators, s.number)
        pairs, texts = self._pairs(study.overlap)
        if not pairs:
            return self._asking(learns_anew=False, reason=NOTHING_TO_ASK)
        with ExitStack() as stack:
            prompts = dict(self.earlier.reader.prompts)
            ledger = stack.enter_context(ledger_to_fill(self.context.recipe.data.ledger, pooled=True))
            asker = Asker(
                s.evaluators,
                study,
                prompts,
                texts,
                ledger,
                self.context.run.seed,
                open_crowds(self.context, self.earlier, study, texts),
                since=datetime.fromisoformat(self.context.run.manifest.created),
                patience_hours=s.patience_hours,
            )
            if s.ask == "rule":
                return self._by_rule(asker, pairs)
            answers = asker.ask(pairs)
            self._hold_against_reward(asker, pairs, answers)
            return self._learning("every round asks" if s.every == 1 else f"every {s.every} rounds ask", answers)

    def _by_rule(self, asker: Asker, pairs: Sequence[AskedPair]) -> AskingRow:
        """A probe of pairs that the policy wrote alone; then the others, where it speaks against the reward."""
        s = self.settings
        probe = [pair for pair in pairs if pair.writers == ("policy", "policy")]
        probe = _within(probe, s.probe)
        if not probe:
            raise RecipeError(
                "recipe.round.reference_share: no pair is the policy's own, which the rule needs; lower it"
            )
        judge = self._judge()
        assert judge is not None
        if self._is_still(judge, pairs, asker.texts):
            return self._asking(learns_anew=False, reason=self._stillness())
        answers = asker.ask(probe)
        data, people = read_data(self.earlier.run), asker.ledger.evaluators()
        evidence = evidence_of(judge, data, asker.texts, answers, people, self._evidence_before())
        if evidence.e_value < 1 / s.level:
            self._hold_against_reward(asker, probe, answers)
            reason = f"the rule has evidence of {evidence.e_value:.2g} against the reward, below {1 / s.level:g}"
            return self._asking(learns_anew=False, reason=reason, answers=answers, evidence=evidence)
        reason = f"the rule has evidence of {evidence.e_value:.2g} against the reward, {1 / s.level:g} or more"
        answers = asker.ask(pairs)
        self._hold_against_reward(asker, pairs, answers)
        return self._learning(reason, answers, evidence)

    def _is_still(self, judge: Judge, pairs: Sequence[AskedPair], texts: dict[str, Completion]) -> bool:
        """Whether there is nothing to probe that was not probed before; what that rests on is kept."""
        s, policy = self.settings, self.context.recipe.policy
        if not s.least_kl:
            return False
        assert policy is not None
        with self.context.progress.busy("  ask: how far the policy has moved"):
            own = policys_own(pairs, texts)
            self.shift = shift_since(self.earlier, policy, judge, own, s.sampling.temperature)
        return self.shift is not None and is_still(self.shift, s)

    def _stillness(self) -> str:
        assert self.shift is not None
        doubt = "" if self.shift.doubt is None else f", and its reward is not surely less sure ({self.shift.doubt})"
        return (
            f"no probe: since round {self.shift.since} the policy has moved by a KL of {self.shift.kl}, below "
            f"{self.settings.least_kl:g}{doubt}"
        )

    def _learning(self, reason: str, answers: Sequence[Feedback], evidence: RuleEvidence | None = None) -> AskingRow:
        """The reward learns anew of what was said; it is kept as it is where nobody said anything."""
        learns = any(not isinstance(record.judgement, Declined) for record in answers)
        if not learns:
            reason = f"{reason}; {NOTHING_SAID}"
        return self._asking(learns_anew=learns, reason=reason, answers=answers, evidence=evidence)

    def _hold_against_reward(self, asker: Asker, pairs: Sequence[AskedPair], answers: Sequence[Feedback]) -> None:
        """Keep, for the audit, what was said beside what the reward of the round before states of it."""
        judge = self._judge()
        if judge is None:
            return
        data = read_data(self.earlier.run)
        by = {name: who for pair in pairs for name, who in zip(pair.completions, pair.writers, strict=True)}
        fresh = draw_pairs(list(answers), evaluators=asker.ledger.evaluators()).pairs
        self.answered = [
            *answered_pairs("fresh", judge, data.prompts, asker.texts, fresh, by),
            *answered_pairs("held_out", judge, data.prompts, data.completions, data.pairs["held_out"]),
        ]

    def _evidence_before(self) -> RuleEvidence | None:
        """What answers since the reward learnt last said against it."""
        asked = self.earlier.asking
        return None if asked is None or asked.learns_anew else asked.evidence

    def _asking(
        self,
        *,
        learns_anew: bool,
        reason: str,
        answers: Sequence[Feedback] = (),
        evidence: RuleEvidence | None = None,
    ) -> AskingRow:
        labels = Asker.count(answers)
        if evidence is None and not learns_anew:
            evidence = self._evidence_before()
        return AskingRow(
            number=self.settings.number,
            learns_anew=learns_anew,
            reason=reason,
            labels=labels,
            spent=self.earlier.spent + labels,
            evidence=evidence,
            shift=self.shift,
        )

    # -- texts -------------------------------------------------------------------------------------------------

    def _pairs(self, overlap: int) -> tuple[list[AskedPair], dict[str, Completion]]:
        """The pairs of the round in the order of asking and their texts, as they were written at its first go."""
        run, stage = self.context.run, self.context.stage
        if not (ASKED_PAIRS.has(run, stage) and ASKED_TEXTS.has(run, stage)):
            self._write_pairs(overlap)
        texts = {text.id: text for text in ASKED_TEXTS.read(run, stage)}
        return list(ASKED_PAIRS.read(run, stage)), texts

    def _write_pairs(self, overlap: int) -> None:
        context, s = self.context, self.settings
        places = list(places_of(s.evaluators, min(s.labels, self.left), overlap))
        with context.progress.busy(f"  ask: writing {len(places)} pairs of texts"):
            written = list(self._writer().write(len(places)))
        pairs = [
            pair.model_copy(update={"evaluator": place, "answers": answers})
            for (pair, _), (place, answers) in zip(written, places, strict=False)
        ]
        if len(pairs) < len(places):
            context.progress.say(
                f"  ask: {len(places) - len(pairs)} pairs less than asked for: their texts were the same"
            )
        texts = {text.id: text for _, both in written for text in both}
        pairs = self._foretold(pairs, texts)
        ASKED_TEXTS.write(context.run, list(texts.values()), stage=context.stage)
        ASKED_PAIRS.write(context.run, pairs, stage=context.stage)

    def _writer(self) -> PairWriter:
        recipe, s = self.context.recipe, self.settings
        assert recipe.policy is not None
        form: dict[str, Any] = {
            "dtype": recipe.policy.dtype,
            "device": recipe.policy.resolved_device,
            "trust_remote_code": recipe.policy.trust_remote_code,
        }
        writers: dict[By, Writer] = {}
        policy = load(self.earlier.policy, **form)
        writers["policy"] = ModelWriter(replace(policy, name=f"policy of round {s.number - 1}"))
        if s.reference_share:
            start = load(s.start, **form)
            writers["start"] = ModelWriter(replace(start, name="first start"))
        prompts = list(self.earlier.reader.prompts.values())
        return PairWriter(s, writers, prompts, self.context.run.seed)

    def _foretold(self, pairs: Sequence[AskedPair], texts: dict[str, Completion]) -> list[AskedPair]:
        """The pairs, each with what the reward of the round before says of it; as they are where people reward."""
        judge = self._judge()
        if judge is None:
            return list(pairs)
        prompts = self.earlier.reader.prompts
        stated = probabilities(judge, prompts, texts, pairs)
        return [
            pair.model_copy(update={"probability": probability})
            for pair, probability in zip(pairs, stated, strict=True)
        ]

    def _judge(self) -> Judge | None:
        """The reward of the round before; None where there is none, or people are it."""
        recipe = self.context.recipe
        if any(reward.asks_people for reward in recipe.reward_sections.values()):
            return None
        return policy_judge(Context(recipe, self.earlier.run))


def _within(pairs: Sequence[AskedPair], labels: int) -> list[AskedPair]:
    """The first pairs whose answers are within a number; the first one alone where it takes more."""
    taken: list[AskedPair] = []
    for pair in pairs:
        if taken and sum(each.answers for each in taken) + pair.answers > labels:
            break
        taken.append(pair)
    return taken
