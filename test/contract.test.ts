// The outside, as a person or a script meets it: the command line, the first start, addresses, health, and the end.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ACCOUNT, startServer } from "./server.ts";

const BIN = resolve(import.meta.dirname, "../bin/portcullis");

let folder: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-contract-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

interface Run {
  readonly child: ChildProcess;
  /** Grows as it is printed. */
  readonly out: { stdout: string; stderr: string };
  readonly ended: Promise<number | null>;
}

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Run {
  const child = spawn(BIN, args, {
    env: { ...process.env, ...env },
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  const out = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk: Buffer) => (out.stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (out.stderr += chunk.toString()));
  return { child, out, ended: new Promise((done) => child.once("exit", (code) => done(code))) };
}

async function serving(
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Run & { url: string }> {
  const started = run(["serve", "--listen", "127.0.0.1:0", "--data", join(folder, "data"), ...args], env);
  await expect
    .poll(() => started.out.stdout, { timeout: 10_000, interval: 20 })
    .toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+\n$/);
  return { ...started, url: started.out.stdout.slice("listening on ".length).trim() };
}

describe("start and end", () => {
  test("one line on standard output, JSON lines on standard error, SIGTERM ends with 0", async () => {
    const { child, out, ended, url } = await serving();
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain("portcullis_http_requests_total");
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(out.stdout.split("\n")).toHaveLength(2);
    for (const line of out.stderr.trim().split("\n"))
      expect(() => JSON.parse(line) as unknown, line).not.toThrow();
  });

  test("whatever Node the machine has: a foreign `node` on the PATH is not asked", async () => {
    await writeFile(join(folder, "node"), "#!/bin/sh\nexit 9\n", { mode: 0o755 });
    const { url } = await serving([], { PATH: `${folder}:/usr/bin:/bin` });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test("the first start writes the administrator's credentials (0600) and upstreams.json; the second keeps them", async () => {
    const first = await serving([], { npm_config_registry: "http://registry.example/npm" });
    const file = join(folder, "data", "credentials");
    const credentials = await readFile(file, "utf8");
    expect(credentials).toMatch(
      /^\[default\]\naws_access_key_id = AKIA\w{16}\naws_secret_access_key = \S{40}\n$/,
    );
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(join(folder, "data", "upstreams.json"), "utf8"))).toMatchObject({
      "public:npmjs": "http://registry.example/npm/",
    });
    first.child.kill("SIGTERM");
    await first.ended;
    await serving();
    expect(await readFile(file, "utf8")).toBe(credentials);
  });

  test("SIGTERM finishes what is in flight", async () => {
    const { child, ended, url } = await serving();
    const { port } = new URL(url);
    const slow = httpRequest({
      port,
      host: "127.0.0.1",
      method: "POST",
      path: "/v1/domains",
      headers: { "content-type": "application/json", "content-length": 2 },
    });
    const answered = new Promise<number>((done, fail) =>
      slow.once("response", (r) => done(r.statusCode ?? 0)).once("error", fail),
    );
    slow.write("{");
    await new Promise((done) => setTimeout(done, 1_000));
    child.kill("SIGTERM");
    await new Promise((done) => setTimeout(done, 1_000));
    slow.end("}");
    expect(await answered).toBe(403); // unsigned, but answered
    expect(await ended).toBe(0);
  });
});

describe("settings", () => {
  test.each([
    [["serve", "--nonsense"], {}, /--nonsense/],
    [["serve", "--listen", "nowhere"], {}, /listen.*HOST:PORT/],
    [["serve", "--upstream", "public:nonsense=http://x"], {}, /public:nonsense/],
    [["serve", "--account", "12"], {}, /account.*twelve digits/],
    [["serve"], { PORTCULLIS_LOG_LEVEL: "loud" }, /log-level.*loud/],
    [["serve"], { PORTCULLIS_UPSTREAM_PUBLIC_NPMJS: "ftp://x" }, /public:npmjs/],
  ])("%j with %j is refused by name", async (args, env, message) => {
    const { out, ended } = run(args, env);
    expect(await ended).not.toBe(0);
    expect(out.stderr).toMatch(message);
    expect(out.stdout).toBe("");
  });

  test("an unknown key of the file is refused by name; flag, variable and file win in that order", async () => {
    const file = join(folder, "config.json");
    await writeFile(file, JSON.stringify({ region: "eu-file-1", nonsense: 1 }));
    const refused = run(["serve", "--config", file]);
    expect(await refused.ended).not.toBe(0);
    expect(refused.out.stderr).toMatch(/nonsense/);

    await writeFile(
      file,
      JSON.stringify({ region: "eu-file-1", account: "111111111111", publicUrl: "https://file.example" }),
    );
    const { loadConfig } = await import("../src/config.ts");
    const env = { PORTCULLIS_REGION: "eu-env-1", PORTCULLIS_ACCOUNT: "222222222222" };
    expect(loadConfig({ config: file, region: "eu-flag-1" }, env, folder)).toMatchObject({
      region: "eu-flag-1",
      account: "222222222222",
      publicUrl: "https://file.example",
    });
  });
});

describe("addresses", () => {
  test("the endpoint is the path form under the request's host, or under --public-url, and ends in /", async () => {
    const server = await startServer();
    const behind = await startServer({ "public-url": "https://packages.example/" });
    try {
      for (const [one, at] of [
        [server, server.url],
        [behind, "https://packages.example"],
      ] as const) {
        await one.repository("repo");
        const { repositoryEndpoint } = await one.client.getRepositoryEndpoint({
          domain: "acme",
          repository: "repo",
          format: "npm",
        });
        expect(repositoryEndpoint).toBe(`${at}/npm/d/acme-${ACCOUNT}/repo/`);
      }
    } finally {
      await server.close();
      await behind.close();
    }
  });

  test("the host form serves the same repository, with tarballs under it", async () => {
    const server = await startServer();
    try {
      await server.repository("repo");
      await server.publish("repo", { name: "@acme/p", version: "1.0.0" });
      const host = `acme-${ACCOUNT}.d.packages.example`;
      const document = await raw(server.url, "/npm/repo/@acme%2fp", {
        host,
        authorization: `Bearer ${await server.token()}`,
      });
      expect(document.status).toBe(200);
      expect(
        (JSON.parse(document.body) as { versions: Record<string, { dist: { tarball: string } }> }).versions[
          "1.0.0"
        ]?.dist.tarball,
      ).toBe(`http://${host}/npm/repo/@acme/p/-/p-1.0.0.tgz`);
      expect(
        (
          await raw(server.url, "/npm/repo/@acme/p/-/p-1.0.0.tgz", {
            host,
            authorization: `Bearer ${await server.token()}`,
          })
        ).status,
      ).toBe(200);
    } finally {
      await server.close();
    }
  });

  test("Bearer, Basic with any user name, and a bare token open the door; nothing, nonsense and an expired token are 401 with a challenge", async () => {
    const server = await startServer();
    try {
      await server.repository("repo");
      const token = await server.token();
      const basic = (user: string) => `Basic ${Buffer.from(`${user}:${token}`).toString("base64")}`;
      for (const authorization of [
        `Bearer ${token}`,
        `bearer  ${token} `,
        basic("aws"),
        basic("anything"),
        basic(""),
        token,
      ]) {
        expect(
          (await raw(server.url, `/npm/d/acme-${ACCOUNT}/repo/-/ping`, { authorization })).status,
          authorization,
        ).toBe(200);
      }
      for (const authorization of [
        undefined,
        "Bearer nonsense",
        `Bearer ${token}x`,
        "Basic !!!",
        `Bearer ${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`,
      ]) {
        const answer = await raw(
          server.url,
          `/npm/d/acme-${ACCOUNT}/repo/-/ping`,
          authorization === undefined ? {} : { authorization },
        );
        expect(answer.status, authorization).toBe(401);
        expect(answer.headers["www-authenticate"]).toMatch(/Basic realm=/);
      }
      const foreign = await server.token("other-domain");
      for (const repository of ["repo", "no-such-repo"]) {
        const path = `/npm/d/acme-${ACCOUNT}/${repository}/-/ping`;
        expect((await raw(server.url, path, { authorization: `Bearer ${foreign}` })).status, repository).toBe(
          403,
        );
      }
    } finally {
      await server.close();
    }
  });

  test.each([
    "/npm/d/acme-000000000000/repo/..%2f..%2fetc%2fpasswd",
    "/npm/d/acme-000000000000/repo/%2e%2e/x",
    "/npm/d/acme-000000000000/repo/a%00b",
    "/npm/d/acme-000000000000/repo/%zz",
    "/npm/d/acme-000000000000/repo/a%5cb",
    "/%2F..%2F..%2Fetc/passwd",
    "//%2F..%2F..%2Fetc%2Fpasswd",
  ])("%s is refused, never a 5xx", async (path) => {
    const server = await startServer();
    try {
      await server.repository("repo");
      const answer = await raw(server.url, path, { authorization: `Bearer ${await server.token()}` });
      expect([400, 404]).toContain(answer.status);
    } finally {
      await server.close();
    }
  });
});

/** A request whose path goes over the wire as written. */
function raw(
  url: string,
  path: string,
  headers: Record<string, string>,
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }> {
  return new Promise((done, fail) => {
    const { port } = new URL(url);
    const sent = httpRequest({ host: "127.0.0.1", port, path, headers }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () => done({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    sent.once("error", fail);
    sent.end();
  });
}
