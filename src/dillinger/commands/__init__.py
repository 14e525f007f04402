"""The commands, by what a person is about to do: play, look after the machine, or develop.

Each module is a Typer app that `cli` merges into one. A command imports what it needs when it runs;
`--help` stays quick.
"""
