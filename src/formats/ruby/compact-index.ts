// The compact index's lines, read and written; pure.
import type { GemDependency } from "./gem-facts.ts";
import { ANY_PLATFORM, isNumber, isPlatform, numberAndPlatform, parseName } from "./names.ts";

/** One gem file as `/info/{gem}` tells it. */
export interface InfoLine {
  readonly number: string;
  readonly platform: string;
  readonly dependencies: readonly GemDependency[];
  /** Lower-case hex. */
  readonly sha256: string;
  /** `>= 2.7`; "" for any. */
  readonly ruby: string;
  readonly rubygems: string;
}

export function renderInfo(lines: readonly InfoLine[]): string {
  return `---\n${lines.map((line) => `${renderLine(line)}\n`).join("")}`;
}

function renderLine({ number, platform, dependencies, sha256, ruby, rubygems }: InfoLine): string {
  const requirements = [
    `checksum:${sha256}`,
    ...(ruby === "" ? [] : [`ruby:${joined(ruby)}`]),
    ...(rubygems === "" ? [] : [`rubygems:${joined(rubygems)}`]),
  ];
  const needs = dependencies.map(({ name, requirement }) => `${name}:${joined(requirement)}`).join(",");
  return `${numberAndPlatform(number, platform)} ${needs}|${requirements.join(",")}`;
}

/** Commas part dependencies here, so that requirements are parted by `&`. */
function joined(requirement: string): string {
  return requirement.split(/\s*,\s*/).join("&");
}

/** The lines that can be read; others, such as those without a checksum to hold bytes against, are left out. */
export function parseInfo(text: string): readonly InfoLine[] {
  return text.split("\n").flatMap((line) => {
    if (line === "" || line === "---") return [];
    const parsed = parseLine(line);
    return parsed === undefined ? [] : [parsed];
  });
}

function parseLine(line: string): InfoLine | undefined {
  const [, full = "", needs = "", wants = ""] = /^(\S+) ([^|]*)\|(.*)$/.exec(line) ?? [];
  const hyphen = full.indexOf("-");
  const number = hyphen < 0 ? full : full.slice(0, hyphen);
  const platform = hyphen < 0 ? ANY_PLATFORM : full.slice(hyphen + 1);
  const wanted = new Map(parsePairs(wants));
  const sha256 = wanted.get("checksum") ?? "";
  if (!isNumber(number) || !isPlatform(platform) || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  const dependencies = parsePairs(needs).map(([name, requirement]) => ({ name, requirement }));
  if (dependencies.some(({ name }) => parseName(name) === undefined)) return undefined;
  return {
    number,
    platform,
    dependencies,
    sha256,
    ruby: wanted.get("ruby") ?? "",
    rubygems: wanted.get("rubygems") ?? "",
  };
}

function parsePairs(text: string): (readonly [string, string])[] {
  return text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const colon = part.indexOf(":");
      return [
        part.slice(0, colon),
        part
          .slice(colon + 1)
          .split("&")
          .join(", "),
      ] as const;
    });
}
