// The rules of spec section 2, exhaustively: every combination of facts, against a second formulation written from the table.
import { describe, expect, test } from "vitest";
import type { PackageKey } from "./coordinates.ts";
import type {
  EntryFacts,
  GroupFacts,
  GroupMode,
  OriginSettings,
  Restriction,
  RestrictionType,
  WayIn,
} from "./origin.ts";
import {
  decideEntry,
  decidePassage,
  effectiveMode,
  explain,
  firstArrivalSettings,
  RESTRICTION_TYPES,
  ruleText,
} from "./origin.ts";

const KEY: PackageKey = { format: "npm", namespace: "", name: "left-pad" };
const RESTRICTIONS: readonly Restriction[] = ["ALLOW", "BLOCK"];
const MODES: readonly GroupMode[] = ["ALLOW", "ALLOW_SPECIFIC_REPOSITORIES", "BLOCK", "INHERIT"];
const WAYS: readonly WayIn[] = ["PUBLISH", "EXTERNAL_UPSTREAM", "INTERNAL_UPSTREAM", "COPY"];
const SETTINGS: readonly (OriginSettings | undefined)[] = [
  undefined,
  ...RESTRICTIONS.flatMap((publish) => RESTRICTIONS.map((upstream) => ({ publish, upstream }))),
];

function group(pattern: string, mode: GroupMode, listed: boolean): GroupFacts {
  const list = new Set(listed ? ["R"] : ["other"]);
  return {
    pattern,
    modes: { PUBLISH: mode, EXTERNAL_UPSTREAM: mode, INTERNAL_UPSTREAM: mode },
    allowedRepositories: { PUBLISH: list, EXTERNAL_UPSTREAM: list, INTERNAL_UPSTREAM: list },
  };
}

/** Every chain of up to three groups under a root that does not inherit; each group with and without R on its list. */
function* chains(): Generator<readonly GroupFacts[]> {
  const roots = configured("/*").filter(({ modes }) => modes.PUBLISH !== "INHERIT");
  for (const root of roots) {
    yield [root];
    for (const upper of configured("/npm/*")) {
      yield [upper, root];
      for (const lower of configured("/npm//left-pad$")) yield [lower, upper, root];
    }
  }
}

function configured(pattern: string): GroupFacts[] {
  return MODES.flatMap((mode) => [true, false].map((listed) => group(pattern, mode, listed)));
}

/** The second formulation: the spec's sentences, one lookup each, nothing shared with the code. */
function mayEnter({ way, settings, chain, repository }: EntryFacts): boolean {
  if (chain.association === "WEAK") return false;
  if (way === "COPY") return true;
  const column = { PUBLISH: "publish", EXTERNAL_UPSTREAM: "upstream", INTERNAL_UPSTREAM: "upstream" }[
    way
  ] as keyof OriginSettings;
  const packageAllows = settings ? settings[column] === "ALLOW" : true;
  const deciding = chain.groups.filter((g) => g.modes[way] !== "INHERIT")[0] as GroupFacts;
  const table: Record<string, boolean> = {
    ALLOW: true,
    BLOCK: false,
    ALLOW_SPECIFIC_REPOSITORIES: [...deciding.allowedRepositories[way]].indexOf(repository) !== -1,
  };
  return packageAllows && (table[deciding.modes[way]] as boolean);
}

describe("decideEntry", () => {
  test("2.3: agrees with the spec's sentences on every combination of facts, and always says why", () => {
    let combinations = 0;
    for (const groups of chains()) {
      for (const association of ["STRONG", "WEAK"] as const) {
        for (const way of WAYS) {
          for (const settings of SETTINGS) {
            const facts: EntryFacts = {
              way,
              key: KEY,
              repository: "R",
              settings,
              chain: { association, groups },
            };
            const decision = decideEntry(facts);
            combinations++;
            const effect = decision.allowed ? "ALLOW" : "BLOCK";
            const explained = decision.reasons.every((reason) => reason.effect === effect);
            if (decision.allowed !== mayEnter(facts) || !explained) expect.fail(JSON.stringify(facts));
            if (!decision.allowed && decision.reasons.length === 0) expect.fail(JSON.stringify(facts));
          }
        }
      }
    }
    expect(combinations).toBe((6 + 6 * 8 + 6 * 8 * 8) * 2 * 4 * 5);
  });

  test("2.3.1: when both sides refuse, both are named", () => {
    const decision = decideEntry({
      way: "PUBLISH",
      key: KEY,
      repository: "R",
      settings: { publish: "BLOCK", upstream: "ALLOW" },
      chain: { association: "STRONG", groups: [group("/*", "BLOCK", false)] },
    });
    expect(decision.reasons.map(ruleText)).toEqual([
      "package setting publish=BLOCK; repository=R; package=/npm//left-pad",
      "package group /* PUBLISH=BLOCK; repository=R; package=/npm//left-pad",
    ]);
    expect(decision.reasons.map(explain).join(" ")).toMatch(
      /PutPackageOriginConfiguration.*UpdatePackageGroupOriginConfiguration/,
    );
  });

  test("2.3.3: a weak association is refused under the group's name, whatever its modes", () => {
    const decision = decideEntry({
      way: "EXTERNAL_UPSTREAM",
      key: KEY,
      repository: "R",
      settings: undefined,
      chain: {
        association: "WEAK",
        groups: [group("/npm//Left-Pad$", "ALLOW", true), group("/*", "ALLOW", true)],
      },
    });
    expect(decision.allowed).toBe(false);
    expect(decision.reasons.map(ruleText)).toEqual([
      "weak association with package group /npm//Left-Pad$; repository=R; package=/npm//left-pad",
    ]);
  });

  test("a chain in which every group inherits is refused: an unknown fails closed", () => {
    const chain = { association: "STRONG", groups: [group("/*", "INHERIT", true)] } as const;
    expect(
      decideEntry({ way: "PUBLISH", key: KEY, repository: "R", settings: undefined, chain }).allowed,
    ).toBe(false);
  });
});

test("2.4.3, 2.4.5: only the package's own upstream=BLOCK cuts the way through a repository", () => {
  expect(decidePassage(KEY, "B", undefined).allowed).toBe(true);
  expect(decidePassage(KEY, "B", { publish: "BLOCK", upstream: "ALLOW" }).allowed).toBe(true);
  expect(decidePassage(KEY, "B", { publish: "ALLOW", upstream: "BLOCK" }).reasons.map(ruleText)).toEqual([
    "package setting upstream=BLOCK; repository=B; package=/npm//left-pad",
  ]);
});

test("2.7.2: the effective mode comes from the nearest group that does not inherit", () => {
  const root = group("/*", "BLOCK", false);
  const groups = [group("/npm/acme/*", "INHERIT", false), group("/npm/*", "ALLOW", false), root];
  expect(effectiveMode(groups, "PUBLISH")).toMatchObject({ mode: "ALLOW", group: { pattern: "/npm/*" } });
});

describe("firstArrivalSettings", () => {
  const open = { association: "STRONG", groups: [group("/*", "ALLOW", false)] } as const;

  test.each<[WayIn, "INTERNAL" | "EXTERNAL", Restriction, Restriction]>([
    ["PUBLISH", "INTERNAL", "ALLOW", "BLOCK"],
    ["EXTERNAL_UPSTREAM", "EXTERNAL", "BLOCK", "ALLOW"],
    ["INTERNAL_UPSTREAM", "EXTERNAL", "BLOCK", "ALLOW"],
    ["INTERNAL_UPSTREAM", "INTERNAL", "BLOCK", "ALLOW"],
    ["COPY", "INTERNAL", "ALLOW", "BLOCK"],
    ["COPY", "EXTERNAL", "BLOCK", "ALLOW"],
  ])(
    "2.2.1: by %s of %s origin, all groups open: publish=%s, upstream=%s",
    (way, origin, publish, upstream) => {
      expect(firstArrivalSettings(way, origin, open)).toEqual({ publish, upstream });
    },
  );

  test("2.2.2: any restricted way makes the package defer to its group, whichever way it came", () => {
    for (const restricted of RESTRICTION_TYPES) {
      for (const mode of ["BLOCK", "ALLOW_SPECIFIC_REPOSITORIES"] as const) {
        const modes = {
          PUBLISH: "ALLOW",
          EXTERNAL_UPSTREAM: "ALLOW",
          INTERNAL_UPSTREAM: "ALLOW",
          [restricted]: mode,
        } as Record<RestrictionType, GroupMode>;
        const chain = { association: "STRONG", groups: [{ ...group("/*", "ALLOW", true), modes }] } as const;
        for (const way of WAYS)
          expect(firstArrivalSettings(way, "INTERNAL", chain)).toEqual({
            publish: "ALLOW",
            upstream: "ALLOW",
          });
      }
    }
  });
});
