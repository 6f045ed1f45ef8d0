"""What the policy writes that nobody asked it for: MG1 (to whoever scores it)."""

from accord.audit.conduct.tampering import tampering

CHECKS = (tampering,)
