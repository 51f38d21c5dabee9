// `portcullis token`: package-manager tokens that may live long and be for little, listed with their last use, revoked at once.
import { Command } from "commander";
import type { TokenScope } from "../core/caller.ts";
import { isPackageFormat } from "../core/coordinates.ts";
import { normalize } from "../core/group-pattern.ts";
import { findPrincipal, ManageError } from "../identity/manage.ts";
import { recordIdentity } from "../identity/record.ts";
import { issueToken } from "../identity/tokens.ts";
import { findDomain, loadSnapshot } from "../store/domains.ts";
import { listTokens, revokeToken } from "../store/identities.ts";
import type { PlaceOptions } from "./database.ts";
import { actor, collect, print, printTable, printTime, withDatabase, withPlace } from "./database.ts";

interface CreateOptions extends PlaceOptions {
  readonly domain: string;
  readonly domainOwner?: string;
  readonly repository?: string;
  readonly actions?: string;
  readonly packages: readonly string[];
  readonly days: string;
  readonly user: string;
  readonly label: string;
}

const DAYS_DEFAULT = 90;
const DAYS_MAX = 3_650;
const DAY_MS = 24 * 60 * 60_000;

export function tokenCommand(): Command {
  return new Command("token")
    .description("tokens for package managers")
    .addCommand(
      withPlace(new Command("create"))
        .description("make a token and print it; it cannot be shown again")
        .requiredOption("--domain <NAME>", "the domain it is for")
        .option("--domain-owner <ID>", "the domain's account (default: the user's)")
        .option("--repository <NAME>", "one repository only")
        .option("--actions <LIST>", "read, publish or read,publish only")
        .option("--packages <PATTERN>", "such packages only, e.g. 'npm/@acme/*'; repeatable", collect, [])
        .option("--days <N>", `how long it lives, 1 to ${DAYS_MAX}`, String(DAYS_DEFAULT))
        .option("--user <NAME>", "who it acts as; it may never do more", "administrator")
        .option("--label <TEXT>", "what it is for", "")
        .action(create),
    )
    .addCommand(
      withPlace(new Command("list"))
        .description("list tokens that still open something")
        .option("--json", "as JSON")
        .action(list),
    )
    .addCommand(
      withPlace(new Command("revoke"))
        .description("revoke a token, at once")
        .argument("<ID>", "its id, or the token itself")
        .action((id: string, options: PlaceOptions) =>
          withDatabase(options, (database) =>
            database.write(async (tx) => {
              const [known = ""] = id.split(".");
              if (!(await revokeToken(tx, known, Date.now())))
                throw new ManageError(
                  `there is no token '${known}', or it was revoked before; 'portcullis token list' shows which there are`,
                );
              await recordIdentity(tx, actor(), "token-revoked", { token: known });
            }),
          ),
        ),
    );
}

async function create(options: CreateOptions): Promise<void> {
  const days = Number(options.days);
  if (!Number.isInteger(days) || days < 1 || days > DAYS_MAX)
    throw new ManageError(`--days must be from 1 to ${DAYS_MAX}`);
  const scope = readScope(options);
  const token = await withDatabase(options, async (database, { account }) => {
    const owner = options.domainOwner ?? account;
    const user = await findPrincipal(database.read, { kind: "user", account, name: options.user });
    const domain = await findDomain(database.read, owner, options.domain);
    if (domain === undefined)
      throw new ManageError(`there is no domain '${options.domain}' in account ${owner}`);
    const { repository } = scope;
    if (
      repository !== undefined &&
      !(await loadSnapshot(database.read, owner, options.domain))?.byName.has(repository)
    )
      throw new ManageError(`there is no repository '${repository}' in domain '${options.domain}'`);
    const now = Date.now();
    const grant = { principalId: user.id, domainId: domain.id, now, expiresAt: now + days * DAY_MS };
    const limited = Object.keys(scope).length > 0 ? { scope } : {};
    const text = await issueToken(database, { ...grant, ...limited, label: options.label });
    const of = {
      token: text.split(".")[0],
      user: user.arn,
      domain: domain.name,
      scope,
      label: options.label,
    };
    await database.write((tx) => recordIdentity(tx, actor(), "token-created", of));
    return text;
  });
  print(`${token}\n`);
}

function readScope({ repository, actions, packages }: CreateOptions): TokenScope {
  const kinds = actions?.split(",").map((kind) => kind.trim());
  const unknown = kinds?.find((kind) => kind !== "read" && kind !== "publish");
  if (unknown !== undefined) throw new ManageError(`'${unknown}' is no action of a token: read or publish`);
  for (const pattern of packages) checkPattern(pattern);
  return {
    ...(repository === undefined ? {} : { repository }),
    ...(kinds === undefined ? {} : { actions: kinds as ("read" | "publish")[] }),
    ...(packages.length === 0 ? {} : { packages }),
  };
}

/** A pattern that no package can match would make a token that opens nothing. */
function checkPattern(pattern: string): void {
  const [format = "", ...parts] = pattern.split("/");
  const known = isPackageFormat(format);
  if (parts.length < 1 || parts.length > 2 || parts.includes("") || !(known || /[*?]/.test(format)))
    throw new ManageError(`'${pattern}' is no pattern of packages: write it as npm/@acme/* or pypi/acme-*`);
  const rest = parts.join("/");
  if (known && normalize(format, rest) !== rest)
    throw new ManageError(
      `'${pattern}' matches nothing: ${format} packages go by their normalised names, as in '${format}/${normalize(format, rest)}'`,
    );
}

async function list(options: PlaceOptions & { readonly json?: boolean }): Promise<void> {
  await withDatabase(options, async ({ read }) => {
    const rows = (await listTokens(read, Date.now())).map(({ scope, ...token }) => ({
      id: token.id,
      domain: token.domain,
      repository: scope?.repository ?? "*",
      actions: scope?.actions?.join(",") ?? "*",
      packages: scope?.packages?.join(",") ?? "*",
      user: token.user,
      expires: printTime(token.expiresAt),
      used: printTime(token.lastUsedAt),
      label: token.label,
    }));
    const columns = ["id", "domain", "repository", "actions", "packages", "user", "expires", "used", "label"];
    printTable(rows, columns, options.json);
  });
}
