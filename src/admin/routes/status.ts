// What runs on this machine, as the supervisor measures it.
import { hostStatus } from "../../controls/wire/control.ts";
import { route } from "../row.ts";

export const statusRows = [
  route({
    id: "getStatus",
    method: "GET",
    path: "/v1/status",
    role: "viewer",
    summary: "Shows the processes of this machine and what is weaker than it should be.",
    event: null,
    params: {},
    query: {},
    body: null,
    answer: hostStatus,
    handle: ({ host }) => host.ask({ method: "GET", path: "/v1/status", answer: hostStatus, actor: null }),
  }),
];
