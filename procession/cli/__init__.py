"""The command line: parse, one command, present. Ten lines a handler at most; what it means is in `commands/`."""
