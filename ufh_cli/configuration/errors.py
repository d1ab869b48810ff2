"""Bad input, told in one line."""

from ufh_cli.core.names import nearest

__all__ = ["InputError", "nearest"]


class InputError(ValueError):
    """What the user gave does not fit. The message is one line: what, where, and what would be right."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split("\n")))
