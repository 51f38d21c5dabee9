// Notes which clients really ran, with which commands, and asks each once for its own version: what a report tells is what was started.
import { existsSync } from "node:fs";
import { basename } from "node:path";

/** One client's part in a check. */
export interface Use {
  readonly client: string;
  /** As the client itself prints it. */
  readonly version: string;
  /** Its subcommands, without arguments: they hold addresses and tokens. */
  readonly commands: readonly string[];
}

export interface Program {
  readonly client: string;
  /** What starts it, before any arguments. */
  readonly start: readonly string[];
  readonly args: readonly string[];
}

interface Seen extends Program {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

type Ask = (command: readonly string[], place: { cwd: string; env: NodeJS.ProcessEnv }) => Promise<string>;

/** Programs that are clients under their own names. */
const known = new Set(
  "aws bun bundle cargo curl deno flit gem gradle hatch mvn npm nuget pip pnpm poetry swift terraform twine uv yarn".split(
    " ",
  ),
);
/** Clients that come as a script of another program. */
const scripts: readonly (readonly [RegExp, string])[] = [
  [/npm-cli\.js$/, "npm"],
  [/pnpm\.c?js$/, "pnpm"],
  [/yarn\.js$/, "yarn"],
  [/nuget[^/]*\.exe$/, "nuget"],
];
const modules: Readonly<Record<string, string>> = {
  awscli: "aws",
  build: "build",
  pip: "pip",
  twine: "twine",
};
/** How those are asked for their version that do not know --version. */
const asking: Readonly<Record<string, string>> = { coursier: "version", nuget: "help" };
const titles: Readonly<Record<string, string>> = {
  aws: "AWS CLI",
  bundle: "bundler",
  coursier: "coursier",
  gradle: "Gradle",
  mvn: "Maven",
  nuget: "nuget.exe",
  terraform: "Terraform",
};
/** Words that need the next one to say what is done. */
const families =
  /^(npm dist-tag|yarn npm|uv pip|aws codeartifact|terraform state|npm access|nuget sources|bundle config)$/;

let seen: Seen[] = [];
const versions = new Map<string, string>();

/** Called for every program that a suite runs to its end. */
export function noteRun(command: readonly string[], place: { cwd: string; env: NodeJS.ProcessEnv }): void {
  const program = recognize(command);
  if (program !== undefined) seen.push({ ...program, cwd: place.cwd, env: place.env });
}

/** What ran since the last call, each client once. `ask` runs a program and gives what it wrote. */
export async function takeUses(ask: Ask): Promise<Use[]> {
  const taken = seen;
  seen = [];
  const uses = new Map<string, { client: string; version: string; commands: Set<string> }>();
  for (const program of taken) {
    const command = commandOf(program);
    if (command === undefined) continue;
    const version = await versionOf(program, ask);
    const client = titles[program.client] ?? program.client;
    const use = uses.get(`${client} ${version}`) ?? { client, version, commands: new Set() };
    uses.set(`${client} ${version}`, use);
    use.commands.add(command);
  }
  seen = []; // the questions themselves
  return [...uses.values()].map((use) => ({ ...use, commands: [...use.commands].sort() }));
}

/** Undefined for what is no client of a registry. */
export function recognize(command: readonly string[]): Program | undefined {
  const [program = "", second = "", third = ""] = command;
  const name = basename(program);
  const script = scripts.find(([pattern]) => pattern.test(second))?.[1];
  if (/^(node|mono)$/.test(name) && script !== undefined)
    return { client: script, start: command.slice(0, 2), args: command.slice(2) };
  const module = name.startsWith("python") && second === "-m" ? modules[third] : undefined;
  if (module !== undefined) return { client: module, start: command.slice(0, 3), args: command.slice(3) };
  const coursier = name === "java" ? command.indexOf("coursier.cli.Coursier") + 1 : 0;
  if (coursier > 0)
    return { client: "coursier", start: command.slice(0, coursier), args: command.slice(coursier) };
  return known.has(name) ? { client: name, start: [program], args: command.slice(1) } : undefined;
}

/** `dist-tag add`; undefined when nothing but a version or a help was asked for. */
export function commandOf({ client, args }: Program): string | undefined {
  if (client === "curl") return methodOf(args);
  if (client === "build") return "build";
  if (client === "mvn") return goalsOf(args);
  const words = args.filter((word) => /^[a-z][a-zA-Z-]*$/.test(word));
  const [first, second] = words;
  if (first === undefined || first === "help" || first === "version") return undefined;
  return second !== undefined && families.test(`${client} ${first}`) ? `${first} ${second}` : first;
}

function methodOf(args: readonly string[]): string {
  const given = args.indexOf("-X");
  if (given >= 0) return args[given + 1] ?? "GET";
  return args.includes("-T") ? "PUT" : args.includes("-I") ? "HEAD" : "GET";
}

/** `org.example:maven-deploy-plugin:3.1.4:deploy-file` is `deploy:deploy-file`. */
function goalsOf(args: readonly string[]): string | undefined {
  const goals = args.flatMap((word) => {
    const [, plugin, goal] = /:maven-([a-z]+)-plugin:[\d.]+:([a-z-]+)$/.exec(word) ?? [];
    return plugin === undefined ? (/^[a-z]+(:[a-z-]+)?$/.test(word) ? [word] : []) : [`${plugin}:${goal}`];
  });
  return goals.length === 0 ? undefined : goals.join(" ");
}

async function versionOf({ client, start, cwd, env }: Seen, ask: Ask): Promise<string> {
  const key = `${start.join(" ")} ${start[0]?.includes("/") ? "" : env["PATH"]}`;
  const found = versions.get(key);
  if (found !== undefined) return found;
  const text = await ask([...start, asking[client] ?? "--version"], {
    cwd: existsSync(cwd) ? cwd : "/",
    env,
  });
  const own = text.slice(Math.max(0, text.search(/^(Gradle|Apache Maven) /m))); // Java may speak before them
  const version = /\d+\.\d+[\w.+-]*/.exec(own)?.[0] ?? "unknown";
  versions.set(key, version);
  return version;
}
