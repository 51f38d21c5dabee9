// Which package, version and file a path names, and which uploads disagree with their path.
import { describe, expect, test } from "vitest";
import { checkUpload, type FilePlace, isPom, parseBuild, parsePlace } from "./layout.ts";

const at = (path: string) => parsePlace(path.split("/"));
const short = (path: string) => {
  const place = at(path);
  if (place === undefined) return undefined;
  const key = place.key === undefined ? "" : `${place.key.namespace}:${place.key.name}`;
  const rest =
    place.kind === "file"
      ? [place.version, place.file]
      : place.kind === "snapshot"
        ? [place.version]
        : [place.group];
  return [place.kind, key, ...rest, ...(place.checksum === undefined ? [] : [place.checksum])].join(" ");
};

test.each([
  ["com/acme/x/1.0/x-1.0.jar", "file com.acme:x 1.0 x-1.0.jar"],
  ["com/acme/x/1.0/x-1.0.jar.sha512", "file com.acme:x 1.0 x-1.0.jar sha512"],
  ["com/acme/x/1.0/x-1.0.jar.asc.md5", "file com.acme:x 1.0 x-1.0.jar.asc md5"],
  ["acme/x.y/1.0/x.y-1.0.pom", "file acme:x.y 1.0 x.y-1.0.pom"],
  ["com/acme/x_2.13/1.0+b/x_2.13-1.0+b.jar", "file com.acme:x_2.13 1.0+b x_2.13-1.0+b.jar"],
  [
    "com/acme/x/1.0-SNAPSHOT/x-1.0-20210728.194552-1.jar",
    "file com.acme:x 1.0-20210728.194552-1 x-1.0-20210728.194552-1.jar",
  ],
  [
    "com/acme/x/1.0-SNAPSHOT/x-1.0-20210728.194552-12-tests.tar.gz.sha1",
    "file com.acme:x 1.0-20210728.194552-12 x-1.0-20210728.194552-12-tests.tar.gz sha1",
  ],
  [
    "com/acme/x/1.0-20210728.194552-1/x-1.0-20210728.194552-1.jar",
    "file com.acme:x 1.0-20210728.194552-1 x-1.0-20210728.194552-1.jar",
  ],
  ["com/acme/x/1.0-SNAPSHOT/x-1.0-SNAPSHOT.jar", "file com.acme:x 1.0-SNAPSHOT x-1.0-SNAPSHOT.jar"],
  ["com/acme/x/1.0-SNAPSHOT/maven-metadata.xml", "snapshot com.acme:x 1.0-SNAPSHOT"],
  ["com/acme/x/maven-metadata.xml.sha256", "list com.acme:x com.acme.x sha256"],
  ["acme/maven-metadata.xml", "list  acme"],
])("8.3.1 %s", (path, expected) => {
  expect(short(path)).toBe(expected);
});

test.each([
  "",
  "x.jar",
  "maven-metadata.xml",
  "com/x-1.0.jar",
  "x/1.0/x-1.0.jar",
  "com.acme/x/1.0/x-1.0.jar",
  "com//x/1.0/x-1.0.jar",
  "com/acme/x/1.0/",
  "com/acme/x/1.0/x 1.0.jar",
  "com/acme/x/1.0/.hidden",
  "com/acme/x/.1/x-.1.jar",
  "com/acm\u00e9/x/1.0/x-1.0.jar",
  "com/acme/x/1.0/x-1.0\u202e.jar",
  "com/acme/.x/1.0/x-1.0.jar",
  "com/acme/x/1#0/x-1#0.jar",
])("no place of the layout: %j", (path) => {
  expect(at(path)).toBeUndefined();
});

describe("uploads", () => {
  const refused = (path: string) => {
    try {
      checkUpload(at(path) as FilePlace);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  };

  test.each([
    "com/acme/x/1.0/x-1.0.jar",
    "com/acme/x/1.0/x-1.0-sources.jar.asc",
    "com/acme/x/1.0-SNAPSHOT/x-1.0-20210728.194552-1-tests.jar",
    "com/acme/x_2.12_1.0/1.0/x-1.0.jar",
    "com/acme/x_3/1.0/x_3-1.0.jar",
    "com/acme/x/1.0/ivy-1.0.xml",
  ])("taken: %s", (path) => {
    expect(refused(path)).toBeUndefined();
  });

  test.each([
    ["com/acme/x/1.0/y-1.0.jar", /does not agree/],
    ["com/acme/x/1.0/x-1.00.jar", /does not agree/],
    ["com/acme/x/1.0/x-1.0", /does not agree/],
    ["com/acme/x/1.0/x-1.0.", /does not agree/],
    ["com/acme/x-tools/1.0/x-1.0.jar", /does not agree/],
    ["com/acme/x/1.0-SNAPSHOT/x-1.0-SNAPSHOT.jar", /uniqueVersion/],
    ["com/acme/x/1.0-SNAPSHOT/x-2.0-20210728.194552-1.jar", /does not name a build/],
    ["com/acme/x/1.0/x-1.0-20210728.194552-1.jar", /called like a snapshot/],
    ["com/acme/x/1.0-20210728.194552-1/x-1.0-20210728.194552-1.jar", /is a build/],
    ["com/acme/x/1.0-Snapshot/x-1.0-Snapshot.jar", /in capitals/],
  ])("refused: %s", (path, why) => {
    expect(refused(path)).toMatch(why);
  });
});

test("a POM is the version's own, not a classifier's", () => {
  const pom = (path: string) => isPom(at(path) as FilePlace);
  expect(pom("com/acme/x/1.0/x-1.0.pom")).toBe(true);
  expect(pom("com/acme/x/1.0-SNAPSHOT/x-1.0-20210728.194552-1.pom")).toBe(true);
  expect(pom("com/acme/x/1.0/x-1.0-build.pom")).toBe(false);
  expect(pom("com/acme/x/1.0/x-1.0.pom.asc")).toBe(false);
});

test("8.3.8 a build's version tells its snapshot", () => {
  expect(parseBuild("1.0-20210728.194552-1")).toEqual({
    snapshot: "1.0-SNAPSHOT",
    timestamp: "20210728.194552",
    buildNumber: 1,
  });
  expect(parseBuild("1.0-2021.194552-1")).toBeUndefined();
});
