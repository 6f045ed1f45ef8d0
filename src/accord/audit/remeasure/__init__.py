"""Claims that only a model can be asked about: the one place of the audit that loads weights."""
