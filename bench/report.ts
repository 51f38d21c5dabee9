// Rows of figures and the one Markdown table they end in.
import { execFileSync } from "node:child_process";
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import type { Measured } from "./load.ts";
import type { Name } from "./servers.ts";

/** Something the issue asks for: judged on the gain over the peer, or on Portcullis' own figure. */
export interface Floor {
  text: string;
  of: "gain" | "own";
  holds(figure: number): boolean;
}

/** One measure of one scenario; the samples of all contestants at index i come from the same round. */
export interface Row {
  scenario: string;
  measure: string;
  better: "more" | "less";
  samples: Map<Name, number[]>;
  floor?: Floor | undefined;
}

/** At least `times` better than Verdaccio. */
export const gainOf = (times: number): Floor => ({
  text: `≥ ${times} ×`,
  of: "gain",
  holds: (gain) => gain >= times,
});
/** At most `share` of Verdaccio's figure, where less is better. */
export const shareOf = (share: number): Floor => ({
  text: `≤ ${share} ×`,
  of: "gain",
  holds: (gain) => gain >= 1 / share,
});
/** Portcullis' own figure is at most `limit`. */
export const atMost = (limit: number): Floor => ({
  text: `≤ ${limit}`,
  of: "own",
  holds: (own) => own <= limit,
});

/** Takes one figure out of every sample. */
export function pick<T>(samples: Map<Name, T[]>, figure: (sample: T) => number): Map<Name, number[]> {
  return new Map([...samples].map(([name, list]) => [name, list.map(figure)]));
}

/** The rows of a scenario that was put under load; the floor is judged by CPU. */
export function loadRows(scenario: string, samples: Map<Name, Measured[]>, floor?: Floor): Row[] {
  const cpuUs = (sample: Measured) => (sample.cpuMs * 1000) / sample.requests;
  return [
    {
      scenario,
      measure: "requests/s",
      better: "more",
      samples: pick(samples, (s) => s.requests / s.seconds),
    },
    { scenario, measure: "CPU µs/request", better: "less", samples: pick(samples, cpuUs), floor },
    { scenario, measure: "p99 ms", better: "less", samples: pick(samples, (s) => s.p99Ms) },
  ];
}

export interface Head {
  contestants: string[];
  generator: string;
  pinned: boolean;
  rounds: number;
  notes: string[];
  sections: string[];
  work: string;
}

/** The whole result: what was measured where and when, the table, and what went wrong. */
export function render(head: Head, rows: Row[]): string {
  const cells = [
    ["Scenario", "Measure", "Portcullis", "Peer", "nginx", "vs. peer", "vs. nginx", "Floor", "Holds"],
    ["---", "---", "---:", "---:", "---:", "---:", "---:", "---:", "---"],
    ...rows.map(rowCells),
  ];
  const table = rows.length === 0 ? "" : markdown(cells);
  const notes = head.notes.map((note) => `- ${note}\n`).join("");
  const sections = head.sections.map((section) => `\n${section}`).join("");
  return `# What was measured\n\n${describe(head)}\n${table}\n${sections}${notes && `\n## Left out\n\n${notes}`}`;
}

/** Lines of cells as a Markdown table. */
export function markdown(lines: string[][]): string {
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function describe({ contestants, generator, pinned, rounds, work }: Head): string {
  const [cpu] = cpus();
  const memoryGb = Math.round(totalmem() / 1e9);
  const pinning = pinned
    ? "Servers on CPU 0, load on CPU 1."
    : "Not pinned: taskset or a second CPU is missing.";
  return `${new Date().toISOString().slice(0, 10)}, commit ${commit()}. ${cpus().length} × ${cpu?.model.trim()}, ${memoryGb} GB, Linux ${release()}, fdatasync ${fdatasyncMs(work).toFixed(2)} ms, Node ${process.versions.node}.
${contestants.join(", ")}. Load: ${generator}. ${pinning} Loopback.

Median (min–max) of ${rounds} alternating rounds (fewer for growth, install and memory); each contestant starts afresh for each scenario.
The ratios are formed round by round; above 1 Portcullis is better. CPU is user + system time of the server's whole process tree.
Portcullis checks a token on every request and fsyncs what it acknowledges; Verdaccio's readers are anonymous and it never
fsyncs; nginx serves the same bytes as files, with neither rules nor lookup: a bound, not a competitor. The peer is Verdaccio,
in rows of Python packages pypiserver.
`;
}

function rowCells(row: Row): string[] {
  const of = (name: Name) => row.samples.get(name) ?? [];
  const rival = peerOf(row);
  const gain = ratios(row, rival);
  const [own, peer, bound] = [of("Portcullis"), of(rival), of("nginx")];
  const judged = row.floor && (row.floor.of === "own" ? own : gain);
  const holds = judged?.length
    ? row.floor?.holds(median(judged))
      ? "✅ yes"
      : "❌ no"
    : row.floor
      ? "?"
      : "";
  const figures = [own, peer, bound, gain, ratios(row, "nginx")].map(spread);
  return [row.scenario, row.measure, ...figures, row.floor?.text ?? "", holds];
}

/** Verdaccio, unless the row is of packages that it does not serve. */
function peerOf({ samples }: Row): Name {
  return [...samples.keys()].find((name) => name !== "Portcullis" && name !== "nginx") ?? "Verdaccio";
}

/** How many times better Portcullis was than `other`, for each round that both have. */
function ratios({ samples, better }: Row, other: Name): number[] {
  const theirs = samples.get(other) ?? [];
  const own = (samples.get("Portcullis") ?? []).slice(0, theirs.length);
  return own.map((value, index) => {
    const their = theirs[index] ?? Number.NaN;
    return better === "more" ? value / their : their / value;
  });
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** Median (min–max), three digits each. */
export function spread(values: number[]): string {
  if (values.length === 0) return "–";
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return values.length === 1 ? figure(low) : `${figure(median(values))} (${figure(low)}–${figure(high)})`;
}

/** Three significant digits are what these measurements carry. */
function figure(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en");
}

function commit(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8" }).trim();
  try {
    return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain", "--", "../src") && " and changes"}`;
  } catch {
    return "unknown";
  }
}

/** The median time of a durable 4 kB overwrite: what a publish can at best cost on this disk. */
function fdatasyncMs(work: string): number {
  const path = join(work, "fdatasync");
  const file = openSync(path, "w");
  const times = Array.from({ length: 100 }, () => {
    const start = performance.now();
    writeSync(file, Buffer.alloc(4096), 0, 4096, 0);
    fdatasyncSync(file);
    return performance.now() - start;
  });
  closeSync(file);
  rmSync(path);
  return median(times);
}
