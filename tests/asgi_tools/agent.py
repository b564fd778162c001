"""Use the project as an AI agent does, and print what happens as JSON.

python agent.py URL KEY
"""

import asyncio
import json
import sys

from fastmcp import Client
from fastmcp.client.auth import BearerAuth
from fastmcp.exceptions import ToolError


async def main(url: str, key: str) -> None:
    """List the tools, add and read a note, repeat it, and call a tool without a key."""
    async with Client(url, auth=BearerAuth(key)) as client:
        tools = [tool.name for tool in await client.list_tools()]
        created = await client.call_tool("create_note", {"title": "By an agent", "body": ""})
        listed = await client.call_tool("list_notes", {"limit": 1})
        repeated = await _refusal(client, "create_note", {"title": "By an agent", "body": ""})
    async with Client(url) as client:
        anonymous = await _refusal(client, "list_notes", {})
    found = {
        "tools": tools,
        "created": created.structured_content,
        "listed": listed.structured_content,
        "repeated": repeated,
        "anonymous": anonymous,
    }
    sys.stdout.write(json.dumps(found))


async def _refusal(client: Client, tool: str, arguments: dict[str, str]) -> str:
    try:
        await client.call_tool(tool, arguments)
    except ToolError as error:
        return str(error)
    return ""


asyncio.run(main(*sys.argv[1:]))
