// The surroundings that login, logout and the credential helpers read: the one place of theirs that looks at the process.
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Around } from "./tool.ts";

export function readAround(): Around {
  const { env } = process;
  return {
    env,
    home: env.HOME || homedir(),
    cwd: process.cwd(),
    platform: process.platform,
    program: resolve(join(import.meta.dirname, "../../../bin/portcullis")),
  };
}
