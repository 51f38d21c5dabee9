import type { Stage } from "../suite.ts";
export async function originMatrix(_stage: Stage): Promise<void> {}
