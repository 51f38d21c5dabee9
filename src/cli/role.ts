// `portcullis role` and `portcullis group`: what users take on for a while, and what they are in.
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { parsePolicy } from "../core/policy-document.ts";
import { createPrincipal, deletePrincipal, findPrincipal, principalArn } from "../identity/manage.ts";
import type { PrincipalKind } from "../store/principals.ts";
import { deleteMember, insertMember, listPrincipals } from "../store/principals.ts";
import type { PlaceOptions } from "./database.ts";
import {
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
}

type ListOptions = PlaceOptions & { readonly json?: boolean };

export function roleCommand(): Command {
  const command = new Command("role").description("roles, taken on with sts:AssumeRole");
  const create = createCommand("role").requiredOption(
    "--trust <FILE>",
    "the trust policy: who may take it on",
  );
  return command.addCommand(create).addCommand(listCommand("role")).addCommand(deleteCommand("role"));
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
      };
      await withDatabase(options, async (database, { account }) => {
        await database.write((tx) => createPrincipal(tx, { kind, account, name }, given, Date.now()));
        print(`${principalArn({ kind, account, name })}\n`);
      });
    });
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
    .action((name: string, options: PlaceOptions) =>
      withDatabase(options, (database, { account }) =>
        database.write((tx) => deletePrincipal(tx, { kind, account, name })),
      ),
    );
}

function memberCommand(verb: string, description: string, change: typeof insertMember): Command {
  return withPlace(new Command(verb))
    .description(description)
    .argument("<GROUP>")
    .argument("<USER>")
    .action((group: string, user: string, options: PlaceOptions) =>
      withDatabase(options, (database, { account }) =>
        database.write(async (tx) => {
          const { id } = await findPrincipal(tx, { kind: "group", account, name: group });
          await change(tx, id, (await findPrincipal(tx, { kind: "user", account, name: user })).id);
        }),
      ),
    );
}
