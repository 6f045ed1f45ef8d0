"""What the audit asks both models: whose opinions they voice, whether they echo the asker, how sure they rightly are.

Questions have fixed options and are asked in at least two orders, of the start and of the policy: answers that depend
on the order are no answers, and nothing is concluded from them. MH1, part of MH2, and the calibration of DC2.
"""

from accord.audit.values.calibration import calibration
from accord.audit.values.opinions import opinions
from accord.audit.values.sycophancy import sycophancy

CHECKS = (opinions, sycophancy, calibration)
