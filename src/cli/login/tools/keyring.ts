// The `keyring` command that pip and uv may ask for a password: a few lines that ask `portcullis credential`.
import { join } from "node:path";
import type { Around, Setting } from "../tool.ts";
import { LoginError, readIfThere } from "../tool.ts";

const MARK = "# Written by portcullis login";

/** Made on request only; another program of that name is never replaced. */
export function keyringShim({ home, program }: Around): Setting {
  const file = join(home, ".local", "bin", "keyring");
  const there = readIfThere(file);
  if (there !== "" && !there.includes(MARK))
    throw new LoginError(`${file} is another keyring: it stays; leave --helper away`);
  const value = `#!/bin/sh\n${MARK}; portcullis logout removes it. It must be on the PATH.\nexec '${program.replaceAll("'", "'\\''")}' credential keyring "$@"\n`;
  return { file, syntax: "whole", path: ["the whole file"], value, executable: true };
}
