"""Errors of the ask path.

    ConsultantError
    ├── BadQuestion         the message cannot be answered as it is; the message says what to change
    ├── BadEdit             a fact that was set by hand means nothing in its slot; the message says what would
    ├── BadSetting          a setting has a value that makes no sense
    ├── BadPrompt           a prompt file cannot be used; the message names the file and the line
    └── ModelUnavailable    a language model cannot be used; the message says what is missing and how to get it

Errors of the knowledge base (knowledge/errors.py) pass through unchanged.
"""


class ConsultantError(Exception):
    """Something that the person who asks, or who runs the consultant, can mend."""


class BadQuestion(ConsultantError):
    """Raised before anything is looked up: an empty message, one that is too long, or a malformed history."""


class BadEdit(BadQuestion):
    """Raised before anything is looked up: an unknown slot, or a value that none of its facts means."""


class BadSetting(ConsultantError):
    """Raised when settings are read."""


class BadPrompt(ConsultantError):
    """Raised when a prompt is loaded: a broken file, an unknown prompt, or an unknown technique."""


class ModelUnavailable(ConsultantError):
    """Raised before a model is called: its package is not installed, or its file is missing, wrong or cut short."""
