"""Preflight: is the run's arithmetic what it says it is?

The silent faults that cost others weeks, each looked for in what the run left behind: a doubled BOS, an EOS that was
never learnt, rewards that depend on padding, a negative KL, a sampler and a trainer that disagree, a loss that changes
with gradient accumulation, a prompt on both sides of a split.
"""

from accord.audit.preflight.accumulation import gradient
from accord.audit.preflight.logged_kl import kl
from accord.audit.preflight.logprobs import ratio, reference, remeasured
from accord.audit.preflight.padding import padding
from accord.audit.preflight.splits import overlap
from accord.audit.preflight.tokens import beginning, ending, stopping

CHECKS = (beginning, stopping, ending, padding, kl, ratio, remeasured, reference, gradient, overlap)
