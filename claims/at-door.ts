// A gate's own door to the broker, asked as whoever took that gate over would: straight, with no gate in between. In a
// claim so that what the gate refuses by itself cannot hide that the broker refuses nothing.
import { request } from "node:http";
import { findGatePlaces, findPlaces } from "../src/host/supervisor/places.ts";

export interface AskedAtDoor {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: object;
}

/** The broker's reason for refusing, or the status it answered with. `state` is the host's folder, `name` the deployment. */
export function askAtDoor(state: string, name: string, url: string, asked: AskedAtDoor = {}): Promise<string> {
  const { method = "POST", headers = {}, body = {} } = asked;
  const socketPath = findGatePlaces(findPlaces(state, process.getuid?.() ?? 0, process.env), name).door;
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path: url, method, headers }, async (response) => {
      const text = Buffer.concat(await Array.fromAsync(response)).toString("utf8");
      resolve((JSON.parse(text) as { reason?: string }).reason ?? String(response.statusCode));
    });
    sent.once("error", reject);
    sent.end(method === "POST" ? JSON.stringify(body) : undefined);
  });
}
