// What a worker process runs: the server, when the primary says that it is its turn.
import { takeSeat } from "../cluster/seat.ts";
import type { Config } from "../config.ts";

const seat = takeSeat();
const { runServer } = await import("./run.ts"); // the most of a start, while worker 0 makes its own
const { config, port, ...place } = await seat;

let end = (): void => process.exit(0); // nothing is in flight before it serves
place.onEnd(() => end());
const given = config as Config;
const listen = port === undefined ? given.listen : { ...given.listen, port };
const server = await runServer({ ...given, listen }, place);
end = server.end;
place.serving(server.address);
