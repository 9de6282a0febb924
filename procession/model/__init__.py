"""The nouns and their rules, pure: nothing in here reads a file, a clock or a database."""
