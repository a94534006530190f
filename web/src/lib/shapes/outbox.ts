/** What is on its way elsewhere, and what is here. Field names as on the wire; times are wall clock seconds, UTC. */
import type { AwayView } from "./studies";

export interface LinkView {
  state: "up" | "slow" | "down" | "unknown";
  rate_bytes_s: number;
  since_s: number | null;
  next_try_s: number | null;
  reason: string;
}

export type DeliveryState = "waiting" | "sending" | "sent" | "committed" | "safe" | "held" | "cancelled";

export interface OutboxDestination {
  name: string;
  kind: string;
  is_required: boolean;
  link: LinkView;
  counts: Record<DeliveryState, number>;
  bytes_left: number;
  bytes_done: number;
  eta_s: number | null;
  sentence: string;
  /** In words: when it will be empty, how much of the link is used. */
  forecast?: string[];
  /** Of each five minutes; `up` is how much of them it could be reached, 0 to 1. */
  history: { t_s: number; bytes_s: number; up?: number | null }[];
}

export interface OutboxStudy {
  study_instance_uid: string;
  patient_name: string;
  description: string;
  destination: string;
  state: string;
  done: number;
  total: number;
  bytes_left: number;
  reason: string;
  next_try_s: number | null;
  /** When it will have gone; null when nothing waits or nobody can know. */
  eta_s?: number | null;
  /** It goes before the others. */
  is_urgent?: boolean;
}

/** What has left the disk, safe elsewhere, and what is here. */
export interface AwaySummary {
  count: number;
  bytes: number;
  here_bytes: number;
  /** 0: none. */
  budget_bytes: number;
}

export interface ReturningStudy {
  study_instance_uid: string;
  patient_name: string;
  description: string;
  away: AwayView;
}

export interface Outbox {
  destinations: OutboxDestination[];
  away?: AwaySummary | null;
  /** Studies that are being fetched back. */
  returning?: ReturningStudy[];
  /** When the disk will be full, in words; empty when that is far. */
  disk?: string;
  studies: OutboxStudy[];
}

export type OutboxWish = "retry" | "hold" | "release" | "cancel" | "first";

export interface OutboxScope {
  destination?: string;
  study_instance_uid?: string;
  sop_instance_uid?: string;
}
