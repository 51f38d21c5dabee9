// The indexes of before the compact one, in Ruby's Marshal format: lists of specs, single gemspecs, dependencies; pure.
import type { GemFacts } from "./gem-facts.ts";
import type { HeldGems, ShownGem } from "./gems.ts";
import {
  gemDependency,
  gemRequirement,
  gemSpecification,
  gemVersion,
  marshal,
  marshalDeflated,
  type RubyValue,
  symbol,
} from "./marshal.ts";
import { ANY_PLATFORM, isPrerelease } from "./names.ts";
import { compareNumbers } from "./order.ts";

export type SpecList = "specs" | "latest_specs" | "prerelease_specs";

/** The gems of one name that a list shows: releases, the newest of them per platform, or prereleases. */
export function chooseSpecs(list: SpecList, { gems }: HeldGems): readonly ShownGem[] {
  const chosen = gems.filter(({ line }) => isPrerelease(line.number) === (list === "prerelease_specs"));
  if (list !== "latest_specs") return chosen;
  const newest = new Map<string, ShownGem>();
  for (const gem of chosen) {
    const best = newest.get(gem.line.platform);
    if (best === undefined || compareNumbers(gem.line.number, best.line.number) > 0)
      newest.set(gem.line.platform, gem);
  }
  return [...newest.values()];
}

export function specTuple(name: string, { line }: ShownGem): RubyValue {
  return [name, gemVersion(line.number), line.platform];
}

/** Array of hashes with symbols as keys, as `/api/v1/dependencies` answers. */
export function renderDependencies(gems: readonly (readonly [string, ShownGem])[]): Buffer {
  return marshal(
    gems.map(([name, { line }]) => ({
      hash: [
        [symbol("name"), name],
        [symbol("number"), line.number],
        [symbol("platform"), line.platform],
        [symbol("dependencies"), line.dependencies.map((d) => [d.name, d.requirement])],
      ] as const,
    })),
  );
}

const RUBYGEMS_VERSION = "3.0.0";
const SPECIFICATION_VERSION = 4;
/** Where none is known; a gemspec without a date is refused by RubyGems. */
const NO_DATE = "1980-01-02";

/** `/quick/Marshal.4.8/….gemspec.rz`: the fields of Gem::Specification's _dump, in order. */
export function renderQuickSpec(facts: GemFacts): Buffer {
  const platform = facts.platform === ANY_PLATFORM ? "ruby" : facts.platform;
  return marshalDeflated(
    gemSpecification([
      RUBYGEMS_VERSION,
      SPECIFICATION_VERSION,
      facts.name,
      gemVersion(facts.number),
      facts.date === "" ? NO_DATE : facts.date,
      facts.summary,
      gemRequirement(facts.ruby),
      gemRequirement(facts.rubygems),
      platform,
      facts.dependencies.map(({ name, requirement }) => gemDependency(name, requirement)),
      "",
      facts.email,
      facts.authors,
      facts.description,
      facts.homepage,
      true,
      platform,
      facts.licenses,
      { hash: Object.entries(facts.metadata) },
    ]),
  );
}
