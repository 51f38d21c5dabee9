// What the suites of refusals share: the scene they play in, and what a refusal must look like.
import assert from "node:assert/strict";
import type { Domain } from "../api.ts";
import type { Registry } from "../clients/client.ts";
import type { Server } from "../server.ts";
import type { Stage } from "../suite.ts";
import type { Answer, Sending } from "../wire.ts";

/** No refusal may take longer. */
export const PATIENCE_MS = 5_000;

export const json = { "content-type": "application/json" };

export interface Scene {
  readonly stage: Stage;
  readonly server: Server;
  readonly domain: Domain;
  readonly registry: Registry;
  /** Sends below the registry's address, the path just as written. */
  readonly ask: (path: string, sending?: Sending) => Promise<Answer>;
  /** Runs a check that ends with a look at the repository: it must hold what it held at the start. */
  readonly check: (title: string, body: () => Promise<unknown>) => Promise<boolean>;
}

/** In npm's dialect: a 4xx with `error` in a JSON body. nginx, where it stands in front, refuses some paths with its own page. */
export function refusedTo({ status, text, headers }: Answer, ...wanted: readonly number[]): void {
  assert.ok(
    wanted.includes(status),
    `status ${status}, wanted ${wanted.join(" or ")}: ${text.slice(0, 300)}`,
  );
  if (String(headers.server).startsWith("nginx") && text.startsWith("<html>")) return;
  const body: { error?: unknown } = JSON.parse(text);
  assert.ok(
    typeof body.error === "string" && body.error.length > 10,
    `no error in words: ${text.slice(0, 300)}`,
  );
}

/** Looks at all cases, and says which of them failed and how. */
export async function each<T>(cases: Iterable<T>, look: (one: T) => unknown): Promise<void> {
  const failures: string[] = [];
  for (const one of cases) {
    try {
      await look(one);
    } catch (error) {
      failures.push(`${String(one).slice(0, 80)}: ${(error as Error).message}`);
    }
  }
  if (failures.length > 0) throw new Error(failures.join("\n"));
}
