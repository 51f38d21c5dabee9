// A public Maven registry for tests: files by path, with whatever checksum files a test gives them, and a record of what was asked.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Algorithm } from "./layout.ts";

export interface FakeRegistry {
  /** Ends in `/`. */
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  /** Answers everything with this status while it is set. */
  failing: number | undefined;
  /** The status for what is not there, 404 but for storage that hides what it has. */
  absent: number;
  put(path: string, content: string | Buffer, checksums?: readonly Algorithm[]): void;
  /** A POM and a jar with SHA-1 files, and both in the artifact's maven-metadata.xml unless `listed` is false. */
  release(
    group: string,
    artifact: string,
    version: string,
    options?: { listed?: boolean; pom?: string },
  ): void;
  remove(path: string): void;
  close(): Promise<void>;
}

export const LAST_MODIFIED = "Mon, 05 Feb 2018 10:20:30 GMT";

export async function startFakeRegistry(): Promise<FakeRegistry> {
  const files = new Map<string, Buffer>();
  const versions = new Map<string, string[]>();
  const asked: string[] = [];
  const server = createServer((req, res) => {
    const path = decodeURIComponent((req.url ?? "/").slice(1));
    asked.push(path);
    const content = fake.failing === undefined ? files.get(path) : undefined;
    if (content === undefined) {
      res.writeHead(fake.failing ?? fake.absent).end();
      return;
    }
    res.writeHead(200, { "content-length": content.length, "last-modified": LAST_MODIFIED }).end(content);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const fake: FakeRegistry = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    failing: undefined,
    absent: 404,
    put(path, content, checksums = ["sha1"]) {
      const bytes = Buffer.from(content);
      files.set(path, bytes);
      for (const algorithm of checksums)
        files.set(
          `${path}.${algorithm}`,
          Buffer.from(`${createHash(algorithm).update(bytes).digest("hex")}  ${path}\n`),
        );
    },
    release(group, artifact, version, { listed = true, pom = pomOf(group, artifact, version) } = {}) {
      const folder = `${group.replaceAll(".", "/")}/${artifact}`;
      fake.put(`${folder}/${version}/${artifact}-${version}.pom`, pom);
      fake.put(`${folder}/${version}/${artifact}-${version}.jar`, `jar of ${artifact} ${version}`);
      if (!listed) return;
      const all = [...(versions.get(folder) ?? []), version];
      versions.set(folder, all);
      fake.put(`${folder}/maven-metadata.xml`, metadataOf(group, artifact, all));
    },
    remove: (path) => void files.delete(path),
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return fake;
}

export function pomOf(group: string, artifact: string, version: string, more = ""): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<project><modelVersion>4.0.0</modelVersion>
<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>${more}</project>
`;
}

export function metadataOf(group: string, artifact: string, versions: readonly string[]): string {
  const list = versions.map((version) => `<version>${version}</version>`).join("");
  return `<metadata><groupId>${group}</groupId><artifactId>${artifact}</artifactId><versioning><versions>${list}</versions><lastUpdated>20180205102030</lastUpdated></versioning></metadata>`;
}

export function snapshotMetadataOf(
  group: string,
  artifact: string,
  version: string,
  [timestamp, buildNumber]: readonly [string, number],
  extensions: readonly string[] = ["jar", "pom"],
): string {
  const value = `${version.slice(0, -"SNAPSHOT".length)}${timestamp}-${buildNumber}`;
  const files = extensions
    .map(
      (extension) =>
        `<snapshotVersion><extension>${extension}</extension><value>${value}</value></snapshotVersion>`,
    )
    .join("");
  return `<metadata modelVersion="1.1.0"><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version><versioning><snapshot><timestamp>${timestamp}</timestamp><buildNumber>${buildNumber}</buildNumber></snapshot><snapshotVersions>${files}</snapshotVersions></versioning></metadata>`;
}
