// What the suites ask of a package manager of npm's family, whichever it is.
import type { Result } from "../processes.ts";

/** A registry as a client is told of it. */
export interface Registry {
  /** Ends in `/`. */
  readonly url: string;
  readonly token: string;
}

/** One client in isolation: its own HOME, cache and configuration, set to one registry. */
export interface Workplace {
  /** Where HOME, caches and projects are. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  /** Runs the client with these arguments in a project (a folder that `project` made) or a package's folder. */
  run(folder: string, args: readonly string[]): Promise<Result>;
  /** Makes an empty project that uses the registry; gives its folder. */
  project(name: string): string;
  /** Publishes the package in a folder. */
  publish(folder: string, tag?: string): Promise<Result>;
  /** Adds packages (`name@version`) to a project. */
  add(project: string, specs: readonly string[]): Promise<Result>;
  /** Installs what the project's lock file says, and nothing else. */
  restore(project: string): Promise<Result>;
  /** Runs a script of the project with what is installed there. */
  execute(project: string, file: string): Promise<Result>;
}

export interface Client {
  /** Name and version as shown, and usable in package names: `pnpm-12`. */
  readonly name: string;
  /** deno publishes nothing to registries of npm's kind. */
  readonly publishes: boolean;
  /** Installs the client where that is needed, and gives a new workplace below `folder`. Throws Skip if it cannot be had. */
  open(folder: string, registry: Registry): Promise<Workplace>;
}
