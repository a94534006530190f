/** What the node's HTTP interface says and hears. Field names as on the wire; times are wall clock seconds, UTC. */

export type UserRole = "operator" | "specialist" | "pathologist" | "admin" | "auditor" | "guest";
export type PeerRole = "bedside" | "specialist" | "observer" | "camera";
export type Action =
  | "read_images" | "see_worklist" | "run_session" | "join_session" | "ask_capture" | "see_slides" | "run_jobs"
  | "see_outbox" | "run_outbox" | "see_audit" | "run_users" | "see_health" | "store"
  | "mark_studies" | "share_studies" | "send_picture";

export interface Me {
  name: string;
  role: UserRole;
  session_id?: string | null;
  /** What a guest was invited as. */
  session_role?: PeerRole | null;
  node_name: string;
  permissions: Action[];
  /** The only study of somebody who came by a shared link. */
  study_instance_uid?: string | null;
  /** Installed beside our own pages: "ohif". */
  viewers?: string[];
}

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

export interface UserRow {
  name: string;
  role: UserRole;
  is_disabled: boolean;
  created_s: number;
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
