"""A server of the official Python package over streamable HTTP; prints its port when it listens."""

import socket
import sys

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("judge")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
async def grow(context: Context) -> str:
    """Add a tool while the server runs."""

    @server.tool()
    def late() -> str:
        """Came later."""
        return "late"

    await context.request_context.session.send_tool_list_changed()
    return "grown"


@server.tool()
def fail() -> str:
    """Always fails."""
    raise ToolError("no such thing")


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
config = uvicorn.Config(server.streamable_http_app(), log_level="critical")
uvicorn.Server(config).run(sockets=[listener])
sys.exit(0)
