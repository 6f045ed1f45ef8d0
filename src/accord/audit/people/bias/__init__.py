"""Do people, and the reward learnt from them, favour what should not matter? MH2.

labels  evaluators whose choices go by words about groups, or by length, beyond quality
swap    the reward of texts whose words about one group are exchanged for those about another
"""

from accord.audit.people.bias.labels import labels
from accord.audit.people.bias.swap import swap

CHECKS = (labels, swap)
