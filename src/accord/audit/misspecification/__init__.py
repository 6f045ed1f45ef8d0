"""Can one reward represent what people want? PM1: one person, at two times or of two prompts. PM2: a diverse society.

With one answer an item and evaluators who cannot be told apart, disagreement about an item cannot part noise from two
populations; so the check needs to know who answered, and enough answers of each. Then it asks two things. Do answers
lean away from everybody's reward further than chance would have it (`rao_score`)? And does some group's own reward,
learnt from half of the answers, predict the other half better than everybody's does (`groups`)? Somebody who is merely
careless gains nothing from a reward of their own, whereas somebody who wants the opposite does. Judged are groups of at
most half of the evaluators: a majority gains a little wherever noise of the others is taken out of everybody's reward.

A reward here is a weight on the reward model's score and one on length, fitted by Bradley-Terry.
"""

from accord.audit.misspecification.one_person import context, drift
from accord.audit.misspecification.one_reward import one_reward

CHECKS = (drift, context, one_reward)
