// Registries that are left alone for a moment after a failure: whoever asks meanwhile fails at once with the same fault.
import type { Log } from "../core/log.ts";
import type { Trouble } from "./trouble.ts";

export interface Pauses {
  /** Throws the fault that caused the pause while it lasts, for the whole registry or for one of its documents. */
  check(registry: string, document?: string): void;
  start(trouble: Trouble, registry: string, document?: string): void;
}

/** However long a registry asks to be left alone, one that has recovered is used again within this time (contract, Refusals). */
const PAUSE_MS_MAX = 10_000;
const ENTRIES_MAX = 10_000;

/** `pauseMs` is how long a failure is remembered when the registry did not say. */
export function createPauses(pauseMs: number, now: () => number, log?: Log): Pauses {
  const paused = new Map<string, { readonly until: number; readonly trouble: Trouble }>();
  return {
    check(registry, document) {
      for (const key of [registry, `${registry}\n${document}`]) {
        const pause = paused.get(key);
        if (pause === undefined) continue;
        if (now() < pause.until) throw pause.trouble.fault;
        paused.delete(key);
      }
    },
    start(trouble, registry, document) {
      log?.warn(
        { status: trouble.fault.status, error: trouble.fault.message },
        "trouble with a public registry",
      );
      const key =
        trouble.scope === "registry"
          ? registry
          : document === undefined
            ? undefined
            : `${registry}\n${document}`;
      if (key === undefined) return;
      if (paused.size >= ENTRIES_MAX) paused.clear();
      paused.set(key, { until: now() + Math.min(trouble.pauseMs ?? pauseMs, PAUSE_MS_MAX), trouble });
    },
  };
}
