"""The paper's four setups, one folder each; none imports another, and nothing in ``ufh_cli`` imports one by name."""
