"""What the policy writes that nobody asked it for: to whoever scores it (MG1), and away from what is hard (MG2)."""

from accord.audit.conduct.steering import steering
from accord.audit.conduct.tampering import tampering

CHECKS = (tampering, steering)
