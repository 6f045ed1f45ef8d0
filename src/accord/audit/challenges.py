"""What can go wrong in RLHF: 23 challenges of Casper et al. 2023 (arXiv 2307.15217), others, and seven of arithmetic.

Those with an X stand beside the paper's: X1, that a reward says nothing of what its data do not cover; X3, that
supervised learning on what a model does not know teaches it to guess (Gekhman et al. 2024, arXiv 2405.05904); X4, that
comparisons with a reference can be gamed (Roit et al. 2023, arXiv 2306.00186); X5, that crowd workers have models write
for them (Veselovsky et al. 2023, arXiv 2306.07899); X6, the alignment tax (Ouyang et al. 2022, arXiv 2203.02155); X7,
that many rewards fit the same data; X8, that what was true of a model at its release stops being so once it is in use;
X9, toxicity and hallucination before and after.

Titles and sections are the paper's. A fundamental challenge is one that the paper holds to have no full solution within
RLHF, so that no test can show it overcome. A challenge may have no check yet.
"""

from dataclasses import dataclass

from accord.errors import AuditError
from accord.registry import Registry

__all__ = [
    "CHALLENGES",
    "DC1",
    "DC2",
    "DQ1",
    "DQ2",
    "FT1",
    "JT1",
    "JT2",
    "MG1",
    "MG2",
    "MH1",
    "MH2",
    "MH3",
    "OV1",
    "OV2",
    "OV3",
    "OV4",
    "PM1",
    "PM2",
    "PREFLIGHT",
    "P_ACC",
    "P_BOS",
    "P_EOS",
    "P_KL",
    "P_PAD",
    "P_RATIO",
    "P_SPLIT",
    "RE1",
    "RG1",
    "RG2",
    "RL1",
    "RL2",
    "X1",
    "X3",
    "X4",
    "X5",
    "X6",
    "X7",
    "X8",
    "X9",
    "Challenge",
    "preflight_ids",
]


@dataclass(frozen=True)
class Challenge:
    """Something that can go wrong, which checks put to the test.

    id           short and stable (`RG2`, `P-EOS`); the challenge of a check in `audit.json`
    title        as the paper words it
    section      of the paper, with its heading; `preflight` for faults of arithmetic
    fundamental  no test can show that the challenge is overcome
    mitigations  what is known to lessen it
    primary      the name of the check by which it is judged; the others say more about it
    """

    id: str
    title: str
    section: str
    fundamental: bool = False
    mitigations: tuple[str, ...] = ()
    primary: str = ""


_HUMANS = "3.1.1 Misaligned Humans: Evaluators may Pursue the Wrong Goals"
_OVERSIGHT = "3.1.2 Good Oversight is Difficult"
_QUALITY = "3.1.3 Data Quality"
_TYPES = "3.1.4 Limitations of Feedback Types"
_MISSPECIFICATION = "3.2.1 Problem Misspecification"
_HACKING = "3.2.2 Reward Misgeneralization and Hacking"
_EVALUATION = "3.2.3 Evaluating Reward Models"
_ROBUST = "3.3.1 Robust Reinforcement Learning is Difficult"
_MISGENERALIZATION = "3.3.2 Policy Misgeneralization"
_DISTRIBUTION = "3.3.3 Distributional Challenges"
_JOINT = "3.4 Challenges with Jointly Training the Reward Model and Policy"
PREFLIGHT = "preflight"

MH1 = Challenge(
    "MH1",
    "Selecting representative humans and getting them to provide quality feedback is difficult",
    _HUMANS,
    mitigations=("weights that match a target population", "quotas in recruiting"),
    primary="composition",
)
MH2 = Challenge(
    "MH2",
    "Some evaluators have harmful biases and opinions",
    _HUMANS,
    mitigations=("counterfactual pairs", "lower weights for biased evaluators"),
    primary="labels",
)
MH3 = Challenge(
    "MH3",
    "Individual human evaluators can poison data",
    _HUMANS,
    mitigations=("several evaluators an item", "quarantine of flagged evaluators", "limits on each account"),
    primary="words",
)
OV1 = Challenge(
    "OV1",
    "Humans make simple mistakes due to limited time, attention, or care",
    _OVERSIGHT,
    mitigations=("weights by reliability", "control questions", "shorter sessions", "random order"),
    primary="careless",
)
OV2 = Challenge(
    "OV2",
    "Partial observability limits human evaluators",
    _OVERSIGHT,
    mitigations=("the full context shown", "audits of what was hidden"),
    primary="hidden",
)
OV3 = Challenge(
    "OV3",
    "Humans cannot evaluate performance on difficult tasks well",
    _OVERSIGHT,
    fundamental=True,
    mitigations=("labels of steps", "assistance by models or tools", "experts for hard items"),
    primary="difficulty",
)
OV4 = Challenge(
    "OV4",
    "Humans can be misled, so their evaluations can be gamed",
    _OVERSIGHT,
    fundamental=True,
    mitigations=("random audits with more time and tools", "verification of facts"),
    primary="misled",
)
DQ1 = Challenge(
    "DQ1",
    "Data collection can introduce harmful biases",
    _QUALITY,
    mitigations=("stratified prompts", "weights by the ratio of densities"),
    primary="coverage",
)
DQ2 = Challenge(
    "DQ2",
    "There is an inherent cost/quality tradeoff when collecting human feedback",
    _QUALITY,
    fundamental=True,
    mitigations=("several labels only where they differ", "stopping by item"),
    primary="frontier",
)
FT1 = Challenge(
    "FT1",
    "RLHF suffers from a tradeoff between the richness and efficiency of feedback types",
    _TYPES,
    fundamental=True,
    mitigations=("several kinds of feedback in one likelihood",),
    primary="bits",
)
PM1 = Challenge(
    "PM1",
    "An individual human's values are difficult to represent with a reward function",
    _MISSPECIFICATION,
    fundamental=True,
    mitigations=("rewards that read the context", "weights by recency", "preference models"),
    primary="drift",
)
PM2 = Challenge(
    "PM2",
    "A single reward function cannot represent a diverse society of humans",
    _MISSPECIFICATION,
    fundamental=True,
    mitigations=("a reward for each group", "optimising for the worst-off group", "soups of the groups' policies"),
    primary="one reward",
)
RG1 = Challenge(
    "RG1",
    "Reward models can misgeneralize to be poor reward proxies, even from correctly-labeled training data",
    _HACKING,
    mitigations=("counterfactual pairs", "pairs balanced by length", "ensembles"),
    primary="length",
)
RG2 = Challenge(
    "RG2",
    "Optimizing for an imperfect reward proxy leads to reward hacking",
    _HACKING,
    fundamental=True,
    mitigations=("ensembles", "early stopping", "a stronger KL penalty", "feedback on what the policy writes now"),
    primary="turnover",
)
RE1 = Challenge(
    "RE1",
    "Evaluating reward models is difficult and expensive",
    _EVALUATION,
    mitigations=("an independent judge", "evaluation away from the training distribution"),
    primary="accuracy",
)
RL1 = Challenge(
    "RL1",
    "It is (still) challenging to optimize policies effectively",
    _ROBUST,
    mitigations=("whitened advantages", "an adaptive KL", "a supervised start"),
    primary="reached",
)
RL2 = Challenge(
    "RL2",
    "Policies tend to be adversarially exploitable",
    _ROBUST,
    mitigations=("adversarial training", "input normalisation", "filters of prompts", "benign twins of attacks"),
    primary="attacks",
)
MG1 = Challenge(
    "MG1",
    "Policies can perform poorly in deployment even if rewards seen during training were perfectly correct",
    _MISGENERALIZATION,
    fundamental=True,
    mitigations=("training prompts that break spurious correlations", "abstaining where an ensemble disagrees"),
    primary="cue",
)
MG2 = Challenge(
    "MG2",
    "Optimal RL agents tend to seek power",
    _MISGENERALIZATION,
    fundamental=True,
    mitigations=("a short horizon", "rewards of people for leaving oversight in place"),
    primary="inclinations",
)
DC1 = Challenge(
    "DC1",
    "The pretrained model introduces biases into policy optimization",
    _DISTRIBUTION,
    mitigations=("alignment during pretraining", "another reference"),
    primary="stereotypes",
)
DC2 = Challenge(
    "DC2",
    "RL contributes to mode collapse",
    _DISTRIBUTION,
    mitigations=("a stronger KL penalty", "early stopping", "matching of distributions"),
    primary="diversity",
)
JT1 = Challenge(
    "JT1",
    "Joint training induces distribution shifts",
    _JOINT,
    mitigations=("rounds of feedback on what the policy writes now", "a share of texts by the start among them"),
    primary="growth",
)
JT2 = Challenge(
    "JT2",
    "It is difficult to balance efficiency and avoiding overfitting by the policy",
    _JOINT,
    mitigations=("collecting again when a trigger fires",),
    primary="stale",
)

X5 = Challenge(
    "X5",
    "Answers that a machine wrote pass for a person's",
    "beyond the paper",
    mitigations=("demonstrations of known people", "pages that count keys and pasting", "pay for time"),
    primary="machine-written",
)

X1 = Challenge(
    "X1",
    "The reward is asked where it has learnt nothing",
    "beyond the paper",
    mitigations=("feedback on prompts that are far from all others", "caution where members disagree"),
    primary="error",
)
X3 = Challenge(
    "X3",
    "Learning from answers teaches to answer what one does not know",
    "beyond the paper",
    mitigations=("answers that say one does not know", "a reward that takes away for wrong answers"),
    primary="guessing",
)
X4 = Challenge(
    "X4",
    "A reward that compares texts does not see what makes them say something else",
    "beyond the paper",
    mitigations=("pairs of such changes for the comparator to learn from", "an exact rule", "several comparators"),
    primary="comparison",
)
X6 = Challenge(
    "X6",
    "What makes a model agreeable takes from what it can do",
    "beyond the paper",
    mitigations=("pretraining texts beside the samples", "weights averaged with the start's", "a stronger KL penalty"),
    primary="ability",
)

X7 = Challenge(
    "X7",
    "The data leave the reward undetermined",
    "beyond the paper",
    mitigations=("more comparisons where members disagree", "several members", "caution"),
    primary="undetermined",
)

X8 = Challenge(
    "X8",
    "Deployment drifts away from what was released",
    "beyond the paper",
    mitigations=("recording samples under a stated policy", "feedback on what is asked now", "a way back"),
    primary="prompts",
)
X9 = Challenge(
    "X9",
    "What the policy says becomes more harmful, or less true",
    "beyond the paper",
    mitigations=("a reward for harmlessness", "a rule that takes off for words of a list", "documents to answer from"),
    primary="toxicity",
)

P_BOS = Challenge(
    "P-BOS", "Prompts lack their beginning-of-sequence token, or have it twice", PREFLIGHT, primary="tokens"
)
P_EOS = Challenge("P-EOS", "The end of a completion is not learnt", PREFLIGHT, primary="stopping")
P_PAD = Challenge("P-PAD", "A score depends on padding or on the batch it is in", PREFLIGHT, primary="padding")
P_KL = Challenge("P-KL", "The logged KL is not that of the samples", PREFLIGHT, primary="sign")
P_RATIO = Challenge(
    "P-RATIO", "Sampler, trainer and saved models disagree about probabilities", PREFLIGHT, primary="rollout"
)
P_ACC = Challenge("P-ACC", "A step depends on how its batch was accumulated", PREFLIGHT, primary="gradient")
P_SPLIT = Challenge("P-SPLIT", "What was learnt from is also judged on", PREFLIGHT, primary="overlap")

CHALLENGES: Registry[Challenge] = Registry("challenge", error=AuditError)
"""All challenges by id, those of preflight first, then in the order of the paper; extensions may add others."""

for _challenge in (
    *(P_BOS, P_EOS, P_PAD, P_KL, P_RATIO, P_ACC, P_SPLIT),
    *(MH1, MH2, MH3, OV1, OV2, OV3, OV4, DQ1, DQ2, FT1),
    *(X1, X3, X4, X5, X6, X7, X8, X9),
    *(PM1, PM2, RG1, RG2, RE1, RL1, RL2, MG1, MG2, DC1, DC2, JT1, JT2),
):
    CHALLENGES.add(_challenge.id, _challenge)


def preflight_ids() -> frozenset[str]:
    """The challenges that are about the run's arithmetic."""
    return frozenset(each.id for each in CHALLENGES if each.section == PREFLIGHT)
