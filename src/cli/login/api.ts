// The calls that a login makes: STS for keys, GetAuthorizationToken, GetRepositoryEndpoint.
import type { Settings } from "./credentials.ts";
import type { AwsKeys } from "./sign.ts";
import { sign } from "./sign.ts";
import { LoginError } from "./tool.ts";

/** How requests are sent: fetch, with a time limit. */
export type Ask = (
  url: URL,
  init: { method: string; headers: Record<string, string>; body?: string },
) => Promise<Response>;

const TIMEOUT_MS = 30_000;

/** Throws LoginError when nothing answers. Redirects are not followed: they would carry a signature elsewhere. */
export const askOverHttp: Ask = async (url, init) => {
  try {
    return await fetch(url, { ...init, redirect: "error", signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const cause = (error as { cause?: NodeJS.ErrnoException }).cause;
    throw new LoginError(
      `nothing answers at ${url.origin} (${cause?.code ?? cause?.message ?? (error as Error).message}): is the server running there? --endpoint-url or AWS_ENDPOINT_URL_CODEARTIFACT says where it is`,
    );
  }
};

export interface Domain {
  readonly domain: string;
  /** Undefined: the caller's own account. */
  readonly owner: string | undefined;
}

export interface Token {
  readonly token: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** `durationSeconds` 0 is sent too: the token then lives as long as the caller's credentials (spec 6.1.1, 8.9.2). */
export async function getToken(
  settings: Settings,
  ask: Ask,
  keys: AwsKeys,
  { domain, owner }: Domain,
  durationSeconds: number | undefined,
): Promise<Token> {
  const query = {
    domain,
    "domain-owner": owner,
    duration: durationSeconds === undefined ? undefined : String(durationSeconds),
  };
  const answer = await call(settings, ask, keys, "POST", "/v1/authorization-token", query);
  const { authorizationToken: token, expiration } = answer;
  if (typeof token !== "string" || typeof expiration !== "number")
    throw new LoginError("the answer of GetAuthorizationToken holds no token");
  return { token, expiresAt: expiration * 1000 };
}

export async function getEndpoint(
  settings: Settings,
  ask: Ask,
  keys: AwsKeys,
  { domain, owner }: Domain,
  repository: string,
  format: string,
): Promise<string> {
  const query = { domain, "domain-owner": owner, repository, format };
  const { repositoryEndpoint: url } = await call(
    settings,
    ask,
    keys,
    "GET",
    "/v1/repository/endpoint",
    query,
  );
  if (typeof url !== "string") throw new LoginError("the answer of GetRepositoryEndpoint holds no address");
  return url;
}

async function call(
  settings: Settings,
  ask: Ask,
  keys: AwsKeys,
  method: string,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, unknown>> {
  const url = new URL(settings.endpointUrl + path);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, value);
  const headers = sign(
    { method, url, body: "", service: "codeartifact", region: settings.region },
    keys,
    Date.now(),
  );
  const response = await ask(url, { method, headers });
  const text = await response.text();
  if (response.ok) return readJson(text, url);
  const type = response.headers.get("x-amzn-errortype")?.replace(/:.*/, "") ?? `status ${response.status}`;
  throw new LoginError(`${url.origin} refused: ${type}: ${messageIn(readJson(text, url, true))}`);
}

function messageIn({ message }: Record<string, unknown>): string {
  return typeof message === "string" ? message : "no reason given";
}

function readJson(text: string, url: URL, lenient = false): Record<string, unknown> {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer === "object" && answer !== null) return answer as Record<string, unknown>;
  } catch {
    // said below
  }
  if (lenient) return {};
  throw new LoginError(`what answers at ${url.origin} is no CodeArtifact API`);
}

/** Temporary keys by the query protocol; AssumeRoleWithWebIdentity is not signed. */
export async function askSts(
  settings: Settings,
  ask: Ask,
  input: Readonly<Record<string, string>>,
  keys: AwsKeys | undefined,
): Promise<AwsKeys> {
  const url = new URL(`${settings.stsUrl}/`);
  const body = new URLSearchParams({ ...input, Version: "2011-06-15" }).toString();
  const contentType = "application/x-www-form-urlencoded; charset=utf-8";
  const request = { method: "POST", url, body, contentType, service: "sts", region: settings.region };
  const headers = keys === undefined ? { "content-type": contentType } : sign(request, keys, Date.now());
  const response = await ask(url, { method: "POST", headers, body });
  const text = await response.text();
  const field = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? "";
  if (!response.ok)
    throw new LoginError(`${url.origin} refused ${input.Action}: ${field("Code")}: ${field("Message")}`);
  const [accessKeyId, secretAccessKey, sessionToken] = ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(
    field,
  );
  if (!accessKeyId || !secretAccessKey || !sessionToken)
    throw new LoginError(`the answer of ${input.Action} holds no keys`);
  return { accessKeyId, secretAccessKey, sessionToken };
}
