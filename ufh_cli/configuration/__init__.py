"""What is asked: the schema of a configuration, the request of a command, sweeps, and the registry of setups.

Every mistake in it is an `InputError`: one clear line that names what is wrong and what would be right.
"""
