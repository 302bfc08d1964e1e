// Control `rate-limits`: counting connections by address. An attacker opens connections and says nothing on them, until
// nobody else gets one. So each address has a share, what is over it is closed at once, and the counts hold no more
// entries than there are connections.
import type { Server } from "node:http";
import type { Socket } from "node:net";

/** Calls `onExcess` with each connection over the share of its address; that connection is closed already. */
export function limitPerClient(server: Server, most: number, onExcess: (socket: Socket, client: string) => void): void {
  const counts = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const client = socket.remoteAddress ?? "unknown";
    const count = counts.get(client) ?? 0;
    if (count >= most) {
      onExcess(socket, client);
      return;
    }
    counts.set(client, count + 1);
    socket.once("close", () => {
      const left = (counts.get(client) ?? 1) - 1;
      if (left === 0) counts.delete(client);
      else counts.set(client, left);
    });
  });
}
