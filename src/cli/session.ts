// `portcullis session`: temporary credentials, who holds them until when, and their end before that.
import { Command } from "commander";
import { findPrincipal, ManageError } from "../identity/manage.ts";
import { recordIdentity } from "../identity/record.ts";
import { listSessions, revokeSessions } from "../store/sessions.ts";
import type { PlaceOptions } from "./database.ts";
import { actor, print, printTable, printTime, withDatabase, withPlace } from "./database.ts";

interface RevokeOptions extends PlaceOptions {
  readonly role?: string;
}

export function sessionCommand(): Command {
  return new Command("session")
    .description("temporary credentials of roles")
    .addCommand(
      withPlace(new Command("list"))
        .description("list sessions that have neither expired nor been revoked, newest first")
        .option("--json", "as JSON")
        .action(list),
    )
    .addCommand(
      withPlace(new Command("revoke"))
        .description("end a session and the tokens it has made, at once")
        .argument("[ID]", "its access key's id, ASIA…")
        .option("--role <NAME>", "every session of this role")
        .action(revoke),
    );
}

async function list(options: PlaceOptions & { readonly json?: boolean }): Promise<void> {
  await withDatabase(options, async ({ read }) => {
    const rows = (await listSessions(read, Date.now()))
      .filter(({ account }) => options.account === undefined || account === options.account)
      .map((session) => ({
        id: session.id,
        role: session.role,
        account: session.account,
        name: session.name,
        "taken by": session.takenBy,
        begun: printTime(session.createdAt),
        expires: printTime(session.expiresAt),
      }));
    const columns = ["id", "role", "account", "name", "taken by", "begun", "expires"];
    printTable(rows, columns, options.json);
  });
}

async function revoke(id: string | undefined, options: RevokeOptions): Promise<void> {
  if ((id === undefined) === (options.role === undefined))
    throw new ManageError("give the ID of a session, or --role NAME for all of a role");
  const ended = await withDatabase(options, (database, { account }) =>
    database.write(async (tx) => {
      const { role } = options;
      const which =
        role === undefined
          ? { id: id as string }
          : { roleId: (await findPrincipal(tx, { kind: "role", account, name: role })).id };
      const done = await revokeSessions(tx, which, Date.now());
      for (const session of done.sessions) await recordIdentity(tx, actor(), "session-revoked", { session });
      return done;
    }),
  );
  if (ended.sessions.length === 0 && id !== undefined)
    throw new ManageError(
      `there is no session '${id}', or it was revoked before; 'portcullis session list' shows which there are`,
    );
  print(
    `revoked ${ended.sessions.length} sessions and ${ended.tokens} tokens of theirs; who may still take on the role can begin another: change its trust policy to stop that\n`,
  );
}
