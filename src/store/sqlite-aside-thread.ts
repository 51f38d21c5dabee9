// The thread of sqlite-aside.ts: opens the file, answers its one question, ends.
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { Question } from "./sqlite-aside.ts";

const { path, sql, parameters } = workerData as Question;
const db = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
db.exec("pragma cache_size = -65536");
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort?.postMessage(db.prepare(sql).all(...parameters));
db.close();
