"""The quality of feedback, told: as a table, as JSON, and as a page that stands alone."""
