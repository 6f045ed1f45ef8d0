"""Heads of groups that nobody named: who belongs to which is learnt with the heads.

The groups and their number are found first, by EM on what the decoder makes of the texts before it is trained
(`mixture`, `group_number`), where many starts cost little. While the model is trained, each evaluator's log-likelihood
by group is kept up to date with every answer that a step reads (EM step by step: Neal & Hinton 1998; Cappe & Moulines
2009): n_e answers, of whose mean the new ones replace their share. The next step weighs answers by the responsibilities
that follow.
"""

import json
import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax
from torch import Tensor, nn

from accord.feedback import Dataset
from accord.lm.causal import CausalModel
from accord.reward.heads import Heads, Statement, unrecorded
from accord.reward.observations import Observation, completions_of
from accord.reward.people.feature_fit import FeatureFit, text_features
from accord.reward.people.group_number import choose_groups
from accord.reward.people.mixture import Array, by_evaluator, check_identifiable, fit_mixture
from accord.reward.people.own_heads import Joined, own_heads, with_own_heads

__all__ = ["EVALUATORS", "Start", "UnknownGroups", "find_groups"]

log = logging.getLogger("accord")

EVALUATORS = "evaluators.json"
"""In the folder of a model: who belongs to which group."""
HEARD = 100
"""Evaluators, those who answered most, from whom groups are found; the others are then told by them."""
ANSWERS = 60
"""Answers of each that are read for it."""


@dataclass(frozen=True)
class Start:
    """What a fit begins with: the decoder as it was opened, the terms of the likelihood and which reads what."""

    decoder: CausalModel
    terms: nn.ModuleDict
    term_of: Mapping[int, str]


class OneGroup(Heads):
    """One head for everybody, because groups that were looked for were not found, or need none of their own."""

    joined: Sequence[Joined] = ()

    def save(self, folder: Path, names: Sequence[str]) -> None:
        """Write `evaluators.json`: no groups, and those that were found and have no head of their own."""
        content = {"groups": [], "shares": [], "responsibilities": {}, "no_head_of_their_own": _described(self.joined)}
        (folder / EVALUATORS).write_text(json.dumps(content, indent=1))


class UnknownGroups(Heads):
    """Heads of K groups, each taught by every evaluator as much as the evaluator belongs to it.

    `loglik_EK` is what is known at the start of each evaluator's log-likelihood, of `answers_E` answers; rows are those
    of `evaluators`. Whose evaluator is not known teaches groups by their shares. `joined` are groups that were found
    and belong to others now.
    """

    joined: Sequence[Joined] = ()

    def __init__(
        self,
        evaluators: Sequence[str],
        answers_E: Sequence[int],
        loglik_EK: Array,
        *,
        members: int = 1,
        seed: int = 0,
        pooling_sd: float | None = None,
        unrecorded: Collection[str] = (),
    ) -> None:
        names = tuple(f"group {k + 1}" for k in range(loglik_EK.shape[1]))
        super().__init__(members=members, seed=seed, names=names, pooling_sd=pooling_sd, unrecorded=unrecorded)
        self.groups = names
        self._row = {name: row for row, name in enumerate(evaluators)}
        self._answers_E = np.array(answers_E, dtype=float)
        self.state: dict[str, Any] = {
            "nll": (-loglik_EK / self._answers_E[:, None]).tolist(),
            "shares": [1 / len(names)] * len(names),
        }
        self._e_step()

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept; later steps are kept in the same dictionary."""
        if not state:
            state.update(self.state)
        self.state = state
        if "responsibilities" not in state:
            self._e_step()

    @property
    def responsibilities(self) -> dict[str, list[float]]:
        """With which probability each evaluator belongs to each group, by id."""
        return {name: self.state["responsibilities"][row] for name, row in self._row.items()}

    @property
    def people(self) -> dict[str, float]:
        """How many evaluators each group has, about."""
        return dict(zip(self.groups, np.sum(self.state["responsibilities"], axis=0).tolist(), strict=True))

    def shares(self, statement: Statement) -> dict[int, float]:
        """By who belongs to which group."""
        row = self._row.get(statement.evaluator or "")
        share_K = self.state["shares"] if row is None else self.state["responsibilities"][row]
        return {self._row_of[name]: share for name, share in zip(self.groups, share_K, strict=True)}

    def note(self, observations: Sequence[Observation], owner_T: Tensor, nll_T: Tensor) -> None:
        """Bring up to date what each evaluator's answers say of its group."""
        nll_OK = nll_T.double().cpu().reshape(len(observations), len(self.groups)).tolist()
        heard: dict[int, list[list[float]]] = {}
        for each, nll_K in zip(observations, nll_OK, strict=True):
            row = self._row.get(each.evaluator or "")
            if row is not None:
                heard.setdefault(row, []).append([each.weight * nll for nll in nll_K])
        for row, nlls in heard.items():
            share = min(1.0, len(nlls) / self._answers_E[row])
            new_K = np.mean(nlls, axis=0)
            old_K = np.array(self.state["nll"][row])
            self.state["nll"][row] = (old_K + share * (new_K - old_K)).tolist()
        self._e_step()

    def save(self, folder: Path, names: Sequence[str]) -> None:
        """Write `evaluators.json`: the groups by name, and with which probability each evaluator belongs to each."""
        groups = [names[self._row_of[name]] for name in self.groups]
        content = {
            "groups": groups,
            "shares": self.state["shares"],
            "responsibilities": self.responsibilities,
            "no_head_of_their_own": _described(self.joined),
        }
        (folder / EVALUATORS).write_text(json.dumps(content, indent=1))

    def _e_step(self) -> None:
        nll_EK = np.array(self.state["nll"]) * self._answers_E[:, None]
        responsibility_EK = softmax(np.log(self.state["shares"]) - nll_EK, axis=1)
        self.state["responsibilities"] = responsibility_EK.tolist()
        share_K = responsibility_EK.sum(0) + 1
        self.state["shares"] = (share_K / share_K.sum()).tolist()


def find_groups(
    start: Start,
    data: Dataset,
    observations: Sequence[Observation],
    *,
    groups: int | None,
    at_most: int,
    members: int,
    pooling_sd: float | None,
    seed: int,
) -> Heads:
    """Heads of `groups` groups; of as many as foretell held-out evaluators best where it is None, at most `at_most`.

    Of these have heads of their own those that gain by them (`own_heads`); a number that is stated is taken as it is.
    Raises `RecipeError` where too few evaluators answered enough to tell groups apart.
    """
    crowds = unrecorded(data)
    named = (each.evaluator for each in observations if each.evaluator is not None)
    counts = Counter(name for name in named if name not in crowds)
    evaluators = sorted(counts, key=lambda name: (-counts[name], name))
    row_of = {name: row for row, name in enumerate(evaluators)}
    check_identifiable([row_of[name] for name in counts.elements()], groups or 2)
    heard = _heard([each for each in observations if each.evaluator in row_of], set(evaluators[:HEARD]))
    who_O = np.array([row_of[str(each.evaluator)] for each in heard])
    feature_AD = text_features(start.decoder, data, completions_of(heard))
    fit = FeatureFit(feature_AD, start.terms, start.term_of, heard)
    joined: list[Joined] = []
    if groups is None:
        number = choose_groups(fit, who_O, at_most=at_most, folds=3, seed=seed, restarts=4)
        log.info("%d groups of evaluators; log-likelihood by number: %s", number.groups, number.log_score_G)
        mixture = fit_mixture(fit, who_O, number.groups, seed=seed, restarts=4, steps=30)
        mixture, joined = with_own_heads(fit, who_O, mixture, seed=seed)
        for each in joined:
            log.warning("A group of evaluators has no head of its own: %s", each)
    else:
        mixture = fit_mixture(fit, who_O, groups, seed=seed, restarts=4, steps=30)
        for k in own_heads(fit, who_O, mixture, seed=seed).needless:
            log.warning("group %d of evaluators gains nothing by a head of its own on held-out answers", k + 1)
    if len(mixture.share_K) == 1:
        one = OneGroup(members=members, seed=seed, unrecorded=crowds)
        one.joined = joined
        return one
    weight_OK = mixture.responsibility_EK[who_O]
    _, loglik_OK = fit(weight_OK, mixture.parameters)
    loglik_EK = np.zeros((len(evaluators), len(mixture.share_K)))
    loglik_EK[: who_O.max() + 1] = by_evaluator(loglik_OK, who_O, int(who_O.max()) + 1)
    answers = [counts[name] for name in evaluators]
    found = UnknownGroups(
        evaluators,
        answers,
        loglik_EK,
        members=members,
        seed=seed,
        pooling_sd=pooling_sd,
        unrecorded=crowds,
    )
    found.joined = joined
    return found


def _described(joined: Sequence[Joined]) -> list[dict[str, float]]:
    return [asdict(each) for each in joined]


def _heard(observations: Sequence[Observation], evaluators: set[str]) -> list[Observation]:
    """The first answers of each of some evaluators."""
    counts: Counter[str] = Counter()
    heard = []
    for each in observations:
        name = str(each.evaluator)
        counts[name] += name in evaluators
        if name in evaluators and counts[name] <= ANSWERS:
            heard.append(each)
    return heard
