"""What another seed would have made of the same recipe: RL1 by what policies gain, X7 by how rewards order texts."""

from accord.audit.seeds.ordering import undetermined
from accord.audit.seeds.spread import spread

CHECKS = (spread, undetermined)
