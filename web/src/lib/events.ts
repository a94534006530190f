import type { EventShapes } from "./shapes";

const NAMES: (keyof EventShapes)[] = ["session", "object", "job", "outbox", "source", "health"];
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 15_000;
/** From one page to the next there is a moment without listeners: a stream opened anew would have all asked for twice. */
export const LINGER_MS = 3_000;

/** The part of EventSource that is used; a test hands in its own. */
export interface EventStream {
  readonly readyState: number;
  close(): void;
  addEventListener(type: string, listener: (event: MessageEvent<string>) => void): void;
}

/** The node's changes as they happen. Opens with the first subscriber, closes a moment after the last, reconnects by itself.
 *
 * `on()` subscribes; the DOM events "connected" and "disconnected" tell the banner. After a reconnect "connected" is the
 * sign to load again what may have changed meanwhile. */
export class NodeEvents extends EventTarget {
  private stream: EventStream | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private lingering: ReturnType<typeof setTimeout> | undefined;
  private retryMs = RETRY_MS_MIN;
  private subscriberCount = 0;
  isConnected = false;

  constructor(
    private readonly url = "/api/v1/events",
    private readonly open: (url: string) => EventStream = (address) => new EventSource(address),
  ) {
    super();
  }

  /** Hear one kind of event until the returned function is called. */
  on<K extends keyof EventShapes>(name: K, hear: (detail: EventShapes[K]) => void): () => void {
    const listener = (event: Event) => hear((event as CustomEvent<EventShapes[K]>).detail);
    this.addEventListener(name, listener);
    this.subscriberCount += 1;
    clearTimeout(this.lingering);
    this.connect();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.removeEventListener(name, listener);
      this.subscriberCount -= 1;
      if (this.subscriberCount === 0) this.lingering = setTimeout(() => this.close(), LINGER_MS);
    };
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    clearTimeout(this.lingering);
    this.timer = null;
    this.stream?.close();
    this.stream = null;
    this.isConnected = false;
  }

  private connect(): void {
    if (this.stream !== null || this.timer !== null) return;
    const stream = this.open(this.url);
    this.stream = stream;
    stream.addEventListener("open", () => this.opened());
    stream.addEventListener("error", () => this.failed(stream));
    for (const name of NAMES) stream.addEventListener(name, (event) => this.heard(name, event));
  }

  private opened(): void {
    this.retryMs = RETRY_MS_MIN;
    this.isConnected = true;
    this.dispatchEvent(new Event("connected"));
  }

  /** Begin anew with a delay that grows: the browser itself gives up on an error status and hammers on others. */
  private failed(stream: EventStream): void {
    if (this.stream !== stream) return;
    stream.close();
    this.stream = null;
    if (this.isConnected) {
      this.isConnected = false;
      this.dispatchEvent(new Event("disconnected"));
    }
    this.timer = setTimeout(() => {
      this.timer = null;
      if (this.subscriberCount > 0) this.connect();
    }, this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MS_MAX);
  }

  private heard(name: string, event: MessageEvent<string>): void {
    let detail: unknown;
    try {
      detail = JSON.parse(event.data);
    } catch {
      return; // A broken line is dropped; the next load of the page's data repairs what it missed.
    }
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

export const events = new NodeEvents();
