// Control `schemas`: the API's description of itself: the OpenAPI document, and a page made of it. For anyone who can reach the
// port: it says what could be asked, and nothing of what is.
import { z } from "zod";
import { makeOpenApi, type OpenApi } from "../openapi.ts";
import { pagePolicy, renderPage, style, stylePath } from "../api-page.ts";
import { route, type Row } from "../row.ts";

const text = (body: string, type: string, policy = pagePolicy): Response =>
  new Response(body, { headers: { "content-type": type, "content-security-policy": policy } });

/** The rows that describe a table; `all` gives it with these rows in it, `version` is the program's. */
export function documentRows(all: () => readonly Row[], version: string): Row[] {
  let made: { readonly document: OpenApi; readonly page: string } | undefined;
  const make = () => {
    const document = makeOpenApi(all(), version);
    return { document, page: renderPage(document) };
  };
  const anyone = { method: "GET", role: "anyone", event: null, params: {}, query: {}, body: null } as const;
  return [
    route({
      ...anyone,
      id: "getOpenApi",
      path: "/openapi.json",
      summary: "This document.",
      answer: z.looseObject({ openapi: z.string() }),
      handle: () => ({ value: { ...(made ??= make()).document } }),
    }),
    route({
      ...anyone,
      id: "getDocs",
      path: "/docs",
      summary: "This document as a page.",
      type: "text/html; charset=utf-8",
      answer: z.string(),
      handle: () => text((made ??= make()).page, "text/html; charset=utf-8"),
    }),
    route({
      ...anyone,
      id: "getDocsStyle",
      path: stylePath,
      summary: "The style sheet of the page.",
      type: "text/css; charset=utf-8",
      answer: z.string(),
      handle: () => text(style, "text/css; charset=utf-8"),
    }),
  ];
}
