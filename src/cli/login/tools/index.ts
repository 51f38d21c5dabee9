// The tools that login knows, by name.
import type { Tool } from "../tool.ts";
import { cargo } from "./cargo.ts";
import { gradle } from "./gradle.ts";
import { maven } from "./maven.ts";
import { npmTools } from "./npm.ts";
import { nugetTools } from "./nuget.ts";
import { pip } from "./pip.ts";
import { poetry } from "./poetry.ts";
import { rubyTools } from "./ruby.ts";
import { sbt } from "./sbt.ts";
import { swift } from "./swift.ts";
import { twine } from "./twine.ts";
import { uv } from "./uv.ts";

export const TOOLS: ReadonlyMap<string, Tool> = new Map(
  [...npmTools, pip, uv, poetry, twine, maven, gradle, sbt, ...nugetTools, ...rubyTools, cargo, swift].map(
    (tool) => [tool.name, tool],
  ),
);
