// Formats whose code is loaded when it is first needed: a server starts sooner, and holds less, without the formats nobody asks for.
import type { Fault } from "../core/faults.ts";
import type { ExternalFormat, FormatDoor, RenderedFault } from "./format.ts";

/** Loads once, with the first call. */
export function once<M>(load: () => Promise<M>): () => Promise<M> {
  let loading: Promise<M> | undefined;
  return () => {
    loading ??= load();
    return loading;
  };
}

/** A door that is opened by the first request. Errors are worded before that too, since many requests come without credentials. */
export function lazyDoor(
  renderFault: (fault: Fault) => RenderedFault,
  load: () => Promise<FormatDoor>,
): FormatDoor {
  let door: FormatDoor | undefined;
  let loading: Promise<FormatDoor> | undefined;
  return {
    handle(request) {
      if (door !== undefined) return door.handle(request);
      loading ??= load().then((opened) => {
        door = opened;
        return opened;
      });
      return loading.then((opened) => opened.handle(request));
    },
    renderFault,
    close: async () => (await loading)?.close?.(),
  };
}

/** How public registries are read, by code that comes with the first question. `versionByFile` and `locateIndex`, whose absence means something, are added by formats that have them. */
export function lazyExternal(
  load: () => Promise<{ readonly external: ExternalFormat }>,
): Pick<ExternalFormat, "indexRequest" | "versions" | "version" | "inside"> {
  return {
    indexRequest: async (key) => (await load()).external.indexRequest(key),
    versions: async (...of) => (await load()).external.versions(...of),
    version: async (...of) => (await load()).external.version(...of),
    inside: async (...of) => (await (await load()).external.inside?.(...of)) ?? {},
  };
}
