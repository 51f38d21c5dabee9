// twine: a section of ~/.pypirc, named among the index servers.
import { join } from "node:path";
import type { Setting, Tool } from "../tool.ts";

export const twine: Tool = {
  name: "twine",
  format: "pypi",
  takes: ["variable"],
  beatenBy: ["TWINE_REPOSITORY_URL", "TWINE_USERNAME", "TWINE_PASSWORD"],
  instead: {
    extra: "it is beside the others anyway: twine uploads where -r says",
    project: "twine reads ~/.pypirc alone; use --variable",
  },
  plan({ url, name, variable, token, around }) {
    const file = join(around.home, ".pypirc");
    const settings: Setting[] = [
      // twine knows these two as long as no list is written.
      {
        file,
        syntax: "configparser",
        path: ["distutils", "index-servers"],
        value: name,
        member: true,
        seed: ["pypi", "testpypi"],
      },
      { file, syntax: "configparser", path: [name, "repository"], value: url },
      { file, syntax: "configparser", path: [name, "username"], value: "aws" },
    ];
    const notes = [`Upload with: twine upload -r ${name} dist/*`];
    if (variable === undefined)
      settings.push({ file, syntax: "configparser", path: [name, "password"], value: token, secret: true });
    else notes.push("Set TWINE_PASSWORD to a token where it runs.");
    return { settings, notes };
  },
};
