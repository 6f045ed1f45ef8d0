"""Who judged, and what they hold: MH1 representation, MH2 bias, MH3 poisoning."""

from accord.audit.checks import Check
from accord.audit.people import bias, representation

CHECKS: tuple[Check, ...] = (*representation.CHECKS, *bias.CHECKS)
