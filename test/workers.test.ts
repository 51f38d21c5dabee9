// Several workers behind one address (docs/workers.md), started by the command line: all serve, agree, are replaced, and end in order.
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { type Agent, type ClientRequest, request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Codeartifact } from "@aws-sdk/client-codeartifact";
import { afterEach, describe, expect, test } from "vitest";
import { freshPostgres } from "./databases.ts";
import { ACCOUNT, publishBody } from "./server.ts";
import { type Answer, launch, startWorkers, type WorkersUnderTest } from "./workers.ts";

const DOMAIN = "acme";
const REPOSITORY = "main";
const NPM = `/npm/d/${DOMAIN}-${ACCOUNT}/${REPOSITORY}/`;

const opened: WorkersUnderTest[] = [];
const agents: Agent[] = [];
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.destroy();
  for (const server of opened.splice(0)) await server.destroy();
});

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), "portcullis-workers-"));

async function serve(...flags: string[]): Promise<WorkersUnderTest> {
  const server = await startWorkers(await newFolder(), flags.length > 0 ? flags : ["--workers", "2"]);
  opened.push(server);
  return server;
}

async function connectionTo(server: WorkersUnderTest, worker: number): Promise<Agent> {
  const agent = await server.connectionTo(worker);
  agents.push(agent);
  return agent;
}

interface Shop {
  readonly api: Codeartifact;
  readonly token: string;
  publish(name: string, version: string, agent?: Agent): Promise<Answer>;
  versions(name: string, agent?: Agent): Promise<readonly string[]>;
}

/** A repository to publish to. */
async function openShop(server: WorkersUnderTest): Promise<Shop> {
  const api = new Codeartifact({
    endpoint: server.url(),
    region: "us-east-1",
    credentials: {
      accessKeyId: await server.secret("aws_access_key_id"),
      secretAccessKey: await server.secret("aws_secret_access_key"),
    },
  });
  await api.createDomain({ domain: DOMAIN });
  await api.createRepository({ domain: DOMAIN, repository: REPOSITORY });
  const { authorizationToken: token = "" } = await api.getAuthorizationToken({ domain: DOMAIN });
  const headers = { authorization: `Bearer ${token}` };
  const through = (agent: Agent | undefined) => (agent === undefined ? {} : { agent });
  return {
    api,
    token,
    async publish(name, version, agent) {
      const body = JSON.stringify(await publishBody(`${server.url()}${NPM}`, { name, version }));
      return server.send(`${NPM}${name}`, {
        method: "PUT",
        headers: { ...headers, "content-type": "application/json" },
        body,
        ...through(agent),
      });
    },
    async versions(name, agent) {
      const { status, text } = await server.send(`${NPM}${name}`, { headers, ...through(agent) });
      if (status === 404) return [];
      expect(status, text).toBe(200);
      return Object.keys((JSON.parse(text) as { versions: object }).versions);
    },
  };
}

const postgres = process.env.PORTCULLIS_TEST_POSTGRES;
const ENGINES: readonly (readonly [string, () => Promise<readonly string[]>])[] = [
  ["SQLite", () => Promise.resolve([])],
  ...(postgres === undefined
    ? []
    : [["PostgreSQL", async () => ["--database", await freshPostgres(postgres)]] as const]),
];

describe.each(ENGINES)("on %s", (_engine, database) => {
  test("one ready line once all serve; requests come to each; one log of JSON lines that name the worker", async () => {
    const server = await serve("--workers", "2", ...(await database()));
    expect(server.lines().filter(({ msg }) => msg === "serving")).toHaveLength(2);
    expect((await server.send("/readyz")).status).toBe(200);
    for (let i = 0; i < 20; i++) await server.send(`/nothing-${i}`);
    await expect.poll(() => server.lines().filter(({ msg }) => msg === "request")).toHaveLength(20);
    const requests = server.lines().filter(({ msg }) => msg === "request");
    expect(new Set(requests.map(({ worker }) => worker))).toEqual(new Set([0, 1]));
    process.kill(server.child.pid as number, "SIGTERM");
    expect(await server.ended).toBe(0);
    expect(server.out.stdout.split("\n")).toHaveLength(2);
    expect(server.out.stderr.split("\n").slice(0, -1)).toHaveLength(server.lines().length);
  });

  test("what one worker is told, the other knows with the next request: versions, statuses, origin settings, tokens", async () => {
    const server = await serve("--workers", "2", ...(await database()));
    const shop = await openShop(server);
    const [one, two] = [await connectionTo(server, 0), await connectionTo(server, 1)];
    const versions: string[] = [];
    for (let i = 0; i < 20; i++) {
      const [writer, reader] = i % 2 === 0 ? [one, two] : [two, one];
      versions.push(`1.0.${i}`);
      expect((await shop.publish("seen", `1.0.${i}`, writer)).status).toBe(201);
      expect(await shop.versions("seen", reader)).toEqual(versions);
    }
    const about = { domain: DOMAIN, repository: REPOSITORY, format: "npm", package: "seen" } as const;
    for (const version of versions.slice(0, 5)) {
      await shop.api.disposePackageVersions({ ...about, versions: [version] });
      versions.shift();
      for (const agent of [one, two]) expect(await shop.versions("seen", agent)).toEqual(versions);
    }
    for (const publish of ["BLOCK", "ALLOW", "BLOCK"] as const) {
      await shop.api.putPackageOriginConfiguration({
        ...about,
        restrictions: { publish, upstream: "BLOCK" },
      });
      for (const [n, agent] of [one, two].entries())
        expect((await shop.publish("seen", `2.${n}.${Date.now()}`, agent)).status).toBe(
          publish === "ALLOW" ? 201 : 403,
        );
    }
    await shop.api.putRepositoryPermissionsPolicy({
      domain: DOMAIN,
      repository: REPOSITORY,
      policyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          { Effect: "Deny", Principal: "*", Action: "codeartifact:ReadFromRepository", Resource: "*" },
        ],
      }),
    });
    const headers = { authorization: `Bearer ${shop.token}` };
    for (const agent of [one, two])
      expect((await server.send(`${NPM}seen`, { headers, agent })).status).toBe(403);
  });

  test("kill -9 of each worker in turn under eight publishers: every acknowledged version is there, the dead are replaced", async () => {
    const server = await serve("--workers", "2", ...(await database()));
    const shop = await openShop(server);
    const acknowledged = new Map<string, Set<string>>();
    const over = new AbortController();
    let broken = 0;
    const refused: Answer[] = [];
    const publishers = Array.from({ length: 8 }, async (_, publisher) => {
      const name = `package-${publisher}`;
      const mine = new Set<string>();
      acknowledged.set(name, mine);
      for (let n = 0; !over.signal.aborted; n++) {
        const answer = await shop.publish(name, `1.0.${n}`).catch(() => undefined);
        if (answer?.status === 201) mine.add(`1.0.${n}`);
        else {
          if (answer !== undefined && answer.status !== 503) refused.push(answer);
          broken++; // cut, or told to come back
        }
      }
    });
    const total = (): number => [...acknowledged.values()].reduce((sum, { size }) => sum + size, 0);
    for (const worker of [1, 0]) {
      const [pid, before] = [server.pidOf(worker), total()];
      await expect.poll(total, { timeout: 20_000 }).toBeGreaterThan(before + 20);
      process.kill(pid, "SIGKILL");
      await expect.poll(() => server.pidOf(worker), { timeout: 20_000 }).not.toBe(pid);
      const replaced = total();
      await expect.poll(total, { timeout: 20_000 }).toBeGreaterThan(replaced + 20);
    }
    over.abort();
    await Promise.all(publishers);
    expect(refused).toEqual([]);
    expect(broken).toBeLessThan(total());
    for (const worker of [0, 1]) {
      const agent = await connectionTo(server, worker);
      for (const [name, versions] of acknowledged)
        expect(await shop.versions(name, agent)).toEqual(expect.arrayContaining([...versions]));
    }
    for (const [name, versions] of acknowledged)
      for (const version of [...versions].slice(-3)) {
        const headers = { authorization: `Bearer ${shop.token}` };
        const tarball = await server.send(`${NPM}${name}/-/${name}-${version}.tgz`, { headers });
        expect(tarball.status).toBe(200);
      }
    expect(await server.metric("portcullis_worker_restarts_total")).toBe(2);
    expect(await server.metric("portcullis_workers")).toBe(2);
    const ends = server.lines().filter(({ signal }) => signal === "SIGKILL");
    expect(ends.map(({ worker }) => worker)).toEqual([1, 0]);
    expect(server.lines().filter(({ level }) => level === "error")).toHaveLength(ends.length);
  }, 90_000);
});

test("a token that another process revokes opens nothing on any worker", async () => {
  const server = await serve();
  const shop = await openShop(server);
  const both = [await connectionTo(server, 0), await connectionTo(server, 1)];
  const headers = { authorization: `Bearer ${shop.token}` };
  for (const agent of both) expect((await server.send(`${NPM}none`, { headers, agent })).status).toBe(404);
  const database = new DatabaseSync(join(server.data, "portcullis.sqlite"));
  database.exec("update authorization_token set revoked_at = 1");
  database.close();
  for (const agent of both) expect((await server.send(`${NPM}none`, { headers, agent })).status).toBe(401);
});

test("/metrics sums over all workers whoever answers, and no sum falls when a worker is killed", async () => {
  const server = await serve();
  const heads = { door: "other", method: "HEAD", status: "200" };
  const counted = (): Promise<number> => server.metric("portcullis_http_requests_total", heads);
  for (let i = 0; i < 30; i++) await server.send("/healthz", { method: "HEAD" });
  for (let i = 0; i < 4; i++) expect(await counted()).toBe(30);
  expect(await server.metric("portcullis_webhook_events_pending")).toBe(0);
  for (const worker of ["0", "1"])
    expect(await server.metric("process_resident_memory_bytes", { worker })).toBeGreaterThan(1e6);
  const cpu = await server.metric("process_cpu_seconds_total");
  const pid = server.pidOf(1);
  process.kill(pid, "SIGKILL");
  await expect.poll(() => server.metric("portcullis_workers"), { timeout: 20_000 }).toBe(1);
  expect(await counted()).toBe(30);
  expect(await server.metric("process_cpu_seconds_total")).toBeGreaterThanOrEqual(cpu);
  await expect.poll(() => server.metric("portcullis_workers"), { timeout: 20_000 }).toBe(2);
  for (let i = 0; i < 10; i++) await server.send("/healthz", { method: "HEAD" });
  expect(await counted()).toBe(40);
});

describe("the end", () => {
  interface Upload {
    readonly outgoing: ClientRequest;
    readonly rest: string;
    readonly answered: Promise<number>;
  }

  /** Nobody listens there any more. */
  async function refused(server: WorkersUnderTest): Promise<void> {
    const answer = () =>
      server.send("/healthz").then(
        ({ status }) => status,
        () => "refused",
      );
    await expect.poll(answer).toBe("refused");
  }

  /** A publish of which half has arrived, on that worker. */
  async function beginUpload(server: WorkersUnderTest, shop: Shop, worker: number): Promise<Upload> {
    const name = `slow-${worker}`;
    const body = JSON.stringify(await publishBody(`${server.url()}${NPM}`, { name, version: "1.0.0" }));
    const outgoing = request(`${server.url()}${NPM}${name}`, {
      method: "PUT",
      agent: await connectionTo(server, worker),
      headers: {
        authorization: `Bearer ${shop.token}`,
        "content-type": "application/json",
        "content-length": String(Buffer.byteLength(body)),
        expect: "100-continue",
      },
    });
    const answered = once(outgoing, "response").then(([response]) => {
      (response as NodeJS.ReadableStream).resume();
      return (response as { statusCode: number }).statusCode;
    });
    outgoing.flushHeaders();
    await once(outgoing, "continue"); // the worker reads it
    outgoing.write(body.slice(0, 100));
    return { outgoing, rest: body.slice(100), answered };
  }

  test.each([
    ["the primary process", (pid: number) => process.kill(pid, "SIGTERM")],
    ["the process group", (pid: number) => process.kill(-pid, "SIGTERM")],
    ["the process group, by Ctrl-C", (pid: number) => process.kill(-pid, "SIGINT")],
  ])("a signal to %s: what is in flight on every worker is finished, then exit 0", async (_, signal) => {
    const server = await serve();
    const shop = await openShop(server);
    const uploads = [await beginUpload(server, shop, 0), await beginUpload(server, shop, 1)];
    signal(server.child.pid as number);
    await refused(server);
    expect(server.child.exitCode).toBeNull();
    for (const { outgoing, rest } of uploads) outgoing.end(rest);
    expect(await Promise.all(uploads.map(({ answered }) => answered))).toEqual([201, 201]);
    expect(await server.ended).toBe(0);
    expect(server.lines().filter(({ level }) => level === "error")).toEqual([]);
  });

  test("a worker that is asked to end by itself finishes what is in flight, and is replaced", async () => {
    const server = await serve();
    const shop = await openShop(server);
    const upload = await beginUpload(server, shop, 1);
    const pid = server.pidOf(1);
    process.kill(pid, "SIGTERM");
    for (let i = 0; i < 4; i++) expect((await server.send("/healthz")).status).toBe(200);
    upload.outgoing.end(upload.rest);
    expect(await upload.answered).toBe(201);
    await expect.poll(() => server.pidOf(1), { timeout: 20_000 }).not.toBe(pid);
  });

  test("the primary killed by -9: its workers leave the address at once, answer what they were sent, and end", async () => {
    const server = await serve();
    const shop = await openShop(server);
    const upload = await beginUpload(server, shop, 1);
    const pids = [server.pidOf(0), server.pidOf(1)];
    process.kill(server.child.pid as number, "SIGKILL");
    await refused(server);
    const again = await startWorkers(await newFolder(), [
      "--workers",
      "2",
      "--listen",
      new URL(server.url()).host,
    ]);
    opened.push(again);
    expect(again.url()).toBe(server.url());
    upload.outgoing.end(upload.rest);
    expect(await upload.answered).toBe(201);
    const lives = (pid: number): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    await expect.poll(() => pids.filter(lives), { timeout: 20_000 }).toEqual([]);
  });
});

describe("trouble", () => {
  test("all workers killed at once: they come back at the same address", async () => {
    const server = await serve();
    const pids = [server.pidOf(0), server.pidOf(1)];
    for (const pid of pids) process.kill(pid, "SIGKILL");
    await expect
      .poll(() => [0, 1].map((worker) => server.pidOf(worker)).filter((pid) => pids.includes(pid)), {
        timeout: 20_000,
      })
      .toEqual([]);
    for (let i = 0; i < 4; i++) expect((await server.send("/readyz")).status).toBe(200);
    await expect.poll(() => server.metric("portcullis_workers")).toBe(2);
  });

  test("a start that fails is told in one line, once, with exit code 1; a mistaken setting with 2", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const server = launch(await newFolder(), ["--workers", "3", "--listen", `127.0.0.1:${port}`]);
    opened.push(server);
    expect(await server.ended).toBe(1);
    expect(server.out.stdout).toBe("");
    expect(server.out.stderr.split("\n").filter((line) => !line.startsWith("{"))).toEqual([
      "portcullis: the address is in use; choose another with --listen HOST:PORT",
      "",
    ]);
    taken.close();
    const mistaken = launch(await newFolder(), ["--workers", "0"]);
    opened.push(mistaken);
    expect(await mistaken.ended).toBe(2);
    expect(mistaken.out.stderr).toBe("portcullis: workers: '0' must be a number from 1 to 256, or auto\n");
  });

  test("a write that another process keeps out for long is a 503 to be sent again; reads go on meanwhile", async () => {
    const server = await serve();
    const shop = await openShop(server);
    const [one, two] = [await connectionTo(server, 0), await connectionTo(server, 1)];
    expect((await shop.publish("kept", "1.0.0", one)).status).toBe(201);
    const database = new DatabaseSync(join(server.data, "portcullis.sqlite"), { timeout: 5_000 });
    database.exec("begin immediate");
    const starved = shop.publish("kept", "1.0.1", one);
    for (let i = 0; i < 10; i++)
      for (const agent of [undefined, two]) expect(await shop.versions("kept", agent)).toEqual(["1.0.0"]);
    const { status, headers, text } = await starved;
    expect(status, text).toBe(503);
    expect(headers["retry-after"]).toBe("1");
    database.exec("rollback");
    database.close();
    expect((await shop.publish("kept", "1.0.1", one)).status).toBe(201);
    expect(await shop.versions("kept", two)).toEqual(["1.0.0", "1.0.1"]);
  }, 60_000);
});
