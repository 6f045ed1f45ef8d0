"""Cluster: a run on several machines by Ray's actors, with the numbers of one process.

    settings    `[engine]`: who works on a run, and how many
    connection  to a cluster that runs, or one of this machine alone; where actors are placed; whether all see the run
    channel     lines that the first learner prints, and signals to it
    learners    actors that train as torchrun's processes do; begun again from the last kept step where one is lost
    machine     what an actor finds out of the machine that it is on
    pool        actors of one role that share calls, replaced by Ray where they are lost
    samplers     actors that hold the policy's weights and sample
    judges      actors that score
    weights     the policy's weights as one block of safetensors, put into shared memory

Nothing here knows a recipe's stages: what is to be done is handed in, as a function of a module.
"""
