/** An exam: whom it is of, who is in it, what it has kept. Field names as on the wire; times are wall clock seconds, UTC. */
import type { PeerRole } from "./people";
import type { DeliverySummary } from "./studies";

/** Empty is unknown; nothing is invented. Names are DICOM person names (FAMILY^GIVEN), dates YYYYMMDD. */
export interface Patient {
  patient_id: string;
  name: string;
  birth_date: string;
  sex: string;
  size_m: number | null;
  weight_kg: number | null;
  responsible_person: string;
  responsible_person_role: string;
  issuer_of_patient_id: string;
}

export interface Order {
  accession_number: string;
  study_instance_uid: string;
  requested_procedure_id: string;
  requested_procedure_description: string;
  scheduled_procedure_step_id: string;
  scheduled_procedure_step_description: string;
  referring_physician_name: string;
}

export interface WorklistEntry {
  worklist_id: string;
  patient: Patient;
  order: Order;
  scheduled_s: number | null;
  modality: string;
}

export interface Worklist {
  items: WorklistEntry[];
  refreshed_s: number | null;
  /** Why the list is old or empty, in words; empty when all is well. */
  reason: string;
}

export interface SourceState {
  name: string;
  kind: string;
  state: "live" | "waiting" | "ended";
  /** Words for the operator. */
  reason: string;
  fps: number;
  width_px: number;
  height_px: number;
  channel_count: number;
  next_index: number;
  manufacturer: string;
  model: string;
  regions: Record<string, number>[];
}

export interface PendingClip {
  clip_id: string;
  kind: "clip" | "still";
  state: "finalising" | "failed";
  frame_count: number;
  done_count: number;
  reason: string;
}

export interface Recording {
  is_recording: boolean;
  clip_id: string | null;
  started_s: number | null;
  frame_count: number;
  gap_count: number;
  pending: PendingClip[];
}

export interface Peer {
  peer_id: string;
  role: PeerRole;
  name: string;
  joined_s: number;
  state: string;
  rung: string;
  bitrate_bps: number;
  fps: number;
  rtt_ms: number | null;
  loss: number | null;
}

export interface SavedObject {
  sop_instance_uid: string;
  /** A drawing refers to a still; a report holds the figures of a drawing. */
  kind: "clip" | "still" | "annotation" | "report" | "other";
  series_instance_uid?: string;
  frame_count: number;
  at_s: number;
  is_recovered: boolean;
  delivery?: DeliverySummary;
}

/** `key` is the beginning of every peer identifier of this person. */
export interface Guide {
  key: string | null;
  name: string;
  is_away: boolean;
  asking: { key: string; name: string }[];
}

export interface SessionView {
  session_id: string;
  source: string;
  state: "open" | "closed";
  patient?: Patient | null;
  order?: Order | null;
  study_instance_uid: string;
  series_instance_uid: string;
  operator_name?: string;
  description?: string;
  opened_s: number;
  closed_s: number | null;
  recording: Recording;
  peers: Peer[];
  source_state: SourceState | null;
  objects: SavedObject[];
  /** How many of each kind; in a call this alone is told anew with every further one. */
  object_counts?: Partial<Record<SavedObject["kind"], number>>;
  bedside_url: string;
  /** The one specialist whose wishes change something; absent once the exam is over. */
  guide?: Guide | null;
  /** Who asks to be let in; only the bedside is told. */
  waiting?: { key: string; name: string; role: PeerRole; since_s: number }[] | null;
  /** The bedside shows the guests nothing; the record goes on. */
  is_picture_stopped?: boolean;
  /** When the bedside said that the patient agrees to be watched. */
  consent_s?: number | null;
  /** The way to the media server outside; null: nobody asked for it. */
  publish?: { state: "connecting" | "live" | "waiting"; reason: string } | null;
  /** A media server is configured. */
  may_publish?: boolean;
}

export interface SessionOpened extends SessionView {
  specialist_url: string;
  whep_url: string;
  token: string;
}

export interface SessionWish {
  source: string;
  worklist_id?: string;
  patient?: Partial<Patient>;
  description?: string;
}

export interface Invite {
  token: string;
  token_id?: string;
  specialist_url: string;
  whep_url: string;
  whip_url?: string;
  /** Six digits. */
  code: string;
  code_expires_s?: number;
  qr_svg: string;
  expires_s: number;
}

export interface Joined {
  token: string;
  session_id: string;
  role: PeerRole;
  bearer?: string;
  /** The bedside decides; ask again with the ticket. */
  is_waiting?: boolean;
  ticket?: string;
}
