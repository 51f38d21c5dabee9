// Where a format's suite plays: a server, a public registry P, and for each test a repository U in front of it and R behind U.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { PackageVersionStatus } from "@aws-sdk/client-codeartifact";
import { expect } from "vitest";
import { ACCOUNT, DOMAIN, startServer, type TestServer } from "../../../test/server.ts";
import type { TokenScope } from "../../core/caller.ts";
import type { PackageKey } from "../../core/coordinates.ts";
import { issueToken } from "../../identity/tokens.ts";
import { type Database, openDatabase } from "../../store/database.ts";
import { findDomain } from "../../store/domains.ts";
import { findPrincipalRow } from "../../store/principals.ts";
import type { Built, BuiltVersion, FormatClient, FormatDriver, PublishHow } from "../format.suite.ts";
import { openPublicSide, type PublicSide } from "./public-side.suite.ts";

export interface World<U> {
  readonly driver: FormatDriver<U>;
  readonly server: TestServer;
  readonly P: PublicSide<U>;
  /** Fresh repositories U and R, and a package that nobody has heard of. */
  scene(): Promise<Scene<U>>;
  /** A token of the administrator's for less than everything. */
  scopedToken(scope: TokenScope): Promise<string>;
  journal(key: PackageKey): Promise<readonly { event: string; repository: string; version: string }[]>;
  /** Digests of all bytes that are kept, besides those of staging, which must be none. */
  blobs(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface Scene<U> {
  readonly key: PackageKey;
  /** Holds the connection to P, where the format has public registries. */
  readonly U: string;
  /** Has U as its upstream. */
  readonly R: string;
  /** The package as the API is asked about it. */
  api(repository?: string): ApiPackage;
  repository(name: string, from: readonly string[]): Promise<void>;
  client(repository?: string, token?: string | null): Promise<FormatClient>;
  build(version: string, content?: string, key?: PackageKey): Promise<BuiltVersion<U>>;
  publish(version: string, options?: PublishOptions): Promise<Response>;
  /** Adds the version to P. */
  publicly(version: string, content?: string): Promise<BuiltVersion<U>>;
  /** The versions on every route that lists them, which must agree; none for a 404. */
  versions(repository?: string, key?: PackageKey): Promise<readonly string[]>;
  /** Fetches every file; the answers' statuses must agree, and the bytes of a 200 are `content`'s. */
  install(version: string, options?: PublishOptions): Promise<Fetched>;
  put(publish: Setting, upstream: Setting, repository?: string): Promise<unknown>;
  settings(repository?: string): Promise<string | undefined>;
  /** A group for this very package, with these modes. */
  group(modes: Modes, allowed?: Partial<Record<Restriction, readonly string[]>>): Promise<void>;
  held(repository?: string): Promise<Readonly<Record<string, PackageVersionStatus>>>;
}

export interface PublishOptions extends PublishHow {
  readonly repository?: string;
  readonly content?: string;
  readonly key?: PackageKey;
  readonly token?: string | null;
}

export interface Fetched {
  readonly status: number;
  readonly reason: string;
  readonly text: string;
}

export type Setting = "ALLOW" | "BLOCK";
export type Restriction = "PUBLISH" | "EXTERNAL_UPSTREAM" | "INTERNAL_UPSTREAM";
export type Mode = "ALLOW" | "ALLOW_SPECIFIC_REPOSITORIES" | "BLOCK" | "INHERIT";
export type Modes = Partial<Record<Restriction, Mode>>;
type ApiPackage = ReturnType<typeof apiPackage>;

/** What versions hold unless a test says otherwise. */
export const CONTENT = "as published";

export async function openWorld<U>(driver: FormatDriver<U>): Promise<World<U>> {
  const { format } = driver;
  const P = await openPublicSide(driver);
  const upstream =
    driver.publicFiles === undefined ? [] : format.connections.slice(0, 1).map((name) => `${name}=${P.url}`);
  const server = await startServer(
    { upstream, "upstream-freshness-ms": "0" },
    undefined,
    driver.guest === true ? [format] : undefined,
  );
  await server.token();
  const database = await openDatabase(server.database);
  let scenes = 0;
  return {
    driver,
    server,
    P,
    async scene() {
      scenes++;
      return openScene({ driver, server, P }, driver.key(`module-${scenes}`), `u${scenes}`, `r${scenes}`);
    },
    scopedToken: (scope) => scopedToken(database, scope),
    async journal({ format: name, namespace, name: packageName }) {
      const rows = await database.read
        .selectFrom("journal")
        .select(["event", "repository", "version"])
        .where("format", "=", name)
        .where("namespace", "=", namespace)
        .where("package", "=", packageName)
        .orderBy("seq")
        .execute();
      return rows;
    },
    async blobs() {
      expect(await readdir(join(server.data, "blobs", "staging"))).toEqual([]);
      const files = await readdir(join(server.data, "blobs", "sha256"), { recursive: true });
      return files.filter((file) => file.includes("/")).sort();
    },
    async close() {
      await database.close();
      await server.close();
      await P.close();
    },
  };
}

async function scopedToken(database: Database, scope: TokenScope): Promise<string> {
  const user = await findPrincipalRow(database.read, `arn:aws:iam::${ACCOUNT}:user/administrator`);
  const domain = await findDomain(database.read, ACCOUNT, DOMAIN);
  if (user === undefined || domain === undefined)
    throw new Error("the server has no administrator or no domain");
  const now = Date.now();
  return issueToken(database, {
    principalId: user.id,
    domainId: domain.id,
    now,
    expiresAt: now + 3_600_000,
    scope,
  });
}

function apiPackage({ format, namespace, name }: PackageKey, repository: string) {
  return {
    domain: DOMAIN,
    repository,
    format,
    ...(namespace === "" ? {} : { namespace }),
    package: name,
  };
}

async function openScene<U>(
  { driver, server, P }: Pick<World<U>, "driver" | "server" | "P">,
  key: PackageKey,
  upstream: string,
  R: string,
): Promise<Scene<U>> {
  const connection = driver.publicFiles === undefined ? undefined : driver.format.connections[0];
  await server.repository(upstream, connection === undefined ? [] : [connection]);
  await server.repository(R, [upstream]);
  const { client: sdk } = server;

  const client = async (repository = R, token?: string | null): Promise<FormatClient> => {
    const base = `${server.url}/${driver.format.name}/d/${DOMAIN}-${ACCOUNT}/${repository}/`;
    const secret = token === undefined ? await server.token() : token;
    return {
      base,
      send(path, init = {}) {
        const headers = new Headers(init.headers);
        if (secret !== null) headers.set("authorization", `Bearer ${secret}`);
        return fetch(`${base}${path}`, { ...init, headers });
      },
    };
  };
  const build: Scene<U>["build"] = async (version, content = CONTENT, of = key) => ({
    key: of,
    version,
    built: await driver.build(of, version, content),
  });
  const scene: Scene<U> = {
    key,
    U: upstream,
    R,
    api: (repository = R) => apiPackage(key, repository),
    repository: (name, from) => server.repository(name, from),
    client,
    build,
    async publish(version, { repository = R, content = CONTENT, key: of = key, token, ...how } = {}) {
      return driver.publish(await client(repository, token), await build(version, content, of), how);
    },
    async publicly(version, content = "from outside") {
      const built = await build(version, content);
      await P.add(built);
      return built;
    },
    async versions(repository = R, of = key) {
      const at = await client(repository);
      const found: (readonly string[])[] = [];
      for (const listing of driver.listings(of)) {
        const answer = await at.send(listing.path, { headers: listing.headers ?? {} });
        const body = await answer.text();
        if (answer.status !== 200 && answer.status !== 404)
          throw new Error(`${listing.what}: ${answer.status} ${body}`);
        found.push(answer.status === 404 ? [] : [...listing.read(body)].sort());
      }
      for (const other of found) expect(other, "routes that list versions disagree").toEqual(found[0]);
      return found[0] ?? [];
    },
    async install(version, { repository = R, content = CONTENT, key: of = key, token } = {}) {
      const at = await client(repository, token);
      const built = await build(version, content, of);
      return fetchAll(at, driver, built);
    },
    put: (publish, upstreamSetting, repository = R) =>
      sdk.putPackageOriginConfiguration({
        ...apiPackage(key, repository),
        restrictions: { publish, upstream: upstreamSetting },
      }),
    async settings(repository = R) {
      const answer = await sdk.describePackage(apiPackage(key, repository)).catch(absentIsUndefined);
      const found = answer?.package?.originConfiguration?.restrictions;
      return found && `${found.publish}/${found.upstream}`;
    },
    async group(modes, allowed = {}) {
      const packageGroup = `/${key.format}/${key.namespace}/${key.name}$`;
      await sdk.createPackageGroup({ domain: DOMAIN, packageGroup });
      await sdk.updatePackageGroupOriginConfiguration({
        domain: DOMAIN,
        packageGroup,
        restrictions: modes,
        addAllowedRepositories: Object.entries(allowed).flatMap(([type, names]) =>
          names.map((repositoryName) => ({ repositoryName, originRestrictionType: type as Restriction })),
        ),
      });
    },
    async held(repository = R) {
      const answer = await sdk.listPackageVersions(apiPackage(key, repository)).catch(absentIsUndefined);
      return Object.fromEntries(
        (answer?.versions ?? []).map(({ version = "", status }) => [version, status as PackageVersionStatus]),
      );
    },
  };
  return scene;
}

function absentIsUndefined(error: unknown): undefined {
  if ((error as Error).name !== "ResourceNotFoundException") throw error;
}

async function fetchAll<U>(
  client: FormatClient,
  driver: FormatDriver<U>,
  of: BuiltVersion<U>,
): Promise<Fetched> {
  const fetched: Fetched[] = [];
  for (const { asset, path } of driver.files(of)) {
    const answer = await client.send(path);
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (answer.status === 200) expectBytes(bytes, of.built, asset);
    const reason = decodeURIComponent(answer.headers.get("x-portcullis-reason") ?? "");
    fetched.push({ status: answer.status, reason, text: answer.status === 200 ? "" : bytes.toString() });
  }
  const [first] = fetched;
  if (first === undefined) throw new Error("the driver names no files");
  for (const { status, text } of fetched)
    expect(status, `one file differs from the others: ${text}`).toBe(first.status);
  return first;
}

function expectBytes<U>(bytes: Buffer, { assets }: Built<U>, asset: string): void {
  const expected = assets.get(asset);
  if (expected === undefined) throw new Error(`the driver built no asset '${asset}'`);
  expect(bytes.equals(expected), `the bytes of ${asset} are not those that were published`).toBe(true);
}

/** The contract's refusal of a publish, or of a version that may not enter: the rule in the header, the remedy in the body. */
export function expectRefusal(
  { status, reason, text }: Fetched,
  expected: { readonly status: number; readonly rule: RegExp; readonly repository: string },
): void {
  expect(status, text).toBe(expected.status);
  expect(reason).toMatch(expected.rule);
  expect(reason).toContain(`repository=${expected.repository};`);
  expect(text).toMatch(
    /PutPackageOriginConfiguration|UpdatePackageGroupOriginConfiguration|CreatePackageGroup/,
  );
  expect(text).toContain(expected.repository);
}

/** A Response as `expectRefusal` looks at it. */
export async function told(answer: Response): Promise<Fetched> {
  return {
    status: answer.status,
    reason: decodeURIComponent(answer.headers.get("x-portcullis-reason") ?? ""),
    text: await answer.text(),
  };
}
