/** How long one knock may take. Within it the browser asks for the connection twice, at once and after a second. */
export const KNOCK_MS_MAX = 2200;

/** Ask whether anything answers there: true as soon as it does, even with a refusal; false when the time is over.

    By WebSocket, though none is spoken there: closing it gives up the connection that is being made. An aborted fetch
    leaves its own behind, which asks ever more rarely, and every later fetch waits for that one: up to half a minute
    after the link has come back. */
export function knock(url: string, makeSocket = (place: string) => new WebSocket(place)): Promise<boolean> {
  return new Promise((resolve) => {
    let socket: WebSocket | null = null;
    const timer = setTimeout(() => done(false), KNOCK_MS_MAX);
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
