"""Commands for whoever works on accord; nothing here is installed."""
