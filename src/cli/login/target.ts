// From what the command line says to an address and a token.
import type { Ask, Token } from "./api.ts";
import { getEndpoint, getToken } from "./api.ts";
import type { Settings, Source } from "./credentials.ts";
import { findKeys, readSettings } from "./credentials.ts";
import type { AwsKeys } from "./sign.ts";
import type { Around } from "./tool.ts";
import { LoginError } from "./tool.ts";

export interface Wanted extends Source {
  readonly domain: string;
  readonly owner: string | undefined;
  readonly repository: string;
  readonly format: string;
  readonly endpointUrl: string | undefined;
  readonly region: string | undefined;
  readonly durationSeconds: number | undefined;
  /** A token that was given; no other is asked for then. */
  readonly token: string | undefined;
}

export interface Target {
  /** Ends in `/`. */
  readonly url: string;
  readonly owner: string;
  readonly endpointUrl: string;
  /** Undefined without credentials. */
  readonly fetchToken: (() => Promise<Token>) | undefined;
}

const OWNER_DEFAULT = "000000000000";

/** Asks GetRepositoryEndpoint where there are credentials for it; the path form of spec 8.0.3 is known without. */
export async function findTarget(around: Around, wanted: Wanted, ask: Ask): Promise<Target> {
  const settings = readSettings(around, wanted, wanted);
  const named = wanted.profile !== undefined || wanted.credentials !== undefined;
  const keys =
    wanted.token === undefined || named ? await findKeys(around, wanted, settings, ask) : undefined;
  const url = checkedEndpoint(
    keys === undefined
      ? pathForm(settings, wanted)
      : await getEndpoint(settings, ask, keys, wanted, wanted.repository, wanted.format),
  );
  return {
    url,
    owner: wanted.owner ?? ownerIn(url, wanted.domain) ?? "",
    endpointUrl: settings.endpointUrl,
    fetchToken: keys === undefined ? undefined : fetcher(settings, ask, keys, wanted),
  };
}

function fetcher(settings: Settings, ask: Ask, keys: AwsKeys, wanted: Wanted): () => Promise<Token> {
  return () => getToken(settings, ask, keys, wanted, wanted.durationSeconds);
}

function pathForm(
  { endpointUrl }: Settings,
  { domain, owner = OWNER_DEFAULT, repository, format }: Wanted,
): string {
  if (!/^[a-z][a-z0-9-]*$/.test(domain)) throw new LoginError(`'${domain}' is no domain's name`);
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,99}$/.test(repository))
    throw new LoginError(`'${repository}' is no repository's name`);
  return `${endpointUrl}/${format}/d/${domain}-${owner}/${repository}/`;
}

/** It is written into scripts and settings: nothing but an address may be in it. */
function checkedEndpoint(url: string): string {
  if (!/^https?:\/\/[^\s'"\\<>{}$`@]+$/.test(url) || !URL.canParse(url))
    throw new LoginError("the server's answer is no address of a repository");
  return url.endsWith("/") ? url : `${url}/`;
}

function ownerIn(url: string, domain: string): string | undefined {
  return new RegExp(`[/]${domain}-(\\d{12})[./]`).exec(url)?.[1];
}
