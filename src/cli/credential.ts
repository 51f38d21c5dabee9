// `portcullis credential`: what package managers call when they need a token, each in its own protocol.
import { createInterface } from "node:readline";
import { Command } from "commander";
import { print } from "./database.ts";
import type { Token } from "./login/api.ts";
import { askOverHttp } from "./login/api.ts";
import { readAround } from "./login/around.ts";
import type { Login } from "./login/record.ts";
import { loadLogins, loginFor } from "./login/record.ts";
import { findTarget } from "./login/target.ts";
import { cachedToken, cacheFile, keepToken } from "./login/token-cache.ts";
import type { Around } from "./login/tool.ts";
import { LoginError } from "./login/tool.ts";

export function credentialCommand(): Command {
  return new Command("credential")
    .description("hand a token to a package manager that login has set up to ask for it")
    .addCommand(
      new Command("token")
        .description("print a token for a repository's address")
        .argument("<URL>")
        .action(async (url: string) => print(`${(await tokenFor(readAround(), url)).token}\n`)),
    )
    .addCommand(
      new Command("keyring")
        .description(
          "the command line of Python's keyring, for pip and uv with --keyring-provider subprocess",
        )
        .argument("<COMMAND>", "get")
        .argument("<URL>")
        .argument("[USER]")
        .option("--mode <MODE>")
        .option("--output <FORMAT>")
        .action(keyring),
    )
    .addCommand(
      new Command("cargo")
        .description("cargo's credential provider, and cargo:token-from-stdout")
        .option("--cargo-plugin")
        .action((options: { cargoPlugin?: boolean }) =>
          options.cargoPlugin === true ? cargoPlugin() : cargoToken(),
        ),
    );
}

/**
 * Only for addresses that a login was made for: a token, or a request for one, must not go where a stranger's project
 * file points.
 */
async function tokenFor(around: Around, address: string): Promise<Token> {
  const login = loginFor(loadLogins(around), address);
  if (login === undefined)
    throw new UnknownAddress(`no login is known for ${address}; run portcullis login first`);
  const { PORTCULLIS_TOKEN: given } = around.env;
  if (given) return { token: given, expiresAt: 0 };
  const file = cacheFile(around, login);
  const known = cachedToken(file, Date.now());
  if (known !== undefined) return known;
  const fresh = await fetchToken(around, login);
  keepToken(file, fresh);
  return fresh;
}

class UnknownAddress extends LoginError {}

async function fetchToken(around: Around, login: Login): Promise<Token> {
  const { domain, owner, repository, format, source } = login;
  const { endpointUrl, region, profile, credentials, durationSeconds } = source;
  const wanted = {
    domain,
    owner: owner || undefined,
    repository,
    format,
    endpointUrl,
    region,
    profile,
    credentials,
    durationSeconds,
  };
  const { fetchToken: fetcher } = await findTarget(around, { ...wanted, token: undefined }, askOverHttp);
  if (fetcher === undefined) throw new LoginError("there are no AWS credentials to ask for a token with");
  return fetcher();
}

/** keyring's own behaviour: what it does not know is exit code 1 and silence. */
async function keyring(
  command: string,
  url: string,
  user: string | undefined,
  options: { mode?: string; output?: string },
): Promise<void> {
  if (command !== "get")
    throw new LoginError(`keyring ${command} is not served here: tokens are fetched, not stored`);
  try {
    const { token } = await tokenFor(readAround(), url);
    if (options.output === "json") print(`${JSON.stringify({ username: user ?? "aws", password: token })}\n`);
    else print(options.mode === "creds" ? `${user ?? "aws"}\n${token}\n` : `${token}\n`);
  } catch (error) {
    if (!(error instanceof UnknownAddress)) throw error;
    process.exitCode = 1;
  }
}

/** cargo says in variables which registry it is. */
async function cargoToken(): Promise<void> {
  const around = readAround();
  const url = around.env.CARGO_REGISTRY_INDEX_URL;
  if (!url)
    throw new LoginError("cargo sets CARGO_REGISTRY_INDEX_URL; without it there is nothing to answer");
  print(`Bearer ${(await tokenFor(around, url)).token}\n`);
}

interface CargoRequest {
  readonly kind?: string;
  readonly registry?: { readonly "index-url"?: string };
}

/** cargo's protocol, version 1: a JSON message by line, until cargo closes the pipe. */
async function cargoPlugin(): Promise<void> {
  print(`${JSON.stringify({ v: [1] })}\n`);
  for await (const line of createInterface({ input: process.stdin }))
    if (line.trim() !== "") print(`${JSON.stringify(await cargoAnswer(line))}\n`);
}

async function cargoAnswer(line: string): Promise<unknown> {
  try {
    const { kind, registry } = JSON.parse(line) as CargoRequest;
    if (kind !== "get") return { Err: { kind: "operation-not-supported" } };
    const { token, expiresAt } = await tokenFor(readAround(), registry?.["index-url"] ?? "");
    const cache =
      expiresAt > 0 ? { cache: "expires", expiration: Math.floor(expiresAt / 1000) } : { cache: "session" };
    return { Ok: { kind: "get", token: `Bearer ${token}`, ...cache, operation_independent: true } };
  } catch (error) {
    if (error instanceof UnknownAddress) return { Err: { kind: "url-not-supported" } };
    return { Err: { kind: "other", message: (error as Error).message, "caused-by": [] } };
  }
}
