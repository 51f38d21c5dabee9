// `portcullis serve`: reads the configuration, starts the server or its workers, and prints the ready line.
import { Command } from "commander";
import { type Config, ConfigError, type Flags, loadConfig, SETTINGS } from "../config.ts";

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
  const config = settings(flags);
  if (config.workers > 1) return (await import("./workers.ts")).serveWithWorkers(config);
  const { runServer } = await import("./run.ts");
  const { address, end } = await runServer(config);
  process.stdout.write(`listening on http://${address.host}:${address.port}\n`);
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
}

function settings(flags: Flags): Config {
  try {
    return loadConfig(flags, process.env, process.cwd());
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`portcullis: ${error.message}\n`);
    process.exit(2);
  }
}
