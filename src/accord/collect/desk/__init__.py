"""The desk: the service that runs one study on one ledger, each thing that happens in one transaction."""
