// `portcullis policy`: identity policies by name, and whom they are attached to.
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { parsePolicy } from "../core/policy-document.ts";
import { READY_POLICIES } from "../core/ready-policies.ts";
import { keepAdministrators } from "../identity/guard.ts";
import type { PrincipalName } from "../identity/manage.ts";
import { attach, checkPolicyName, deletePolicy, ManageError } from "../identity/manage.ts";
import { recordIdentity } from "../identity/record.ts";
import { findNamedPolicy, listNamedPolicies, putNamedPolicy } from "../store/principals.ts";
import type { PlaceOptions } from "./database.ts";
import { actor, print, printTable, withDatabase, withPlace } from "./database.ts";

interface ForceOptions extends PlaceOptions {
  readonly force?: boolean;
}

interface HolderOptions extends ForceOptions {
  readonly user?: string;
  readonly group?: string;
  readonly role?: string;
}

export function policyCommand(): Command {
  return new Command("policy")
    .description("identity policies by name")
    .addCommand(putCommand("create", "store a policy under a name that is free", false))
    .addCommand(putCommand("put", "store a policy under a name, in place of what was there", true))
    .addCommand(
      withPlace(new Command("list")).description("list policies").option("--json", "as JSON").action(list),
    )
    .addCommand(withPlace(new Command("show")).description("print a policy").argument("<NAME>").action(show))
    .addCommand(
      withPlace(new Command("delete"))
        .description("delete a policy that nobody has")
        .argument("<NAME>")
        .action((name: string, options: PlaceOptions) =>
          withDatabase(options, (database, { account }) =>
            database.write((tx) => deletePolicy(tx, actor(), account, name)),
          ),
        ),
    )
    .addCommand(holderCommand("attach", "give a user, group or role a policy", true))
    .addCommand(holderCommand("detach", "take a policy from a user, group or role", false));
}

function putCommand(verb: string, description: string, replace: boolean): Command {
  return withPlace(new Command(verb))
    .description(description)
    .argument("<NAME>")
    .argument("<FILE>")
    .option("--force", "even if it leaves nobody who may administer")
    .action(async (name: string, file: string, options: ForceOptions) => {
      const document = await readFile(file, "utf8");
      parsePolicy(document, "identity");
      checkPolicyName(name);
      await withDatabase(options, (database, { account }) =>
        database.write(async (tx) => {
          const known = (await findNamedPolicy(tx, account, name)) !== undefined;
          if (!replace && known)
            throw new ManageError(
              `there is a policy '${name}' in account ${account} already; 'policy put' replaces it`,
            );
          await keepAdministrators(tx, options.force === true, () =>
            putNamedPolicy(tx, { account, name, document }, Date.now()),
          );
          await recordIdentity(tx, actor(), known ? "policy-changed" : "policy-created", { account, name });
        }),
      );
    });
}

async function list(options: PlaceOptions & { readonly json?: boolean }): Promise<void> {
  await withDatabase(options, async ({ read }) => {
    const ready = [...READY_POLICIES.keys()].map((name) => ({ name, account: "(ready)" }));
    const stored = (await listNamedPolicies(read)).map(({ name, account }) => ({ name, account }));
    printTable([...ready, ...stored], ["name", "account"], options.json);
  });
}

async function show(name: string, options: PlaceOptions): Promise<void> {
  await withDatabase(options, async ({ read }, { account }) => {
    const ready = READY_POLICIES.get(name);
    const document =
      ready === undefined
        ? (await findNamedPolicy(read, account, name))?.document
        : JSON.stringify(ready, null, 2);
    if (document === undefined) throw new ManageError(`there is no policy '${name}' in account ${account}`);
    print(`${document.trimEnd()}\n`);
  });
}

function holderCommand(verb: string, description: string, on: boolean): Command {
  return withPlace(new Command(verb))
    .description(description)
    .argument("<POLICY>")
    .option("--user <NAME>")
    .option("--group <NAME>")
    .option("--role <NAME>")
    .option("--force", "even if it leaves nobody who may administer")
    .action((policy: string, options: HolderOptions) =>
      withDatabase(options, (database, { account }) =>
        database.write((tx) =>
          keepAdministrators(tx, options.force === true, () =>
            attach(tx, actor(), holderOf(options, account), policy, on),
          ),
        ),
      ),
    );
}

function holderOf({ user, group, role }: HolderOptions, account: string): PrincipalName {
  const given = Object.entries({ user, group, role }).filter(([, name]) => name !== undefined);
  const [kind, name] = given[0] ?? [];
  if (given.length !== 1 || kind === undefined || name === undefined)
    throw new ManageError("give one of --user, --group and --role");
  return { kind: kind as PrincipalName["kind"], account, name };
}
