// AssumeRoleWithWebIdentity from outside: whose tokens take on a role, what the session may, and every forged or misused token refused.
import { createHmac, type webcrypto } from "node:crypto";
import { Codeartifact } from "@aws-sdk/client-codeartifact";
import { AssumeRoleWithWebIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { exportSPKI, importJWK } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPrincipal } from "../src/identity/manage.ts";
import { createProvider } from "../src/identity/oidc-providers.ts";
import type { Database } from "../src/store/database.ts";
import { openDatabase } from "../src/store/database.ts";
import { listSessions, revokeSessions } from "../src/store/sessions.ts";
import { AUDIENCE, SUBJECT, startIssuer, type TestIssuer } from "./oidc-issuer.ts";
import { ACCOUNT, DOMAIN, startServer, type TestServer } from "./server.ts";

let server: TestServer;
let issuer: TestIssuer;
let database: Database;
let provider: string;

beforeAll(async () => {
  [server, issuer] = await Promise.all([startServer(), startIssuer()]);
  await Promise.all([issuer.addKey("rsa", "RS256"), issuer.addKey("ec", "ES256")]);
  await server.repository("repo");
  database = await openDatabase(server.database);
  provider = await trustIssuer(issuer.url);
  await role("ci", { StringEquals: { ":aud": AUDIENCE }, StringLike: { ":sub": "repo:acme/app:*" } });
});
afterAll(async () => {
  await database.close();
  await Promise.all([server.close(), issuer.close()]);
});

function trustIssuer(url: string): Promise<string> {
  const given = { account: ACCOUNT, url, audiences: [AUDIENCE], authorities: undefined, allowHttp: false };
  return database.write((tx) => createProvider(tx, "test", given));
}

/** Keys of conditions are the issuer's. */
async function role(
  name: string,
  condition: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  sessionSecondsMax = 3_600,
): Promise<void> {
  const host = issuer.url.slice("http://".length);
  const Condition = Object.fromEntries(
    Object.entries(condition).map(([operator, keys]) => [
      operator,
      Object.fromEntries(
        Object.entries(keys).map(([key, value]) => [key.startsWith(":") ? host + key : key, value]),
      ),
    ]),
  );
  const trust = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Federated: provider },
        Action: "sts:AssumeRoleWithWebIdentity",
        Condition,
      },
    ],
  });
  const repository = `arn:aws:codeartifact:us-east-1:${ACCOUNT}:repository/${DOMAIN}/repo`;
  const policy = {
    Statement: [
      {
        Effect: "Allow" as const,
        Action: ["codeartifact:GetAuthorizationToken", "sts:GetServiceBearerToken"],
        Resource: "*",
      },
      { Effect: "Allow" as const, Action: "codeartifact:ReadFromRepository", Resource: repository },
      {
        Effect: "Allow" as const,
        Action: ["codeartifact:PublishPackageVersion", "codeartifact:PutPackageMetadata"],
        Resource: `arn:aws:codeartifact:us-east-1:${ACCOUNT}:package/${DOMAIN}/repo/npm/acme/app`,
      },
    ],
  };
  await database.write((tx) =>
    createPrincipal(
      tx,
      "test",
      { kind: "role", account: ACCOUNT, name },
      { attached: [], policies: [policy], trust, sessionSecondsMax },
      Date.now(),
    ),
  );
}

async function assume(token: string, more: Record<string, string> = {}) {
  const body = new URLSearchParams({
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: `arn:aws:iam::${ACCOUNT}:role/ci`,
    RoleSessionName: "run-7",
    WebIdentityToken: token,
    ...more,
  });
  const answer = await fetch(`${server.url}/`, { method: "POST", body });
  const text = await answer.text();
  const of = (tag: string) => new RegExp(`<${tag}>([^<]*)<`).exec(text)?.[1] ?? "";
  return { status: answer.status, text, of, told: [answer.status, of("Code")] };
}

function clientOf(answer: Awaited<ReturnType<typeof assume>>): Codeartifact {
  const credentials = {
    accessKeyId: answer.of("AccessKeyId"),
    secretAccessKey: answer.of("SecretAccessKey"),
    sessionToken: answer.of("SessionToken"),
  };
  return new Codeartifact({ endpoint: server.url, region: "us-east-1", credentials, maxAttempts: 1 });
}

describe("a token of a trusted issuer", () => {
  test.each(["rsa", "ec"])(
    "signed with the %s key takes on the role, and is answered as AWS does",
    async (kid) => {
      const answer = await assume(await issuer.token(kid));
      expect(answer.told).toEqual([200, ""]);
      expect(answer.of("SubjectFromWebIdentityToken")).toBe(SUBJECT);
      expect(answer.of("Audience")).toBe(AUDIENCE);
      expect(answer.of("Provider")).toBe(issuer.url);
      expect(answer.of("Arn")).toBe(`arn:aws:sts::${ACCOUNT}:assumed-role/ci/run-7`);
      expect(answer.of("AssumedRoleId")).toMatch(/^AROA\w{17}:run-7$/);
      expect(answer.of("AccessKeyId")).toMatch(/^ASIA\w{16}$/);
    },
  );

  test("publishes the one package that the role may, and is refused another", async () => {
    const sts = new STSClient({ endpoint: server.url, region: "us-east-1" });
    const { Credentials } = await sts.send(
      new AssumeRoleWithWebIdentityCommand({
        RoleArn: `arn:aws:iam::${ACCOUNT}:role/ci`,
        RoleSessionName: "run-8",
        WebIdentityToken: await issuer.token("rsa"),
      }),
    );
    const client = new Codeartifact({
      endpoint: server.url,
      region: "us-east-1",
      credentials: {
        accessKeyId: Credentials?.AccessKeyId as string,
        secretAccessKey: Credentials?.SecretAccessKey as string,
        sessionToken: Credentials?.SessionToken as string,
      },
    });
    const { authorizationToken } = await client.getAuthorizationToken({ domain: DOMAIN });
    const { publishBody } = await import("./server.ts");
    const publish = async (name: string) => {
      const body = JSON.stringify(await publishBody(server.npmUrl("repo"), { name, version: "1.0.0" }));
      const headers = { authorization: `Bearer ${authorizationToken}`, "content-type": "application/json" };
      return (await server.npm("repo", name.replace("/", "%2f"), { method: "PUT", headers, body })).status;
    };
    expect([await publish("@acme/app"), await publish("@acme/other")]).toEqual([201, 403]);
  });

  test("a session policy narrows it; what is no policy, and what is too long, is refused", async () => {
    const Policy = JSON.stringify({
      Statement: { Effect: "Allow", Action: "codeartifact:GetAuthorizationToken", Resource: "*" },
    });
    const narrow = clientOf(await assume(await issuer.token("rsa"), { Policy }));
    await expect(narrow.getAuthorizationToken({ domain: DOMAIN })).rejects.toMatchObject({
      message: expect.stringMatching(/session policy/),
    });
    expect((await assume(await issuer.token("rsa"), { Policy: "{" })).told).toEqual([
      400,
      "MalformedPolicyDocument",
    ]);
    expect((await assume(await issuer.token("rsa"), { Policy: Policy + " ".repeat(2_048) })).told).toEqual([
      400,
      "PackedPolicyTooLarge",
    ]);
    const named = { "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/reader" };
    expect((await assume(await issuer.token("rsa"), named)).status).toBe(200);
    const unknown = { "PolicyArns.member.1.arn": `arn:aws:iam::${ACCOUNT}:policy/nothing` };
    expect((await assume(await issuer.token("rsa"), unknown)).told).toEqual([400, "ValidationError"]);
  });

  test("for as long as the role allows", async () => {
    const long = { DurationSeconds: "7200" };
    expect((await assume(await issuer.token("rsa"), long)).told).toEqual([400, "ValidationError"]);
    expect((await assume(await issuer.token("rsa"), { DurationSeconds: "60" })).told).toEqual([
      400,
      "ValidationError",
    ]);
    await role("long", { StringEquals: { ":sub": SUBJECT } }, 7_200);
    const RoleArn = `arn:aws:iam::${ACCOUNT}:role/long`;
    expect((await assume(await issuer.token("rsa"), { ...long, RoleArn })).status).toBe(200);
  });

  test("any claim may be asked for: strings, lists, true and false", async () => {
    await role("claims", {
      StringEquals: { ":repository": "acme/app", "sts:RoleSessionName": "run-7" },
      "ForAnyValue:StringEquals": { ":amr": ["hardware"] },
      Bool: { ":ref_protected": "true" },
    });
    const RoleArn = `arn:aws:iam::${ACCOUNT}:role/claims`;
    const claims = { amr: ["password", "hardware"], ref_protected: true };
    expect((await assume(await issuer.token("rsa", claims), { RoleArn })).status).toBe(200);
    for (const wrong of [{ ...claims, amr: ["password"] }, { ...claims, ref_protected: false }, {}])
      expect((await assume(await issuer.token("rsa", wrong), { RoleArn })).told).toEqual([
        403,
        "AccessDenied",
      ]);
  });

  test("a session is listed, and revoked with the tokens it made, at once", async () => {
    const answer = await assume(await issuer.token("rsa"), { RoleSessionName: "to-revoke" });
    const client = clientOf(answer);
    const { authorizationToken } = await client.getAuthorizationToken({ domain: DOMAIN });
    const headers = { authorization: `Bearer ${authorizationToken}` };
    expect((await server.npm("repo", "-/ping", { headers })).status).toBe(200);
    const id = answer.of("AccessKeyId");
    const listed = (await listSessions(database.read, Date.now())).find((session) => session.id === id);
    expect(listed).toMatchObject({
      role: "ci",
      name: "to-revoke",
      takenBy: `${issuer.url.slice("http://".length)}:${SUBJECT}`,
    });
    const ended = await database.write((tx) => revokeSessions(tx, { id }, Date.now()));
    expect(ended).toEqual({ sessions: [id], tokens: 1 });
    expect((await server.npm("repo", "-/ping", { headers })).status).toBe(401);
    await expect(client.getAuthorizationToken({ domain: DOMAIN })).rejects.toMatchObject({
      name: "UnrecognizedClientException",
    });
    expect((await listSessions(database.read, Date.now())).map((session) => session.id)).not.toContain(id);
  });
});

describe("a token that must not open anything", () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = async () => (await issuer.token("rsa")).split(".")[1] as string;

  test("alg none", async () => {
    for (const alg of ["none", "None", "NONE"])
      expect((await assume(`${part({ alg, kid: "rsa" })}.${await body()}.`)).told).toEqual([
        400,
        "InvalidIdentityToken",
      ]);
  });

  test("HS256 with the public key as the secret", async () => {
    const key = await importJWK(issuer.publicKey("rsa"), "RS256", { extractable: true });
    const secrets = [await exportSPKI(key as webcrypto.CryptoKey), JSON.stringify(issuer.publicKey("rsa"))];
    for (const secret of secrets) {
      const text = `${part({ alg: "HS256", kid: "rsa" })}.${await body()}`;
      const signature = createHmac("sha256", secret).update(text).digest("base64url");
      expect((await assume(`${text}.${signature}`)).told).toEqual([400, "InvalidIdentityToken"]);
    }
  });

  test("another key under a known name, and a changed claim", async () => {
    const other = await startIssuer();
    await other.addKey("rsa", "RS256");
    const forged = await other.token("rsa", { iss: issuer.url });
    expect((await assume(forged)).told).toEqual([400, "InvalidIdentityToken"]);
    const [header, , signature] = (await issuer.token("rsa")).split(".");
    const claims = {
      ...JSON.parse(Buffer.from(await body(), "base64url").toString()),
      sub: "repo:acme/app:x",
    };
    expect((await assume(`${header}.${part(claims)}.${signature}`)).told).toEqual([
      400,
      "InvalidIdentityToken",
    ]);
    await other.close();
  });

  test.each<[string, Record<string, unknown>, [number, string]]>([
    ["for another audience", { aud: "somebody-else" }, [400, "InvalidIdentityToken"]],
    ["without an audience", { aud: undefined }, [400, "InvalidIdentityToken"]],
    ["expired", { exp: Math.floor(Date.now() / 1000) - 90 }, [400, "ExpiredTokenException"]],
    ["without an end", { exp: undefined }, [403, "IDPRejectedClaim"]],
    ["not valid yet", { nbf: Math.floor(Date.now() / 1000) + 300 }, [403, "IDPRejectedClaim"]],
    ["issued in the future", { iat: Math.floor(Date.now() / 1000) + 300 }, [403, "IDPRejectedClaim"]],
    ["without a subject", { sub: undefined }, [403, "IDPRejectedClaim"]],
    ["of another issuer", { iss: "https://issuer.example" }, [400, "InvalidIdentityToken"]],
    ["of nearly this issuer", { iss: "with a slash" }, [400, "InvalidIdentityToken"]],
    ["of another repository", { sub: "repo:acme/app-evil:ref:refs/heads/main" }, [403, "AccessDenied"]],
    ["of another case", { sub: "repo:ACME/app:ref:refs/heads/main" }, [403, "AccessDenied"]],
  ])("%s", async (_, claims, told) => {
    const iss = claims.iss === "with a slash" ? { iss: `${issuer.url}/` } : {};
    expect((await assume(await issuer.token("rsa", { ...claims, ...iss }))).told).toEqual(told);
  });

  test("of the same host by another scheme", async () => {
    const iss = issuer.url.replace("http:", "https:");
    const answer = await assume(await issuer.token("rsa", { iss }));
    expect([...answer.told, answer.of("Message")]).toEqual([
      400,
      "InvalidIdentityToken",
      expect.stringMatching(/^No OpenIDConnect provider found/),
    ]);
  });

  test("whose issuer is away, or refuses to show its keys: try again, or not", async () => {
    for (const [status, told] of [
      [500, [400, "IDPCommunicationError"]],
      [403, [403, "IDPRejectedClaim"]],
    ] as const) {
      const away = await startIssuer();
      await away.addKey("rsa", "RS256");
      away.answer = (_, res) => {
        res.writeHead(status).end();
        return true;
      };
      await trustIssuer(away.url);
      expect((await assume(await away.token("rsa"))).told).toEqual(told);
      await away.close();
    }
  });

  test("naming keys that nobody has, however often: the issuer is asked once", async () => {
    await assume(await issuer.token("rsa"));
    const before = issuer.asked.keys;
    const flood = Array.from({ length: 30 }, async (_, i) =>
      assume(await issuer.token("rsa", {}, { kid: `unknown-${i}` })),
    );
    for (const answer of await Promise.all(flood)) expect(answer.told).toEqual([400, "InvalidIdentityToken"]);
    expect(issuer.asked.keys - before).toBeLessThanOrEqual(1);
  });

  test("clocks may be a minute apart", async () => {
    const now = Math.floor(Date.now() / 1000);
    for (const claims of [{ exp: now - 30 }, { iat: now + 30, nbf: now + 30 }])
      expect((await assume(await issuer.token("rsa", claims))).status).toBe(200);
  });

  test("a role that is not there, or trusts somebody else, is told alike; garbage is no token", async () => {
    const RoleArn = `arn:aws:iam::${ACCOUNT}:role/nothing`;
    expect((await assume(await issuer.token("rsa"), { RoleArn })).told).toEqual([403, "AccessDenied"]);
    for (const garbage of ["", "xx", "a.b.c", "x".repeat(30_000), `${part({ alg: "RS256" })}.e30.`])
      expect((await assume(garbage)).told, garbage.slice(0, 20)).toEqual([400, "InvalidIdentityToken"]);
    expect((await assume(await issuer.token("rsa"), { RoleArn: "role/ci" })).told).toEqual([
      400,
      "ValidationError",
    ]);
    expect((await assume(await issuer.token("rsa"), { ProviderId: "www.example.com" })).told).toEqual([
      400,
      "ValidationError",
    ]);
  });

  test("nor does a trust policy that names everybody, or an AWS principal of that name, let it in", async () => {
    for (const [name, Principal] of [
      ["everybody", "*"],
      ["everyone", { AWS: "*" }],
      ["denied", { Federated: provider }],
    ] as const) {
      const allow = { Effect: "Allow", Principal, Action: "sts:AssumeRoleWithWebIdentity" };
      const deny = { Effect: "Deny", Principal: "*", Action: "sts:*" };
      const trust = JSON.stringify({ Statement: name === "denied" ? [allow, deny] : [allow] });
      await database.write((tx) =>
        createPrincipal(
          tx,
          "test",
          { kind: "role", account: ACCOUNT, name },
          { attached: ["administrator"], policies: [], trust },
          Date.now(),
        ),
      );
      const RoleArn = `arn:aws:iam::${ACCOUNT}:role/${name}`;
      expect((await assume(await issuer.token("rsa"), { RoleArn })).told, name).toEqual([
        403,
        "AccessDenied",
      ]);
    }
  });

  test("a secret never reaches the audit: the token is not among the parameters", async () => {
    const token = await issuer.token("rsa");
    await assume(token);
    const rows = await database.read.selectFrom("journal").select("detail").execute();
    expect(JSON.stringify(rows)).not.toContain(token.slice(-40));
  });
});
