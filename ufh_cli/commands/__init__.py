"""The Typer app: parses, dispatches, prints; no logic.

Everything heavy is imported by the command that needs it.
"""
