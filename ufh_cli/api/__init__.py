"""`ufh` from Python: what a notebook or a script calls. Its names are those of `ufh_cli`, loaded when used."""
