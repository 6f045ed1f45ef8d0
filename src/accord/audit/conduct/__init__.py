"""What the policy writes that nobody asked it for.

To whoever scores it (MG1), away from what is hard (MG2), what is harmful, and what nothing supports (X9).
"""

from accord.audit.conduct.harm import toxicity
from accord.audit.conduct.steering import steering
from accord.audit.conduct.tampering import tampering
from accord.audit.conduct.unsupported import unsupported

CHECKS = (tampering, steering, toxicity, unsupported)
