// The search order and what origin control lets be seen along it (spec 2.4, 4.1, 4.2).
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { GroupChain, OriginSettings } from "./origin.ts";
import { ruleText } from "./origin.ts";
import type { GraphRepository } from "./upstreams.ts";
import { reach, searchOrder, wouldCycle } from "./upstreams.ts";

const KEY = { format: "npm", namespace: "", name: "p" } as const;

/** `{ R: ["A", "B"], A: ["public:npmjs"] }`: names with a colon are connections. */
function graphOf(shape: Record<string, readonly string[]>): Map<number, GraphRepository> {
  const names = Object.keys(shape);
  return new Map(
    names.map((name, id) => [
      id,
      {
        id,
        name,
        upstreams: (shape[name] ?? []).filter((u) => !u.includes(":")).map((u) => names.indexOf(u)),
        connections: (shape[name] ?? []).filter((u) => u.includes(":")),
      },
    ]),
  );
}

function chain(
  modes: Partial<GroupChain["groups"][0]["modes"]> = {},
  internal: readonly string[] = [],
  external: readonly string[] = [],
): GroupChain {
  return {
    association: "STRONG",
    groups: [
      {
        pattern: "/*",
        modes: { PUBLISH: "ALLOW", EXTERNAL_UPSTREAM: "ALLOW", INTERNAL_UPSTREAM: "ALLOW", ...modes },
        allowedRepositories: {
          PUBLISH: new Set(),
          EXTERNAL_UPSTREAM: new Set(external),
          INTERNAL_UPSTREAM: new Set(internal),
        },
      },
    ],
  };
}

function seen(
  shape: Record<string, readonly string[]>,
  root: string,
  settings: Record<string, OriginSettings> = {},
  groups = chain(),
) {
  const names = Object.keys(shape);
  const result = reach({
    graph: graphOf(shape),
    rootId: names.indexOf(root),
    key: KEY,
    chain: groups,
    settings: new Map(Object.entries(settings).map(([name, s]) => [names.indexOf(name), s])),
  });
  return {
    repositories: result.repositories.map(({ name }) => name).join(" "),
    connections: result.connections.map(({ holder, connection }) => `${holder.name}>${connection}`).join(" "),
    hidden: result.hidden.map(ruleText),
  };
}

const UPSTREAM_BLOCKED: OriginSettings = { publish: "ALLOW", upstream: "BLOCK" };

test("4.2.1: depth first, in list order: R A C D E B", () => {
  const graph = graphOf({ R: ["A", "B"], A: ["C", "D"], B: [], C: [], D: ["E"], E: [] });
  expect(searchOrder(graph, 0).map(({ name }) => name)).toEqual(["R", "A", "C", "D", "E", "B"]);
});

test("4.1.1: a lookup inspects 25 repositories at most", () => {
  const names = Array.from({ length: 40 }, (_, i) => `r${i}`);
  const graph = graphOf(Object.fromEntries(names.map((name, i) => [name, names.slice(i + 1, i + 2)])));
  expect(searchOrder(graph, 0)).toHaveLength(25);
});

test("4.1.3: a cycle is found however long, and only when there is one", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 16 }),
      fc.nat(7),
      fc.nat(7),
      (edges, from, to) => {
        const upstreams = (id: number) => edges.filter(([a, b]) => a < b && a === id).map(([, b]) => b);
        const graph = new Map(
          Array.from({ length: 8 }, (_, id) => [
            id,
            { id, name: `r${id}`, upstreams: upstreams(id), connections: [] },
          ]),
        );
        const reachable = (start: number): boolean => start === from || upstreams(start).some(reachable);
        expect(wouldCycle(graph, from, [to])).toBe(reachable(to));
      },
    ),
  );
});

describe("reach", () => {
  const CHAIN = { A: ["B"], B: ["C"], C: ["public:npmjs"] };

  test("2.4.2: without restrictions everything along the chain is seen", () => {
    expect(seen(CHAIN, "A")).toEqual({ repositories: "A B C", connections: "C>public:npmjs", hidden: [] });
  });

  test("2.4.3: upstream=BLOCK here cuts off all that lies beyond, and says so", () => {
    expect(seen(CHAIN, "A", { A: UPSTREAM_BLOCKED })).toEqual({
      repositories: "A",
      connections: "",
      hidden: ["package setting upstream=BLOCK; repository=A; package=/npm//p"],
    });
  });

  test("2.4.5: upstream=BLOCK on an intermediate cuts what lies beyond it, not it", () => {
    expect(seen(CHAIN, "A", { B: UPSTREAM_BLOCKED })).toMatchObject({ repositories: "A B", connections: "" });
  });

  test("2.4.6: a blocked holder shows what it holds, and its registry is not asked", () => {
    expect(seen(CHAIN, "A", { C: UPSTREAM_BLOCKED })).toMatchObject({
      repositories: "A B C",
      connections: "",
    });
  });

  test("2.4.2: a group's INTERNAL_UPSTREAM is asked of the receiving repository only", () => {
    const groups = chain({ INTERNAL_UPSTREAM: "ALLOW_SPECIFIC_REPOSITORIES" }, ["A"]);
    expect(seen(CHAIN, "A", {}, groups)).toMatchObject({
      repositories: "A B C",
      connections: "C>public:npmjs",
    });
    expect(seen(CHAIN, "B", {}, groups)).toMatchObject({ repositories: "B", connections: "" });
  });

  test("2.8 #8: the holder on the EXTERNAL list and the asked repository on the INTERNAL list see it, a third does not", () => {
    const shape = { R: ["U"], R2: ["U"], U: ["public:npmjs"] };
    const groups = chain(
      { EXTERNAL_UPSTREAM: "ALLOW_SPECIFIC_REPOSITORIES", INTERNAL_UPSTREAM: "ALLOW_SPECIFIC_REPOSITORIES" },
      ["R"],
      ["U"],
    );
    expect(seen(shape, "R", {}, groups)).toMatchObject({
      repositories: "R U",
      connections: "U>public:npmjs",
    });
    expect(seen(shape, "R2", {}, groups)).toMatchObject({ repositories: "R2", connections: "" });
  });

  test("a group that blocks INTERNAL_UPSTREAM leaves the repository's own connection open", () => {
    const groups = chain({ INTERNAL_UPSTREAM: "BLOCK" });
    expect(seen({ R: ["public:npmjs"] }, "R", {}, groups)).toMatchObject({
      connections: "R>public:npmjs",
      hidden: [],
    });
  });

  test("another path to the same repository is used when the first is cut", () => {
    const shape = { R: ["A", "B"], A: ["C"], B: ["C"], C: [] };
    expect(seen(shape, "R", { A: UPSTREAM_BLOCKED })).toMatchObject({ repositories: "R A B C" });
  });
});
