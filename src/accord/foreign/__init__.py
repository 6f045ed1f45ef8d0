"""Runs that other training software made, read into the files of a run, as far as they say what stands there.

    recognition   which software made a folder
    registry      Tool: what is looked for, how it is read, what is called how
    trl  verl  openrlhf        one file a tool; the registry knows them when this package is imported
    trainer_state  completion_tables  reward_weights   TRL's log, its tables of completions; what its reward is made of
    generations  event_files   verl's rows; TensorBoard's files, which OpenRLHF and verl write
    written_samples            what the callback of the documents keeps: samples of start and policy with their tokens
    preferences  ledgers       the comparisons that were learnt from; feedback alone
    gathered      what was read, written as the files of a run, each with its source
    running_lines  cells  scores   JSON lines of a run that goes on; single values; scores in their own deviations

Nothing is concluded that the software did not write. What it does not keep stays away, and the audit says so.
"""
