// `portcullis user` and `portcullis key`: people and machines, and the access keys they sign with.
import { Command } from "commander";
import { keepAdministrators } from "../identity/guard.ts";
import { credentialsText } from "../identity/keys.ts";
import { createKey, createUser, deletePrincipal, findPrincipal, ManageError } from "../identity/manage.ts";
import { recordIdentity } from "../identity/record.ts";
import { deleteAccessKey, listAccessKeys } from "../store/identities.ts";
import { listMembers, listPrincipals } from "../store/principals.ts";
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
  readonly group: readonly string[];
  readonly tag: readonly string[];
}

type ForceOptions = PlaceOptions & { readonly force?: boolean };
type ListOptions = PlaceOptions & { readonly json?: boolean };

export function userCommand(): Command {
  return new Command("user")
    .description("people and machines that may use the server")
    .addCommand(
      withPlace(new Command("create"))
        .description("make a user and print its access key in AWS shared-credentials form")
        .argument("<NAME>")
        .option(
          "--policy <POLICY>",
          "administrator, publisher, reader, a policy's name or FILE.json; repeatable",
          collect,
          [],
        )
        .option("--group <NAME>", "group to be in; repeatable", collect, [])
        .option("--tag <KEY=VALUE>", "for aws:PrincipalTag; repeatable", collect, [])
        .action(create),
    )
    .addCommand(
      withPlace(new Command("list")).description("list users").option("--json", "as JSON").action(list),
    )
    .addCommand(
      withPlace(new Command("delete"))
        .description("delete a user with its keys and tokens, at once")
        .argument("<NAME>")
        .option("--force", "even the last one that may administer")
        .action(async (name: string, options: ForceOptions) => {
          await withDatabase(options, (database, { account }) =>
            database.write((tx) =>
              keepAdministrators(tx, options.force === true, () =>
                deletePrincipal(tx, actor(), { kind: "user", account, name }),
              ),
            ),
          );
          print(`deleted user ${name}; its keys and tokens open nothing any more\n`);
        }),
    );
}

async function create(name: string, options: CreateOptions): Promise<void> {
  const given = {
    ...(await readPolicies(options.policy)),
    groups: options.group,
    tags: readTags(options.tag),
  };
  if (options.policy.length + options.group.length === 0)
    throw new ManageError("a user without --policy or --group may do nothing; give one");
  const key = await withDatabase(options, (database, { account }) =>
    createUser(database, actor(), { account, name }, given, Date.now()),
  );
  print(credentialsText(name, key));
}

async function list(options: ListOptions): Promise<void> {
  await withDatabase(options, async ({ read }) => {
    const groups = new Map((await listPrincipals(read, "group")).map(({ id, name }) => [id, name]));
    const members = await listMembers(read);
    const keys = await listAccessKeys(read);
    const users = (await listPrincipals(read, "user")).filter(
      ({ account }) => options.account === undefined || account === options.account,
    );
    const rows = users.map((user) => ({
      name: user.name,
      account: user.account,
      policies: [
        ...(JSON.parse(user.attached) as string[]),
        ...(JSON.parse(user.policies) as unknown[]).map(() => "(own)"),
      ].join(","),
      groups: members
        .filter(({ memberId }) => memberId === user.id)
        .map(({ groupId }) => groups.get(groupId) ?? "")
        .join(","),
      keys: keys
        .filter((key) => key.user === user.name && key.account === user.account)
        .map(({ id }) => id)
        .join(","),
      created: printTime(user.created_at),
    }));
    printTable(rows, ["name", "account", "policies", "groups", "keys", "created"], options.json);
  });
}

export function keyCommand(): Command {
  return new Command("key")
    .description("access keys of users")
    .addCommand(
      withPlace(new Command("create"))
        .description("make another access key for a user and print it in AWS shared-credentials form")
        .argument("<USER>")
        .action(async (name: string, options: PlaceOptions) => {
          const key = await withDatabase(options, (database, { account }) =>
            database.write(async (tx) =>
              createKey(
                tx,
                actor(),
                (await findPrincipal(tx, { kind: "user", account, name })).id,
                Date.now(),
              ),
            ),
          );
          print(credentialsText(name, key));
        }),
    )
    .addCommand(
      withPlace(new Command("list"))
        .description("list access keys, never their secrets")
        .argument("[USER]")
        .option("--json", "as JSON")
        .action(listKeys),
    )
    .addCommand(
      withPlace(new Command("delete"))
        .description("delete an access key, at once")
        .argument("<ID>")
        .option("--force", "even the last one that may administer")
        .action(async (id: string, options: ForceOptions) => {
          await withDatabase(options, (database) =>
            database.write((tx) =>
              keepAdministrators(tx, options.force === true, async () => {
                if (!(await deleteAccessKey(tx, id)))
                  throw new ManageError(
                    `there is no access key '${id}'; 'portcullis key list' shows which there are`,
                  );
                await recordIdentity(tx, actor(), "key-deleted", { key: id });
              }),
            ),
          );
          print(`deleted key ${id}; tokens that were made with it go on: see 'portcullis token list'\n`);
        }),
    );
}

async function listKeys(user: string | undefined, options: ListOptions): Promise<void> {
  await withDatabase(options, async ({ read }, { account }) => {
    const owner =
      user === undefined ? undefined : (await findPrincipal(read, { kind: "user", account, name: user })).id;
    const rows = (await listAccessKeys(read, owner)).map(({ createdAt, ...key }) => ({
      ...key,
      created: printTime(createdAt),
    }));
    printTable(rows, ["id", "user", "account", "created"], options.json);
  });
}
