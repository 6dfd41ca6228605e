"""Who may do what costs much or stays: whoever runs the page on their own machine, or has the operator's token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import gradio as gr

from ui.sites import Access
from ui.words import say

FOR_OPERATORS = "This is for who runs the page: write the operator's token into its field."
_OWN_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?", re.I)


@dataclass(frozen=True)
class Operators:
    """Tells operators from visitors by what the operators' file says."""

    access: Access

    def let(self, token: str, headers: Mapping[str, str]) -> bool:
        """Whether somebody may; on a machine of one's own without a token, unless the page was reached by another
        name: a page of elsewhere can have its own name lead here. The headers are those of the request."""
        at_home = self.access.alone and bool(_OWN_HOST.fullmatch(headers.get("host", "")))
        return at_home or self.holds(token)

    def holds(self, token: str) -> bool:
        """Whether this is the operator's token."""
        return self.access.operates(token.strip())


def token_box(operators: Operators, name: str) -> gr.Textbox:
    """The field for the operator's token, which is hidden where none is needed."""
    return gr.Textbox(
        label=say("token"),
        type="password",
        max_lines=1,
        max_length=200,
        visible=not operators.access.alone,
        elem_id=name,
    )
