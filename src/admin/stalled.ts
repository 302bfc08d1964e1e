// Control `rate-limits`: a client that asks and does not read. It holds a connection and an answer in memory for as long as it
// likes, and one that reads a byte a second looks alive. Must stay true: a connection on which something waits to be read, and
// of which the system took nothing for a while, is cut; one on which nothing waits, such as a stream of events, is not.
import type { Server } from "node:http";
import type { Socket } from "node:net";

/** Cuts each connection of which nothing was taken for `stallMs` to twice that while something waited. */
export function cutStalled(server: Server, stallMs: number): void {
  /** Bytes that had left each connection when it was looked at last. */
  const seen = new Map<Socket, number>();
  server.on("connection", (socket: Socket) => {
    seen.set(socket, -1);
    socket.once("close", () => seen.delete(socket));
  });
  const timer = setInterval(() => {
    for (const [socket, before] of seen) {
      const left = socket.bytesWritten - socket.writableLength;
      if (socket.writableLength > 0 && left === before) socket.destroy();
      else seen.set(socket, left);
    }
  }, stallMs).unref();
  server.once("close", () => clearInterval(timer));
}
