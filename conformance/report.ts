// What a run tells as JSON: every check with the clients that ran in it, and where and when it was.
import { readFileSync, writeFileSync } from "node:fs";
import type { Use } from "./witness.ts";

export interface CheckReport {
  readonly suite: string;
  readonly title: string;
  readonly outcome: "ok" | "not ok" | "skip";
  /** Why it failed or was skipped; empty otherwise. */
  readonly reason: string;
  /** Empty: the suite's own HTTP requests. */
  readonly uses: readonly Use[];
}

export interface RunReport {
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly platform: string;
  readonly checks: readonly CheckReport[];
}

/** Writes what this run found, as of now, on this machine. */
export function writeReport(file: string, checks: readonly CheckReport[]): void {
  const platform = `${systemName()}, ${process.platform} ${process.arch}, Node ${process.version.slice(1)}`;
  const report: RunReport = { date: new Date().toISOString(), platform, checks };
  writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`);
}

function systemName(): string {
  try {
    const text = readFileSync("/etc/os-release", "utf8");
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(text)?.[1] ?? "unnamed system";
  } catch {
    return "unnamed system";
  }
}
