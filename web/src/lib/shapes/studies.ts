/** What is kept, by studies. Field names as on the wire; times are wall clock seconds, UTC. */

export interface DeliverySummary {
  state: "arrived" | "waiting" | "held" | "none";
  done: number;
  total: number;
}

export interface StudyRow {
  study_instance_uid: string;
  patient_name: string;
  patient_id: string;
  birth_date: string;
  sex: string;
  study_date: string;
  study_time: string;
  description: string;
  modalities: string[];
  series_count: number;
  instance_count: number;
  size_bytes: number;
  accession_number: string;
  kept_s: number;
  /** When the last of it had come; null while something may still come. */
  complete_s: number | null;
  delivery: DeliverySummary;
  labels: string[];
}

/** A link to one study; its address is told once, when it is made. */
export interface ShareRow {
  share_id: string;
  made_by: string;
  made_s: number;
  expires_s: number;
  used_s: number | null;
}

export type ShareLasts = "day" | "week" | "month" | "year";

export interface ShareMade {
  share: ShareRow;
  url: string;
  qr_svg: string;
}

export interface StudyPage {
  total: number;
  items: StudyRow[];
}

export interface InstanceRow {
  sop_instance_uid: string;
  sop_class_uid: string;
  kind: "clip" | "still" | "slide" | "other";
  frame_count: number;
  rows: number;
  columns: number;
  number: number | null;
  frame_time_ms: number | null;
  frame_times_ms?: number[] | null;
  transfer_syntax_uid: string;
  size_bytes: number;
  gaps: string;
  is_recovered: boolean;
  content_s: number | null;
}

export interface SeriesRow {
  series_instance_uid: string;
  modality: string;
  number: number | null;
  description: string;
  instances: InstanceRow[];
}

/** A study that had left the node, safe elsewhere, on its way back. */
export interface AwayView {
  away_count: number;
  total_count: number;
  bytes_left: number;
  bytes_total: number;
  /** How much is here, 0 to 1. */
  share: number;
  /** Why it takes long; empty while it goes on. */
  reason: string;
  next_try_s: number | null;
  sentence: string;
}

export interface StudyDetail extends StudyRow {
  series: SeriesRow[];
  away?: AwayView | null;
}
