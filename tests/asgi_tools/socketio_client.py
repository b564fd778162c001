"""Call `add_note` over HTTP with an upgrade and over a WebSocket, then connect with a forged token.

python socketio_client.py ADDRESS TOKEN
"""

import asyncio
import sys

import socketio


async def main(address: str, token: str) -> None:
    """Print the answers."""
    for name, transports in (("upgraded", None), ("websocket", ["websocket"])):
        client = socketio.AsyncClient()
        await client.connect(address, auth={"token": token}, transports=transports)
        sys.stdout.write(f"{await client.call('add_note', f'Python, {name}')}\n")
        await client.disconnect()
    client = socketio.AsyncClient(reconnection=False)
    try:
        await client.connect(address, auth={"token": "forged"}, transports=["websocket"])
    except socketio.exceptions.ConnectionError:
        sys.stdout.write("refused\n")


asyncio.run(main(*sys.argv[1:]))
