// The folder where bytes wait for their commit, and what a crash leaves in it.
import { mkdir, readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "./spool.ts";

/**
 * Makes the folder and removes the files in it that were last written before `leftBeforeMs` by a process that is
 * gone. Default: what was there when this process started.
 */
export async function openStaging(
  folder: string,
  leftBeforeMs = Date.now() - process.uptime() * 1000,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await removeLeftovers(folder, leftBeforeMs);
}

/** A file of a process that still runs is left alone: during a change of versions two servers share the folder. */
async function removeLeftovers(staging: string, leftBeforeMs: number): Promise<void> {
  for (const name of await readdir(staging)) {
    const path = join(staging, name);
    const found = await ignoreAbsence(stat(path));
    if (found === undefined || found.mtimeMs >= leftBeforeMs || isOfAnotherProcess(name)) continue;
    await ignoreAbsence(unlink(path));
  }
}

function isOfAnotherProcess(name: string): boolean {
  const pid = Number.parseInt(name, 10);
  if (!(pid > 0) || pid === process.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return hasCode(error, "EPERM");
  }
}

/** Undefined where the file is not there. */
export async function ignoreAbsence<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
