import type { Stage } from "../suite.ts";
export async function npmProxy(_stage: Stage): Promise<void> {}
