"""What ``ufh new`` copies: a package with a search space of its own, under the name ``myspace``."""
