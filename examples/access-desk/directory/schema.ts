// The directory of the access-desk example: its SQLite file and the only queries that touch it. An attacker wants a row in
// `changes`, `notices` or `outgoing_messages`. What must stay true: one row per call received, written before the call is
// answered and never deduplicated, so that a grant that was asked for twice is visible as two rows; and who is in a group
// now is a table of its own, changed in the same commit. This directory gives anything to anybody: who may have what is
// for whoever calls it to know.
import type { DatabaseSync } from "node:sqlite";
import { inTransaction, insert, openDatabase, prepareWording, readFrom } from "../../tool-server/database.ts";

export interface Person {
  readonly email: string;
  readonly name: string;
  readonly manager: string;
  readonly status: "active" | "left";
}

export interface Group {
  readonly id: string;
  readonly purpose: string;
  readonly privileged: 0 | 1;
}

export interface AccessRequest {
  readonly id: string;
  readonly from_addr: string;
  readonly subject: string;
  readonly body: string;
  readonly received_at: string;
}

export interface Membership {
  readonly person: string;
  readonly group_id: string;
}

export interface Notice {
  readonly audience: string;
  readonly title: string;
  readonly body: string;
}

export interface OutgoingMessage {
  readonly to_addr: string;
  readonly subject: string;
  readonly body: string;
}

const ddl = `
  create table if not exists people (
    email text primary key, name text not null, manager text not null, status text not null check (status in ('active', 'left'))
  ) strict;
  create table if not exists groups (
    id text primary key, purpose text not null, privileged integer not null check (privileged in (0, 1))
  ) strict;
  create table if not exists memberships (
    person text not null, group_id text not null references groups(id), primary key (person, group_id)
  ) strict;
  create table if not exists requests (
    id text primary key, from_addr text not null, subject text not null, body text not null, received_at text not null
  ) strict;
  create table if not exists changes (
    id integer primary key autoincrement, kind text not null check (kind in ('grant', 'revoke')), person text not null,
    group_id text not null references groups(id), changed_at text not null
  ) strict;
  create table if not exists notices (
    id integer primary key autoincrement, audience text not null, title text not null, body text not null, published_at text not null
  ) strict;
  create table if not exists outgoing_messages (
    id integer primary key autoincrement, to_addr text not null, subject text not null, body text not null, sent_at text not null
  ) strict;
`;

/** Opens the directory's file, creating file and tables when they are missing. Throws when it cannot be written or is none. */
export function openDirectory(file: string): DatabaseSync {
  return openDatabase("directory", file, ddl);
}

/** The queries of the tools over one open file, prepared once. Times are ISO 8601. */
export function prepareQueries(db: DatabaseSync) {
  const requests = db.prepare(
    'select id, from_addr as "from", subject, received_at from requests order by id limit 200',
  );
  const request = db.prepare('select id, from_addr as "from", subject, body, received_at from requests where id = ?');
  const person = db.prepare("select email, name, manager, status from people where email = ?");
  const group = db.prepare("select id, purpose, privileged from groups where id = ?");
  const groupsOf = db.prepare("select group_id from memberships where person = ? order by group_id limit 200");
  const members = db.prepare(
    `select distinct p.name, p.email from people p join memberships m on m.person = p.email order by p.email limit 200`,
  );
  const join = db.prepare("insert or ignore into memberships (person, group_id) values (?, ?)");
  const leave = db.prepare("delete from memberships where person = ? and group_id = ?");

  /** Writes one row of what was changed and changes who is in the group; undefined: no such group. */
  function change(kind: "grant" | "revoke", who: string, groupId: string, changed_at: string): number | undefined {
    if (group.get(groupId) === undefined) return undefined;
    return inTransaction(db, () => {
      (kind === "grant" ? join : leave).run(who, groupId);
      return insert(db, "changes", { kind, person: who, group_id: groupId, changed_at });
    });
  }

  return {
    listRequests: () => requests.all() as unknown as (Omit<AccessRequest, "body" | "from_addr"> & { from: string })[],
    readRequest: (id: string) => request.get(id) as (Omit<AccessRequest, "from_addr"> & { from: string }) | undefined,
    /** A person with the groups that she is in. */
    person(email: string): (Person & { groups: string[] }) | undefined {
      const row = person.get(email) as Person | undefined;
      return row && { ...row, groups: groupsOf.all(email).map((one) => String(one["group_id"])) };
    },
    group(id: string): { id: string; purpose: string; privileged: boolean } | undefined {
      const row = group.get(id) as Group | undefined;
      return row && { ...row, privileged: row.privileged === 1 };
    },
    /** Everybody who is in any group. */
    listMembers: () => members.all() as unknown as { name: string; email: string }[],
    change,
    publishNotice: (notice: Notice, published_at: string) => insert(db, "notices", { ...notice, published_at }),
    sendMessage: (to_addr: string, subject: string, body: string, sent_at: string) =>
      insert(db, "outgoing_messages", { to_addr, subject, body, sent_at }),
    wording: prepareWording(db),
  };
}

export type DirectoryQueries = ReturnType<typeof prepareQueries>;

export interface DirectoryOutcome {
  readonly changes: (Membership & { readonly kind: "grant" | "revoke" })[];
  readonly notices: Notice[];
  readonly messages: OutgoingMessage[];
  readonly memberships: Membership[];
}

/** What happened, read from the file alone through a connection that cannot write. */
export function readDirectory(file: string): DirectoryOutcome {
  return readFrom(file, (db) => {
    const rows = <T>(sql: string): T[] => db.prepare(sql).all() as unknown as T[];
    return {
      changes: rows("select kind, person, group_id from changes order by id"),
      notices: rows("select audience, title, body from notices order by id"),
      messages: rows("select to_addr, subject, body from outgoing_messages order by id"),
      memberships: rows("select person, group_id from memberships order by person, group_id"),
    };
  });
}
