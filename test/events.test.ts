// Events and audit from outside: what a webhook is told, what the journal shows, and that no secret is in either.
import { spawn } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { text as readText } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshPostgres } from "./databases.ts";
import { ACCOUNT, DOMAIN, startServer, type TestServer } from "./server.ts";

const BIN = resolve(import.meta.dirname, "../bin/portcullis");

interface Event {
  readonly id: string;
  readonly source: string;
  readonly "detail-type": string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>> & {
    readonly repositoryName: string;
    readonly packageName: string;
    readonly packageVersion: string;
    readonly packageVersionState: string;
    readonly operationType: string;
    readonly sequenceNumber: number;
    readonly changes: Readonly<Record<string, unknown>>;
  };
}

interface TrailEvent {
  readonly eventName: string;
  readonly requestID: string;
  readonly [field: string]: unknown;
}

const ENGINES = ["SQLite", "PostgreSQL"] as const;

describe.each(ENGINES)("events and audit on %s", (engine) => {
  const postgres = process.env.PORTCULLIS_TEST_POSTGRES;
  const missing = engine === "PostgreSQL" && postgres === undefined;
  describe.skipIf(missing)(missing ? "not installed on this machine" : "with a webhook", () => {
    let outside: TestServer;
    let server: TestServer;
    let place: string[];
    let webhook: { readonly id: string; readonly secret: string };
    const told: {
      readonly headers: Record<string, unknown>;
      readonly body: string;
      readonly event: Event;
    }[] = [];
    const receiver = createServer((req, res) => {
      void readText(req).then((body) => {
        told.push({ headers: req.headers, body, event: JSON.parse(body) as Event });
        res.end();
      });
    });

    const run = async (...args: string[]): Promise<string> => {
      const child = spawn(BIN, [...args, ...place], { stdio: ["ignore", "pipe", "pipe"] });
      const [stdout, stderr, [code]] = await Promise.all([
        readText(child.stdout),
        readText(child.stderr),
        once(child, "close"),
      ]);
      if (code !== 0) throw new Error(`${code}: ${stderr}`);
      return stdout;
    };
    const trail = async (...args: string[]): Promise<TrailEvent[]> =>
      (await run("journal", "--format", "cloudtrail", "--since", "1h", ...args))
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as TrailEvent);
    /** Audit records come a moment after the request. */
    const trailed = async (requestId: string | null): Promise<TrailEvent> => {
      for (let i = 0; i < 100; i++) {
        const found = (await trail()).find(({ requestID }) => requestID === requestId);
        if (found !== undefined) return found;
        await sleep(200);
      }
      throw new Error(`no audit record of ${requestId}`);
    };

    beforeAll(async () => {
      receiver.listen(0, "127.0.0.1");
      await once(receiver, "listening");
      outside = await startServer();
      await outside.repository("public");
      await outside.publish("public", { name: "from-outside", version: "1.0.0" });
      const registry = outside.npmUrl("public").replace("http://", `http://aws:${await outside.token()}@`);
      const database = engine === "PostgreSQL" ? { database: await freshPostgres(postgres as string) } : {};
      server = await startServer({ upstream: [`public:npmjs=${registry}`], ...database });
      place = [
        "--data",
        server.data,
        ...Object.entries(database).flatMap(([name, value]) => [`--${name}`, value]),
      ];
      await server.repository("up", ["public:npmjs"]);
      await server.repository("repo", ["up"]);
      await server.repository("other");
      const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
      const made = await run("webhook", "create", "--url", url, "--domain", DOMAIN);
      const [, id = "", secret = ""] = /^id {5}(wh_\S+)\nsecret (whsec_\S+)\n$/.exec(made) ?? [];
      webhook = { id, secret };
    });
    afterAll(async () => {
      await server.close();
      await outside.close();
      receiver.closeAllConnections();
      receiver.close();
    });

    /** What is told because of `act`; `wanted` many are waited for, and a moment longer for more. */
    async function eventsOf(wanted: number, act: () => Promise<unknown>): Promise<string[]> {
      const from = told.length;
      await act();
      for (let i = 0; i < 600 && told.length - from < wanted; i++) await sleep(50);
      if (wanted === 0) {
        // Whatever `act` caused was written before this, and goes out with it.
        await publish(`1.0.${told.length}`, "marker");
        for (let i = 0; i < 600 && told.at(-1)?.event.detail.packageName !== "marker"; i++) await sleep(50);
        await sleep(200);
      }
      const because = told.slice(from).filter(({ event }) => event.detail.packageName !== "marker");
      return because.map(({ event: { detail } }) => {
        const { repositoryName, packageName, packageVersion, packageVersionState, operationType, changes } =
          detail;
        const what = Object.entries(changes).filter(([, value]) => value !== 0 && value !== false);
        const list = what.map(([name, value]) => `${name}=${String(value)}`).join(" ");
        return `${operationType} ${repositoryName}/${packageName}@${packageVersion} ${packageVersionState} ${list}`.trim();
      });
    }
    const about = (name: string) =>
      ({ domain: DOMAIN, repository: "repo", format: "npm", package: name }) as const;
    const publish = async (version: string, name = "@acme/ui"): Promise<void> => {
      expect((await server.publish("repo", { name, version })).ok).toBe(true);
    };

    test("10.3: a publish, and nothing but it", async () => {
      const events = await eventsOf(1, () => publish("1.0.0"));
      expect(events).toEqual([
        "Created repo/ui@1.0.0 Published assetsAdded=1 metadataUpdated=true statusChanged=true",
      ]);
      expect(await eventsOf(0, () => publish("1.0.0"))).toEqual([]); // the same again changes nothing
      const event = told[0]?.event as Event;
      expect(event.resources).toEqual([
        `arn:aws:codeartifact:us-east-1:${ACCOUNT}:package/${DOMAIN}/repo/npm/acme/ui`,
      ]);
      expect(event.detail).toMatchObject({
        domainName: DOMAIN,
        domainOwner: ACCOUNT,
        repositoryAdministrator: ACCOUNT,
        packageFormat: "npm",
        packageNamespace: "acme",
      });
    });

    test("10.3: changed metadata and status, disposal and deletion", async () => {
      for (const version of ["1.1.0", "1.2.0", "1.3.0"]) await eventsOf(1, () => publish(version));
      const ui = { ...about("ui"), namespace: "acme" };
      const client = server.client;
      const status =
        (targetStatus: "Unlisted" | "Archived", ...versions: string[]) =>
        () =>
          client.updatePackageVersionsStatus({ ...ui, versions, targetStatus });
      expect(await eventsOf(2, status("Unlisted", "1.1.0", "1.2.0"))).toEqual([
        "Updated repo/ui@1.1.0 Unlisted statusChanged=true",
        "Updated repo/ui@1.2.0 Unlisted statusChanged=true",
      ]);
      expect(await eventsOf(0, status("Unlisted", "1.1.0"))).toEqual([]);
      expect(await eventsOf(1, () => client.disposePackageVersions({ ...ui, versions: ["1.1.0"] }))).toEqual([
        "Updated repo/ui@1.1.0 Disposed assetsRemoved=1 statusChanged=true",
      ]);
      expect(await eventsOf(1, () => client.deletePackageVersions({ ...ui, versions: ["1.2.0"] }))).toEqual([
        "Deleted repo/ui@1.2.0 Unlisted assetsRemoved=1",
      ]);
      expect(await eventsOf(1, () => deprecate("1.3.0"))).toEqual([
        "Updated repo/ui@1.3.0 Published metadataUpdated=true",
      ]);
      expect(await eventsOf(3, () => client.deletePackage(ui))).toEqual([
        "Deleted repo/ui@1.0.0 Published assetsRemoved=1",
        "Deleted repo/ui@1.1.0 Disposed",
        "Deleted repo/ui@1.3.0 Published assetsRemoved=1",
      ]);
    });

    async function deprecate(version: string): Promise<void> {
      const document = (await (await server.npm("repo", "@acme%2fui")).json()) as {
        versions: Record<string, object>;
      };
      Object.assign(document.versions[version] as object, { deprecated: "use another" });
      const answer = await server.npm("repo", "@acme%2fui", {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(document),
      });
      expect(answer.ok).toBe(true);
    }

    test("10.3: ingestion, with the retention below it, and copying", async () => {
      const fetched = await eventsOf(2, async () => {
        const answer = await server.tarball("repo", "from-outside", "1.0.0");
        expect(answer.status).toBe(200);
        await answer.arrayBuffer();
      });
      expect(fetched.sort()).toEqual([
        "Created repo/from-outside@1.0.0 Published assetsAdded=1 metadataUpdated=true statusChanged=true",
        "Created up/from-outside@1.0.0 Published assetsAdded=1 metadataUpdated=true statusChanged=true",
      ]);
      const copied = await eventsOf(1, () =>
        server.client.copyPackageVersions({
          domain: DOMAIN,
          sourceRepository: "repo",
          destinationRepository: "other",
          format: "npm",
          package: "from-outside",
          versions: ["1.0.0"],
        }),
      );
      expect(copied).toEqual([
        "Created other/from-outside@1.0.0 Published assetsAdded=1 metadataUpdated=true statusChanged=true",
      ]);
    });

    test("10.3: assets that are added one by one", async () => {
      const put = (assetName: string, unfinished: boolean) => () => {
        const assetContent = Buffer.from(assetName);
        const assetSHA256 = createHash("sha256").update(assetContent).digest("hex");
        const tool = {
          domain: DOMAIN,
          repository: "repo",
          namespace: "tools",
          package: "tool",
          packageVersion: "1",
        };
        return server.client.publishPackageVersion({
          ...tool,
          format: "generic",
          assetName,
          assetContent,
          assetSHA256,
          unfinished,
        });
      };
      expect(await eventsOf(1, put("a", true))).toEqual([
        "Created repo/tool@1 Unfinished assetsAdded=1 metadataUpdated=true statusChanged=true",
      ]);
      expect(await eventsOf(1, put("b", true))).toEqual(["Updated repo/tool@1 Unfinished assetsAdded=1"]);
      expect(await eventsOf(1, put("c", false))).toEqual([
        "Updated repo/tool@1 Published assetsAdded=1 statusChanged=true",
      ]);
    });

    test("10.3: nothing for tags, origin settings and refusals", async () => {
      await eventsOf(1, () => publish("1.0.0", "quiet"));
      const set = (publishing: "ALLOW" | "BLOCK") =>
        server.client.putPackageOriginConfiguration({
          ...about("quiet"),
          restrictions: { publish: publishing, upstream: "BLOCK" },
        });
      const nothing = await eventsOf(0, async () => {
        await set("BLOCK");
        expect((await server.publish("repo", { name: "quiet", version: "2.0.0" })).status).toBe(403);
        const tag = await server.npm("repo", "-/package/quiet/dist-tags/next", {
          method: "PUT",
          headers: { "content-type": "application/json" },
          body: '"1.0.0"',
        });
        expect(tag.ok).toBe(true);
      });
      expect(nothing).toEqual([]);
      const text = await run("journal", "--event", "refused");
      expect(text).toContain("refused npm/quiet");
    });

    test("10.2: sequence numbers grow within a package, ids are never used twice, and every delivery is signed", () => {
      const last = new Map<string, number>();
      for (const { event, headers, body } of told) {
        const [arn = ""] = event.resources;
        expect(event.detail.sequenceNumber).toBeGreaterThan(last.get(arn) ?? 0);
        last.set(arn, event.detail.sequenceNumber);
        const key = Buffer.from(webhook.secret.slice("whsec_".length), "base64");
        const content = `${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${body}`;
        expect(headers["webhook-signature"]).toBe(
          `v1,${createHmac("sha256", key).update(content).digest("base64")}`,
        );
      }
      expect(new Set(told.map(({ event }) => event.id)).size).toBe(told.length);
    });

    test("10.5: an API request is told under its operation, the token hidden", async () => {
      const { $metadata, authorizationToken = "?" } = await server.client.getAuthorizationToken({
        domain: DOMAIN,
      });
      const event = await trailed($metadata.requestId ?? "");
      expect(event).toMatchObject({
        eventSource: "codeartifact.amazonaws.com",
        eventName: "GetAuthorizationToken",
        awsRegion: "us-east-1",
        sourceIPAddress: "127.0.0.1",
        userAgent: expect.stringContaining("aws-sdk-js"),
        requestParameters: { domain: DOMAIN },
        responseElements: { sessionToken: "HIDDEN_DUE_TO_SECURITY_REASONS" },
        additionalEventData: { httpMethod: "POST", requestUri: `/v1/authorization-token?domain=${DOMAIN}` },
        readOnly: false,
        userIdentity: { type: "IAMUser", accountId: ACCOUNT, accessKeyId: expect.stringMatching(/^AKIA/) },
      });
      expect(JSON.stringify(event)).not.toContain(authorizationToken);
    });

    test("10.5: a package manager's request is told under its permission, with what it was about", async () => {
      await publish("3.0.0");
      for (let i = 0; i < 3; i++)
        expect((await server.tarball("repo", "@acme/ui", "3.0.0")).status).toBe(200);
      const parameters = {
        domainName: DOMAIN,
        domainOwner: ACCOUNT,
        repositoryName: "repo",
        packageFormat: "npm",
        packageNamespace: "acme",
        packageName: "ui",
        packageVersion: "3.0.0",
      };
      const readsOf = async () =>
        (await trail("--package", "npm/@acme/ui")).filter(
          ({ eventName, requestParameters: asked }) =>
            eventName === "ReadFromRepository" && (asked as typeof parameters).packageVersion === "3.0.0",
        );
      let reads = await readsOf();
      for (let i = 0; i < 100 && reads.length < 3; i++) reads = await sleep(200).then(readsOf);
      expect(reads).toHaveLength(3);
      for (const read of reads) {
        expect(read).toMatchObject({
          requestParameters: parameters,
          additionalEventData: {
            httpMethod: "GET",
            requestUri: `/npm/d/${DOMAIN}-${ACCOUNT}/repo/@acme%2fui/-/ui-3.0.0.tgz`,
            httpStatus: 200,
          },
          responseElements: null,
          readOnly: true,
          userIdentity: { type: "IAMUser", userName: "administrator" },
        });
      }
      const found = await trail("--package", "npm/@acme/ui");
      expect(found.findLast(({ eventName }) => eventName === "PublishPackageVersion")).toMatchObject({
        requestParameters: parameters,
        readOnly: false,
      });
    });

    test("10.5: what is refused is told as well, at either door", async () => {
      const unknown = await fetch(`${server.npmUrl("repo")}left-pad`, {
        headers: { authorization: "Bearer nonsense" },
      });
      expect(unknown.status).toBe(401);
      expect(await trailed(unknown.headers.get("x-request-id"))).toMatchObject({
        eventName: "ReadFromRepository",
        errorCode: "Unauthenticated",
        userIdentity: { type: "Unknown" },
        requestParameters: { repositoryName: "repo" },
      });
      const unsigned = await fetch(`${server.url}/v1/domains`, { method: "POST" });
      expect(await trailed(unsigned.headers.get("x-amzn-requestid"))).toMatchObject({
        eventName: "ListDomains",
        errorCode: expect.any(String),
        userIdentity: { type: "Unknown" },
        requestParameters: null,
      });
      const absent = await server.client
        .describeDomain({ domain: "absent" })
        .catch((error: unknown) => error);
      const { requestId } = (absent as { $metadata: { requestId: string } }).$metadata;
      expect(await trailed(requestId)).toMatchObject({
        eventName: "DescribeDomain",
        errorCode: "ResourceNotFoundException",
        requestParameters: { domain: "absent" },
      });
    });

    test("the journal shows who did what and why, in order, and what is asked for only", async () => {
      const text = await run("journal", "--package", "npm/quiet", "--since", "1h");
      const events = text.split("\n").map((line) => line.split("  ").slice(1, 3).join(": "));
      expect(events[0]).toMatch(
        /^administrator: PublishPackageVersion PUT|^administrator: published npm\/quiet 1\.0\.0 in acme\/repo/,
      );
      expect(text).toMatch(
        / {2}administrator {2}refused npm\/quiet 2?[.0]* ?in acme\/repo {2}way=PUBLISH reasons=/,
      );
      const only = await run("journal", "--package", "npm/quiet", "--event", "published", "--format", "json");
      expect(only.trim().split("\n")).toHaveLength(1);
      expect(JSON.parse(only)).toMatchObject({
        source: "journal",
        event: "published",
        domain: DOMAIN,
        package: "quiet",
      });
      const bridged = await run("journal", "--package", "npm/quiet", "--format", "eventbridge");
      expect(JSON.parse(bridged)).toEqual(
        told.find(({ event }) => event.detail.packageName === "quiet")?.event,
      );
      expect((await run("journal", "--limit", "3")).trim().split("\n")).toHaveLength(3);
      await expect(run("journal", "--domain", "nowhere")).rejects.toThrow("there is no domain 'nowhere'");
      await expect(run("journal", "--since", "soon")).rejects.toThrow("--since");
      await expect(run("journal", "--package", "quiet")).rejects.toThrow("--package");
    });

    test("--follow goes on with what happens next", async () => {
      const child = spawn(BIN, ["journal", "--follow", "--limit", "1", "--event", "published", ...place]);
      let seen = "";
      child.stdout.on("data", (chunk: Buffer) => (seen += chunk.toString()));
      const until = async (text: string) => {
        for (let i = 0; i < 300 && !seen.includes(text); i++) await sleep(100);
        expect(seen).toContain(text);
      };
      await until("published");
      await publish("1.0.0", "followed");
      await until("published npm/followed 1.0.0");
      child.kill();
    });

    test("a webhook is listed without its secret, tested, and told nothing once it is deleted", async () => {
      const list = await run("webhook", "list");
      expect(list).toContain(webhook.id);
      expect(list).not.toContain("whsec_");
      await run("webhook", "test", webhook.id);
      expect(told.at(-1)?.event["detail-type"]).toBe("Portcullis Webhook Test");
      await run("webhook", "delete", webhook.id);
      const before = told.length;
      await publish("9.0.0", "after");
      await sleep(1_200); // longer than the outbox waits to be looked at
      expect(told).toHaveLength(before);
      await expect(run("webhook", "delete", webhook.id)).rejects.toThrow("there is no webhook");
    });
  });
});
