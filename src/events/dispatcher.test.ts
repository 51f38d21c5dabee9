// Delivery of package-version events to real receivers, on both databases.
import { createHmac } from "node:crypto";
import { once } from "node:events";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text as readText } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { onEveryDatabase } from "../../test/databases.ts";
import type { PackageKey } from "../core/coordinates.ts";
import type { Database } from "../store/database.ts";
import { insertDomain } from "../store/domains.ts";
import type { VersionChange } from "../store/journal.ts";
import { appendJournal, readJournal } from "../store/journal.ts";
import { claimDue } from "../store/outbox.ts";
import { insertRepository } from "../store/repositories.ts";
import { insertWebhook, listWebhooks } from "../store/webhooks.ts";
import type { Dispatcher, DispatcherOptions } from "./dispatcher.ts";
import { backOff, startDispatcher } from "./dispatcher.ts";
import type { PackageEvent } from "./package-event.ts";
import { newWebhookSecret } from "./signature.ts";

const OWNER = "111111111111";
const ADMINISTRATOR = "222222222222";
const UI: PackageKey = { format: "npm", namespace: "acme", name: "ui" };
const PAD: PackageKey = { format: "npm", namespace: "", name: "left-pad" };
const CREATED: VersionChange = {
  operation: "Created",
  state: "Published",
  revision: "r1",
  assetsAdded: 1,
  assetsRemoved: 0,
  assetsUpdated: 0,
  metadataUpdated: true,
  statusChanged: true,
};

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: PackageEvent;
}

/** Answers 204 unless `answer` does otherwise. */
async function startReceiver() {
  const received: Received[] = [];
  const receiver = {
    received,
    answer: (_one: Received, res: ServerResponse): void => void res.writeHead(204).end(),
    url: "",
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  const server = createServer((req, res) => {
    void readText(req).then((body) => {
      const one = { path: req.url ?? "", headers: req.headers, body, event: JSON.parse(body) };
      received.push(one);
      receiver.answer(one, res);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return receiver;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500 && !(await holds()); i++) await sleep(20);
  if (!(await holds())) throw new Error("what was awaited did not come");
}

onEveryDatabase("delivery of events", (open) => {
  let database: Database;
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
  let domainId: number;
  const secret = newWebhookSecret();
  const dispatchers: Dispatcher[] = [];
  const logged: string[] = [];
  const note = (fields: object, message: string): void =>
    void logged.push(JSON.stringify({ ...fields, message }));
  const log = { debug: note, info: note, warn: note, error: note };

  beforeEach(async () => {
    database = await open();
    receiver = await startReceiver();
    logged.length = 0;
    domainId = await makeDomain("acme");
    await insertWebhook(database.read, { id: "wh_1", url: receiver.url, secret, domainId, createdAt: 1 });
  });
  afterEach(async () => {
    await Promise.all(dispatchers.splice(0).map((dispatcher) => dispatcher.close(0)));
    receiver.close();
    await database.close();
  });

  async function makeDomain(name: string): Promise<number> {
    const domain = { owner: OWNER, name, encryptionKey: "", createdAt: 1 };
    const id = (await insertDomain(database.read, domain))?.id as number;
    const repository = {
      name: "repo",
      administratorAccount: ADMINISTRATOR,
      description: undefined,
      createdAt: 1,
    };
    await insertRepository(database.read, { domainId: id, ...repository });
    return id;
  }

  function append(key: PackageKey, versions: readonly string[], change?: VersionChange, domain = domainId) {
    const line = {
      at: 1_700_000_000_500,
      domainId: domain,
      repository: "repo",
      key,
      actor: "a",
      requestId: "r",
    };
    return database.write((tx) =>
      appendJournal(
        tx,
        versions.map((version) => ({
          ...line,
          event: "published" as const,
          version,
          detail: {},
          ...(change === undefined ? {} : { change }),
        })),
      ),
    );
  }

  function start(options: Partial<DispatcherOptions> = {}): Dispatcher {
    const dispatcher = startDispatcher({
      database,
      region: "eu-central-1",
      log,
      now: Date.now,
      giveUpMs: 60_000,
      pollMs: 20,
      retryFirstMs: 40,
      retryMaxMs: 80,
      timeoutMs: 5_000,
      ...options,
    });
    dispatchers.push(dispatcher);
    return dispatcher;
  }

  const versionsOf = (name: string): string[] =>
    receiver.received
      .filter(({ event }) => event.detail.packageName === name)
      .map(({ event }) => event.detail.packageVersion);
  const pending = async (): Promise<number> => (await listWebhooks(database.read))[0]?.pending ?? -1;

  test("10.1, 10.2: an event has EventBridge's shape", async () => {
    await append(UI, ["1.0.0"], CREATED);
    await append(PAD, ["1.3.0"], { ...CREATED, operation: "Deleted", state: "Archived", assetsRemoved: 2 });
    start();
    await until(() => receiver.received.length === 2);
    const [first, second] = receiver.received
      .map(({ event }) => event)
      .sort((a, b) => a.detail.sequenceNumber - b.detail.sequenceNumber) as [PackageEvent, PackageEvent];
    expect(first).toEqual({
      version: "0",
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      "detail-type": "CodeArtifact Package Version State Change",
      source: "aws.codeartifact",
      account: OWNER,
      time: "2023-11-14T22:13:20Z",
      region: "eu-central-1",
      resources: [`arn:aws:codeartifact:eu-central-1:${OWNER}:package/acme/repo/npm/acme/ui`],
      detail: {
        domainName: "acme",
        domainOwner: OWNER,
        repositoryName: "repo",
        repositoryAdministrator: ADMINISTRATOR,
        packageFormat: "npm",
        packageNamespace: "acme",
        packageName: "ui",
        packageVersion: "1.0.0",
        packageVersionState: "Published",
        packageVersionRevision: "r1",
        changes: {
          assetsAdded: 1,
          assetsRemoved: 0,
          assetsUpdated: 0,
          metadataUpdated: true,
          statusChanged: true,
        },
        operationType: "Created",
        sequenceNumber: expect.any(Number),
        eventDeduplicationId: expect.any(String),
      },
    });
    expect(second.detail).toMatchObject({
      packageNamespace: null,
      operationType: "Deleted",
      packageVersionState: "Archived",
    });
    expect(second.detail.eventDeduplicationId).not.toBe(first.detail.eventDeduplicationId);
  });

  test("deliveries are signed by the Standard Webhooks scheme", async () => {
    await append(UI, ["1.0.0"], CREATED);
    start();
    await until(() => receiver.received.length === 1);
    const [{ headers, body, event }] = receiver.received as [Received];
    const { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signature } = headers;
    const key = Buffer.from(secret.replace("whsec_", ""), "base64");
    expect(signature).toBe(
      `v1,${createHmac("sha256", key)
        .update(`${String(id)}.${String(time)}.${body}`)
        .digest("base64")}`,
    );
    expect(id).toBe(event.id);
    expect(headers["content-type"]).toBe("application/json");
  });

  test("entries that are no events, and events of other domains, are not delivered", async () => {
    const other = await makeDomain("other");
    await append(UI, ["0.0.1"]);
    await append(UI, ["0.0.2"], CREATED, other);
    await append(UI, ["1.0.0"], CREATED);
    start();
    await until(async () => (await pending()) === 0);
    expect(versionsOf("ui")).toEqual(["1.0.0"]);
  });

  test("a webhook without a domain is told of every domain's", async () => {
    const other = await makeDomain("other");
    const everywhere = { id: "wh_2", url: `${receiver.url}/all`, secret, domainId: null, createdAt: 2 };
    await insertWebhook(database.read, everywhere);
    await append(UI, ["1.0.0"], CREATED);
    await append(UI, ["2.0.0"], CREATED, other);
    start();
    await until(() => receiver.received.length === 3);
    const told = receiver.received.map(({ path, event }) => `${path} ${event.detail.packageVersion}`);
    expect(told.sort()).toEqual(["/hook 1.0.0", "/hook/all 1.0.0", "/hook/all 2.0.0"]);
  });

  test("nothing is left to deliver of a transaction that was rolled back", async () => {
    const failing = database.write(async (tx) => {
      const line = { at: 1, domainId, repository: "repo", key: UI, actor: "a", requestId: "r", detail: {} };
      await appendJournal(tx, [{ ...line, event: "published", version: "1.0.0", change: CREATED }]);
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await pending()).toBe(0);
  });

  test("a failing event holds back later ones of its package, and of no other", async () => {
    let refused = 0;
    receiver.answer = ({ event }, res) => {
      const failing =
        event.detail.packageVersion === "1.0.0" && event.detail.packageName === "ui" && refused++ < 3;
      res.writeHead(failing ? 500 : 200).end();
    };
    await append(UI, ["1.0.0", "1.0.1", "1.0.2"], CREATED);
    await append(PAD, ["1.0.0", "1.0.1"], CREATED);
    const dispatcher = start();
    await until(async () => (await pending()) === 0);
    expect(versionsOf("ui")).toEqual(["1.0.0", "1.0.0", "1.0.0", "1.0.0", "1.0.1", "1.0.2"]);
    expect(versionsOf("left-pad")).toEqual(["1.0.0", "1.0.1"]);
    const names = receiver.received.map(({ event }) => event.detail.packageName);
    expect(names.lastIndexOf("left-pad")).toBeLessThan(names.lastIndexOf("ui"));
    const tries = receiver.received.filter(
      ({ event }) => event.detail.packageVersion === "1.0.0" && event.detail.packageName === "ui",
    );
    expect(new Set(tries.map(({ body }) => body)).size).toBe(1); // ids and sequence number too
    expect(dispatcher.counts()).toMatchObject({ delivered: 5, failed: 3, givenUp: 0 });
    expect(logged.join("\n")).toContain("answered 500");
    expect(logged.join("\n")).not.toContain(secret);
  });

  test("several dispatchers on one database deliver each event once, each package's in order", async () => {
    const versions = Array.from({ length: 12 }, (_, i) => `1.0.${i}`);
    const names = Array.from({ length: 15 }, (_, i) => `p${i}`);
    for (const version of versions)
      for (const name of names) await append({ ...PAD, name }, [version], CREATED);
    for (let i = 0; i < 3; i++) start();
    await until(async () => (await pending()) === 0);
    for (const name of names) expect(versionsOf(name)).toEqual(versions);
  });

  test("an event claimed by a process that died is delivered once its lease ends", async () => {
    await append(UI, ["1.0.0", "1.0.1"], CREATED);
    const claim = { webhookId: "wh_1", lease: "dead", now: Date.now(), streams: 5, entriesPerStream: 5 };
    expect(await claimDue(database, { ...claim, until: Date.now() + 300 })).toHaveLength(1);
    expect(await claimDue(database, { ...claim, lease: "other", until: Date.now() + 300 })).toEqual([]);
    start();
    await until(async () => (await pending()) === 0);
    expect(versionsOf("ui")).toEqual(["1.0.0", "1.0.1"]);
  });

  test("redirects are not followed", async () => {
    receiver.answer = ({ path }, res) =>
      void res.writeHead(path === "/hook" ? 302 : 200, { location: "/elsewhere" }).end();
    await append(UI, ["1.0.0"], CREATED);
    start();
    await until(() => receiver.received.length >= 2);
    expect(new Set(receiver.received.map(({ path }) => path))).toEqual(new Set(["/hook"]));
    expect(await pending()).toBe(1);
  });

  test("a receiver that does not answer fails the attempt; one that answers without end does not", async () => {
    receiver.answer = ({ event }, res) => {
      if (event.detail.packageName === "ui") return;
      res.writeHead(200);
      const more = setInterval(() => res.write("x".repeat(10_000)), 1);
      res.on("close", () => clearInterval(more));
    };
    await append(UI, ["1.0.0"], CREATED);
    await append(PAD, ["1.0.0"], CREATED);
    const dispatcher = start({ timeoutMs: 200 });
    await until(() => dispatcher.counts().failed > 0 && dispatcher.counts().delivered === 1);
    expect(await pending()).toBe(1);
    expect(logged.join("\n")).toContain("no answer within 200 ms");
  });

  test("what fails for too long is given up and journalled; what waited behind it goes on", async () => {
    receiver.answer = ({ event }, res) =>
      void res.writeHead(event.detail.packageVersion === "1.0.0" ? 500 : 200).end();
    await append(UI, ["1.0.0", "1.0.1"], CREATED);
    const dispatcher = start({ giveUpMs: 100 });
    await until(async () => (await pending()) === 0);
    expect(versionsOf("ui").at(-1)).toBe("1.0.1");
    expect(dispatcher.counts()).toMatchObject({ delivered: 1, givenUp: 1 });
    const journal = await readJournal(database.read, domainId, UI);
    expect(journal.at(-1)).toMatchObject({
      event: "event-given-up",
      version: "1.0.0",
      detail: { webhook: "wh_1", reason: "answered 500" },
    });
  });

  test("at shutdown what is under way is given back, and delivered after the next start", async () => {
    receiver.answer = () => undefined;
    await append(UI, ["1.0.0"], CREATED);
    const first = start({ leaseMs: 600_000, timeoutMs: 100_000 });
    await until(() => receiver.received.length === 1);
    await first.close(0);
    expect(first.counts()).toMatchObject({ delivered: 0, failed: 0 });
    receiver.answer = (_, res) => void res.writeHead(200).end();
    start();
    await until(async () => (await pending()) === 0);
    expect(receiver.received).toHaveLength(2);
  });
});

test("the wait grows with every failure, stays within its bound, and is never the same for all", () => {
  for (let attempts = 1; attempts < 50; attempts++) {
    const bound = Math.min(3_600_000, 5_000 * 2 ** (attempts - 1));
    const waits = Array.from({ length: 20 }, () => backOff(attempts, 5_000, 3_600_000));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(bound / 2);
    expect(Math.max(...waits)).toBeLessThanOrEqual(bound);
    expect(new Set(waits).size).toBeGreaterThan(1);
  }
});
