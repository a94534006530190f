import { takeNodeDate } from "./node-clock";
import type * as Shape from "./shapes";

/** How long an ordinary request may take before the page says that the node does not answer. */
const ANSWER_MS_MAX = 20_000;

/** A refusal, in words fit for the screen: `message` says what, `nextStep` what to do. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly nextStep: string,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** True when nobody is signed in, or the token has ended. */
  get isSignedOut(): boolean {
    return this.status === 401;
  }

  /** True when the node could not be reached at all. */
  get isOffline(): boolean {
    return this.status === 0;
  }
}

/** Any thrown thing as an ApiError, so that a page has one way to show what went wrong. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(0, "page.fault", error instanceof Error ? error.message : String(error), "");
}

/** Says "signed-out" when the node does not know the sign-in of this browser (any more). */
export const signedOut = new EventTarget();

type Query = Record<string, string | number | undefined | null>;

interface Wish {
  method?: string;
  body?: unknown;
  query?: Query;
  signal?: AbortSignal;
}

/** The node's HTTP interface. A bearer token (guests) stands in for the cookie of people who signed in. */
export class Api {
  constructor(
    readonly bearer: string | null = null,
    private readonly fetchImpl: typeof fetch = (input, init) => fetch(input, init),
  ) {}

  /** Headers that every request of this principal needs. */
  headers(): Record<string, string> {
    const headers: Record<string, string> = { "X-Edge-Request": "1" };
    if (this.bearer) headers.Authorization = `Bearer ${this.bearer}`;
    return headers;
  }

  async request<T>(path: string, wish: Wish = {}): Promise<T> {
    const headers: Record<string, string> = { ...this.headers(), Accept: "application/json" };
    const init: RequestInit = { method: wish.method ?? "GET", headers, credentials: "same-origin" };
    if (wish.body !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(wish.body);
    }
    const limit = AbortSignal.timeout(ANSWER_MS_MAX);
    init.signal = wish.signal ? AbortSignal.any([wish.signal, limit]) : limit;
    const response = await this.reach(withQuery(path, wish.query), init, wish.signal);
    if (response.status === 401 && this.bearer === null) signedOut.dispatchEvent(new Event("signed-out"));
    if (!response.ok) throw await refusal(response);
    if (response.status === 204) return undefined as T;
    const text = await response.text();
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  private async reach(path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> {
    try {
      const response = await this.fetchImpl(path, init);
      takeNodeDate(response.headers.get("Date"));
      return response;
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError(0, "node.unreachable", "The node does not answer.", "Check the network; the page tries again.");
    }
  }

  private post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.request<T>(path, { method: "POST", body });
  }

  // People
  signIn(name: string, password: string) {
    return this.post<{ name: string; role: Shape.UserRole }>("/api/v1/sign-in", { name, password });
  }
  signOut() {
    return this.post<void>("/api/v1/sign-out");
  }
  me(signal?: AbortSignal) {
    return this.request<Shape.Me>("/api/v1/me", { signal });
  }

  // Exams
  sources(signal?: AbortSignal) {
    return this.request<Shape.SourceState[]>("/api/v1/sources", { signal });
  }
  worklist(signal?: AbortSignal) {
    return this.request<Shape.Worklist>("/api/v1/worklist", { signal });
  }
  refreshWorklist() {
    return this.post<unknown>("/api/v1/worklist/refresh");
  }
  sessions(signal?: AbortSignal) {
    return this.request<Shape.SessionView[]>("/api/v1/sessions", { signal });
  }
  openSession(wish: Shape.SessionWish) {
    return this.post<Shape.SessionOpened>("/api/v1/sessions", wish);
  }
  session(id: string, signal?: AbortSignal) {
    return this.request<Shape.SessionView>(`/api/v1/sessions/${part(id)}`, { signal });
  }
  closeSession(id: string) {
    return this.post<Shape.SessionView>(`/api/v1/sessions/${part(id)}/close`);
  }
  invite(id: string, role: Shape.PeerRole = "specialist") {
    return this.post<Shape.Invite>(`/api/v1/sessions/${part(id)}/invites`, { role });
  }
  revokeInvite(id: string, tokenId: string) {
    return this.request<void>(`/api/v1/sessions/${part(id)}/invites/${part(tokenId)}`, { method: "DELETE" });
  }
  /** Come in with a link's token or with six digits; the answer's bearer speaks for the guest from then on. */
  join(wish: { token: string } | { code: string; name?: string }) {
    return this.post<Shape.Joined>("/api/v1/join", wish);
  }
  /** Ask whether the bedside has let one in. */
  waitToJoin(ticket: string, signal?: AbortSignal) {
    return this.request<Shape.Joined>(`/api/v1/join/${part(ticket)}`, { signal });
  }
  answerWaiting(id: string, key: string, isLetIn: boolean) {
    return this.post<void>(`/api/v1/sessions/${part(id)}/waiting/${part(key)}`, { is_let_in: isLetIn });
  }
  showPicture(id: string, isShown: boolean) {
    return this.post<void>(`/api/v1/sessions/${part(id)}/picture`, { is_shown: isShown });
  }
  publishSession(id: string, isOn: boolean) {
    return this.post<void>(`/api/v1/sessions/${part(id)}/publish`, { is_on: isOn });
  }
  noteConsent(id: string) {
    return this.post<void>(`/api/v1/sessions/${part(id)}/consent`);
  }
  startRecord(id: string) {
    return this.post<{ clip_id: string; started_s: number }>(`/api/v1/sessions/${part(id)}/record/start`);
  }
  stopRecord(id: string) {
    return this.post<{ clip_id: string; frame_count: number }>(`/api/v1/sessions/${part(id)}/record/stop`);
  }
  still(id: string, wish: { frame_index?: number } = {}) {
    return this.post<{ still_id: string; frame_index: number }>(`/api/v1/sessions/${part(id)}/still`, wish);
  }
  saveLast(id: string, seconds: number) {
    return this.post<{ clip_id: string; frame_count: number }>(`/api/v1/sessions/${part(id)}/save-last`, { seconds });
  }

  // Studies and slides
  studies(query: Query = {}, signal?: AbortSignal) {
    return this.request<Shape.StudyPage>("/api/v1/studies", { query, signal });
  }
  study(uid: string, signal?: AbortSignal) {
    return this.request<Shape.StudyDetail>(`/api/v1/studies/${part(uid)}`, { signal });
  }
  labels(signal?: AbortSignal) {
    return this.request<{ label: string; study_count: number }[]>("/api/v1/labels", { signal });
  }
  putLabels(uid: string, labels: string[]) {
    return this.request<{ labels: string[] }>(`/api/v1/studies/${part(uid)}/labels`, { method: "PUT", body: { labels } });
  }
  shares(uid: string, signal?: AbortSignal) {
    return this.request<Shape.ShareRow[]>(`/api/v1/studies/${part(uid)}/shares`, { signal });
  }
  share(uid: string, lasts: Shape.ShareLasts) {
    return this.post<Shape.ShareMade>(`/api/v1/studies/${part(uid)}/shares`, { lasts });
  }
  endShare(uid: string, shareId: string) {
    return this.request<unknown>(`/api/v1/studies/${part(uid)}/shares/${part(shareId)}`, { method: "DELETE" });
  }
  /** Come in by a shared link: from then on this browser reads that one study. */
  openShared(token: string) {
    return this.post<{ study_instance_uid: string; expires_s: number }>("/api/v1/shared", { token });
  }
  sendStudy(uid: string, destination: string) {
    return this.post<{ count: number }>(`/api/v1/studies/${part(uid)}/send`, { destination });
  }
  slides(signal?: AbortSignal) {
    return this.request<Shape.SlideRow[]>("/api/v1/slides", { signal });
  }
  slide(seriesUid: string, signal?: AbortSignal, { isAhead = false } = {}) {
    return this.request<Shape.SlideDetail>(`/api/v1/slides/${part(seriesUid)}${isAhead ? "?ahead=1" : ""}`, { signal });
  }
  jobs(signal?: AbortSignal) {
    return this.request<Shape.Job[]>("/api/v1/jobs", { signal });
  }
  cancelJob(id: string) {
    return this.post<void>(`/api/v1/jobs/${part(id)}/cancel`);
  }
  retryJob(id: string) {
    return this.post<void>(`/api/v1/jobs/${part(id)}/retry`);
  }

  // Sync and administration
  outbox(signal?: AbortSignal) {
    return this.request<Shape.Outbox>("/api/v1/outbox", { signal });
  }
  outboxDo(wish: Shape.OutboxWish, scope: Shape.OutboxScope = {}) {
    return this.post<{ count: number }>(`/api/v1/outbox/${wish}`, scope);
  }
  health(signal?: AbortSignal) {
    return this.request<Shape.HealthLine[]>("/api/v1/health", { signal });
  }
  audit(limit: number, offset: number, signal?: AbortSignal) {
    return this.request<Shape.AuditPage>("/api/v1/audit", { query: { limit, offset }, signal });
  }
  users(signal?: AbortSignal) {
    return this.request<Shape.UserRow[]>("/api/v1/users", { signal });
  }
  addUser(name: string, password: string, role: Shape.UserRole) {
    return this.post<void>("/api/v1/users", { name, password, role });
  }
  disableUser(name: string) {
    return this.post<void>(`/api/v1/users/${part(name)}/disable`);
  }
  enableUser(name: string) {
    return this.post<void>(`/api/v1/users/${part(name)}/enable`);
  }
  setPassword(name: string, password: string) {
    return this.post<void>(`/api/v1/users/${part(name)}/password`, { password });
  }
}

/** DICOMweb addresses of an instance, for images and frames.  Standard: PS3.18 10.4 */
export function instanceUrl(study: string, series: string, instance: string): string {
  return `/dicom-web/studies/${part(study)}/series/${part(series)}/instances/${part(instance)}`;
}

/** A small picture of an instance, at most `width` x `height` pixels. */
export function thumbnailUrl(study: string, series: string, instance: string, width = 256, height = 256): string {
  return `${instanceUrl(study, series, instance)}/thumbnail?viewport=${width},${height}`;
}

/** One frame as a browser can show it; `frame` counts from 1. */
export function renderedFrameUrl(study: string, series: string, instance: string, frame: number): string {
  return `${instanceUrl(study, series, instance)}/frames/${frame}/rendered`;
}

/** The interface as the signed-in person. */
export const api = new Api();

function part(text: string): string {
  return encodeURIComponent(text);
}

function withQuery(path: string, query: Query | undefined): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
  if (pairs.length === 0) return path;
  return `${path}?${new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString()}`;
}

/** Read a refusal; an answer that is not the node's own (a proxy's page) still becomes a sentence. */
export async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => "");
  try {
    const body = JSON.parse(text) as Partial<Shape.ErrorBody>;
    if (typeof body.message === "string") {
      return new ApiError(response.status, body.code ?? "", body.message, body.next_step ?? "");
    }
  } catch {
    // Not JSON: fall through to the plain sentence.
  }
  const isGateway = [502, 503, 504].includes(response.status);
  const message = isGateway ? "A part of the node does not answer." : `The node answered ${response.status}.`;
  return new ApiError(response.status, "http.status", message, isGateway ? "Try again in a moment." : "");
}
