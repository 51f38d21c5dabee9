// The module that npm's document thread runs.
import { answerJobs } from "../document-thread.ts";
import { answer } from "./packument-jobs.ts";

answerJobs(answer);
