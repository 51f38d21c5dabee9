// Identities from outside: the command line beside a running server, STS, and tokens for less than everything.
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Codeartifact } from "@aws-sdk/client-codeartifact";
import aws4 from "aws4";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ACCOUNT, DOMAIN, startServer, type TestServer } from "./server.ts";

const BIN = resolve(import.meta.dirname, "../bin/portcullis");
const OTHER = "222222222222";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await server.repository("repo");
  await server.repository("second");
  await server.publish("repo", { name: "@acme/ui", version: "1.0.0" });
  await server.publish("repo", { name: "other", version: "1.0.0" });
});
afterAll(() => server.close());

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Promise<Ended> {
  const child = spawn(BIN, [...args, "--data", server.data], { stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((done) => child.once("close", (code) => done({ code, stdout, stderr })));
}

async function runs(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

function credentialsIn(text: string, profile: string): Credentials {
  const [, name, id, secret] =
    /^\[(.+)\]\naws_access_key_id = (\w{20})\naws_secret_access_key = (\S{40})\n$/.exec(text) ?? [];
  expect(name).toBe(profile);
  return { accessKeyId: id as string, secretAccessKey: secret as string };
}

const clientOf = (credentials: Credentials) =>
  new Codeartifact({ endpoint: server.url, region: "us-east-1", credentials, maxAttempts: 1 });

async function policyFile(name: string, document: object): Promise<string> {
  const path = join(server.data, `${name}.json`);
  await writeFile(path, JSON.stringify({ Version: "2012-10-17", ...document }));
  return path;
}

async function administrator(): Promise<Credentials> {
  return credentialsIn(await runs("key", "create", "administrator"), "administrator");
}

async function sts(credentials: Credentials, input: Record<string, string>) {
  const body = new URLSearchParams({ Version: "2011-06-15", ...input }).toString();
  const { host } = new URL(server.url);
  const signed = aws4.sign(
    {
      service: "sts",
      region: "us-east-1",
      method: "POST",
      host,
      path: "/",
      body,
      headers: { "content-type": "application/x-www-form-urlencoded" },
    },
    credentials,
  );
  const headers = Object.fromEntries(
    Object.entries(signed.headers ?? {}).filter(([name]) => !/^(host|content-length)$/i.test(name)),
  ) as Record<string, string>;
  const answer = await fetch(`${server.url}/`, { method: "POST", headers, body });
  const text = await answer.text();
  return {
    status: answer.status,
    text,
    of: (tag: string) => new RegExp(`<${tag}>([^<]*)<`).exec(text)?.[1] ?? "",
  };
}

describe("users", () => {
  test("a user made beside the running server may what its policy says, at once, and nothing after it is deleted", async () => {
    const client = clientOf(
      credentialsIn(await runs("user", "create", "jane", "--policy", "reader"), "jane"),
    );
    await client.describeDomain({ domain: DOMAIN });
    await expect(client.createDomain({ domain: "other" })).rejects.toMatchObject({
      name: "AccessDeniedException",
    });
    expect(await runs("user", "list")).toMatch(/^jane +000000000000 +reader +AKIA\w{16} /m);
    await runs("user", "delete", "jane");
    await expect(client.describeDomain({ domain: DOMAIN })).rejects.toMatchObject({
      name: "UnrecognizedClientException",
    });
  });

  test("a publisher publishes and does not administer; a FILE.json is a policy as well", async () => {
    const publisher = clientOf(
      credentialsIn(await runs("user", "create", "pub", "--policy", "publisher"), "pub"),
    );
    const token = (await publisher.getAuthorizationToken({ domain: DOMAIN })).authorizationToken as string;
    expect(
      (await server.npm("repo", "-/whoami", { headers: { authorization: `Bearer ${token}` } })).status,
    ).toBe(200);
    await expect(publisher.deleteRepository({ domain: DOMAIN, repository: "second" })).rejects.toMatchObject({
      name: "AccessDeniedException",
    });

    const file = await policyFile("lister", {
      Statement: { Effect: "Allow", Action: "codeartifact:ListDomains", Resource: "*" },
    });
    const lister = clientOf(
      credentialsIn(await runs("user", "create", "lister", "--policy", file), "lister"),
    );
    await lister.listDomains({});
    await expect(lister.describeDomain({ domain: DOMAIN })).rejects.toMatchObject({
      name: "AccessDeniedException",
    });
  });

  test("of another account, a user needs the domain's policy as well (6.2.5)", async () => {
    const foreign = clientOf(
      credentialsIn(
        await runs("user", "create", "bob", "--policy", "administrator", "--account", OTHER),
        "bob",
      ),
    );
    const repository = { domain: DOMAIN, domainOwner: ACCOUNT, repository: "repo" };
    await expect(foreign.listPackages(repository)).rejects.toMatchObject({ name: "AccessDeniedException" });
    const policyDocument = JSON.stringify({
      Statement: {
        Effect: "Allow",
        Principal: { AWS: OTHER },
        Action: [
          "codeartifact:List*",
          "codeartifact:GetAuthorizationToken",
          "codeartifact:ReadFromRepository",
        ],
        Resource: "*",
      },
    });
    await server.client.putDomainPermissionsPolicy({ domain: DOMAIN, policyDocument });
    expect((await foreign.listPackages(repository)).packages).toHaveLength(2);
    const { authorizationToken } = await foreign.getAuthorizationToken({
      domain: DOMAIN,
      domainOwner: ACCOUNT,
    });
    const headers = { authorization: `Bearer ${authorizationToken}` };
    expect((await server.npm("repo", "other", { headers })).status).toBe(200);
    // Permissions are asked at request time: the token's next request is refused (6.1.4).
    await server.client.deleteDomainPermissionsPolicy({ domain: DOMAIN });
    expect((await server.npm("repo", "other", { headers })).status).toBe(403);
  });

  test("a group's policy is its members'; a policy that is put again is new for all who have it", async () => {
    const file = await policyFile("team", {
      Statement: { Effect: "Allow", Action: "codeartifact:ListDomains", Resource: "*" },
    });
    await runs("policy", "create", "team-policy", file);
    await runs("group", "create", "team", "--policy", "team-policy");
    const client = clientOf(
      credentialsIn(await runs("user", "create", "member", "--group", "team"), "member"),
    );
    await client.listDomains({});
    await policyFile("team", {
      Statement: { Effect: "Allow", Action: "codeartifact:ListRepositories", Resource: "*" },
    });
    await runs("policy", "put", "team-policy", file);
    await client.listRepositories({});
    await expect(client.listDomains({})).rejects.toMatchObject({ name: "AccessDeniedException" });
    await runs("group", "remove", "team", "member");
    await expect(client.listRepositories({})).rejects.toMatchObject({ name: "AccessDeniedException" });
    expect((await run("policy", "delete", "team-policy")).stderr).toMatch(/attached to group 'team'/);
  });

  test("conditions on the address and on tags hold on every request", async () => {
    const from = (address: string) => ({
      Statement: {
        Effect: "Allow",
        Action: "codeartifact:ListDomains",
        Resource: "*",
        Condition: {
          IpAddress: { "aws:SourceIp": address },
          StringEquals: { "aws:PrincipalTag/team": "blue" },
        },
      },
    });
    const file = await policyFile("near", from("127.0.0.0/8"));
    const near = credentialsIn(
      await runs("user", "create", "near", "--policy", file, "--tag", "team=blue"),
      "near",
    );
    await clientOf(near).listDomains({});
    const red = credentialsIn(
      await runs("user", "create", "red", "--policy", file, "--tag", "team=red"),
      "red",
    );
    await expect(clientOf(red).listDomains({})).rejects.toMatchObject({ name: "AccessDeniedException" });
    const away = await policyFile("away", from("192.0.2.0/24"));
    const far = credentialsIn(
      await runs("user", "create", "far", "--policy", away, "--tag", "team=blue"),
      "far",
    );
    await expect(clientOf(far).listDomains({})).rejects.toMatchObject({ name: "AccessDeniedException" });
  });

  test.each<[string[], RegExp]>([
    [["user", "create", "x"], /give one/],
    [["user", "create", "x", "--policy", "wizard"], /no policy 'wizard'.*administrator, publisher, reader/],
    [["user", "create", "a b", "--policy", "reader"], /cannot be a user's name/],
    [["user", "create", "x", "--policy", "reader", "--account", "12"], /twelve digits/],
    [["user", "delete", "nobody"], /no user 'nobody' in account 000000000000/],
    [["user", "create", "administrator", "--policy", "reader"], /already/],
    [["key", "delete", "AKIANOBODY"], /no access key/],
    [["token", "create", "--domain", "nothing"], /no domain 'nothing'/],
    [["token", "create", "--domain", DOMAIN, "--repository", "nothing"], /no repository 'nothing'/],
    [["token", "create", "--domain", DOMAIN, "--actions", "write"], /'write' is no action/],
    [["token", "create", "--domain", DOMAIN, "--packages", "acme"], /'acme' is no pattern/],
    [["token", "create", "--domain", DOMAIN, "--packages", "npm/@a/b/c"], /'npm\/@a\/b\/c' is no pattern/],
    [
      ["token", "create", "--domain", DOMAIN, "--packages", "pypi/Foo_*"],
      /matches nothing: .*'pypi\/foo-\*'/,
    ],
    [["token", "revoke", "nothing"], /no token 'nothing'/],
  ])("%j is refused in one line", async (args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });
});

describe("tokens", () => {
  const get = async (token: string, path: string, repository = "repo") =>
    (await server.npm(repository, path, { headers: { authorization: `Bearer ${token}` } })).status;
  const publish = async (token: string, name: string) => {
    const { publishBody } = await import("./server.ts");
    const body = JSON.stringify(await publishBody(server.npmUrl("repo"), { name, version: "2.0.0" }));
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    return (await server.npm("repo", name.replace("/", "%2f"), { method: "PUT", headers, body })).status;
  };
  const create = async (...args: string[]) =>
    (await runs("token", "create", "--domain", DOMAIN, ...args)).trim();

  test("one repository only", async () => {
    const token = await create("--repository", "repo");
    expect(await get(token, "other")).toBe(200);
    expect(await get(token, "-/ping", "second")).toBe(403);
  });

  test("reading only", async () => {
    const token = await create("--actions", "read");
    expect(await get(token, "other")).toBe(200);
    expect(await publish(token, "new-one")).toBe(403);
  });

  test("some packages only: documents, tarballs, publishing; and no list of all", async () => {
    const token = await create("--packages", "npm/@acme/*");
    expect(await get(token, "@acme/ui")).toBe(200);
    expect(await get(token, "@acme/ui/-/ui-1.0.0.tgz")).toBe(200);
    expect(await get(token, "-/ping")).toBe(200);
    // What others have made hot is refused as well.
    expect((await server.npm("repo", "other")).status).toBe(200);
    for (const path of [
      "other",
      "other/1.0.0",
      "other/-/other-1.0.0.tgz",
      "-/package/other/dist-tags",
      "-/v1/search?text=o",
    ])
      expect(await get(token, path), path).toBe(403);
    expect(await publish(token, "@acme/fresh")).toBe(201);
    expect(await publish(token, "fresh")).toBe(403);
  });

  test("never more than its user", async () => {
    await runs("user", "create", "limited", "--policy", "reader");
    const token = await create("--user", "limited", "--actions", "read,publish");
    expect(await get(token, "other")).toBe(200);
    expect(await publish(token, "never")).toBe(403);
  });

  test("listed without its secret, and revoked at once", async () => {
    const token = await create("--label", "for the build", "--days", "400");
    const [id = ""] = token.split(".");
    expect(await get(token, "other")).toBe(200);
    const listed = JSON.parse(await runs("token", "list", "--json")) as Record<string, string>[];
    expect(listed.find((row) => row.id === id)).toMatchObject({
      label: "for the build",
      user: "administrator",
      domain: DOMAIN,
    });
    expect(JSON.stringify(listed)).not.toContain(token.slice(13));
    await runs("token", "revoke", id);
    expect(await get(token, "other")).toBe(401);
    expect(await runs("token", "list")).not.toContain(id);
  });
});

describe("STS", () => {
  test("GetCallerIdentity", async () => {
    const answer = await sts(await administrator(), { Action: "GetCallerIdentity" });
    expect(answer.status).toBe(200);
    expect([answer.of("Account"), answer.of("Arn")]).toEqual([
      ACCOUNT,
      `arn:aws:iam::${ACCOUNT}:user/administrator`,
    ]);
    expect(answer.of("UserId")).toMatch(/^AIDA\w{17}$/);
  });

  test("a wrong secret, an unknown action and a wrong version are errors in STS's form", async () => {
    const good = await administrator();
    const wrong = await sts({ ...good, secretAccessKey: "x" }, { Action: "GetCallerIdentity" });
    expect([wrong.status, wrong.of("Code")]).toEqual([403, "SignatureDoesNotMatch"]);
    const unknown = await sts(good, { Action: "Get<Me>" });
    expect([unknown.status, unknown.of("Code")]).toEqual([400, "InvalidAction"]);
    expect(unknown.text).not.toContain("Get<Me>");
    const old = await sts(good, { Action: "GetCallerIdentity", Version: "1999-01-01" });
    expect([old.status, old.of("Code")]).toEqual([400, "ValidationError"]);
  });

  test("AssumeRole: for whom the role trusts; the session may what the role may, at most what it was narrowed to", async () => {
    const trust = await policyFile("trust", {
      Statement: {
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${ACCOUNT}:user/deployer` },
        Action: "sts:AssumeRole",
      },
    });
    expect(await runs("role", "create", "ci", "--policy", "publisher", "--trust", trust)).toBe(
      `arn:aws:iam::${ACCOUNT}:role/ci\n`,
    );
    const assume = {
      Action: "AssumeRole",
      RoleArn: `arn:aws:iam::${ACCOUNT}:role/ci`,
      RoleSessionName: "run-7",
    };
    expect((await sts(await administrator(), assume)).of("Code")).toBe("AccessDenied");

    const file = await policyFile("nothing", {
      Statement: { Effect: "Allow", Action: "s3:*", Resource: "*" },
    });
    const deployer = credentialsIn(await runs("user", "create", "deployer", "--policy", file), "deployer");
    const session = (answer: Awaited<ReturnType<typeof sts>>): Credentials => ({
      accessKeyId: answer.of("AccessKeyId"),
      secretAccessKey: answer.of("SecretAccessKey"),
      sessionToken: answer.of("SessionToken"),
    });
    const credentials = session(await sts(deployer, assume));
    expect((await sts(credentials, { Action: "GetCallerIdentity" })).of("Arn")).toBe(
      `arn:aws:sts::${ACCOUNT}:assumed-role/ci/run-7`,
    );
    const client = clientOf(credentials);
    const { authorizationToken, expiration } = await client.getAuthorizationToken({
      domain: DOMAIN,
      durationSeconds: 0,
    });
    expect(((expiration as Date).getTime() - Date.now()) / 60_000).toBeLessThan(61);
    const headers = { authorization: `Bearer ${authorizationToken}` };
    expect(await (await server.npm("repo", "-/whoami", { headers })).json()).toEqual({ username: "run-7" });
    await expect(client.createDomain({ domain: "never" })).rejects.toMatchObject({
      name: "AccessDeniedException",
    });

    for (const sessionToken of [undefined, "forged"])
      await expect(
        clientOf({
          ...credentials,
          ...(sessionToken === undefined ? { sessionToken: "" } : { sessionToken }),
        }).listDomains({}),
      ).rejects.toMatchObject({ name: "UnrecognizedClientException" });

    const Policy = JSON.stringify({
      Statement: { Effect: "Allow", Action: "codeartifact:ListDomains", Resource: "*" },
    });
    const narrow = clientOf(session(await sts(deployer, { ...assume, Policy })));
    await narrow.listDomains({});
    await expect(narrow.listRepositories({})).rejects.toMatchObject({
      message: expect.stringMatching(/no session policy/),
    });

    const named = await policyFile("named", {
      Statement: {
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${ACCOUNT}:user/deployer` },
        Action: "sts:AssumeRole",
        Condition: { StringEquals: { "sts:ExternalId": "for us", "sts:RoleSessionName": "run-7" } },
      },
    });
    await runs("role", "update", "ci", "--trust", named);
    for (const more of [{}, { ExternalId: "for you" }, { ExternalId: "for us", RoleSessionName: "run-8" }])
      expect((await sts(deployer, { ...assume, ...more })).of("Code")).toBe("AccessDenied");
    expect((await sts(deployer, { ...assume, ExternalId: "for us" })).status).toBe(200);

    await runs("role", "delete", "ci");
    await expect(client.listDomains({})).rejects.toMatchObject({ name: "UnrecognizedClientException" });
    expect((await server.npm("repo", "-/whoami", { headers })).status).toBe(401);
  });
});
