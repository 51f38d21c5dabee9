// `portcullis login` and `portcullis logout`: a package manager's own settings for one repository, made and undone.
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { Command } from "commander";
import { print, printTime } from "./database.ts";
import { askOverHttp } from "./login/api.ts";
import { readAround } from "./login/around.ts";
import type { NewLogin } from "./login/perform.ts";
import { performLogin, performLogout } from "./login/perform.ts";
import { describeChanges } from "./login/show.ts";
import type { Target } from "./login/target.ts";
import { findTarget } from "./login/target.ts";
import { cacheFile, forgetToken, keepToken } from "./login/token-cache.ts";
import type { Around, Feature, Tool } from "./login/tool.ts";
import { LoginError } from "./login/tool.ts";
import { TOOLS } from "./login/tools/index.ts";

interface LoginOptions {
  readonly domain: string;
  readonly repository: string;
  readonly domainOwner?: string;
  readonly endpointUrl?: string;
  readonly region?: string;
  readonly profile?: string;
  readonly credentials?: string;
  readonly durationSeconds?: string;
  readonly tokenStdin?: boolean;
  readonly tokenEnv?: string | true;
  readonly scope?: string;
  readonly name?: string;
  readonly extra?: boolean;
  readonly project?: boolean;
  readonly helper?: boolean;
  readonly dryRun?: boolean;
}

const ALIASES: Readonly<Record<string, string>> = { maven: "mvn", bundle: "bundler", python: "pip" };
const PLACEHOLDER = "***";
const TOKEN_VARIABLE = "PORTCULLIS_TOKEN";

export function loginCommand(): Command {
  return new Command("login")
    .description(`set a package manager up for a repository: ${[...TOOLS.keys()].join(", ")}`)
    .argument("<TOOL>")
    .requiredOption("--domain <NAME>")
    .requiredOption("--repository <NAME>")
    .option("--domain-owner <ID>", "the domain's account (default: the caller's)")
    .option(
      "--endpoint-url <URL>",
      "the server (default: AWS_ENDPOINT_URL_CODEARTIFACT, else http://127.0.0.1:8484)",
    )
    .option("--region <NAME>", "the region to sign for")
    .option("--profile <NAME>", "a profile of AWS's shared files")
    .option(
      "--credentials <FILE>",
      "a file in AWS's shared-credentials form, such as the server's data/credentials",
    )
    .option(
      "--duration-seconds <N>",
      "the token's life: 900 to 43200, or 0 for as long as the credentials last",
    )
    .option("--token-stdin", `read a token (of 'portcullis token create') instead; or set ${TOKEN_VARIABLE}`)
    .option(
      "--token-env [NAME]",
      `write a reference to this variable and no token (default ${TOKEN_VARIABLE})`,
    )
    .option("--scope <NAME>", "for packages of this scope only: npm's family, swift")
    .option("--extra", "beside the public registry, not in its place")
    .option("--project", "settings in the current folder, without the token")
    .option(
      "--helper",
      "the tool asks for a fresh token when it needs one: cargo, gradle (there by default), pip, uv",
    )
    .option("--no-helper", "write the token instead")
    .option("--name <NAME>", "what the tool calls the repository (default DOMAIN-REPOSITORY)")
    .option("--dry-run", "show what would change, without a token")
    .action(login);
}

interface LogoutOptions {
  readonly domain?: string;
  readonly repository?: string;
  readonly scope?: string;
  readonly project?: boolean;
  readonly dryRun?: boolean;
}

export function logoutCommand(): Command {
  return new Command("logout")
    .description("undo what login wrote for a package manager, and nothing else")
    .argument("<TOOL>")
    .option("--domain <NAME>", "only logins to this domain")
    .option("--repository <NAME>", "only logins to this repository")
    .option("--scope <NAME>", "only for this scope")
    .option("--project", "only what --project wrote in the current folder")
    .option("--dry-run", "show what would change")
    .action(logout);
}

function toolNamed(name: string): Tool {
  const tool = TOOLS.get(ALIASES[name] ?? name);
  if (tool === undefined)
    throw new LoginError(`there is no tool '${name}'; there are ${[...TOOLS.keys()].join(", ")}`);
  return tool;
}

function bareScope(scope: string | undefined): string | undefined {
  const bare = scope?.replace(/^@/, "");
  if (bare !== undefined && !/^[\w~-][\w.~-]{0,100}$/.test(bare))
    throw new LoginError(`'${scope}' is no scope: write --scope @NAME`);
  return bare;
}

async function login(name: string, options: LoginOptions): Promise<void> {
  const tool = toolNamed(name);
  const around = readAround();
  const variable = options.tokenEnv === true ? TOKEN_VARIABLE : options.tokenEnv;
  checkOptions(tool, options, variable);
  const given = variable === undefined ? await givenToken(options, around) : undefined;
  const helper =
    options.helper ?? (tool.helperByDefault === true && given === undefined && variable === undefined);
  const target = await targetOf(tool, options, around, given);
  const { token, expiresAt } = await tokenFor(target, given, variable !== undefined, options.dryRun === true);
  const scope = bareScope(options.scope);
  const site = {
    url: target.url,
    domain: options.domain,
    repository: options.repository,
    token,
    variable,
    scope,
    helper,
    around,
    name: options.name ?? `${options.domain}-${options.repository}`,
    named: options.name !== undefined,
    extra: options.extra === true,
    project: options.project === true,
  };
  const { settings, notes } = tool.plan(site);
  const record = recordOf(tool, options, target, around, scope);
  const changes = performLogin(around, record, settings, options.dryRun === true);
  if (helper && options.dryRun !== true)
    keepToken(cacheFile(around, { ...record, settings: [], files: [] }), { token, expiresAt });
  if (options.dryRun === true) print("Nothing was changed; this would be:\n");
  print(describeChanges(changes, token));
  for (const note of [...notes, ...winners(tool, around)]) print(`${note}\n`);
  if (options.dryRun !== true) print(`${tool.name} uses ${target.url}${until(helper, expiresAt)}\n`);
}

function winners({ name, beatenBy = [] }: Tool, { env }: Around): string[] {
  const set = beatenBy.filter((variable) => env[variable]);
  return set.map((variable) => `Careful: ${variable} is set here, and ${name} takes it before its files.`);
}

function until(helper: boolean, expiresAt: number): string {
  if (helper) return " and asks for a new token when it needs one";
  return expiresAt > 0 ? ` until ${printTime(expiresAt)}; the same command renews it` : "";
}

function checkOptions(tool: Tool, options: LoginOptions, variable: string | undefined): void {
  const asked: Readonly<Record<Feature, boolean>> = {
    scope: options.scope !== undefined,
    extra: options.extra === true,
    project: options.project === true,
    variable: variable !== undefined,
    helper: options.helper === true,
  };
  for (const feature of ["scope", "extra", "project", "variable", "helper"] as const) {
    if (!asked[feature] || tool.takes.includes(feature)) continue;
    const others = [...TOOLS.values()].filter(({ takes }) => takes.includes(feature)).map(({ name }) => name);
    const flag = feature === "variable" ? "token-env" : feature;
    throw new LoginError(
      `${tool.name} has no --${flag}: ${tool.instead?.[feature] ?? `${others.join(", ")} have`}`,
    );
  }
  if (variable !== undefined && !/^[A-Za-z_]\w*$/.test(variable))
    throw new LoginError(`'${variable}' is no variable's name`);
  if (variable !== undefined && options.helper === true)
    throw new LoginError("--token-env and --helper exclude each other");
  if (options.name !== undefined && !/^[A-Za-z0-9][\w.-]{0,99}$/.test(options.name))
    throw new LoginError(`'${options.name}' cannot be a name: letters, digits, and ._- after the first`);
  const { durationSeconds: duration } = options;
  if (duration !== undefined && !/^\d{1,6}$/.test(duration))
    throw new LoginError("--duration-seconds is 0, or from 900 to 43200");
}

/** From standard input, or from the environment where no source of AWS credentials was named. */
async function givenToken(options: LoginOptions, { env }: Around): Promise<string | undefined> {
  const named = options.profile !== undefined || options.credentials !== undefined;
  const token =
    options.tokenStdin === true
      ? (await text(process.stdin)).trim()
      : named
        ? undefined
        : env[TOKEN_VARIABLE] || undefined;
  if (token === undefined) return undefined;
  if (!/^[\x21-\x7e]{1,8192}$/.test(token))
    throw new LoginError("what was given is no token: one line of printable characters");
  if (options.helper === true)
    throw new LoginError(
      "--helper needs AWS credentials to ask with; a token that is given is written as it is",
    );
  return token;
}

function targetOf(
  tool: Tool,
  options: LoginOptions,
  around: Around,
  token: string | undefined,
): Promise<Target> {
  const { domain, domainOwner, repository, profile, credentials, endpointUrl, region, durationSeconds } =
    options;
  const wanted = {
    domain,
    owner: domainOwner,
    repository,
    format: tool.format,
    profile,
    credentials,
    endpointUrl,
    region,
    token,
  };
  return findTarget(
    around,
    { ...wanted, durationSeconds: durationSeconds === undefined ? undefined : Number(durationSeconds) },
    askOverHttp,
  );
}

async function tokenFor(
  target: Target,
  given: string | undefined,
  reference: boolean,
  dryRun: boolean,
): Promise<{ token: string; expiresAt: number }> {
  if (given !== undefined) return { token: given, expiresAt: 0 };
  if (reference) return { token: "", expiresAt: 0 };
  if (target.fetchToken === undefined)
    throw new LoginError(
      "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a --profile or --credentials data/credentials, or give a token with --token-stdin",
    );
  // A dry run asks for none: nothing that could be shown, nothing that would have to be revoked.
  return dryRun ? { token: PLACEHOLDER, expiresAt: 0 } : target.fetchToken();
}

function recordOf(
  tool: Tool,
  options: LoginOptions,
  target: Target,
  around: Around,
  scope: string | undefined,
): NewLogin {
  const { domain, repository, region, durationSeconds } = options;
  const { profile, credentials } = keysOf(options, around);
  const source = {
    endpointUrl: target.endpointUrl,
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? {} : { profile }),
    ...(credentials === undefined ? {} : { credentials: resolve(around.cwd, credentials) }),
    ...(durationSeconds === undefined ? {} : { durationSeconds: Number(durationSeconds) }),
  };
  return {
    tool: tool.name,
    format: tool.format,
    domain,
    owner: target.owner,
    repository,
    url: target.url,
    source,
    ...(scope === undefined ? {} : { scope }),
    ...(options.project === true ? { project: around.cwd } : {}),
  };
}

/** A build in another shell should find the same keys; those of the environment it must bring along. */
function keysOf(
  options: LoginOptions,
  { env }: Around,
): { profile: string | undefined; credentials: string | undefined } {
  const { profile, credentials } = options;
  if (profile !== undefined || credentials !== undefined || env.AWS_ACCESS_KEY_ID || env.AWS_ROLE_ARN)
    return { profile, credentials };
  return { profile: env.AWS_PROFILE || undefined, credentials: env.AWS_SHARED_CREDENTIALS_FILE || undefined };
}

async function logout(name: string, options: LogoutOptions): Promise<void> {
  const { name: tool } = toolNamed(name);
  const around = readAround();
  const scope = bareScope(options.scope);
  const { done, changes } = performLogout(
    around,
    (login) =>
      login.tool === tool &&
      (options.domain ?? login.domain) === login.domain &&
      (options.repository ?? login.repository) === login.repository &&
      (scope ?? login.scope) === login.scope &&
      (login.project === undefined ? options.project !== true : login.project === around.cwd),
    options.dryRun === true,
  );
  if (done.length === 0) throw new LoginError(`no login of ${tool} is known here that could be undone`);
  if (options.dryRun === true) print("Nothing was changed; this would be:\n");
  else for (const each of done) forgetToken(cacheFile(around, each));
  print(describeChanges(changes, ""));
}
