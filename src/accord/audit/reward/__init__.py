"""Is the reward what people meant? RG1 misgeneralisation, RG2 over-optimisation, RE1 how the model was evaluated; X4
comparisons with references."""

from accord.audit.reward.comparison import comparison
from accord.audit.reward.evaluation import accuracy, calibration, leakage
from accord.audit.reward.foretold import foretold
from accord.audit.reward.gameable import gameable
from accord.audit.reward.generalisation import edits, length
from accord.audit.reward.overoptimisation import divergence, gain, turnover
from accord.audit.reward.same_judge import same_judge
from accord.audit.reward.shift import shift
from accord.audit.reward.underspecified import underspecified

CHECKS = (
    length,
    edits,
    gameable,
    shift,
    underspecified,
    turnover,
    divergence,
    gain,
    accuracy,
    calibration,
    foretold,
    leakage,
    same_judge,
    comparison,
)
