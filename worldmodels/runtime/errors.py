"""The one exception whose message is written for users."""


class UserError(Exception):
    """One sentence: what is wrong, where, and what to do about it.

    The command line prints it without a traceback and exits with status 1.
    """
