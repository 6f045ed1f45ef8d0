"""What Casper et al. 2023 (arXiv 2307.15217, section 5.2) ask those who train with RLHF to make public.

item         one of the twelve: its question, what the records of a run say of it, what only a person can say
items/       a file an item                     registry   all twelve, in order
records      what items read of a run           answering  what stands of a ledger's answers, as the run has them
privacy      who may be told apart, and what is left out of a redacted version
small_cells  groups of fewer than five people made one, so that none can be got by subtraction
fields       fields as items make them          findings   what the audit says, as fields
statements   disclosure.toml, read and checked  questions  what may stand there
assembly     both together: the disclosure      status     when an item is complete
template     a disclosure.toml to fill in
writing      the files of a run                 markdown  page  model_card
changes      what differs between two disclosures
"""
