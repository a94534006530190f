/** Scans, and their conversions. Field names as on the wire; times are wall clock seconds, UTC. */
import type { AwayView, DeliverySummary } from "./studies";

export interface SlideRow {
  study_instance_uid: string;
  series_instance_uid: string;
  name: string;
  patient_name: string;
  patient_id: string;
  scanned_s: number | null;
  width_px: number;
  height_px: number;
  mpp: number | null;
  magnification: number | null;
  stain: string;
  scanner: string;
  label_sop: string | null;
  overview_sop: string | null;
  thumbnail_sop: string | null;
  size_bytes: number;
  kept_s: number;
  delivery: DeliverySummary;
  /** The conversion that still has files of it to write; it is shown straight from its scan until then. */
  job_id?: string | null;
}

export interface SlideLevel {
  sop_instance_uid: string;
  width_px: number;
  height_px: number;
  tile_width_px: number;
  tile_height_px: number;
  columns: number;
  rows: number;
  mpp_x: number | null;
  mpp_y: number | null;
  frame_count: number;
  transfer_syntax_uid?: string;
  focal_plane_count?: number;
  channel_count?: number;
}

/** The colours a slide was scanned in. */
export interface SlideColour {
  /** The profile's own name, else empty. */
  name: string;
  /** The scan brought no profile; the objects say sRGB, and nothing is to be corrected. */
  is_assumed: boolean;
  address: string;
}

/** One channel of a slide: what was lit, or what the scanner calls it. */
export interface SlideChannel {
  name: string;
}

export interface SlideImage {
  sop_instance_uid: string;
  width_px: number;
  height_px: number;
}

export interface SlideDetail extends SlideRow {
  away?: AwayView | null;
  /** Biggest first. */
  levels: SlideLevel[];
  label?: SlideImage | null;
  overview?: SlideImage | null;
  thumbnail?: SlideImage | null;
  /** Null: no profile in its objects. */
  colour?: SlideColour | null;
  channels?: SlideChannel[];
  /** Of each focal plane, µm from the first; empty when there is one only. */
  focus_um?: number[];
  /** What the scan lacked or was damaged, in words. */
  remarks?: string;
}

export type JobState =
  | "settling" | "converting" | "verifying" | "storing" | "done" | "failed" | "cancelled";

export interface Job {
  job_id: string;
  /** The file's name. */
  name: string;
  state: JobState;
  bytes_done: number;
  bytes_total: number;
  frames_done: number;
  frames_total: number;
  rate_bytes_s: number;
  eta_s: number | null;
  started_s: number | null;
  ended_s: number | null;
  reason: string;
  next_step: string;
  study_instance_uid: string;
  series_instance_uid: string;
}
