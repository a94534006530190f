/** The node itself: its health, its audit, its refusals, its events. Field names as on the wire; times are wall clock seconds, UTC. */
import type { Outbox } from "./outbox";
import type { SessionView, SourceState } from "./session";
import type { Job } from "./slides";

export interface HealthLine {
  name: string;
  level: "green" | "amber" | "red";
  sentence: string;
  next_step: string;
}

export interface AuditRow {
  number: number;
  at_s: number;
  actor: string;
  action: string;
  object: string;
  detail: Record<string, unknown>;
}

export interface AuditPage {
  total: number;
  /** The chain of hashes was followed from the first row to the last. */
  is_intact: boolean;
  items: AuditRow[];
}

/** What every refusal looks like. */
export interface ErrorBody {
  code: string;
  message: string;
  next_step: string;
}

/** The server-sent events and what each carries. */
export interface EventShapes {
  session: SessionView;
  object: Record<string, unknown>;
  job: Job;
  outbox: Outbox;
  source: SourceState;
  health: HealthLine[];
}
