"""Every technical term that a page uses, in words that need no other knowledge of the field."""

import re
from dataclasses import dataclass

__all__ = ["TERMS", "Term"]


@dataclass(frozen=True)
class Term:
    """A term, what it means, and further forms in which pages write it.

    A form that begins with a capital, or holds one, is looked for as it is written; any other at the beginning of a
    sentence too.
    """

    name: str
    meaning: str
    forms: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The anchor of its entry: `term-win-rate`."""
        return "term-" + re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


TERMS: tuple[Term, ...] = (
    # -- models ----------------------------------------------------------------------------------------------
    Term(
        "policy",
        "the model that was trained: what writes the texts that were to become better.",
        ("policies", "policy's"),
    ),
    Term(
        "start, the",
        "the model as it was before the training that this page is about. The policy is compared with it.",
        ("its start", "the start", "its start's", "the start's"),
    ),
    Term(
        "supervised start",
        "a first training in which the model imitates example texts, before anything is rewarded.",
        ("supervised learning", "supervised"),
    ),
    Term(
        "reward model",
        "a model that learnt from people's answers to give a text a score: the higher, the better people are expected "
        "to like it. The policy is trained to score high.",
        ("reward models", "reward model's"),
    ),
    Term("reward", "the score that training pushes up, whether a model gives it or a rule.", ("rewards", "rewarded")),
    Term(
        "independent judge",
        "a second model like the reward model that learnt from answers which the reward model never saw. It was not "
        "used in training, so the policy cannot have learnt to please it.",
        ("independent judges",),
    ),
    Term("judge", "whatever gives texts a score: a reward model, a rule or a program.", ("judges",)),
    Term(
        "reference",
        "the model that the policy is kept near to in training; here it is the start.",
        ("reference model",),
    ),
    Term("arm", "one side of a comparison: the policy, or its start.", ("arms",)),
    Term("member", "one of several reward models that were trained alike and asked together.", ("members",)),
    Term("gameable", "that gives high scores to texts which are plainly no good answers.", ("gamed",)),
    Term(
        "over-optimisation",
        "that a model is trained so hard for a score that the score goes on rising while what it stood for does not.",
        ("overoptimisation", "overoptimization", "reward hacking"),
    ),
    Term(
        "parameters",
        "the numbers inside a model that training changes. A model with more of them can hold more.",
        ("parameter",),
    ),
    # -- people and what they said ---------------------------------------------------------------------------
    Term(
        "evaluator",
        "whoever judged texts: a person (under a pseudonym), a model, a rule, or a program that stands for a person.",
        ("evaluators", "evaluator's"),
    ),
    Term("pseudonym", "a made-up name under which a person's answers are kept.", ("pseudonyms",)),
    Term("feedback", "what was said about texts: who judged which of them, and how."),
    Term(
        "judgement", "one answer about one text or several: which is better, how good, what is wrong.", ("judgements",)
    ),
    Term("pair", "two texts in answer to the same prompt, of which one was preferred, or neither (a tie).", ("pairs",)),
    Term("tie", "an answer that two texts are equally good.", ("ties",)),
    Term("prompt", "what a model is asked: the question or task that its text answers.", ("prompts",)),
    Term("completion", "a text that answers a prompt.", ("completions",)),
    Term(
        "held-out",
        "set aside before training, so that it can be used to test what was learnt.",
        ("held out",),
    ),
    Term(
        "split",
        "a part of the answers with one purpose: to learn from (train), for the independent judge (eval reward), or to "
        "test both (held out).",
        ("splits",),
    ),
    Term("ledger", "the file or database in which everything that evaluators said is kept, with who said it and when."),
    Term(
        "control question",
        "a question whose answer is known. It shows how an evaluator answers; nothing is learnt from it.",
        ("control questions",),
    ),
    Term(
        "agreement",
        "how often two evaluators who saw the same texts answer alike. Where people differ, no model suits them all.",
    ),
    Term(
        "one-coin model",
        "a way to work out from everybody's answers how often each person answers like the others, as if by a coin "
        "that is more or less loaded.",
        ("one-coin", "Dawid-Skene"),
    ),
    Term("raking", "weights by which groups of people count as much as they are of a whole population."),
    # -- how good a score is ---------------------------------------------------------------------------------
    Term(
        "accuracy",
        "the share of pairs in which whoever is tested prefers the text that the evaluator preferred. 0.5 is what "
        "guessing reaches.",
    ),
    Term("chance", "what pure guessing would give: 0.5 where there are two answers."),
    Term(
        "TF-IDF",
        "a count of the words of a text in which rare words count more. With logistic regression it is the simplest "
        "model that reads a text.",
    ),
    Term(
        "logistic regression", "a simple model that adds up evidence, here one weight for each word or pair of words."
    ),
    Term(
        "calibration error (ECE)",
        "how far the stated probabilities lie from what happens: 0.03 means that they are off by 3 in 100 on average.",
        ("calibration error", "calibration", "ECE", "calibrated"),
    ),
    Term(
        "temperature",
        "a number by which scores are divided before they become probabilities; above 1 it makes them less sure. In "
        "writing, how freely words are drawn.",
        ("isotonic curve", "isotonic"),
    ),
    Term(
        "integrated gradients",
        "a method that says how much each piece of a text adds to its score (Sundararajan et al. 2017).",
    ),
    Term(
        "standard deviation",
        "the usual distance from the average. Scores are given in these units so that they can be compared.",
        ("standard deviations",),
    ),
    # -- before and after ------------------------------------------------------------------------------------
    Term(
        "win rate",
        "how often the policy's text is preferred to the start's in answer to the same prompt, ties counted half. 0.5 "
        "is no difference.",
        ("win rates",),
    ),
    Term(
        "KL",
        "how far the policy has moved from its start (the Kullback-Leibler divergence): 0 is not at all. It is given "
        "in nats a text.",
    ),
    Term("nat", "the unit of information of natural logarithms: 0.69 nats are one yes-or-no answer.", ("nats",)),
    Term("entropy", "how open it is which word comes next: 0 where a model always writes the same."),
    Term("token", "a piece of text as models read and write it: a short word, or a part of a longer one.", ("tokens",)),
    Term(
        "distinct-1 and distinct-2",
        "the share of words (distinct-1) or of pairs of neighbouring words (distinct-2) that differ within the texts "
        "of one prompt. Low where a model always writes the same.",
        ("distinct-1", "distinct-2"),
    ),
    Term(
        "optimum",
        "the best that can be had of what training aims at. Where it lies far from the start, training only ended on "
        "the way.",
    ),
    Term(
        "coefficient",
        "a number that says how much one aim counts beside another, such as staying near the start.",
    ),
    # -- training --------------------------------------------------------------------------------------------
    Term("recipe", "the file with all settings of a run.", ("recipes",)),
    Term(
        "run", "one training from start to end with everything that it read and wrote, kept in one folder.", ("runs",)
    ),
    Term("stage", "a part of a run: the data, the reward model, the policy, the audit and so on.", ("stages",)),
    Term("step", "one update of a model in training.", ("steps",)),
    Term(
        "seed",
        "the number from which all random choices of a run follow. The same seed gives the same run.",
        ("seeds",),
    ),
    Term(
        "PPO",
        "proximal policy optimisation (Schulman et al. 2017): a model writes texts, they are scored, and it is changed "
        "a little towards those that scored high.",
        ("GRPO", "RLOO", "REINFORCE++", "REINFORCE"),
    ),
    Term(
        "DPO",
        "direct preference optimisation (Rafailov et al. 2023): a model is changed towards preferred texts and away "
        "from others, without a reward model between.",
        ("IPO", "KTO", "ORPO", "SimPO"),
    ),
    Term("loss", "what a training step makes smaller.", ("losses",)),
    Term("gradient norm", "how strongly a step would change the model, before that is limited (clipped)."),
    Term("clipped", "left out of an update since it would have changed the model too much at once.", ("clipping",)),
    Term("rollout", "a text that the policy wrote in training, to be scored and learnt from.", ("rollouts",)),
    Term(
        "returns that values explain",
        "how well a helper model of PPO foretells the score that a text will get; 1 is exactly.",
        ("Returns that values explain", "explained variance"),
    ),
    Term(
        "log-ratio",
        "how much likelier one model makes a text than another, as a logarithm; 0 is equally likely.",
        ("log-ratios", "log-probability", "log-probabilities", "log-odds"),
    ),
    Term("margin", "how much more the chosen text scores than the rejected one.", ("margins",)),
    # -- the audit -------------------------------------------------------------------------------------------
    Term(
        "audit",
        "a second look at a finished run: its claims are worked out again from its files by code that training does "
        "not use.",
        ("audited",),
    ),
    Term("claim", "a sentence about the run that may be true or false, and is put to the test.", ("claims", "claimed")),
    Term("check", "one test of one claim.", ("checks",)),
    Term(
        "challenge",
        "something that is known to go wrong in training on feedback. Those with ids such as RG2 are from Casper et "
        "al. 2023 (arXiv 2307.15217); X stands for others, P for the arithmetic of a run.",
        ("challenges",),
    ),
    Term("fires", "the verdict that a claim does not hold: the whole interval lies beyond the threshold.", ("fired",)),
    Term("quiet", "the verdict that this test found nothing. That does not prove the claim."),
    Term(
        "not detected by this test",
        "the same as quiet, for something that no test can show to be absent.",
    ),
    Term("inconclusive", "the verdict that there was too little to decide: the interval lies on both sides."),
    Term(
        "not assessable",
        "the verdict that something is missing without which the claim cannot be tested.",
        ("cannot be assessed",),
    ),
    Term("threshold", "the value beyond which a check fires.", ("thresholds",)),
    Term("primary check", "the one check by which a challenge is judged; the others say more about it."),
    Term(
        "planted run",
        "a run into which a known fault was put on purpose, to see whether a check finds it.",
        ("planted runs", "planted fault", "planted"),
    ),
    Term(
        "p",
        "the probability of a number so far beyond the threshold if the truth lay on it. It is made larger for the "
        "number of tests that were made together.",
        ("p-value",),
    ),
    # -- numbers and files -----------------------------------------------------------------------------------
    Term(
        "interval",
        "what stands in square brackets: the range that holds the true value in 95 of 100 such measurements.",
        ("intervals", "95 % interval", "95 % intervals"),
    ),
    Term("n", "how many observations a number rests on."),
    Term(
        "independent units",
        "groups of observations that belong together (all answers of one person, all texts of one prompt). Within them "
        "observations are alike, so they count as one.",
        ("independent unit", "clusters", "cluster"),
    ),
    Term("SHA-256", "a fingerprint of a file: any change of the file changes it.", ("digest", "digests")),
    Term("manifest", "the list of a run's files with their fingerprints, `manifest.json`."),
)
