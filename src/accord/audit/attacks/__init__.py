"""What others can get from the policy by asking in odd ways: RL2, and private strings of the training data.

Models are attacked in `audit/remeasure/`; here stands what with (`requests`, `attack_file`), in which ways
(`families/`), when an answer gives in (`answers`), and what is concluded.
"""

from accord.audit.attacks.benign_refusals import refusals
from accord.audit.attacks.exposure import canaries
from accord.audit.attacks.payloads import injection
from accord.audit.attacks.system_texts import extraction
from accord.audit.attacks.worst_family import attacks

CHECKS = (attacks, refusals, injection, extraction, canaries)
