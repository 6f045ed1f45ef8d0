"""How good the feedback of a ledger is, and what each number rests on.

gathering    one pass over the records: what stands, as columns
answers      the columns: who, when, how long, right or not, which side
evaluators   the numbers of one evaluator, and what is called careless or another view
sequences    answers in their order: repetition, and how they change along a session
questions    agreement on each question, within and between groups
composition  who answered, beside a target population; what weights would cost
compared     decided opinions with the texts they are about
poisoning    words and people whose answers a model of all the others does not foresee
written      how many written answers a machine may have written
measure      all of it: `measure_quality`
"""
