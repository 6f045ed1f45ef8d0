"""What a served model is asked and answers, recorded under a stated policy, beside a ledger's own tables.

recording_policy  what is recorded of whom, what of it is kept, for how long; read from a TOML file
redaction         patterns that are taken out of texts before anything is kept
answers           one recorded answer; one session of a server, with what it counted
tables  migrations/   where they lie: beside the ledger's, since they are to be forgotten again
recordings        kept, forgotten, read
"""
