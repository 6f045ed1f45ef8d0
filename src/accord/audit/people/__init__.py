"""Who judged, and what they hold: MH1 representation, MH2 bias, MH3 poisoning."""

from accord.audit.checks import Check
from accord.audit.people import bias, representation
from accord.audit.people.bursts import bursts
from accord.audit.people.poisoning import trigger_words, unforeseen_people
from accord.audit.people.triggered_reward import triggered_reward

CHECKS: tuple[Check, ...] = (
    *representation.CHECKS,
    *bias.CHECKS,
    trigger_words,
    unforeseen_people,
    triggered_reward,
    bursts,
)
