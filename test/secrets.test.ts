// Secrets that clients send, in every place where they do, are in no journal, audit, log or webhook.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text as readText } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { Codeartifact } from "@aws-sdk/client-codeartifact";
import aws4 from "aws4";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ACCOUNT, publishBody } from "./server.ts";

const BIN = resolve(import.meta.dirname, "../bin/portcullis");

let data: string;
let server: ChildProcess;
let url: string;
let log = "";
const posted: string[] = [];
const receiver = createServer((req, res) => {
  void readText(req).then((body) => {
    posted.push(`${req.url} ${JSON.stringify(req.headers)} ${body}`);
    res.end();
  });
});

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "portcullis-test-"));
  await writeFile(join(data, "upstreams.json"), "{}");
  const settings = ["--listen", "127.0.0.1:0", "--data", data, "--log-level", "debug"];
  server = spawn(BIN, ["serve", ...settings], { stdio: ["ignore", "pipe", "pipe"] });
  server.stderr?.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const [line] = (await once(server.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  url = line.toString().trim().replace("listening on ", "");
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
});
afterAll(async () => {
  server.kill();
  await once(server, "close");
  receiver.closeAllConnections();
  receiver.close();
  await rm(data, { recursive: true, force: true });
});

async function run(args: readonly string[], input = ""): Promise<string> {
  const child = spawn(BIN, [...args, "--data", data]);
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    readText(child.stdout),
    readText(child.stderr),
    once(child, "close"),
  ]);
  if (code !== 0) throw new Error(`${code}: ${stderr}`);
  return stdout;
}

test("no secret is written down or passed on", async () => {
  const planted = (): string => `planted${randomBytes(12).toString("hex")}`;
  const secrets = new Map<string, string>();
  const plant = (name: string, secret = planted()): string => {
    secrets.set(name, secret);
    return secret;
  };

  const credentials = await readFile(join(data, "credentials"), "utf8");
  const [, accessKeyId = "", secretAccessKey = ""] = /_id = (\S+)\n.*_key = (\S+)/.exec(credentials) ?? [];
  plant("the access key's secret", secretAccessKey);
  const region = "us-east-1";
  const client = new Codeartifact({ endpoint: url, region, credentials: { accessKeyId, secretAccessKey } });
  await client.createDomain({ domain: "acme" });
  await client.createRepository({ domain: "acme", repository: "repo" });

  const webhookSecret = plant("the webhook's secret", `whsec_${randomBytes(32).toString("base64")}`);
  const hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook/${plant("the webhook's path")}`;
  expect(await run(["webhook", "create", "--url", hook, "--secret-stdin"], webhookSecret)).not.toContain(
    "whsec_",
  );

  const token = (await client.getAuthorizationToken({ domain: "acme" })).authorizationToken as string;
  plant("the token", token);
  plant("the token's secret half", token.split(".").at(-1));
  const lasting = (await run(["token", "create", "--domain", "acme"])).trim();
  plant("a token of the command line", lasting);

  const base = `${url}/npm/d/acme-${ACCOUNT}/repo/`;
  const basic = (password: string) => `Basic ${Buffer.from(`aws:${password}`).toString("base64")}`;
  const ask = (path: string, authorization: string, init: RequestInit = {}) =>
    fetch(`${base}${path}`, { ...init, headers: { authorization, "content-type": "application/json" } });
  plant("Basic credentials", basic(token).slice("Basic ".length));
  const manifest = { name: "ui", version: "1.0.0" };
  const body = JSON.stringify(await publishBody(base, manifest));
  expect((await ask("ui", basic(token), { method: "PUT", body })).ok).toBe(true);
  await ask("ui", `Bearer ${lasting}`);
  await ask("ui", `Bearer ${plant("an unknown token")}`);
  await ask("ui", basic(plant("an unknown password")));
  await ask(`-/user/token/${plant("a token in npm logout")}`, basic(token), { method: "DELETE" });
  await ask(`-/npm/v1/tokens/token/${plant("a token in npm token revoke")}`, basic(token), {
    method: "DELETE",
  });
  const login = JSON.stringify({ name: "anna", password: plant("a password in npm login") });
  await ask("-/user/org.couchdb.user:anna", basic(token), { method: "PUT", body: login });
  await ask(
    `ui?_authToken=${plant("a token in the query")}&access_token=${plant("another one")}`,
    basic(token),
  );

  const presigned = aws4.sign(
    {
      service: "codeartifact",
      region,
      method: "POST",
      host: new URL(url).host,
      path: "/v1/domains?X-Amz-Expires=300",
      signQuery: true,
    },
    { accessKeyId, secretAccessKey, sessionToken: plant("a session token") },
  ) as { path: string };
  plant("a presigned signature", /X-Amz-Signature=(\w+)/.exec(presigned.path)?.[1]);
  await fetch(`${url}${presigned.path}`, { method: "POST" });
  const form = new URLSearchParams({
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: `arn:aws:iam::${ACCOUNT}:role/ci`,
    RoleSessionName: "build",
    WebIdentityToken: plant("a web identity token"),
  });
  await fetch(`${url}/`, { method: "POST", body: form });

  for (let i = 0; i < 600 && posted.length === 0; i++) await sleep(50);
  // The audit is written once a second, in order: when the last request is told, all are.
  const trail = () => run(["journal", "--since", "1h", "--format", "cloudtrail"]);
  for (let i = 0; i < 50 && !(await trail()).includes("AssumeRoleWithWebIdentity"); i++) await sleep(200);
  const written: Record<string, string> = {
    log,
    webhook: posted.join("\n").replaceAll(new URL(hook).pathname, ""),
  };
  for (const format of ["text", "json", "cloudtrail", "eventbridge"])
    written[format] = await run(["journal", "--since", "1h", "--format", format]);
  written.webhooks = (await run(["webhook", "list"])).replace(hook, "");

  expect(written.log).toContain("/-/user/token/…");
  expect(written.cloudtrail).toContain("/-/npm/v1/tokens/token/…");
  expect(written.cloudtrail).toContain("AssumeRoleWithWebIdentity");
  expect(written.json).toContain("webhook-created");
  expect(written.eventbridge).toContain('"packageName":"ui"');
  expect(written.webhook).toContain('"packageName":"ui"');
  const leaks = Object.entries(written).flatMap(([where, text]) =>
    [...secrets].filter(([, secret]) => text.includes(secret)).map(([name]) => `${name} in ${where}`),
  );
  expect(leaks).toEqual([]);
  client.destroy();
}, 60_000);
