"""The consultant as a tool of the Model Context Protocol at /mcp (`consultant serve --mcp`), for other assistants.

Streamable HTTP without sessions: each call stands alone, brings its history along, and any worker can answer it.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from bot.errors import BadSetting
from ui import contract, render
from ui.api import MAX_TURNS, Turn, checked, earlier
from ui.asking import Desk
from ui.guards import MCP
from ui.replies import Refused, refusal, told
from ui.sites import Access

if TYPE_CHECKING:
    from mcp.server import MCPServer

ABOUT = (
    "Grounded advice on prompt engineering, retrieval (RAG), fine-tuning, hybrids or a simpler tool for a project. "
    "Every sentence quotes a source; what the sources do not answer is refused."
)
HOW = (
    "Ask about a project (task, data, amounts, labels, change, latency, volume, budget, time, privacy, team) or "
    "about a technique. Gives the advice in Markdown with numbered sources, and as structured content the verdict "
    "with reasons for and against, citations, and the one question whose answer could change it. To answer that "
    "question, ask again with the conversation so far as `history`."
)
NOT_INSTALLED = (
    'The tool needs a package that is not installed. Install it with: pip install "chatbot-consultant[mcp]"'
)
STRANGE = "Pages of this origin may not call the tool. Its operator can name it among the origins."
POST_ONLY = "This speaks the Model Context Protocol (streamable HTTP, without sessions). Send its messages by POST."


def server(desk: Desk) -> MCPServer[Any]:
    """The protocol's server with the one tool; raises BadSetting when the package is missing."""
    try:
        from mcp.server import MCPServer
        from mcp.types import CallToolResult, TextContent
    except ModuleNotFoundError as error:
        raise BadSetting(NOT_INSTALLED) from error

    offered: MCPServer[Any] = MCPServer(
        "consultant", title="Consultant", instructions=ABOUT, version=version("chatbot-consultant")
    )

    @offered.tool(title="Ask the consultant", description=HOW, structured_output=False)
    async def ask(
        question: Annotated[str, Field(description="The project or the question, in English.")],
        history: Annotated[list[Turn] | None, Field(description="The turns before, oldest first.")] = None,
    ) -> Any:
        try:
            turns = [earlier(turn.role, turn.content) for turn in (history or [])[-MAX_TURNS:]]
            asked = await desk.ask(checked(question), turns)
            async for _ in asked.statements():
                pass
            assert asked.answer is not None, "the ask path ends with an answer"
            text = f"{render.markdown(asked.answer.statements)}\n\n{render.sources_text(asked.answer)}".strip()
            return CallToolResult(
                content=[TextContent(type="text", text=text)], structured_content=contract.to_json(asked.answer)
            )
        except Refused as error:
            sentence = str(error)
        # The tool is a boundary: its caller gets a sentence, the log the traceback under the same id.
        except Exception as error:  # noqa: BLE001
            sentence = told(error)[1]
        return CallToolResult(content=[TextContent(type="text", text=sentence)], is_error=True)

    return offered


class Mounted:
    """The route as an ASGI app, which no page of a strange origin may call, as the protocol asks; which names the
    server has is a matter of our own guards."""

    def __init__(self, offered: MCPServer[Any], access: Access) -> None:
        from mcp.server.transport_security import TransportSecuritySettings

        self._access = access
        self._inner = offered.streamable_http_app(
            streamable_http_path=MCP,
            stateless_http=True,
            json_response=True,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a message of the protocol."""
        origin = Headers(scope=scope).get("origin", "")
        if scope["method"] != "POST":
            await refusal(MCP, 405, POST_ONLY)(scope, receive, send)
        elif origin and not self._access.allows(origin):
            await refusal(MCP, 403, STRANGE)(scope, receive, send)
        else:
            await self._inner(scope, receive, send)
