// maven-metadata.xml, written and read again.
import { expect, test } from "vitest";
import {
  fileNameOf,
  parseMetadata,
  renderArtifact,
  renderGroup,
  renderSnapshot,
  snapshotFileOf,
} from "./metadata-text.ts";

const key = { format: "maven", namespace: "com.acme", name: "x" } as const;
const parse = (text: string) => parseMetadata(Buffer.from(text));

test("an artifact's: in Maven's order, latest and release by it, times to the second", () => {
  const text = renderArtifact(key, ["2.0-SNAPSHOT", "1.10", "1.9"], Date.UTC(2026, 0, 2, 3, 4, 5, 600));
  expect(parse(text)).toMatchObject({
    groupId: "com.acme",
    artifactId: "x",
    versions: ["1.9", "1.10", "2.0-SNAPSHOT"],
    lastUpdated: Date.UTC(2026, 0, 2, 3, 4, 5),
  });
  expect(text).toContain("<latest>2.0-SNAPSHOT</latest>\n    <release>1.10</release>");
  expect(text).toContain("<lastUpdated>20260102030405</lastUpdated>");
});

test("without a release there is no <release>", () => {
  expect(renderArtifact(key, ["1.0-SNAPSHOT"], 0)).not.toContain("<release>");
});

test("a snapshot's names each file by classifier and extension, and back", () => {
  const build = "1.0-20260102.030405-7";
  const names = [
    "x-1.0-20260102.030405-7.jar",
    "x-1.0-20260102.030405-7-tests.tar.gz",
    "x-1.0-20260102.030405-7.jar.asc",
    "x-1.0-20260102.030405-7-a.b.zip",
  ];
  const files = names.map((name) => snapshotFileOf(key, build, name));
  expect(files.map((file) => [file?.classifier, file?.extension])).toEqual([
    ["", "jar"],
    ["tests", "tar.gz"],
    ["", "jar.asc"],
    ["a.b", "zip"],
  ]);
  expect(files.map((file) => file && fileNameOf(key, file))).toEqual(names);
  const text = renderSnapshot(key, {
    version: "1.0-SNAPSHOT",
    timestamp: "20260102.030405",
    buildNumber: 7,
    updatedAt: 0,
    files: files.flatMap((file) => file ?? []),
  });
  expect(parse(text)).toMatchObject({ snapshot: { timestamp: "20260102.030405", buildNumber: "7" }, files });
  expect(snapshotFileOf(key, build, "y-1.0-20260102.030405-7.jar")).toBeUndefined();
});

test("a group's: the first of equal prefixes, in order, and nothing of a name is markup", () => {
  const text = renderGroup([
    { name: "<b>", prefix: "two", artifactId: "two-maven-plugin" },
    { name: undefined, prefix: "one", artifactId: "one-maven-plugin" },
    { name: "later", prefix: "two", artifactId: "other" },
  ]);
  expect(text).toContain("<name>&lt;b&gt;</name>");
  expect(parse(text).plugins).toEqual([
    { name: undefined, prefix: "one", artifactId: "one-maven-plugin" },
    { name: "<b>", prefix: "two", artifactId: "two-maven-plugin" },
  ]);
});
