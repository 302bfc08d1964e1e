// Control `admin-access`: tokens over the API. An operator may make them for viewers and operators and may end any; one of an
// approver is made on the machine alone, so that who deploys cannot make itself somebody who decides. That a token was made or
// ended is on every admin chain.
import { z } from "zod";
import { role, tokenAnswer, tokenList, tokenRequest } from "../../controls/wire/admin.ts";
import { pageOf, limit } from "../pages.ts";
import { route } from "../row.ts";
import { maxTokens } from "../token-store.ts";

const id = z.string().regex(/^[0-9A-Za-z]{12}$/, "12 letters and digits");

export const tokenRows = [
  route({
    id: "listTokens",
    method: "GET",
    path: "/v1/tokens",
    role: "operator",
    summary: "Lists the tokens that people sign in with; never a token itself.",
    event: null,
    params: {},
    query: { limit, after: id.optional().describe("id of the last one of the page before") },
    body: null,
    answer: tokenList,
    handle: ({ tokens }, { query }) => {
      const { page, next } = pageOf(tokens.list(Date.now()), (one) => one.id, query);
      return { value: { tokens: page }, next };
    },
  }),
  route({
    id: "makeToken",
    method: "POST",
    path: "/v1/tokens",
    role: "operator",
    summary: "Makes a token for a viewer or an operator; it is shown this once.",
    event: "admin_token_made",
    params: {},
    query: {},
    body: tokenRequest.extend({ role: role.exclude(["approver"]) }),
    status: 201,
    answer: tokenAnswer,
    handle: async ({ host, tokens }, { body, actor }) => {
      const noted = await host.note("admin_token_made", { for: body.by, as: body.role, days: body.days }, actor);
      if ("code" in noted) return noted;
      const value = tokens.make(body.by, body.role, body.days, Date.now());
      if (value) return { value };
      return { status: 409, code: "too_many_tokens", detail: `there are ${maxTokens} tokens: end one first` };
    },
  }),
  route({
    id: "endToken",
    method: "DELETE",
    path: "/v1/tokens/{id}",
    role: "operator",
    summary: "Ends a token.",
    event: "admin_token_ended",
    params: { id: id.describe("public part of the token") },
    query: {},
    body: null,
    status: 204,
    answer: z.undefined(),
    handle: async ({ host, tokens }, { params, actor }) => {
      const gone = { status: 404, code: "no_such_token", detail: `id: there is no token ${params.id}`, field: "id" };
      if (!tokens.list(Date.now()).some((one) => one.id === params.id)) return gone;
      const noted = await host.note("admin_token_ended", { id: params.id }, actor);
      if ("code" in noted) return noted;
      return tokens.remove(params.id) ? { value: undefined } : gone;
    },
  }),
];
