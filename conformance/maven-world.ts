// Maven's repositories as the suites use them: addresses, plain requests, settings through the API, and a public registry of their own.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ListPackageVersionsCommand } from "@aws-sdk/client-codeartifact";
import { type Domain, packageKey } from "./api.ts";
import type { Registry } from "./clients/client.ts";
import { type Answer, send } from "./wire.ts";

export const GROUP = "com.acme";

export function request(
  { url, token }: Registry,
  method: string,
  path: string,
  body?: string,
): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}` };
  return send(url + path, { method, headers, ...(body === undefined ? {} : { body }) });
}

/** The versions that maven-metadata.xml lists; none for a 404. */
export async function listed(registry: Registry, artifact: string, group = GROUP): Promise<string[]> {
  const { status, text } = await request(
    registry,
    "GET",
    `${group.replaceAll(".", "/")}/${artifact}/maven-metadata.xml`,
  );
  if (status !== 200 && status !== 404) throw new Error(`${status} ${text}`);
  return status === 404
    ? []
    : [...text.matchAll(/<version>([^<]+)</g)].map(([, version]) => version as string);
}

/** Status of each version that the repository holds. */
export async function statuses({ client, name: domain }: Domain, repository: string, artifact: string) {
  const input = { domain, repository, ...packageKey(artifact, "maven", GROUP) };
  const { versions = [] } = await client
    .send(new ListPackageVersionsCommand(input))
    .catch(() => ({ versions: [] }));
  return Object.fromEntries(versions.map(({ version = "", status }) => [version, status]));
}

/** A public registry P of the suite's own. */
export interface PublicMaven {
  readonly url: string;
  /** Adds a jar with its POM, checksums and metadata. */
  publish(artifact: string, version: string): void;
  close(): Promise<void>;
}

export async function startPublicMaven(): Promise<PublicMaven> {
  const files = new Map<string, string>();
  const versions = new Map<string, string[]>();
  const server = createServer((req, res) => {
    const body = files.get(decodeURIComponent((req.url ?? "/").slice(1)));
    if (body === undefined) res.writeHead(404).end();
    else res.writeHead(200, { "content-length": Buffer.byteLength(body) }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const add = (path: string, body: string): void => {
    files.set(path, body);
    files.set(`${path}.sha1`, createHash("sha1").update(body).digest("hex"));
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    publish(artifact, version) {
      const folder = `${GROUP.replaceAll(".", "/")}/${artifact}`;
      const all = [...(versions.get(artifact) ?? []), version];
      versions.set(artifact, all);
      add(`${folder}/${version}/${artifact}-${version}.pom`, pomOf(artifact, version));
      add(`${folder}/${version}/${artifact}-${version}.jar`, `${artifact} ${version} from P`);
      add(`${folder}/maven-metadata.xml`, metadataOf(artifact, all));
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

export function pomOf(artifact: string, version: string): string {
  return `<project><modelVersion>4.0.0</modelVersion><groupId>${GROUP}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></project>`;
}

export function metadataOf(artifact: string, versions: readonly string[]): string {
  const list = versions.map((version) => `<version>${version}</version>`).join("");
  return `<metadata><groupId>${GROUP}</groupId><artifactId>${artifact}</artifactId><versioning><versions>${list}</versions></versioning></metadata>`;
}

/** A release over plain HTTP; gives the first refusal, else the last answer. */
export async function putRelease(
  registry: Registry,
  artifact: string,
  version: string,
  content = `${artifact} ${version}`,
): Promise<Answer> {
  const folder = `${GROUP.replaceAll(".", "/")}/${artifact}`;
  const jar = await request(registry, "PUT", `${folder}/${version}/${artifact}-${version}.jar`, content);
  if (jar.status >= 300) return jar;
  await request(registry, "PUT", `${folder}/${version}/${artifact}-${version}.pom`, pomOf(artifact, version));
  return request(registry, "PUT", `${folder}/maven-metadata.xml`, metadataOf(artifact, [version]));
}

export function getJar(registry: Registry, artifact: string, version: string): Promise<Answer> {
  return request(
    registry,
    "GET",
    `${GROUP.replaceAll(".", "/")}/${artifact}/${version}/${artifact}-${version}.jar`,
  );
}
