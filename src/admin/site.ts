// Control `admin-access`: is this request for us, and from us? A page of another site, open in the browser of somebody who can
// reach this port, wants to use it: by a name that it points at 127.0.0.1 (DNS rebinding), or by a form or script that sends
// without being able to read. So the Host names this machine in a literal way, and an Origin is our own or absent.
import type { Refused } from "./problem.ts";

const loopback = /^(?:localhost|127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|\[::1\])(?::[0-9]{1,5})?$/i;

export interface SiteHeaders {
  readonly host: string | null;
  readonly origin: string | null;
  /** `Sec-Fetch-Site`, which browsers write and scripts cannot. */
  readonly fetchSite: string | null;
}

/** Why a Host is refused, or undefined. Any port will do: a tunnel may have another one than we. */
export function decideHost(host: string | null): Refused | undefined {
  if (host !== null && loopback.test(host)) return undefined;
  const detail = "Host: this is served to this machine alone: ask for 127.0.0.1, [::1] or localhost";
  return { status: 421, code: "wrong_host", detail, field: "Host" };
}

/** Why the request is refused, or undefined. */
export function decideSite({ host, origin, fetchSite }: SiteHeaders): Refused | undefined {
  const elsewhere = decideHost(host);
  if (host === null || elsewhere) return elsewhere;
  if (origin !== null && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
    return { status: 403, code: "other_site", detail: "Origin: pages of other sites may not ask", field: "Origin" };
  }
  if (fetchSite !== null && !["same-origin", "none"].includes(fetchSite)) {
    const detail = "Sec-Fetch-Site: pages of other sites may not ask";
    return { status: 403, code: "other_site", detail, field: "Sec-Fetch-Site" };
  }
  return undefined;
}
