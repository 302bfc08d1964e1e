// Control `runtime`: the addresses that front and admin will listen on. The supervisor opens and dials no network socket itself; it
// needs them to tell these two, and to say where a deployment is.
import { isIPv6 } from "node:net";
import { StartRefused } from "./start-refused.ts";

export interface Listen {
  /** As the `--listen` of front and admin takes it. */
  readonly text: string;
  /** Where this machine reaches it. */
  readonly url: string;
}

/** Reads `HOST:PORT`; an IPv6 host stands in brackets. Front and admin decide which hosts are allowed. */
export function parseListen(text: string, flag = "--listen"): Listen {
  const [, six, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):([1-9][0-9]{0,4})$/.exec(text) ?? [];
  const host = six ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535 || (six !== undefined && !isIPv6(six))) {
    throw new StartRefused(`${flag} ${text} is not HOST:PORT, such as 127.0.0.1:7400 or [::1]:7400`);
  }
  const shown = six === undefined ? host : `[${host}]`;
  return { text, url: `http://${shown}:${port}` };
}
