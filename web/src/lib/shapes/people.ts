/** Who people are to the node. Field names as on the wire; times are wall clock seconds, UTC. */

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

export interface UserRow {
  name: string;
  role: UserRole;
  is_disabled: boolean;
  created_s: number;
}
