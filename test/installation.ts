// An installation with a row in every table, made through a real server, and its rows as the databases themselves show them.
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { createDiskStore } from "../src/blobs/disk.ts";
import type { Flags } from "../src/config.ts";
import { LEFT_BEHIND } from "../src/moving/tables.ts";
import { openDatabase } from "../src/store/database.ts";
import type { TestServer } from "./server.ts";
import { ACCOUNT, DOMAIN, startServer } from "./server.ts";

/** The tables that the schema names, whatever any list says. */
export const TABLES: readonly string[] = [
  ...readFileSync(resolve(import.meta.dirname, "../src/store/schema.ts"), "utf8").matchAll(
    /^ {2}(\w+): \{/gm,
  ),
].map(([, name]) => name as string);

/** Those whose rows must be the same in another place. */
export const CARRIED = TABLES.filter((name) => LEFT_BEHIND[name] === undefined);

/** Fills a place through a server on it: several formats, groups, policies, tokens, webhooks, and what only operators make. */
export async function fillInstallation(data: string, settings: Flags = {}): Promise<void> {
  const server = await startServer(settings, data);
  try {
    await server.repository("base");
    await server.repository("main", ["base"]);
    await server.repository("outside", ["public:npmjs"]);
    await fillPackages(server);
    await fillDomain(server);
  } finally {
    await server.close();
  }
  await fillRows(server.database);
}

async function fillPackages(server: TestServer): Promise<void> {
  for (const version of ["1.0.0", "1.1.0", "2.0.0-rc.1"]) {
    for (const name of ["left", "@scope/right"])
      await accept(
        server.publish("main", { name, version, description: `line\u2028separator ☃ 𝄞 ${version}` }),
      );
    const assetContent = Buffer.from(`generic ${version}`);
    await server.client.publishPackageVersion({
      domain: DOMAIN,
      repository: "base",
      format: "generic",
      namespace: "tools",
      package: "drill",
      packageVersion: version.replace("-rc.1", ""),
      assetName: "drill.bin",
      assetContent,
      assetSHA256: createHash("sha256").update(assetContent).digest("hex"),
    });
  }
  // Numbers that were given out and whose rows are gone must not be given out again.
  await accept(server.publish("main", { name: "gone", version: "1.0.0" }));
  const gone = { domain: DOMAIN, repository: "main", format: "npm", package: "gone" } as const;
  await server.client.deletePackage(gone);
}

async function fillDomain({ client }: TestServer): Promise<void> {
  const domain = DOMAIN;
  await client.createPackageGroup({ domain, packageGroup: "/npm/scope/*", description: "ours" });
  await client.updatePackageGroupOriginConfiguration({
    domain,
    packageGroup: "/npm/scope/*",
    restrictions: { PUBLISH: "ALLOW_SPECIFIC_REPOSITORIES" },
    addAllowedRepositories: [{ repositoryName: "main", originRestrictionType: "PUBLISH" }],
  });
  const policyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: "*", Resource: "*" },
    ],
  });
  await client.putDomainPermissionsPolicy({ domain, policyDocument });
  await client.putRepositoryPermissionsPolicy({ domain, repository: "main", policyDocument });
  await client.tagResource({
    resourceArn: `arn:aws:codeartifact:us-east-1:${ACCOUNT}:domain/${domain}`,
    tags: [{ key: "team", value: "build" }],
  });
}

async function accept(answer: Promise<Response>): Promise<void> {
  const { ok, status } = await answer;
  if (!ok) throw new Error(`a publish was answered with ${status}`);
}

/** What comes about only through identity providers, public registries or failing webhooks. */
async function fillRows(location: string): Promise<void> {
  const database = await openDatabase(location);
  const at = 1_700_000_000_000;
  try {
    await database.write(async (tx) => {
      const { id } = await tx.selectFrom("principal").select("id").executeTakeFirstOrThrow();
      const { id: repository_id } = await tx.selectFrom("repository").select("id").executeTakeFirstOrThrow();
      const { seq } = await tx.selectFrom("journal").select("seq").executeTakeFirstOrThrow();
      const group = {
        account: ACCOUNT,
        arn: "g",
        policies: "[]",
        created_at: at,
        trust: null,
        applied_at: null,
      };
      await tx
        .insertInto("principal")
        .values({ ...group, id: 77, name: "group", kind: "group" })
        .execute();
      await tx.insertInto("principal_member").values({ group_id: 77, member_id: id }).execute();
      const named = { account: ACCOUNT, name: "reader", document: "{}" };
      await tx
        .insertInto("identity_policy")
        .values({ ...named, updated_at: at, applied_at: null })
        .execute();
      const provider = { arn: "a", account: ACCOUNT, url: "https://issuer.example", audiences: "[]" };
      await tx
        .insertInto("oidc_provider")
        .values({ ...provider, authorities: null, created_at: at, applied_at: at })
        .execute();
      const session = {
        id: "ASIA1",
        principal_id: id,
        name: "s",
        secret: "x",
        token_hash: "h",
        policies: "[]",
      };
      await tx
        .insertInto("session")
        .values({ ...session, created_at: at, expires_at: at * 2, revoked_at: null })
        .execute();
      const claim = {
        repository_id,
        format: "maven",
        namespace: "g",
        name: "a",
        version: "1",
        asset: "a.jar",
      };
      await tx
        .insertInto("checksum_claim")
        .values({ ...claim, algorithm: "md5", value: "0", claimed_at: at })
        .execute();
      const seen = { connection: "public:npmjs", format: "npm", namespace: "", name: "x" };
      await tx
        .insertInto("sighting")
        .values({ ...seen, versions: "{}" })
        .onConflict((c) => c.doNothing())
        .execute();
      const hook = { id: "hook", url: "https://hook.example", secret: "whsec_x", domain_id: null };
      await tx
        .insertInto("webhook")
        .values({ ...hook, created_at: at })
        .execute();
      const due = { webhook_id: "hook", seq, stream: "s", attempts: 3, due_at: at * 2 };
      await tx
        .insertInto("outbox")
        .values({ ...due, lease: null, first_failed_at: at })
        .execute();
    });
  } finally {
    await database.close();
  }
}

/** Every carried table's rows, read with the plain drivers: sorted lines of JSON. */
export async function dumpRows(location: string): Promise<Record<string, readonly string[]>> {
  const read = location.startsWith("postgres") ? await postgresRows(location) : sqliteRows(location);
  return Object.fromEntries([...read].map(([table, rows]) => [table, rows.map(plain).sort()]));
}

type Rows = ReadonlyMap<string, readonly Readonly<Record<string, unknown>>[]>;

function sqliteRows(path: string): Rows {
  const db = new DatabaseSync(path, { readOnly: true });
  const rows = new Map(CARRIED.map((name) => [name, db.prepare(`select * from ${name}`).all()]));
  db.close();
  return rows;
}

async function postgresRows(url: string): Promise<Rows> {
  const client = new pg.Client(url);
  await client.connect();
  const rows = new Map<string, readonly Readonly<Record<string, unknown>>[]>();
  for (const name of CARRIED) rows.set(name, (await client.query(`select * from ${name}`)).rows);
  await client.end();
  return rows;
}

function plain(row: Readonly<Record<string, unknown>>): string {
  const fields = Object.entries(row).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? Buffer.from(value).toString("hex") : text(value),
  ]);
  return JSON.stringify(Object.fromEntries(fields.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))));
}

/** PostgreSQL's driver gives large numbers as text. */
function text(value: unknown): string | null {
  return typeof value === "number" ? String(value) : (value as string | null);
}

/** The digests that a folder of blobs really holds, hashed here. */
export function hashBlobs(directory: string): string[] {
  const root = join(directory, "sha256");
  if (!existsSync(root)) return [];
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files
    .map(({ parentPath, name }) => {
      const sha256 = createHash("sha256")
        .update(readFileSync(join(parentPath, name)))
        .digest("hex");
      return sha256 === name ? sha256 : `${name} is damaged`;
    })
    .sort();
}

/** The digests that asset rows of a dump speak of. */
export function namedBlobs(rows: Readonly<Record<string, readonly string[]>>): string[] {
  const named = (rows.asset ?? []).map((line) => (JSON.parse(line) as { sha256: string }).sha256);
  return [...new Set(named)].sort();
}

/** Journal entries, and blobs that assets speak of. */
export async function fillMuch(data: string, entries: number, blobs: number): Promise<void> {
  const store = await createDiskStore({ directory: join(data, "blobs") });
  const database = await openDatabase(join(data, "portcullis.sqlite"));
  const { id } = await database.read.selectFrom("package_version").select("id").executeTakeFirstOrThrow();
  const assets: { sha256: string; size: number }[] = [];
  const put = async (n: number): Promise<void> => {
    const writer = await store.create();
    await writer.write(Buffer.from(`blob ${n}`.padEnd(20_000)));
    const { size, digests } = await writer.finish();
    await writer.commit();
    writer.release();
    assets.push({ size, sha256: digests.sha256 });
  };
  for (let n = 0; n < blobs; n += 10) await Promise.all(Array.from({ length: 10 }, (_, i) => put(n + i)));
  const entry = { at: 1, event: "e", domain_id: 0, repository: "", format: "", namespace: "", package: "" };
  await database.write(async (tx) => {
    for (let n = 0; n < entries; n += 500)
      await tx
        .insertInto("journal")
        .values(
          Array.from({ length: 500 }, () => ({
            ...entry,
            version: "",
            actor: "",
            request_id: "",
            detail: "{}",
          })),
        )
        .execute();
    for (const [n, asset] of assets.entries())
      await tx
        .insertInto("asset")
        .values({ ...asset, name: `f${n}`, package_version_id: id, md5: "", sha1: "", sha512: "" })
        .execute();
  });
  await database.close();
  await store.close();
}

/** Starts a command and kills it with SIGKILL once `reached` holds; rejects when it ends before. */
export async function killWhen(
  program: string,
  args: readonly string[],
  reached: () => Promise<boolean>,
  env = process.env,
): Promise<void> {
  const child: ChildProcess = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"], env });
  const ended = once(child, "exit");
  while (child.exitCode === null && !(await reached())) await sleep(1);
  if (child.exitCode !== null) throw new Error("it ended before it could be killed");
  child.kill("SIGKILL");
  await ended;
}
