"""The desk: the service that runs one study on one ledger, transaction by transaction."""
