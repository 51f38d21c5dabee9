// pip: index-url in pip.conf, with the token in the address, or asked from the keyring command.
import { join } from "node:path";
import type { Around, Plan, Setting, Site, Tool } from "../tool.ts";
import { configHome, isFile, LoginError, ONE_INDEX, TWO_INDEXES, withPassword } from "../tool.ts";
import { keyringShim } from "./keyring.ts";

/** As `pip config set` chooses: the variable, the file that is there, else the platform's place. */
function userFile(around: Around): string {
  const { env, home, platform } = around;
  if (env.PIP_CONFIG_FILE && env.PIP_CONFIG_FILE !== "/dev/null") return env.PIP_CONFIG_FILE;
  if (platform === "win32") return join(env.APPDATA || join(home, "AppData", "Roaming"), "pip", "pip.ini");
  const application = join(home, "Library", "Application Support", "pip");
  const file =
    platform === "darwin" && isFile(application)
      ? join(application, "pip.conf")
      : join(configHome(around), "pip", "pip.conf");
  const legacy = join(home, ".pip", "pip.conf");
  return isFile(legacy) && !isFile(file) ? legacy : file;
}

function siteFile({ env, platform }: Around): string {
  if (!env.VIRTUAL_ENV)
    throw new LoginError(
      "pip has settings per virtual environment, none per folder: activate one first, or leave --project away",
    );
  return join(env.VIRTUAL_ENV, platform === "win32" ? "pip.ini" : "pip.conf");
}

function plan(site: Site): Plan {
  const { extra, helper, token, around } = site;
  const file = site.project ? siteFile(around) : userFile(around);
  const index = withPassword(`${site.url}simple/`, helper ? undefined : token);
  const secret = !helper;
  const settings: Setting[] = [
    extra
      ? {
          file,
          syntax: "configparser",
          path: ["global", "extra-index-url"],
          value: index,
          member: true,
          secret,
        }
      : { file, syntax: "configparser", path: ["global", "index-url"], value: index, secret },
  ];
  if (helper)
    settings.push(
      { file, syntax: "configparser", path: ["global", "keyring-provider"], value: "subprocess" },
      keyringShim(around),
    );
  const notes = [extra ? TWO_INDEXES : `${ONE_INDEX} 'portcullis logout pip' puts the old index back.`];
  if (around.env.PIP_CONFIG_FILE === "/dev/null")
    notes.push("PIP_CONFIG_FILE is /dev/null here: pip reads no settings at all until it is unset.");
  if (site.url.startsWith("http:") && !/^(127\.|localhost$|\[::1\])/.test(new URL(site.url).hostname))
    notes.push(`pip asks for --trusted-host ${new URL(site.url).hostname} over plain http.`);
  return { settings, notes };
}

export const pip: Tool = {
  name: "pip",
  format: "pypi",
  takes: ["extra", "project", "helper"],
  beatenBy: ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"],
  instead: { variable: "pip reads no variables in its files; set PIP_INDEX_URL itself, or use --helper" },
  plan,
};
