// A port that nothing listens on at this moment, for runs that nobody else has to find: the demo and the claims.
import { createServer, type AddressInfo } from "node:net";

/** `127.0.0.1:PORT` with a free port. */
export function findFreeAddress(): Promise<string> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(`127.0.0.1:${port}`));
    });
  });
}
