// How long a public registry is waited for when there is something to show without it.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { PackageKey } from "../core/coordinates.ts";
import type { ExternalFormat } from "../formats/format.ts";
import type { RegistryDeps } from "./deps.ts";
import type { External } from "./external.ts";
import { createExternal } from "./external.ts";

const KEY: PackageKey = { format: "npm", namespace: "", name: "left-pad" };
const PATIENT = { patienceMs: 2_000 };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A registry that does not know the package, and says so after as many ms as `takes` holds at the time. */
function registryThatTakes(takes: { ms: number }): External {
  const deps = {
    now: () => Date.now(),
    connection: () => Promise.resolve({ name: "public:npmjs", url: new URL("http://registry.example/") }),
    formats: new Map([["npm", { external: { indexRequest: () => ({}) } as unknown as ExternalFormat }]]),
    upstream: { index: () => new Promise((resolve) => setTimeout(resolve, takes.ms, { state: "absent" })) },
  } as unknown as RegistryDeps;
  return createExternal(deps);
}

/** What an ask ends with, once `ms` have gone by. */
async function outcome(external: External, ms: number): Promise<unknown> {
  const asked = external.index("public:npmjs", KEY, PATIENT).then(
    ({ state }) => state,
    (error: { status: number }) => error.status,
  );
  await vi.advanceTimersByTimeAsync(ms);
  return Promise.race([asked, Promise.resolve("still waiting")]);
}

test("one that answered in time is waited for the next time too, however long ago that was", async () => {
  const external = registryThatTakes({ ms: 100 });
  expect(await outcome(external, 100)).toBe("absent");
  await vi.advanceTimersByTimeAsync(3_000);
  expect(await outcome(external, 100)).toBe("absent");
});

test("one that did not answer in time is not waited for again until it has answered", async () => {
  const takes = { ms: 4_000 };
  const external = registryThatTakes(takes);
  expect(await outcome(external, 2_000)).toBe(504);
  takes.ms = 100;
  expect(await outcome(external, 1)).toBe(504);
  await vi.advanceTimersByTimeAsync(100);
  expect(await outcome(external, 100)).toBe("absent");
});
