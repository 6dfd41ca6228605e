"""Errors of the ask path.

    ConsultantError
    ├── BadQuestion         the message cannot be answered as it is; the message says what to change
    └── BadSetting          a setting has a value that makes no sense

Errors of the knowledge base (knowledge/errors.py) pass through unchanged.
"""


class ConsultantError(Exception):
    """Something that the person who asks, or who runs the consultant, can mend."""


class BadQuestion(ConsultantError):
    """Raised before anything is looked up: an empty message, one that is too long, or a malformed history."""


class BadSetting(ConsultantError):
    """Raised when settings are read."""
