"""The store: a ledger of records on SQLite or PostgreSQL that can only grow."""
