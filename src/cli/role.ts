// `portcullis role` and `portcullis group`: what users take on for a while, and what they are in.
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { parsePolicy } from "../core/policy-document.ts";
import { keepAdministrators } from "../identity/guard.ts";
import {
  checkSessionSeconds,
  createPrincipal,
  deletePrincipal,
  findPrincipal,
  ManageError,
  principalArn,
} from "../identity/manage.ts";
import { recordIdentity } from "../identity/record.ts";
import type { PrincipalKind } from "../store/principals.ts";
import { deleteMember, insertMember, listPrincipals, updatePrincipal } from "../store/principals.ts";
import type { PlaceOptions } from "./database.ts";
import {
  actor,
  collect,
  print,
  printTable,
  printTime,
  readPolicies,
  readTags,
  withDatabase,
  withPlace,
} from "./database.ts";

interface CreateOptions extends PlaceOptions {
  readonly policy: readonly string[];
  readonly tag: readonly string[];
  readonly trust?: string;
  readonly maxSession?: string;
}

type ForceOptions = PlaceOptions & { readonly force?: boolean };

type ListOptions = PlaceOptions & { readonly json?: boolean };

export function roleCommand(): Command {
  const command = new Command("role").description(
    "roles, taken on with sts:AssumeRole or sts:AssumeRoleWithWebIdentity",
  );
  const create = createCommand("role")
    .requiredOption("--trust <FILE>", "the trust policy: who may take it on")
    .option("--max-session <SECONDS>", "how long a session may last, 3600 (default) to 43200");
  return command
    .addCommand(create)
    .addCommand(updateCommand())
    .addCommand(listCommand("role"))
    .addCommand(deleteCommand("role"));
}

export function groupCommand(): Command {
  return new Command("group")
    .description("groups of users; their policies are their members' policies")
    .addCommand(createCommand("group"))
    .addCommand(listCommand("group"))
    .addCommand(deleteCommand("group"))
    .addCommand(memberCommand("add", "put a user into a group", insertMember))
    .addCommand(memberCommand("remove", "take a user out of a group", deleteMember));
}

function createCommand(kind: PrincipalKind): Command {
  return withPlace(new Command("create"))
    .description(`make a ${kind} and print its ARN`)
    .argument("<NAME>")
    .option(
      "--policy <POLICY>",
      "administrator, publisher, reader, a policy's name or FILE.json; repeatable",
      collect,
      [],
    )
    .option("--tag <KEY=VALUE>", "for aws:PrincipalTag; repeatable", collect, [])
    .action(async (name: string, options: CreateOptions) => {
      const given = {
        ...(await readPolicies(options.policy)),
        tags: readTags(options.tag),
        ...(await readTrust(options.trust)),
        ...readMaxSession(options.maxSession),
      };
      await withDatabase(options, async (database, { account }) => {
        await database.write((tx) =>
          createPrincipal(tx, actor(), { kind, account, name }, given, Date.now()),
        );
        print(`${principalArn({ kind, account, name })}\n`);
      });
    });
}

function updateCommand(): Command {
  return withPlace(new Command("update"))
    .description("change whom a role trusts, or how long its sessions may last; sessions go on")
    .argument("<NAME>")
    .option("--trust <FILE>", "the trust policy: who may take it on")
    .option("--max-session <SECONDS>", "how long a session may last, 3600 to 43200")
    .action(async (name: string, options: CreateOptions) => {
      const change = { ...(await readTrust(options.trust)), ...readMaxSession(options.maxSession) };
      if (Object.keys(change).length === 0) throw new ManageError("give --trust or --max-session");
      await withDatabase(options, (database, { account }) =>
        database.write(async (tx) => {
          const { id, arn } = await findPrincipal(tx, { kind: "role", account, name });
          await updatePrincipal(tx, id, change);
          await recordIdentity(tx, actor(), "role-changed", { arn, what: Object.keys(change) });
        }),
      );
      print(
        `changed role ${name}; sessions that were begun go on: 'portcullis session revoke --role ${name}' ends them\n`,
      );
    });
}

function readMaxSession(text: string | undefined): { readonly sessionSecondsMax?: number } {
  if (text === undefined) return {};
  checkSessionSeconds(Number(text));
  return { sessionSecondsMax: Number(text) };
}

/** Kept as it was written. */
async function readTrust(file: string | undefined): Promise<{ readonly trust?: string }> {
  if (file === undefined) return {};
  const trust = await readFile(file, "utf8");
  parsePolicy(trust, "trust");
  return { trust };
}

function listCommand(kind: PrincipalKind): Command {
  return withPlace(new Command("list"))
    .description(`list ${kind}s`)
    .option("--json", "as JSON")
    .action((options: ListOptions) =>
      withDatabase(options, async ({ read }) => {
        const found = (await listPrincipals(read, kind)).filter(
          ({ account }) => options.account === undefined || account === options.account,
        );
        const rows = found.map((row) => ({
          name: row.name,
          account: row.account,
          arn: row.arn,
          policies: [
            ...(JSON.parse(row.attached) as string[]),
            ...(JSON.parse(row.policies) as unknown[]).map(() => "(own)"),
          ].join(","),
          created: printTime(row.created_at),
        }));
        printTable(rows, ["name", "account", "policies", "arn", "created"], options.json);
      }),
    );
}

function deleteCommand(kind: PrincipalKind): Command {
  return withPlace(new Command("delete"))
    .description(`delete a ${kind}, at once`)
    .argument("<NAME>")
    .option("--force", "even if it leaves nobody who may administer")
    .action(async (name: string, options: ForceOptions) => {
      await withDatabase(options, (database, { account }) =>
        database.write((tx) =>
          keepAdministrators(tx, options.force === true, () =>
            deletePrincipal(tx, actor(), { kind, account, name }),
          ),
        ),
      );
      print(
        kind === "role"
          ? `deleted role ${name}; its sessions and their tokens open nothing any more\n`
          : `deleted group ${name}; its members no longer have its policies\n`,
      );
    });
}

function memberCommand(verb: string, description: string, change: typeof insertMember): Command {
  return withPlace(new Command(verb))
    .description(description)
    .argument("<GROUP>")
    .argument("<USER>")
    .option("--force", "even if it leaves nobody who may administer")
    .action((group: string, user: string, options: ForceOptions) =>
      withDatabase(options, (database, { account }) =>
        database.write((tx) =>
          keepAdministrators(tx, options.force === true, async () => {
            const { id } = await findPrincipal(tx, { kind: "group", account, name: group });
            await change(tx, id, (await findPrincipal(tx, { kind: "user", account, name: user })).id);
            const told = change === insertMember ? "member-added" : "member-removed";
            await recordIdentity(tx, actor(), told, { group, user });
          }),
        ),
      ),
    );
}
