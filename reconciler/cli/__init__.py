"""The command line: one file per command, each of which parses, calls, renders and answers with an exit code."""
