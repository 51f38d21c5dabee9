import type { Stage } from "../suite.ts";
export async function refusals(_stage: Stage): Promise<void> {}
