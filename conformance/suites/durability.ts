import type { Stage } from "../suite.ts";
export async function durability(_stage: Stage): Promise<void> {}
