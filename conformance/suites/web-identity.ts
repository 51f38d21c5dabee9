// A job of a build system trades its OpenID Connect token for credentials, through the credential chain of boto3 and the AWS CLI, and publishes the one package it may.
import assert from "node:assert/strict";
import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createDomain, type Domain } from "../api.ts";
import { awsEnv, awsPython } from "../clients/python.ts";
import { publishBody } from "../packages.ts";
import { failedSaying, plainEnv, run, succeeded } from "../processes.ts";
import { program, type Server } from "../server.ts";
import type { Stage } from "../suite.ts";
import { send } from "../wire.ts";

const ACCOUNT = "000000000000";
const AUDIENCE = "sts.amazonaws.com";
const SUBJECT = "repo:acme/app:ref:refs/heads/main";

interface Issuer {
  readonly url: string;
  /** A token as GitHub Actions gives one. */
  token(claims?: Readonly<Record<string, unknown>>): string;
  close(): void;
}

export async function webIdentity(stage: Stage): Promise<void> {
  const server = await stage.server("server");
  const issuer = await startIssuer();
  try {
    await play(stage, server, issuer);
  } finally {
    issuer.close();
  }
}

async function play(stage: Stage, server: Server, issuer: Issuer): Promise<void> {
  const { checks, folder } = stage;
  const domain = await createDomain(server);
  await domain.createRepository({ name: "repo" });
  const arn = await trust(folder, server, issuer, domain);
  await checks.check("a role that trusts GitHub without a condition on the subject is refused", async () => {
    const statement = {
      Effect: "Allow",
      Principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/token.actions.githubusercontent.com` },
      Action: "sts:AssumeRoleWithWebIdentity",
    };
    const file = write(folder, "open.json", { Version: "2012-10-17", Statement: [statement] });
    const made = await portcullis(folder, server, "role", "create", "open", "--trust", file);
    failedSaying(made, /githubusercontent\.com:sub/);
  });
  for (const [tool, call] of [
    ["boto3", boto3Token],
    ["the AWS CLI", cliToken],
  ] as const) {
    await checks.check(`${tool}: a job's token publishes one package and is refused another`, async () => {
      const token = await call(stage, server, domain, arn, issuer.token());
      const name = tool === "boto3" ? "1.0.0" : "1.0.1";
      const { url } = await domain.registry("repo");
      assert.match(String(await publish(url, token, "@acme/app", name)), /^20[01]$/);
      assert.equal(await publish(url, token, "@acme/other", name), 403);
      assert.deepEqual(await domain.versions("repo", "@acme/other"), []);
    });
    await checks.check(`${tool}: another repository's job is refused, with AWS's error`, async () => {
      const stranger = issuer.token({ sub: "repo:evil/app:ref:refs/heads/main" });
      await assert.rejects(call(stage, server, domain, arn, stranger), /AccessDenied/);
    });
    await checks.check(`${tool}: an expired token and one for somebody else are refused`, async () => {
      const past = Math.floor(Date.now() / 1000) - 600;
      await assert.rejects(call(stage, server, domain, arn, issuer.token({ exp: past })), /ExpiredToken/);
      await assert.rejects(
        call(stage, server, domain, arn, issuer.token({ aud: "another" })),
        /InvalidIdentityToken/,
      );
    });
  }
  await checks.check("a revoked session's token opens nothing any more, at once", async () => {
    const token = await boto3Token(stage, server, domain, arn, issuer.token());
    const { url } = await domain.registry("repo");
    const ping = async () =>
      (await send(`${url}@acme%2fapp`, { headers: { authorization: `Bearer ${token}` } })).status;
    assert.equal(await ping(), 200);
    const listed = succeeded(await portcullis(folder, server, "session", "list"));
    assert.match(listed.stdout, /^ASIA\w{16} +ci /m);
    assert.ok(listed.stdout.includes(SUBJECT), listed.stdout);
    succeeded(await portcullis(folder, server, "session", "revoke", "--role", "ci"));
    assert.equal(await ping(), 401);
  });
}

/** As an operator would: the issuer, then the role. Gives the role's ARN. */
async function trust(folder: string, server: Server, issuer: Issuer, domain: Domain): Promise<string> {
  const oidc = ["oidc", "create", issuer.url, "--audience", AUDIENCE];
  const provider = succeeded(await portcullis(folder, server, ...oidc)).stdout.trim();
  const host = issuer.url.slice("http://".length);
  const trusted = write(folder, "trust.json", {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Federated: provider },
        Action: "sts:AssumeRoleWithWebIdentity",
        Condition: {
          StringEquals: { [`${host}:aud`]: AUDIENCE },
          StringLike: { [`${host}:sub`]: "repo:acme/app:*" },
        },
      },
    ],
  });
  const arn = `arn:aws:codeartifact:us-east-1:${ACCOUNT}`;
  const allowed = write(folder, "policy.json", {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: ["codeartifact:GetAuthorizationToken", "sts:GetServiceBearerToken"],
        Resource: "*",
      },
      {
        Effect: "Allow",
        Action: "codeartifact:ReadFromRepository",
        Resource: `${arn}:repository/${domain.name}/repo`,
      },
      {
        Effect: "Allow",
        Action: "codeartifact:PublishPackageVersion",
        Resource: `${arn}:package/${domain.name}/repo/npm/acme/app`,
      },
    ],
  });
  const role = ["role", "create", "ci", "--trust", trusted, "--policy", allowed];
  return succeeded(await portcullis(folder, server, ...role)).stdout.trim();
}

function write(folder: string, name: string, document: object): string {
  const path = join(folder, name);
  writeFileSync(path, JSON.stringify(document));
  return path;
}

function portcullis(folder: string, { place }: Server, ...args: string[]) {
  return run([program, ...args, ...place], { cwd: folder, env: plainEnv() });
}

type TokenCall = (
  stage: Stage,
  server: Server,
  domain: Domain,
  role: string,
  token: string,
) => Promise<string>;

/** A package manager's token by the SDK's own chain: nothing but the role, the file and the addresses is told. */
const boto3Token: TokenCall = (stage, server, domain, role, token) =>
  call(stage, server, role, token, [
    "-c",
    `import boto3; print(boto3.client("codeartifact").get_authorization_token(domain="${domain.name}")["authorizationToken"])`,
  ]);

const cliToken: TokenCall = (stage, server, domain, role, token) =>
  call(stage, server, role, token, [
    ..."-m awscli codeartifact get-authorization-token --query authorizationToken --output text".split(" "),
    "--domain",
    domain.name,
  ]);

async function call(
  { folder }: Stage,
  server: Server,
  role: string,
  token: string,
  args: readonly string[],
): Promise<string> {
  const python = await awsPython();
  // The CLI keeps credentials of roles in its home.
  const home = join(folder, `home-${(homes += 1)}`);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "token"), token);
  const { AWS_ACCESS_KEY_ID: _, AWS_SECRET_ACCESS_KEY: __, ...env } = awsEnv(server, home);
  const told = {
    ...env,
    AWS_ROLE_ARN: role,
    AWS_ROLE_SESSION_NAME: "job-1",
    AWS_WEB_IDENTITY_TOKEN_FILE: join(home, "token"),
    AWS_ENDPOINT_URL_STS: server.endpoint,
    AWS_MAX_ATTEMPTS: "1",
  };
  const { code, stdout, output } = await run([python, ...args], { cwd: home, env: told });
  if (code !== 0) throw new Error(output);
  return stdout.trim();
}

let homes = 0;

async function publish(url: string, token: string, name: string, version: string): Promise<number> {
  const { body } = await publishBody({ name, version }, url);
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return (await send(`${url}${name.replace("/", "%2f")}`, { method: "PUT", headers, body })).status;
}

async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const keys = [{ ...publicKey.export({ format: "jwk" }), kid: "one", alg: "RS256", use: "sig" }];
  const server = createServer((req, res) => {
    const documents: Record<string, object> = {
      "/.well-known/openid-configuration": { issuer: url, jwks_uri: `${url}/keys` },
      "/keys": { keys },
    };
    const document = documents[req.url ?? ""];
    res.writeHead(document === undefined ? 404 : 200, { "content-type": "application/json" });
    res.end(JSON.stringify(document ?? {}));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    token: (claims) => sign(privateKey, { ...jobClaims(url), ...claims }),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function jobClaims(iss: string): object {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss,
    aud: AUDIENCE,
    sub: SUBJECT,
    iat: now,
    nbf: now - 600,
    exp: now + 300,
    repository: "acme/app",
    repository_owner: "acme",
    ref: "refs/heads/main",
    workflow: "publish",
    actor: "anna",
  };
}

function sign(key: KeyObject, claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ typ: "JWT", alg: "RS256", kid: "one" })}.${part(claims)}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(key, "base64url")}`;
}
