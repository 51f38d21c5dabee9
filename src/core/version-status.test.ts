// Batches of versions: all or nothing, with the service's codes and messages (spec 5.2, 5.3).
import { describe, expect, test } from "vitest";
import type { HeldVersion, Status, Target } from "./version-status.ts";
import { judgeBatch, mayBecome } from "./version-status.ts";

const STATUSES: readonly Status[] = ["Unfinished", "Published", "Unlisted", "Archived", "Disposed"];
const TARGETS: readonly Target[] = ["Published", "Unlisted", "Archived", "Disposed", "Deleted"];

test("5.2: every status may take every target, but Disposed only ends", () => {
  for (const from of STATUSES) {
    for (const to of TARGETS)
      expect(mayBecome(from, to), `${from} → ${to}`).toBe(
        from !== "Disposed" || to === "Deleted" || to === "Disposed",
      );
  }
});

describe("judgeBatch", () => {
  const held = new Map<string, HeldVersion>(
    (["1.0.0", "2.0.0"] as const).map((version) => [
      version,
      { version, status: "Published", revision: `r-${version}` },
    ]),
  );
  const codes = (failures: ReadonlyMap<string, { errorCode: string; errorMessage: string }>) =>
    Object.fromEntries(
      [...failures].map(([version, { errorCode, errorMessage }]) => [
        version,
        `${errorCode}: ${errorMessage}`,
      ]),
    );

  test("all fine: all are changed, a version named twice once", () => {
    const { change, failures } = judgeBatch(held, {
      versions: ["2.0.0", "1.0.0", "2.0.0"],
      target: "Archived",
    });
    expect(change.map(({ version }) => version)).toEqual(["2.0.0", "1.0.0"]);
    expect(failures.size).toBe(0);
  });

  test("5.3.3: one failure, and the others are skipped", () => {
    const { change, failures } = judgeBatch(held, { versions: ["1.0.0", "9.9.9"], target: "Unlisted" });
    expect(change).toEqual([]);
    expect(codes(failures)).toEqual({
      "9.9.9": "NOT_FOUND: version 9.9.9 is not found",
      "1.0.0": "SKIPPED: version 1.0.0 is skipped",
    });
  });

  test("5.3.4: mismatches say what is and what was expected", () => {
    const status = judgeBatch(held, { versions: ["1.0.0"], target: "Unlisted", expectedStatus: "Archived" });
    expect(codes(status.failures)).toEqual({
      "1.0.0": "MISMATCHED_STATUS: current status: Published, expected status: Archived",
    });
    const revision = judgeBatch(held, {
      versions: ["1.0.0"],
      target: "Unlisted",
      revisions: new Map([["1.0.0", "old"]]),
    });
    expect(codes(revision.failures)).toEqual({
      "1.0.0": "MISMATCHED_REVISION: current revision: r-1.0.0, expected revision: old",
    });
  });

  test("names such as __proto__ are only versions that are not there", () => {
    expect([
      ...judgeBatch(held, { versions: ["__proto__", "constructor"], target: "Deleted" }).failures.keys(),
    ]).toEqual(["__proto__", "constructor"]);
  });
});
