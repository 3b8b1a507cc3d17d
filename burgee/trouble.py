"""What can go wrong on the command line, with its exit code. For the commands of ``burgee``."""


class Trouble(Exception):
    """Ends the command: its message goes to standard error."""

    exit_code = 1


class UsageError(Trouble):
    """The command was called with something it can't work on."""

    exit_code = 2
