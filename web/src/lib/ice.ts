/** Network paths as text: what a page tells the node of its own, and reads of the node's. Pure.
    Standard: RFC 8840 9, RFC 9725 4.3 and 4.6 */

/** The relays an answer names in its Link headers, with their passwords. */
export function readLinks(header: string | null): RTCIceServer[] {
  const servers: RTCIceServer[] = [];
  for (const [, url, rest] of (header ?? "").matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+="(?:[^"\\]|\\.)*")*)/g)) {
    const found = Object.fromEntries([...rest!.matchAll(/([\w-]+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value!.replace(/\\(.)/g, "$1")]));
    if (found.rel !== "ice-server" || !url) continue;
    servers.push(found.username ? { urls: url, username: found.username, credential: found.credential ?? "" } : { urls: url });
  }
  return servers;
}

/** Candidates and credentials of ours, as a fragment. */
export function fragmentOf(sdp: string, candidates: readonly string[]): string {
  const lines = sdp.split("\r\n");
  const first = (start: string) => lines.filter((line) => line.startsWith(start)).slice(0, 1);
  const media = first("m=").map((line) => line.replace(/^(m=\S+) \d+ (\S+).*/, "$1 9 $2 0"));
  return [...first("a=ice-ufrag:"), ...first("a=ice-pwd:"), ...media, ...first("a=mid:"), ...candidates.map((one) => `a=${one}`), ""].join("\r\n");
}

/** The node's earlier answer with the path it has now. */
export function withFragment(answer: string, fragment: string): string {
  const said = fragment.split("\r\n");
  const candidates = said.filter((line) => line.startsWith("a=candidate:"));
  let isPlaced = false;
  return answer.split("\r\n").flatMap((line) => {
    if (line.startsWith("a=candidate:") || line === "a=end-of-candidates") return [];
    for (const name of ["a=ice-ufrag:", "a=ice-pwd:"]) {
      if (!line.startsWith(name)) continue;
      const next = said.find((one) => one.startsWith(name)) ?? line;
      if (name === "a=ice-ufrag:" || isPlaced) return [next];
      isPlaced = true;
      return [next, ...candidates];
    }
    return [line];
  }).join("\r\n");
}

/** An address under a name of this machine's own making says nothing to the node: it learns the real one by itself. */
export function isTelling(candidate: string): boolean {
  return candidate !== "" && !/ \S+\.local /.test(candidate);
}
