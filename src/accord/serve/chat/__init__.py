"""A page to talk to a policy, and to vote between two of them without knowing which is which: `accord chat`.

speakers        a model with its name and the sampling of its run
writing         an answer as it grows, whoever watches it
conversations   turns, sides drawn by lot, and what a browser is talking about
votes           a vote as records of the ledger; who stands where after all of them
settings_form   the sampling that a form asks for
site            who is there, forms checked, pages made            app   routes
"""
