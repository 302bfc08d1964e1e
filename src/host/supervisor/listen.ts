// Control `runtime`: the address that front will listen on. The supervisor opens and dials no network socket itself; it
// needs the address to tell front and to say where a deployment is.
import { isIPv6 } from "node:net";
import { StartRefused } from "./start-refused.ts";

export interface Listen {
  /** As front's `--listen` takes it. */
  readonly text: string;
  /** Where this machine reaches it. */
  readonly url: string;
}

/** Reads `HOST:PORT`; an IPv6 host stands in brackets. Front decides which hosts are allowed. */
export function parseListen(text: string): Listen {
  const [, six, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):([1-9][0-9]{0,4})$/.exec(text) ?? [];
  const host = six ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535 || (six !== undefined && !isIPv6(six))) {
    throw new StartRefused(`--listen ${text} is not HOST:PORT, such as 127.0.0.1:7400 or [::1]:7400`);
  }
  const shown = six === undefined ? host : `[${host}]`;
  return { text, url: `http://${shown}:${port}` };
}
