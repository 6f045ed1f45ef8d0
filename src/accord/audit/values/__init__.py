"""What the audit asks both models: whose opinions they voice, what they echo, keep, want, know and can do.

Questions have fixed options and are asked in at least two orders, of the start and of the policy: answers that depend
on the order are no answers, and nothing is concluded from them. Plain texts, of which nothing is asked, both foretell.
"""

from accord.audit.values.ability import ability
from accord.audit.values.calibration import calibration
from accord.audit.values.cue import cue
from accord.audit.values.guessing import guessing
from accord.audit.values.held_out_loss import held_out_loss
from accord.audit.values.inclinations import inclinations
from accord.audit.values.opinions import opinions
from accord.audit.values.stereotypes import stereotypes
from accord.audit.values.sycophancy import sycophancy

CHECKS = (opinions, sycophancy, cue, inclinations, stereotypes, calibration, guessing, ability, held_out_loss)
