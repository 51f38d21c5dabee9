// Spec 5.6, version by version.
import { expect, test } from "vitest";
import type { CopyCandidate, CopyRequest } from "./version-copies.ts";
import { judgeCopy } from "./version-copies.ts";

const NEW: CopyCandidate = { revision: "r1", status: "Published", destination: "nothing" };

function judge(found: Record<string, CopyCandidate>, request: Partial<CopyRequest> = {}, weak = false) {
  const versions = request.versions ?? ["1.0"];
  const { copy, failures } = judgeCopy(
    new Map(Object.entries(found)),
    { overwrite: false, ...request, versions },
    weak,
  );
  return { copy, failures: Object.fromEntries(failures) };
}

test("5.6.1 a version that only the source has is copied, named twice or once", () => {
  expect(judge({ "1.0": NEW }, { versions: ["1.0", "1.0"] })).toEqual({ copy: ["1.0"], failures: {} });
});

test("5.6.3 an identical version at the destination is a success that is told in neither map", () => {
  expect(judge({ "1.0": { ...NEW, destination: "same" } })).toEqual({ copy: [], failures: {} });
});

test("5.6.3 a different one is ALREADY_EXISTS unless it may be overwritten", () => {
  const found = { "1.0": { ...NEW, destination: "other" } } as const;
  expect(judge(found).failures).toEqual({
    "1.0": { errorCode: "ALREADY_EXISTS", errorMessage: "Version 1.0 already exists" },
  });
  expect(judge(found, { overwrite: true })).toEqual({ copy: ["1.0"], failures: {} });
});

test("5.6.4 one failure skips all the others, with the documented messages", () => {
  expect(judge({ "1.0": NEW }, { versions: ["1.0", "2.0"] })).toEqual({
    copy: [],
    failures: {
      "1.0": { errorCode: "SKIPPED", errorMessage: "Version 1.0 was skipped" },
      "2.0": { errorCode: "NOT_FOUND", errorMessage: "Could not find version 2.0" },
    },
  });
});

test("5.6.1 a revision that is not the source's own is MISMATCHED_REVISION", () => {
  const { failures } = judge({ "1.0": NEW }, { revisions: new Map([["1.0", "old"]]) });
  expect(failures["1.0"]).toEqual({
    errorCode: "MISMATCHED_REVISION",
    errorMessage: "current revision: r1, expected revision: old",
  });
});

test("5.6.6 Disposed and 2.5.5 weakly associated versions are NOT_ALLOWED", () => {
  expect(judge({ "1.0": { ...NEW, status: "Disposed" } }).failures["1.0"]?.errorCode).toBe("NOT_ALLOWED");
  expect(judge({ "1.0": NEW }, {}, true).failures["1.0"]?.errorCode).toBe("NOT_ALLOWED");
});
