"""Has the policy lost its variety, of words and of what they mean? DC2: mode collapse."""

from accord.audit.distribution.semantic_diversity import semantic_diversity
from accord.audit.distribution.variety import diversity, entropy

CHECKS = (diversity, entropy, semantic_diversity)
