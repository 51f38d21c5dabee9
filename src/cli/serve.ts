// `portcullis serve`: reads the configuration, starts the server, prints the ready line, and ends in order on SIGTERM.
import { Command } from "commander";
import { startApp } from "../app.ts";
import { ConfigError, type Flags, loadConfig, SETTINGS } from "../config.ts";

/** How long requests in flight may take after SIGTERM (contract, Start). */
const SHUTDOWN_GRACE_MS = 30_000;

export function serveCommand(): Command {
  const command = new Command("serve")
    .description("serve the API and the package managers")
    .option("--config <FILE>", "JSON file with the settings below as keys");
  for (const { name, argument, help } of SETTINGS) {
    if (name === "upstream")
      command.option(
        `--${name} <${argument}>`,
        help,
        (value: string, list: string[]) => [...list, value],
        [],
      );
    else command.option(`--${name} <${argument}>`, help);
  }
  return command.action(async (options: Record<string, string | string[]>) => serve(kebabKeys(options)));
}

/** Commander names options in camel case; settings are named as their flags. */
function kebabKeys(options: Record<string, string | string[]>): Flags {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [
      key.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`),
      value,
    ]),
  );
}

async function serve(flags: Flags): Promise<void> {
  let app: Awaited<ReturnType<typeof startApp>>;
  try {
    app = await startApp(loadConfig(flags, process.env, process.cwd()));
  } catch (error) {
    process.stderr.write(
      `portcullis: ${error instanceof ConfigError ? error.message : startFailure(error)}\n`,
    );
    process.exit(error instanceof ConfigError ? 2 : 1);
  }
  process.stdout.write(`listening on http://${app.address.host}:${app.address.port}\n`);
  const stop = (): void => {
    app.close(SHUTDOWN_GRACE_MS).then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`portcullis: stopping failed: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

function startFailure(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "EADDRINUSE"
    ? "the address is in use; choose another with --listen HOST:PORT"
    : `could not start: ${message}`;
}
