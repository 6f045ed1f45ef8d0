"""Do those who answered stand for those whom the model is to serve? MH1.

composition    their shares beside the population's          weights        what weighing them to it costs
concentration  how few gave most of the answers              consequence    whether other shares would decide otherwise
selection      whether those who agree with the researchers answered more
"""

from accord.audit.people.representation.composition import representation
from accord.audit.people.representation.concentration import concentration, weights
from accord.audit.people.representation.consequence import consequence
from accord.audit.people.representation.selection import selection

CHECKS = (representation, weights, concentration, consequence, selection)
