"""Who judged, and what they hold: MH1 representation, MH2 bias, MH3 poisoning."""

from accord.audit.checks import Check

CHECKS: tuple[Check, ...] = ()
