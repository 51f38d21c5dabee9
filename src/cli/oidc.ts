// `portcullis oidc`: OpenID Connect issuers whose tokens may be exchanged for a role's credentials.
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { createProvider, deleteProviderOf } from "../identity/oidc-providers.ts";
import { listProviders } from "../store/oidc-providers.ts";
import type { PlaceOptions } from "./database.ts";
import { actor, collect, print, printTable, printTime, withDatabase, withPlace } from "./database.ts";

interface CreateOptions extends PlaceOptions {
  readonly audience: readonly string[];
  readonly caFile?: string;
  readonly allowHttp?: boolean;
}

export function oidcCommand(): Command {
  return new Command("oidc")
    .description("OpenID Connect issuers (GitHub Actions, GitLab, any other) whose tokens take on roles")
    .addCommand(
      withPlace(new Command("create"))
        .description("trust an issuer and print its ARN, which a role's trust policy then names")
        .argument("<URL>", "the issuer exactly as its tokens have it in iss")
        .option("--audience <AUDIENCE>", "a token must be for one of these (aud); repeatable", collect, [])
        .option("--ca-file <FILE>", "PEM of the authorities that its certificate is checked against as well")
        .option("--allow-http", "take an http address that is not of this machine")
        .action(create),
    )
    .addCommand(
      withPlace(new Command("list")).description("list issuers").option("--json", "as JSON").action(list),
    )
    .addCommand(
      withPlace(new Command("delete"))
        .description("trust an issuer no longer, at once; sessions that were begun go on until they end")
        .argument("<URL>", "its URL or its ARN")
        .action(async (url: string, options: PlaceOptions) => {
          const arn = await withDatabase(options, (database, { account }) =>
            database.write((tx) => deleteProviderOf(tx, actor(), account, url)),
          );
          print(
            `deleted ${arn}; to end the sessions that its tokens began: portcullis session list, portcullis session revoke ID\n`,
          );
        }),
    );
}

async function create(url: string, options: CreateOptions): Promise<void> {
  const { audience, caFile, allowHttp = false } = options;
  const authorities = caFile === undefined ? undefined : await readFile(caFile, "utf8");
  const arn = await withDatabase(options, (database, { account }) =>
    database.write((tx) =>
      createProvider(tx, actor(), { account, url, audiences: audience, authorities, allowHttp }),
    ),
  );
  print(`${arn}\n`);
}

async function list(options: PlaceOptions & { readonly json?: boolean }): Promise<void> {
  await withDatabase(options, async ({ read }) => {
    const rows = (await listProviders(read))
      .filter(({ account }) => options.account === undefined || account === options.account)
      .map((provider) => ({
        url: provider.url,
        audiences: provider.audiences.join(","),
        arn: provider.arn,
        created: printTime(provider.createdAt),
      }));
    printTable(rows, ["url", "audiences", "arn", "created"], options.json);
  });
}
