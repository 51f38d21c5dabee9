// A real tree through each registry as a proxy of the machine's own npm registry: with an empty store, then a full one.
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cpuMs, settle } from "../processes.ts";
import { pick, shareOf } from "../report.ts";
import { type Contestant, newPlace, type Server, start } from "../servers.ts";
import { alternateFresh, type Stage } from "../stage.ts";

const run = promisify(execFile);
const tree = ["express", "vite", "typescript", "eslint", "webpack", "webpack-cli"].concat(
  ["@babel/core", "@babel/preset-env", "prettier", "mocha"], // together about 400 packages
);
interface Install {
  seconds: number;
  cpuSeconds: number;
  packages: number;
}

export async function install(stage: Stage): Promise<void> {
  const npm = ["config", "get", "registry", "--loglevel=error"];
  const upstream = execFileSync("npm", npm, { encoding: "utf8" }).trim();
  const samples = await alternateFresh(stage.registries, Math.min(stage.rounds, 3), (contestant, round) =>
    coldAndWarm(stage, contestant, upstream, `${contestant.name}-install-${round}`),
  );
  const packages = samples.values().next().value?.[0]?.warm.packages ?? 0;
  const scenario = (state: string) => `npm install of ${packages} packages, ${state}`;
  const less = { better: "less" as const };
  for (const state of ["cold", "warm"] as const)
    stage.rows.push(
      { ...less, scenario: scenario(state), measure: "s", samples: pick(samples, (s) => s[state].seconds) },
      {
        ...less,
        scenario: scenario(state),
        measure: "server CPU s",
        samples: pick(samples, (s) => s[state].cpuSeconds),
        floor: state === "warm" ? shareOf(0.33) : undefined,
      },
    );
}

async function coldAndWarm(stage: Stage, contestant: Contestant, upstream: string, label: string) {
  const place = await newPlace(stage.work, label, upstream);
  const server = await start(contestant, place);
  const client = join(stage.work, `${label}-client`);
  try {
    const cold = await installOnce(server, client);
    return { cold, warm: await installOnce(server, client) };
  } finally {
    await server.stop();
    rmSync(client, { recursive: true, force: true });
    rmSync(place.dir, { recursive: true, force: true });
  }
}

/** One `npm install` with nothing left of an earlier one: no cache, no lock file, no settings of the machine. */
async function installOnce(server: Server, dir: string): Promise<Install> {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "package.json"), JSON.stringify({ name: "tree", version: "1.0.0", private: true }));
  const token = server.readHeaders.authorization?.replace("Bearer ", "");
  const login = token ? `${server.registry.replace("http:", "")}:_authToken=${token}\n` : "";
  writeFileSync(join(dir, ".npmrc"), `registry=${server.registry}\ncache=${join(dir, "cache")}\n${login}`);
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];
  await settle(server.pid);
  const before = { cpu: cpuMs(server.pid), time: performance.now() };
  const { stdout } = await run("npm", ["install", ...tree, ...flags, "--userconfig", join(dir, "no-npmrc")], {
    cwd: dir,
    env: environment(),
    timeout: 240_000,
    killSignal: "SIGKILL",
  });
  const seconds = (performance.now() - before.time) / 1000;
  await settle(server.pid); // copies that are still being stored belong to the price
  const packages = Number(/added (\d+)/.exec(stdout)?.[1] ?? 0);
  return { seconds, cpuSeconds: (cpuMs(server.pid) - before.cpu) / 1000, packages };
}

/** This environment without what npm reads from it, such as the settings `npm run` hands down. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
  return { ...Object.fromEntries(kept), NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" };
}
