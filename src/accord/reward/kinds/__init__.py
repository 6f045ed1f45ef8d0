"""One file a kind of reward: the settings by which a recipe picks it, and the judge that comes of them.

bradley_terry   learnt from pairs
classifier      a reward model of others, as they publish it
python          a function of one's own
soup            the average of reward models that other runs trained
"""
