"""The one exception that is meant for the user."""


class UserError(Exception):
    """Something the user can mend. Its text is one line that says what is wrong and what to do next.

    The command line prints it and exits with 2; the console shows it as a notice.
    """
