/** How long a knock may take, first and later ones. Within it the browser asks for the connection at once, after one
 * second and after three. Chromium makes a page wait up to five seconds for a socket once sixteen have failed within
 * three minutes: so few knocks fit into an outage of one. */
export const KNOCK_MS = 2200;
export const LATER_KNOCK_MS = 4600;
const FIRST_COUNT = 3;

/** Return how long to wait for an answer, after so many knocks without one. */
export function patienceMs(count: number): number {
  return count < FIRST_COUNT ? KNOCK_MS : LATER_KNOCK_MS;
}

/** Ask whether anything answers there: true as soon as it does, even with a refusal; false when the time is over.

    By WebSocket, though none is spoken there: closing it gives up the connection that is being made. An aborted fetch
    leaves its own behind, which asks ever more rarely, and every later fetch waits for that one: up to half a minute
    after the link has come back. */
export function knock(url: string, patience = KNOCK_MS, makeSocket = (place: string) => new WebSocket(place)): Promise<boolean> {
  return new Promise((resolve) => {
    let socket: WebSocket | null = null;
    const timer = setTimeout(() => done(false), patience);
    const done = (isAnswered: boolean) => {
      clearTimeout(timer);
      if (socket) {
        socket.onopen = socket.onerror = socket.onclose = null;
        socket.close();
      }
      resolve(isAnswered);
    };
    try {
      socket = makeSocket(url);
      socket.onopen = socket.onerror = socket.onclose = () => done(true);
    } catch {
      done(true);
    }
  });
}
