// Where the caller's AWS credentials come from: a named file or profile, the environment, a web identity, the shared files.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Ask } from "./api.ts";
import { askSts } from "./api.ts";
import type { Profile } from "./aws-files.ts";
import { readProfile } from "./aws-files.ts";
import type { AwsKeys } from "./sign.ts";
import type { Around } from "./tool.ts";
import { LoginError } from "./tool.ts";

export interface Source {
  readonly profile: string | undefined;
  /** A file in shared-credentials form to use instead of the user's own. */
  readonly credentials: string | undefined;
}

/** The region, the endpoint and the keys that a source means. Keys are fetched when they are asked for. */
export interface Settings {
  readonly profile: Profile;
  readonly region: string;
  readonly endpointUrl: string;
  readonly stsUrl: string;
}

const ENDPOINT_DEFAULT = "http://127.0.0.1:8484";
const REGION_DEFAULT = "us-east-1";

export function readSettings(
  around: Around,
  source: Source,
  given: { readonly endpointUrl: string | undefined; readonly region: string | undefined },
): Settings {
  const { env } = around;
  const profile = readProfile(around, source.profile, source.credentials);
  const endpointUrl =
    given.endpointUrl ??
    env.AWS_ENDPOINT_URL_CODEARTIFACT ??
    env.AWS_ENDPOINT_URL ??
    profile.endpoint_url ??
    ENDPOINT_DEFAULT;
  return {
    profile,
    region: given.region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? profile.region ?? REGION_DEFAULT,
    endpointUrl: checkedUrl(endpointUrl),
    stsUrl: checkedUrl(given.endpointUrl ?? env.AWS_ENDPOINT_URL_STS ?? endpointUrl),
  };
}

function checkedUrl(url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new LoginError(`'${url}' is no endpoint: write --endpoint-url http://HOST:PORT`);
  return url.replace(/\/+$/, "");
}

/** In AWS's order; what was named on the command line comes first. Undefined: there are none. */
export async function findKeys(
  around: Around,
  source: Source,
  settings: Settings,
  ask: Ask,
): Promise<AwsKeys | undefined> {
  const { env } = around;
  const named = source.profile !== undefined || source.credentials !== undefined;
  if (!named && env.AWS_ACCESS_KEY_ID && env.AWS_SECRET_ACCESS_KEY)
    return keys(env.AWS_ACCESS_KEY_ID, env.AWS_SECRET_ACCESS_KEY, env.AWS_SESSION_TOKEN);
  if (!named && env.AWS_ROLE_ARN && env.AWS_WEB_IDENTITY_TOKEN_FILE)
    return assumeByWebIdentity(
      settings,
      ask,
      env.AWS_ROLE_ARN,
      env.AWS_WEB_IDENTITY_TOKEN_FILE,
      env.AWS_ROLE_SESSION_NAME,
    );
  return profileKeys(around, source, settings, ask, settings.profile, 0);
}

async function profileKeys(
  around: Around,
  source: Source,
  settings: Settings,
  ask: Ask,
  profile: Profile,
  depth: number,
): Promise<AwsKeys | undefined> {
  const {
    role_arn: role,
    web_identity_token_file: file,
    source_profile: from,
    role_session_name: session,
  } = profile;
  if (role !== undefined && file !== undefined)
    return assumeByWebIdentity(settings, ask, role, file, session);
  if (role !== undefined && from !== undefined && depth < 5) {
    const base = readProfile(around, from, source.credentials);
    // A profile may name itself, for its own keys.
    const own =
      base.role_arn === role
        ? keysIn(base)
        : await profileKeys(around, source, settings, ask, base, depth + 1);
    if (own === undefined)
      throw new LoginError(`the profile '${from}', which the role ${role} is taken on with, has no keys`);
    const input = {
      Action: "AssumeRole",
      RoleArn: role,
      RoleSessionName: session ?? "portcullis-login",
      ...(profile.external_id === undefined ? {} : { ExternalId: profile.external_id }),
    };
    return askSts(settings, ask, input, own);
  }
  return (
    keysIn(profile) ??
    (profile.credential_process === undefined ? undefined : runProcess(profile.credential_process))
  );
}

function keysIn(profile: Profile): AwsKeys | undefined {
  const { aws_access_key_id: id, aws_secret_access_key: secret, aws_session_token: session } = profile;
  return id === undefined || secret === undefined ? undefined : keys(id, secret, session);
}

function keys(accessKeyId: string, secretAccessKey: string, sessionToken: string | undefined): AwsKeys {
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

function assumeByWebIdentity(
  settings: Settings,
  ask: Ask,
  role: string,
  file: string,
  session = "portcullis-login",
): Promise<AwsKeys> {
  let token: string;
  try {
    token = readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new LoginError(`AWS_WEB_IDENTITY_TOKEN_FILE cannot be read: ${(error as Error).message}`);
  }
  const input = {
    Action: "AssumeRoleWithWebIdentity",
    RoleArn: role,
    RoleSessionName: session,
    WebIdentityToken: token,
  };
  return askSts(settings, ask, input, undefined);
}

/** As the AWS SDKs run it: a command line that prints keys as JSON. */
function runProcess(command: string): AwsKeys {
  try {
    const answer = JSON.parse(
      execFileSync("/bin/sh", ["-c", command], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }),
    ) as Record<string, string>;
    if (answer.AccessKeyId && answer.SecretAccessKey)
      return keys(answer.AccessKeyId, answer.SecretAccessKey, answer.SessionToken);
  } catch {
    // said below, without what it printed
  }
  throw new LoginError("the profile's credential_process gave no keys");
}
