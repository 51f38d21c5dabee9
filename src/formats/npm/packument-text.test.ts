// Documents put together from texts: always valid JSON, always what the versions say, never more than may be seen.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PackageKey } from "../../core/coordinates.ts";
import { type PackumentFacts, renderPackument, renderTags, renderVersion } from "./packument-text.ts";
import { describePublic, readPublicDocument } from "./public-document.ts";
import { makeVersionTexts, withDeprecation, withoutReadme, withTarball } from "./version-text.ts";

const KEY: PackageKey = { format: "npm", namespace: "acme", name: "ui" };
const BASE = "http://127.0.0.1:1/npm/d/d-000000000000/r/";
const DIST = { integrity: "sha512-x", shasum: "0".repeat(40) };

interface Document {
  name: string;
  _id: string;
  _rev: string;
  "dist-tags": Record<string, string>;
  versions: Record<string, Record<string, unknown> & { dist: Record<string, unknown> }>;
  time: Record<string, string>;
  readme?: string;
  description?: string;
}

function stored(version: string, time = 0, manifest: object = {}, readme = "") {
  const texts = makeVersionTexts({ name: "@acme/ui", version, ...manifest }, DIST, { readme });
  return { version, time, text: texts.document, brief: texts.brief };
}

function facts(changes: Partial<PackumentFacts> = {}): PackumentFacts {
  return {
    key: KEY,
    form: "full",
    base: BASE,
    rev: "1-x",
    stored: [],
    withheld: [],
    tags: [],
    tagsPrefer: "upstream",
    ...changes,
  };
}

function outside(versions: readonly string[], more: object = {}) {
  const one = (version: string) => ({
    name: "@acme/ui",
    version,
    dist: {
      tarball: `http://registry.example/@acme/ui/-/ui-${version}.tgz`,
      shasum: "1".repeat(40),
      secret: "x",
    },
  });
  return readPublicDocument(
    { name: "@acme/ui", versions: Object.fromEntries(versions.map((v) => [v, one(v)])), ...more },
    KEY,
  );
}

function render(known: PackumentFacts, documents: Parameters<typeof renderPackument>[1] = []): Document {
  return JSON.parse(renderPackument(known, documents) ?? "null") as Document;
}

describe("version texts", () => {
  test("any manifest survives being written, spliced and cut again", () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    const keys = fc.oneof(
      fc.string(),
      fc.constantFrom("readme", ',"readme":"', "dist", "__proto__", "0", "toJSON"),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(keys, json)), fc.string(), (members, readme) => {
        const manifest = { ...Object.fromEntries(members), name: "n", version: "1.0.0" };
        const { document, brief } = makeVersionTexts(manifest, DIST, { readme });
        const shown = JSON.parse(withoutReadme(withTarball(document, 'http://x/"t'))) as Record<
          string,
          unknown
        >;
        expect(shown["dist"]).toEqual({ ...DIST, tarball: 'http://x/"t' });
        expect(shown["readme"]).toBeUndefined();
        const written = JSON.parse(JSON.stringify(manifest)) as Record<string, unknown>;
        for (const name of ["dist", "readme", "deprecated", "readmeFilename"]) delete written[name];
        for (const [member, value] of Object.entries(written)) {
          if (!member.startsWith("_") || member === "__proto__")
            expect(Object.entries(shown)).toContainEqual([member, value]);
        }
        expect(JSON.parse(document)).toHaveProperty("readme", readme);
        expect(JSON.parse(withTarball(brief, "t"))).toMatchObject({
          name: "n",
          version: "1.0.0",
          dist: { tarball: "t" },
        });
      }),
    );
  });

  test("the brief form holds what installing needs and says when scripts run", () => {
    const full = {
      name: "n",
      version: "1.0.0",
      description: "d",
      bin: { n: "x" },
      os: ["linux"],
      scripts: { postinstall: "x" },
      keywords: ["k"],
    };
    expect(JSON.parse(makeVersionTexts(full, DIST).brief)).toEqual({
      dist: DIST,
      name: "n",
      version: "1.0.0",
      bin: { n: "x" },
      os: ["linux"],
      hasInstallScript: true,
    });
    expect(
      JSON.parse(makeVersionTexts({ name: "n", version: "1.0.0", scripts: { test: "x" } }, DIST).brief),
    ).not.toHaveProperty("hasInstallScript");
    expect(
      JSON.parse(makeVersionTexts({ name: "n", version: "1.0.0" }, DIST, { builds: true }).brief),
    ).toHaveProperty("hasInstallScript", true);
  });

  test("deprecating changes `deprecated` and nothing else, in both texts, and back again", () => {
    const { document, brief } = makeVersionTexts(
      { name: "n", version: "1.0.0", 7: "x", scripts: { a: "b" } },
      DIST,
      { readme: "# r" },
    );
    const changed = withDeprecation(document, "old");
    expect(JSON.parse(changed?.document ?? "")).toEqual({
      ...(JSON.parse(document) as object),
      deprecated: "old",
    });
    expect(JSON.parse(changed?.brief ?? "")).toEqual({ ...(JSON.parse(brief) as object), deprecated: "old" });
    expect(withDeprecation(changed?.document ?? "", undefined)).toEqual({ document, brief });
    expect(withDeprecation(changed?.document ?? "", "old")).toBeUndefined();
    expect(withDeprecation(document, undefined)).toBeUndefined();
  });
});

describe("packument", () => {
  test("8.1.1 full: versions in order, absolute conventional tarball addresses, times, readme once", () => {
    const document = render(
      facts({
        stored: [
          stored("1.10.0", 5000, { description: "new" }, "# ten"),
          stored("1.9.0", 1000, {}, "# nine"),
        ],
      }),
    );
    expect(Object.keys(document.versions)).toEqual(["1.9.0", "1.10.0"]);
    expect(document.versions["1.10.0"]?.dist).toEqual({
      ...DIST,
      tarball: `${BASE}@acme/ui/-/ui-1.10.0.tgz`,
    });
    expect(document.versions["1.10.0"]).not.toHaveProperty("readme");
    expect(document).toMatchObject({
      _id: "@acme/ui",
      _rev: "1-x",
      name: "@acme/ui",
      description: "new",
      readme: "# ten",
      "dist-tags": { latest: "1.10.0" },
    });
    expect(document.time).toEqual({
      created: "1970-01-01T00:00:01.000Z",
      modified: "1970-01-01T00:00:05.000Z",
      "1.9.0": "1970-01-01T00:00:01.000Z",
      "1.10.0": "1970-01-01T00:00:05.000Z",
    });
  });

  test("8.1.1 abbreviated: name, tags, versions and modified only", () => {
    const one = stored("1.0.0", 1000);
    const document = render(facts({ form: "brief", stored: [{ ...one, text: one.brief }] }));
    expect(Object.keys(document).sort()).toEqual(["dist-tags", "modified", "name", "versions"]);
  });

  test("nothing visible is undefined, whatever the tags say", () => {
    expect(renderPackument(facts({ tags: [[["latest", "1.0.0"]]] }), [])).toBeUndefined();
    expect(renderPackument(facts({ withheld: ["1.0.0"] }), [outside(["1.0.0"])])).toBeUndefined();
    expect(renderTags(facts(), [])).toBeUndefined();
    expect(renderVersion(facts(), [], "latest")).toBeUndefined();
  });

  test("4.2.1 what is held here stands before a public version of the same number; 4.3.9 withheld numbers are not taken from outside", () => {
    const document = render(facts({ stored: [stored("1.0.0", 9, { mine: true })], withheld: ["2.0.0"] }), [
      outside(["1.0.0", "2.0.0", "3.0.0"]),
    ]);
    expect(Object.keys(document.versions)).toEqual(["1.0.0", "3.0.0"]);
    expect(document.versions["1.0.0"]).toHaveProperty("mine", true);
  });

  test("a public document is regenerated: no junk, no foreign address, its own times", () => {
    const public1 = outside(["1.0.0"], {
      time: {
        created: "2020-01-01T00:00:00.000Z",
        modified: "2021-01-01T00:00:00.000Z",
        "1.0.0": "2020-06-01T00:00:00.000Z",
        "9.9.9": "2020-06-01T00:00:00.000Z",
      },
      maintainers: [{ name: "a" }],
      description: "public",
      _rev: "9-z",
      users: { x: true },
      evil: "<script>",
    });
    const document = render(facts(), [public1]);
    expect(Object.keys(document).sort()).toEqual([
      "_id",
      "_rev",
      "description",
      "dist-tags",
      "maintainers",
      "name",
      "time",
      "versions",
    ]);
    expect(document._rev).toBe("1-x");
    expect(document.versions["1.0.0"]?.dist).toEqual({
      shasum: "1".repeat(40),
      tarball: `${BASE}@acme/ui/-/ui-1.0.0.tgz`,
    });
    expect(JSON.stringify(document)).not.toContain("registry.example");
    expect(document.time).toEqual({
      created: "2020-01-01T00:00:00.000Z",
      modified: "2021-01-01T00:00:00.000Z",
      "1.0.0": "2020-06-01T00:00:00.000Z",
    });
  });

  test("8.1.5 on the same tag the public registry wins, or the nearest source where the repository says so", () => {
    const own = facts({
      stored: [stored("1.0.0"), stored("1.1.0")],
      tags: [
        [
          ["latest", "1.0.0"],
          ["mine", "1.0.0"],
        ],
        [["latest", "1.1.0"]],
      ],
    });
    const documents = [outside(["2.0.0"], { "dist-tags": { latest: "2.0.0", gone: "7.0.0" } })];
    expect(renderTags(own, documents)).toEqual({ latest: "2.0.0", mine: "1.0.0" });
    expect(renderTags(own, [])).toEqual({ latest: "1.1.0", mine: "1.0.0" });
    expect(renderTags({ ...own, tagsPrefer: "downstream" }, documents)).toEqual({
      latest: "1.0.0",
      mine: "1.0.0",
    });
  });

  test("8.1.5 a tag on a version that may not be seen gives way to the next source's, and latest falls back", () => {
    const own = facts({
      stored: [stored("1.0.0"), stored("1.1.0-rc.1")],
      withheld: ["2.0.0"],
      tags: [[["latest", "1.0.0"]]],
    });
    const documents = [outside(["2.0.0"], { "dist-tags": { latest: "2.0.0" } })];
    expect(renderTags(own, documents)).toEqual({ latest: "1.0.0" });
    expect(renderTags({ ...own, tags: [] }, documents)).toEqual({ latest: "1.0.0" });
  });

  test("names such as __proto__ are just tags and members", () => {
    const known = facts({
      stored: [
        stored(
          "1.0.0",
          0,
          JSON.parse('{"dependencies":{"__proto__":"1","constructor":"2"},"__proto__":{"x":1}}') as object,
        ),
      ],
      tags: [
        [
          ["__proto__", "1.0.0"],
          ["constructor", "1.0.0"],
        ],
      ],
    });
    const text = renderPackument(known, []) ?? "";
    expect(text).toContain('"dist-tags":{"__proto__":"1.0.0","constructor":"1.0.0"');
    expect(text).toContain('"dependencies":{"__proto__":"1","constructor":"2"}');
    expect(renderVersion(known, [], "__proto__")).toContain('"version":"1.0.0"');
    expect(renderVersion(known, [], "toString")).toBeUndefined();
  });

  test("one version by number, loose number or tag", () => {
    const known = facts({ stored: [stored("1.0.0", 0, {}, "# r")], tags: [[["beta", "1.0.0"]]] });
    for (const wanted of ["1.0.0", "v1.0.0", "beta", "latest"])
      expect(JSON.parse(renderVersion(known, [], wanted) ?? "{}")).toMatchObject({
        version: "1.0.0",
        readme: "# r",
      });
    expect(renderVersion(known, [], "2.0.0")).toBeUndefined();
  });
});

describe("public documents", () => {
  const read = (manifest: unknown, version = "1.0.0") =>
    readPublicDocument({ versions: { [version]: manifest } }, KEY).versions;
  const dist = { tarball: "http://registry.example/x.tgz", shasum: "A".repeat(40) };

  test("whatever could not be fetched and checked is not listed (fail closed)", () => {
    expect(read({ dist }).size).toBe(1);
    expect(read({ dist: { tarball: dist.tarball } }).size).toBe(0);
    expect(read({ dist: { tarball: dist.tarball, integrity: "md5-xxxx", shasum: "zz" } }).size).toBe(0);
    expect(read({ dist: { ...dist, tarball: "file:///etc/passwd" } }).size).toBe(0);
    expect(read({ dist: { ...dist, tarball: undefined } }).size).toBe(0);
    expect(read({ dist }, "not-a-version").size).toBe(0);
    expect(read("nonsense").size).toBe(0);
    expect(() => readPublicDocument([], KEY)).toThrow("packument");
  });

  test("a version's facts: digests in hex from both spellings, our asset name, our package name", () => {
    const integrity = `sha512-${Buffer.alloc(64, 7).toString("base64")}`;
    const found = read({ name: "other", version: "8", description: "d", dist: { ...dist, integrity } }).get(
      "1.0.0",
    );
    const described = describePublic(found as NonNullable<typeof found>, KEY);
    expect(described.assets).toEqual([
      { name: "package.tgz", url: dist.tarball, digests: { sha1: "a".repeat(40), sha512: "07".repeat(64) } },
    ]);
    expect(described.metadata).toEqual({ displayName: "@acme/ui", summary: "d" });
    expect(JSON.parse(described.document)).toMatchObject({
      name: "@acme/ui",
      version: "1.0.0",
      dist: { integrity },
    });
  });
});
