// Control `workflow`: the freeze switch over the API. Who froze and who thawed is the person of the token, whatever a body says.
// Whoever holds a deployment wants the switch slow or unsaid: it is asked of the supervisor at once, and the answer tells which
// of the three places were reached.
import { z } from "zod";
import { freezeAnswer, freezeRequest } from "../../controls/wire/freeze.ts";
import { route } from "../row.ts";
import { byName } from "./deployments.ts";

export const freezeRows = [
  route({
    id: "freezeDeployment",
    method: "POST",
    path: "/v1/deployments/{name}/freeze",
    role: "operator",
    summary: "Stops a deployment at once, in three places.",
    event: "frozen",
    params: byName,
    query: {},
    body: freezeRequest.omit({ by: true }),
    answer: freezeAnswer,
    handle: ({ host }, { params, body, actor }) =>
      host.ask({
        method: "POST",
        path: `/v1/deployments/${params.name}/freeze`,
        body: { ...body, by: actor.by },
        answer: freezeAnswer,
        actor,
      }),
  }),
  route({
    id: "thawDeployment",
    method: "POST",
    path: "/v1/deployments/{name}/thaw",
    role: "operator",
    summary: "Lets a frozen deployment go on.",
    event: "thawed",
    params: byName,
    query: {},
    body: z.strictObject({}),
    answer: freezeAnswer,
    handle: ({ host }, { params, actor }) =>
      host.ask({
        method: "POST",
        path: `/v1/deployments/${params.name}/thaw`,
        body: { by: actor.by },
        answer: freezeAnswer,
        actor,
      }),
  }),
];
