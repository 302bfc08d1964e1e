// The directory's ten MCP tools: their schemas and what each does to the file. The caller is whoever holds the bearer token
// and is not trusted to be careful: unknown arguments are refused and texts are bounded. What must stay true: a tool does
// its work once per call received, committed before the answer leaves. Nothing here knows who may have what: there are two
// tools to grant with, and either one grants any group, so that only the deployment file tells them apart.
import { McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";
import { absent, answerAfter, found, shown, type Answer } from "../../tool-server/answers.ts";
import type { DirectoryQueries } from "./schema.ts";

const id = z.string().min(1).max(64);
const address = z.string().min(3).max(254);

const none = z.strictObject({});
const byId = z.strictObject({ id });
const byEmail = z.strictObject({ email: address });
const membership = z.strictObject({ person: address, group: id });
const notice = z.strictObject({
  audience: z.enum(["staff", "public"]),
  title: z.string().min(1).max(200),
  body: z.string().max(20_000),
});
const message = z.strictObject({ to: address, subject: z.string().min(1).max(200), body: z.string().max(20_000) });

const requestHead = { id: z.string(), from: z.string(), subject: z.string(), received_at: z.string() };
const requestsOut = z.strictObject({ requests: z.array(z.strictObject(requestHead)) });
const requestOut = z.strictObject({ ...requestHead, body: z.string() });
const personOut = z.strictObject({
  email: z.string(),
  name: z.string(),
  manager: z.string(),
  status: z.enum(["active", "left"]),
  groups: z.array(z.string()),
});
const groupOut = z.strictObject({ id: z.string(), purpose: z.string(), privileged: z.boolean() });
const membersOut = z.strictObject({ members: z.array(z.strictObject({ name: z.string(), email: z.string() })) });
const changed = { change_id: z.int(), person: z.string(), group: z.string() };
const grantedOut = z.strictObject({ ...changed, status: z.literal("granted") });
const revokedOut = z.strictObject({ ...changed, status: z.literal("revoked") });
const noticeOut = z.strictObject({ notice_id: z.int(), status: z.literal("published") });
const messageOut = z.strictObject({ message_id: z.int(), status: z.literal("sent") });

/** A server instance with all tools over the directory. `delayMs` holds back each answer after its work is committed. */
export function createDirectoryTools(directory: DirectoryQueries, delayMs: number): McpServer {
  const server = new McpServer({ name: "staff-directory", version: "1.0.0" });
  const answer = answerAfter(delayMs);
  addReads(server, directory, answer);
  addChange(server, directory, answer, {
    ...{ name: "grant_access", kind: "grant", status: "granted", outputSchema: grantedOut },
    words: "Puts a person into a group. Each call is one grant.",
  });
  addChange(server, directory, answer, {
    ...{ name: "grant_privileged", kind: "grant", status: "granted", outputSchema: grantedOut },
    words: "Puts a person into a group whose members may change systems or see pay.",
  });
  addChange(server, directory, answer, {
    ...{ name: "revoke_access", kind: "revoke", status: "revoked", outputSchema: revokedOut },
    words: "Takes a person out of a group.",
  });
  addWords(server, directory, answer);
  return server;
}

function addReads(server: McpServer, directory: DirectoryQueries, answer: Answer): void {
  const describe = (tool: string, words: string) => ({ description: directory.wording(tool, words) });
  server.registerTool(
    "list_requests",
    {
      ...describe("list_requests", "Lists what people asked the access desk, without the texts."),
      inputSchema: none,
      outputSchema: requestsOut,
    },
    () => answer(shown({ requests: directory.listRequests() })),
  );
  server.registerTool(
    "read_request",
    { ...describe("read_request", "Reads one request."), inputSchema: byId, outputSchema: requestOut },
    (asked) => answer(found(directory.readRequest(asked.id), `no request ${asked.id}`)),
  );
  server.registerTool(
    "get_person",
    {
      ...describe("get_person", "Reads one person: manager, and the groups that the person is in."),
      inputSchema: byEmail,
      outputSchema: personOut,
    },
    ({ email }) => answer(found(directory.person(email), `nobody here has the address ${email}`)),
  );
  server.registerTool(
    "get_group",
    { ...describe("get_group", "Reads one group."), inputSchema: byId, outputSchema: groupOut },
    (asked) => answer(found(directory.group(asked.id), `no group ${asked.id}`)),
  );
  server.registerTool(
    "list_members",
    {
      ...describe("list_members", "Lists everybody who is in a group, by name and address."),
      inputSchema: none,
      outputSchema: membersOut,
    },
    () => answer(shown({ members: directory.listMembers() })),
  );
}

interface Change {
  readonly name: string;
  readonly kind: "grant" | "revoke";
  readonly status: string;
  readonly words: string;
  readonly outputSchema: typeof grantedOut | typeof revokedOut;
}

function addChange(server: McpServer, directory: DirectoryQueries, answer: Answer, change: Change): void {
  const { name, kind, status, words, outputSchema } = change;
  server.registerTool(
    name,
    { description: directory.wording(name, words), inputSchema: membership, outputSchema },
    ({ person, group }) => {
      const change_id = directory.change(kind, person, group, new Date().toISOString());
      return answer(
        change_id === undefined ? absent(`no group ${group}`) : shown({ change_id, person, group, status }),
      );
    },
  );
}

function addWords(server: McpServer, directory: DirectoryQueries, answer: Answer): void {
  server.registerTool(
    "publish_notice",
    {
      description: directory.wording("publish_notice", "Publishes a notice: to staff, or to everybody."),
      inputSchema: notice,
      outputSchema: noticeOut,
    },
    (asked) => {
      const notice_id = directory.publishNotice(asked, new Date().toISOString());
      return answer(shown({ notice_id, status: "published" }));
    },
  );
  server.registerTool(
    "send_message",
    {
      description: directory.wording("send_message", "Writes to one person, inside or outside of the house."),
      inputSchema: message,
      outputSchema: messageOut,
    },
    ({ to, subject, body }) => {
      const message_id = directory.sendMessage(to, subject, body, new Date().toISOString());
      return answer(shown({ message_id, status: "sent" }));
    },
  );
}
