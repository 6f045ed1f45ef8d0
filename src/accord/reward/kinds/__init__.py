"""One file a kind of reward: the settings by which a recipe picks it, and the judge that comes of them.

bradley_terry   learnt from pairs
plackett_luce   from rankings, whole
thurstone       from pairs, with normal noise
rating_regression  cumulative_rating   from ratings: as numbers, as ordered answers
label_logistic  from labels, an output an option
correction  demonstration  critique   from what evaluators write
joint           from all of these at once
inverse_rl      from demonstrations beside what the start writes
classifier      a reward model of others, as they publish it
python          a function of one's own
text_comparison what a comparator makes of a text beside a reference
specification   clauses in words, answered by a judge model
person          people, asked for what the policy writes
soup            the average of reward models that other runs trained
"""
