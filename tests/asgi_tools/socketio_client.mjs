// Call `add_note` over HTTP with an upgrade and over a WebSocket, then connect with a forged token.
// node socketio_client.mjs ADDRESS TOKEN
import { io } from "socket.io-client";

const [address, token] = process.argv.slice(2);

for (const [name, transports] of [["upgraded", ["polling", "websocket"]], ["websocket", ["websocket"]]]) {
  const socket = io(address, { auth: { token }, transports });
  console.log(await socket.emitWithAck("add_note", `JavaScript, ${name}`));
  socket.disconnect();
}
const refused = io(address, { auth: { token: "forged" }, transports: ["websocket"], reconnection: false });
refused.on("connect_error", (error) => {
  console.log("refused:", error.message);
  process.exit();
});
