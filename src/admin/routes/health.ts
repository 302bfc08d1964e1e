// Whether the admin process serves. For anyone: it says nothing but that.
import { z } from "zod";
import { route } from "../row.ts";

export const healthRows = [
  route({
    id: "getHealth",
    method: "GET",
    path: "/healthz",
    role: "anyone",
    summary: "Says that this process serves.",
    event: null,
    params: {},
    query: {},
    body: null,
    answer: z.strictObject({ status: z.literal("ok") }),
    handle: () => ({ value: { status: "ok" as const } }),
  }),
];
