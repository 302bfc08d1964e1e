// A port that nothing listens on at this moment, for runs that nobody else has to find: the demo and the claims. Not one that
// the system would choose: that could be given to somebody's outgoing connection before it is used.
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Below the range from which Linux takes ports by itself (32768 and up, unless somebody changed that). */
const lowest = 10_000;
const highest = 32_000;
const tries = 100;

/** `127.0.0.1:PORT` with a free port. */
export async function findFreeAddress(): Promise<string> {
  for (let attempt = 0; attempt < tries; attempt++) {
    const port = randomInt(lowest, highest);
    if (await isFree(port)) return `127.0.0.1:${port}`;
  }
  throw new Error(`no free port was found between ${lowest} and ${highest}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
