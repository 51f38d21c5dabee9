// `portcullis identities apply`: users, groups, roles, policies and issuers as a file says, as often as one likes.
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import type { AppliedChange } from "../identity/apply.ts";
import { applyManifest } from "../identity/apply.ts";
import { readManifest } from "../identity/manifest.ts";
import type { PlaceOptions } from "./database.ts";
import { actor, print, withDatabase, withPlace } from "./database.ts";

interface ApplyCommandOptions extends PlaceOptions {
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly force?: boolean;
}

export function identitiesCommand(): Command {
  return new Command("identities")
    .description("identities as a file says")
    .addCommand(
      withPlace(new Command("apply"))
        .description("make users, groups, roles, policies and OIDC issuers what a YAML or JSON file says")
        .argument("<FILE>")
        .option("--dry-run", "only show what would be changed")
        .option("--prune", "delete what an earlier apply made and the file no longer names")
        .option("--force", "even if it leaves nobody who may administer")
        .action(apply),
    );
}

async function apply(file: string, options: ApplyCommandOptions): Promise<void> {
  const { dryRun = false, prune = false, force = false } = options;
  const text = await readFile(file, "utf8");
  const changes = await withDatabase(options, (database, { account }) =>
    applyManifest(database, readManifest(text, file, account), {
      actor: actor(),
      now: Date.now(),
      dryRun,
      prune,
      force,
    }),
  );
  for (const change of changes) print(`${dryRun ? "would " : ""}${tell(change)}\n`);
  if (changes.length === 0) return print("no change\n");
  if (dryRun) return print("nothing was changed; leave out --dry-run to apply it\n");
  for (const { verb, kind, account, name } of changes)
    if (verb === "create" && kind === "user")
      print(`${name} has no key yet: portcullis key create ${name} --account ${account}\n`);
}

function tell({ verb, kind, account, name, what }: AppliedChange): string {
  return `${verb} ${kind} ${name} in account ${account}${what.length === 0 ? "" : `: ${what.join(", ")}`}`;
}
