"""What became of a model once it was in use: X8, by answers that were recorded since its release.

recorded   which recorded answers are the release's own policy's, and drawn as their policy says
asked      what is asked now beside what the release knew: prompts far from all of it, and another mixture
rewards  refusals   what the policy writes now beside its evaluation
period     whether anything changed while it was recorded
"""

from accord.audit.checks import Check
from accord.audit.deployment.asked_prompts import mixture, prompts
from accord.audit.deployment.period import period
from accord.audit.deployment.refusals import refusals
from accord.audit.deployment.rewards import rewards

CHECKS: tuple[Check, ...] = (prompts, mixture, rewards, refusals, period)
