// 3.2 to 3.4: a package's group, against a second formulation: patterns as regular expressions, specificity as subsets.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PackageKey } from "./coordinates.ts";
import { packagePath } from "./coordinates.ts";
import { readings } from "./folding.ts";
import type { PatternHolder } from "./package-groups.ts";
import { indexGroups } from "./package-groups.ts";

/** Groups in the order of their creation, root first. */
function groupsOf(...patterns: string[]): PatternHolder[] {
  return ["/*", ...patterns].map((pattern, i) => ({ id: i + 1, pattern, createdAt: i }));
}

function keyOf(path: string): PackageKey {
  const [, format, namespace = "", name = ""] = path.split("/");
  return { format: format as PackageKey["format"], namespace, name };
}

/** `[pattern, association]` of a path. */
function associate(patterns: readonly string[], path: string): [string, string] {
  const { association, groups } = indexGroups(groupsOf(...patterns)).associate(keyOf(path));
  return [groups[0]?.pattern ?? "none", association];
}

describe("3.2.2 word prefixes", () => {
  test.each(["foo", "foo-bar", "foo.x", "foo-", "foo@2"])("/npm/space/foo~ matches %s", (name) => {
    expect(associate(["/npm/space/foo~"], `/npm/space/${name}`)).toEqual(["/npm/space/foo~", "STRONG"]);
  });
  test.each(["food", "foot", "fooBar", "foo2", "foo\u0301", "fo", "xfoo", "x-foo"])(
    "/npm/space/foo~ does not match %s",
    (name) => {
      expect(associate(["/npm/space/foo~"], `/npm/space/${name}`)).toEqual(["/*", "STRONG"]);
    },
  );
  test("a namespace prefix takes any name, and the whole namespace", () => {
    expect(associate(["/maven/com.acme~"], "/maven/com.acme.tools/x")).toEqual([
      "/maven/com.acme~",
      "STRONG",
    ]);
    expect(associate(["/maven/com.acme~"], "/maven/com.acme/x")).toEqual(["/maven/com.acme~", "STRONG"]);
    expect(associate(["/maven/com.acme~"], "/maven/com.acmex/x")).toEqual(["/*", "STRONG"]);
  });
  test("an empty namespace is one of its own", () => {
    expect(associate(["/npm//*"], "/npm//x")).toEqual(["/npm//*", "STRONG"]);
    expect(associate(["/npm//*"], "/npm/s/x")).toEqual(["/*", "STRONG"]);
  });
});

describe("3.4 weak association", () => {
  test("3.4.3 a variant does not roll up to a broader group", () => {
    const patterns = ["/npm/*", "/npm//acme~", "/npm//acme-client$"];
    expect(associate(patterns, "/npm//acme-client")).toEqual(["/npm//acme-client$", "STRONG"]);
    expect(associate(patterns, "/npm//Acme-Client")).toEqual(["/npm//acme-client$", "WEAK"]);
    expect(associate(patterns, "/npm//acme.client")).toEqual(["/npm//acme-client$", "WEAK"]);
    expect(associate(patterns, "/npm//acme-clients")).toEqual(["/npm//acme~", "STRONG"]);
    expect(associate(patterns, "/npm//ACME-other")).toEqual(["/npm//acme~", "WEAK"]);
  });

  test("3.4.5 both spellings may have their group; a third is weak in the earliest", () => {
    for (const patterns of [
      ["/npm//AsyncStorage$", "/npm//asyncstorage$"],
      ["/npm//asyncstorage$", "/npm//AsyncStorage$"],
    ]) {
      expect(associate(patterns, "/npm//AsyncStorage")).toEqual(["/npm//AsyncStorage$", "STRONG"]);
      expect(associate(patterns, "/npm//asyncstorage")).toEqual(["/npm//asyncstorage$", "STRONG"]);
      expect(associate(patterns, "/npm//ASYNCstorage")).toEqual([patterns[0], "WEAK"]);
    }
  });

  test("3.4.5 a group for the variant frees it", () => {
    expect(associate(["/npm//acme$"], "/npm//Acme")).toEqual(["/npm//acme$", "WEAK"]);
    expect(associate(["/npm//acme$", "/npm//Acme$"], "/npm//Acme")).toEqual(["/npm//Acme$", "STRONG"]);
  });

  test("look-alikes of the namespace are weak too; formats are never folded into each other", () => {
    expect(associate(["/npm/acme/*"], "/npm/\u0430cme/ui")).toEqual(["/npm/acme/*", "WEAK"]);
    expect(associate(["/npm/acme/*"], "/npm/ACME/ui")).toEqual(["/npm/acme/*", "WEAK"]);
    expect(associate(["/npm//acme$"], "/cargo//acme")).toEqual(["/*", "STRONG"]);
  });

  test("a character that holds a slash does not move the end of a namespace", () => {
    expect(associate(["/npm/a/c$"], "/npm//\u2100")).toEqual(["/*", "STRONG"]);
  });

  test("a pattern written in look-alikes still matches itself, strongly", () => {
    for (const name of ["a\u2223b", "\u0660x", "\u2100"]) {
      expect(associate([`/npm//${name}$`], `/npm//${name}`)).toEqual([`/npm//${name}$`, "STRONG"]);
    }
    expect(associate(["/npm//a\u2223*"], "/npm//a\u2223b")).toEqual(["/npm//a\u2223*", "STRONG"]);
    expect(associate(["/npm//acme-*", "/npm//acme--*"], "/npm//acme--x")).toEqual([
      "/npm//acme--*",
      "STRONG",
    ]);
    expect(associate(["/npm//acme-*", "/npm//acme--*"], "/npm//acme-x")).toEqual(["/npm//acme-*", "STRONG"]);
  });
});

describe("3.3 hierarchy", () => {
  const groups = groupsOf(
    "/npm/*",
    "/npm//*",
    "/npm//foo~",
    "/npm//foo$",
    "/npm//foo-*",
    "/npm//foo-bar$",
    "/maven/com.acme~",
  );
  const index = indexGroups(groups);
  const parentOf = (pattern: string) => index.lineage(pattern)[1]?.pattern;

  test("3.3.3 the parent is the most specific group that strictly contains", () => {
    expect(groups.map(({ pattern }) => [pattern, parentOf(pattern)])).toEqual([
      ["/*", undefined],
      ["/npm/*", "/*"],
      ["/npm//*", "/npm/*"],
      ["/npm//foo~", "/npm//*"],
      ["/npm//foo$", "/npm//foo~"],
      ["/npm//foo-*", "/npm//foo~"],
      ["/npm//foo-bar$", "/npm//foo-*"],
      ["/maven/com.acme~", "/*"],
    ]);
  });

  test("3.3.4 children are direct ones only", () => {
    expect(index.children("/npm//foo~").map(({ pattern }) => pattern)).toEqual(["/npm//foo$", "/npm//foo-*"]);
    expect(index.children("/npm//foo-bar$")).toEqual([]);
  });

  test("3.3.1 a package's groups are the lineage of its own", () => {
    const { groups: chain } = index.associate(keyOf("/npm//foo-baz"));
    expect(chain.map(({ pattern }) => pattern)).toEqual([
      "/npm//foo-*",
      "/npm//foo~",
      "/npm//*",
      "/npm/*",
      "/*",
    ]);
  });
});

// The second formulation.

function literally(prefix: string, suffix: string, text: string): boolean {
  if (suffix === "$") return text === prefix;
  return (
    text.startsWith(prefix) && (suffix === "*" || !/^[\p{L}\p{N}\p{M}]/u.test(text.slice(prefix.length)))
  );
}

const split = (pattern: string): [string, string] => [pattern.slice(0, -1), pattern.slice(-1)];

/** Names over few characters, so that patterns meet; every legal pattern over them. */
function namesOver(characters: readonly string[], lengthMax: number): string[] {
  let names = [""];
  const all: string[] = [];
  for (let i = 0; i < lengthMax; i++) {
    names = names.flatMap((name) => characters.map((c) => name + c));
    all.push(...names);
  }
  return all;
}

function patternsOver(names: readonly string[]): string[] {
  const wordEnd = /[\p{L}\p{N}]\p{M}*$/u;
  return [
    "/npm/*",
    "/npm//*",
    ...names.flatMap((name) => [`/npm//${name}$`, `/npm//${name}${wordEnd.test(name) ? "~" : "*"}`]),
  ];
}

test("3.3.2 literal names: exhaustively, the group is the matching one whose set lies in every other's", () => {
  const universe = namesOver(["a", "b", "-"], 5).map((name) => `/npm//${name}`);
  const patterns = patternsOver(namesOver(["a", "b", "-"], 3).filter((name) => !name.includes("--")));
  const paths = universe.filter((path) => !path.includes("--"));
  const sets = new Map(
    patterns.map((pattern) => [
      pattern,
      new Set(universe.filter((path) => literally(...split(pattern), path))),
    ]),
  );
  const size = (pattern: string) => sets.get(pattern)?.size ?? 0;
  fc.assert(
    fc.property(fc.uniqueArray(fc.constantFrom(...patterns), { minLength: 1, maxLength: 12 }), (some) => {
      const index = indexGroups(groupsOf(...some));
      for (const path of paths) {
        const matching = some.filter((pattern) => sets.get(pattern)?.has(path));
        const smallest = matching.toSorted((a, b) => size(a) - size(b) || b.length - a.length)[0] ?? "/*";
        expect(index.associate(keyOf(path)).groups[0]?.pattern, path).toBe(smallest);
      }
      for (const pattern of some) {
        const own = sets.get(pattern) ?? new Set();
        const above = some.filter(
          (other) =>
            other !== pattern &&
            [...own].every((path) => sets.get(other)?.has(path)) &&
            (size(other) > own.size || other.length < pattern.length),
        );
        const parent = above.toSorted((a, b) => size(a) - size(b) || b.length - a.length)[0] ?? "/*";
        expect(index.lineage(pattern)[1]?.pattern, `parent of ${pattern}`).toBe(parent);
      }
    }),
    { numRuns: 60 },
  );
});

test("3.4 folded names: the choice agrees with one that tries every group in turn", () => {
  const characters = ["a", "A", "\u0430", "-", "_", "I", "l"];
  const patterns = patternsOver(namesOver(characters, 3));
  const name = fc.string({ unit: fc.constantFrom(...characters, "i"), minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.constantFrom(...patterns), { maxLength: 8 }),
      fc.array(name, { minLength: 1, maxLength: 20 }),
      (some, names) => {
        for (const n of names)
          expect(associate(some, `/npm//${n}`), n).toEqual(oneByOne(groupsOf(...some), `/npm//${n}`));
      },
    ),
    { numRuns: 300 },
  );
});

function oneByOne(groups: readonly PatternHolder[], path: string): [string, string] {
  const inReading = (reading: number): [string, string] => {
    const read = (text: string) => readings(text).at(reading) ?? readings(text)[0] ?? "";
    const ranked = groups
      .map((group) => {
        const [prefix, suffix] = split(group.pattern);
        const strong = literally(prefix, suffix, path);
        return {
          group,
          strong,
          matched: strong || literally(read(prefix), suffix, read(path)),
          rank: [
            read(prefix).length,
            suffix === "$" ? 1 : 0,
            strong ? 1 : 0,
            strong ? prefix.length : 0,
            -group.createdAt,
          ],
        };
      })
      .filter(({ matched }) => matched)
      .sort((a, b) => b.rank.map((n, i) => n - (a.rank[i] as number)).find((d) => d !== 0) ?? 0);
    return [ranked[0]?.group.pattern ?? "none", ranked[0]?.strong ? "STRONG" : "WEAK"];
  };
  const first = inReading(0);
  return first[1] === "WEAK" ? first : inReading(1);
}

test("3.4.1 a literal match of the chosen group, and only that, is strong", () => {
  const characters = ["a", "A", "-", ".", "1", "l", "m"];
  const patterns = patternsOver(namesOver(characters, 2));
  const name = fc.string({ unit: fc.constantFrom(...characters), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.uniqueArray(fc.constantFrom(...patterns), { maxLength: 8 }), name, (some, n) => {
      const key = keyOf(`/npm//${n}`);
      const { association, groups } = indexGroups(groupsOf(...some)).associate(key);
      expect(groups.at(-1)?.pattern).toBe("/*");
      expect(association === "STRONG").toBe(literally(...split(groups[0]?.pattern ?? ""), packagePath(key)));
    }),
    { numRuns: 500 },
  );
});
