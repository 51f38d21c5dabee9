// `portcullis serve --workers N`: the primary process, from the ready line to the end of all.
import { fileURLToPath } from "node:url";
import { StartFailed, startWorkers, type Workers } from "../cluster/primary.ts";
import type { Config } from "../config.ts";
import { createLog } from "../http/log.ts";

const ENTRY = fileURLToPath(new URL("./worker.ts", import.meta.url));

/** Prints the ready line once every worker serves. A worker that cannot start has said why, as a single server does. */
export async function serveWithWorkers(config: Config): Promise<void> {
  const workers = await start(config);
  const end = (): void => void workers.stop().then((inOrder) => process.exit(inOrder ? 0 : 1));
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
  process.stdout.write(`listening on http://${workers.address.host}:${workers.address.port}\n`);
}

async function start(config: Config): Promise<Workers> {
  try {
    return await startWorkers({
      entry: ENTRY,
      count: config.workers,
      config: shareOf(config),
      log: createLog(config.logLevel),
    });
  } catch (error) {
    if (!(error instanceof StartFailed)) throw error;
    if (error.message !== "") process.stderr.write(`portcullis: ${error.message}\n`);
    process.exit(error.exitCode);
  }
}

/** Memory that was given to one server is divided, so that all workers together hold what was set. */
function shareOf(config: Config): Config {
  const { workers, documentCacheBytes, assetCacheBytes } = config;
  return {
    ...config,
    documentCacheBytes: Math.floor(documentCacheBytes / workers),
    assetCacheBytes: Math.floor(assetCacheBytes / workers),
  };
}
