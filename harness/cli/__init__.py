"""Commands: parse, call, print; nothing is decided here."""
