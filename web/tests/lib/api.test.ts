import { expect, test } from "vitest";
import { Api, ApiError, signedOut } from "../../src/lib/api";

interface Seen {
  url: string;
  init: RequestInit;
}

function node(answer: () => Response | Promise<Response>): { seen: Seen[]; fetchIt: typeof fetch } {
  const seen: Seen[] = [];
  const fetchIt = async (url: RequestInfo | URL, init: RequestInit = {}) => {
    seen.push({ url: String(url), init });
    return answer();
  };
  return { seen, fetchIt: fetchIt as typeof fetch };
}

const headersOf = (seen: Seen) => seen.init.headers as Record<string, string>;

async function failure(asked: Promise<unknown>): Promise<ApiError> {
  const error = await asked.then(() => null, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

test("every request says that it comes from a page of ours", async () => {
  const { seen, fetchIt } = node(() => Response.json({ count: 1 }));
  await new Api(null, fetchIt).outboxDo("retry", { destination: "vna" });
  expect(seen[0]!.url).toBe("/api/v1/outbox/retry");
  expect(seen[0]!.init.method).toBe("POST");
  expect(headersOf(seen[0]!)["X-Edge-Request"]).toBe("1");
  expect(JSON.parse(seen[0]!.init.body as string)).toEqual({ destination: "vna" });
});

test("a guest speaks with the token, a person without", async () => {
  const { seen, fetchIt } = node(() => Response.json({}));
  await new Api("secret", fetchIt).me();
  await new Api(null, fetchIt).me();
  expect(headersOf(seen[0]!).Authorization).toBe("Bearer secret");
  expect(headersOf(seen[1]!).Authorization).toBeUndefined();
});

test("an identifier cannot leave its place in the path", async () => {
  const { seen, fetchIt } = node(() => Response.json({}));
  await new Api(null, fetchIt).session("../users?x=1");
  expect(seen[0]!.url).toBe("/api/v1/sessions/..%2Fusers%3Fx%3D1");
});

test("empty filters are not sent", async () => {
  const { seen, fetchIt } = node(() => Response.json({ total: 0, items: [] }));
  await new Api(null, fetchIt).studies({ q: "zz demo", modality: "", limit: 50, offset: undefined });
  expect(seen[0]!.url).toBe("/api/v1/studies?q=zz+demo&limit=50");
});

test("a refusal keeps the node's words", async () => {
  const body = { code: "store.full", message: "The disk is full.", next_step: "Free some space." };
  const { fetchIt } = node(() => Response.json(body, { status: 507 }));
  const error = await failure(new Api(null, fetchIt).startRecord("a"));
  expect([error.status, error.code, error.message, error.nextStep]).toEqual([507, "store.full", "The disk is full.", "Free some space."]);
});

test("a proxy's page becomes a sentence too", async () => {
  const { fetchIt } = node(() => new Response("<html>bad gateway</html>", { status: 502 }));
  expect((await failure(new Api(null, fetchIt).me())).message).toBe("A part of the node does not answer.");
});

test("a node out of reach is told apart from a refusal", async () => {
  const { fetchIt } = node(() => Promise.reject(new TypeError("failed to fetch")));
  const error = await failure(new Api(null, fetchIt).me());
  expect(error.isOffline).toBe(true);
  expect(error.isSignedOut).toBe(false);
});

test("an answer without a body is no error", async () => {
  const { fetchIt } = node(() => new Response(null, { status: 204 }));
  await expect(new Api(null, fetchIt).signOut()).resolves.toBeUndefined();
});

test("a person whose sign-in has ended is noticed at any request, a guest's ended link is not taken for it", async () => {
  const { fetchIt } = node(() => Response.json({ code: "access.unknown", message: "No.", next_step: "" }, { status: 401 }));
  let count = 0;
  signedOut.addEventListener("signed-out", () => (count += 1));
  await failure(new Api("guest-token", fetchIt).me());
  expect(count).toBe(0);
  await failure(new Api(null, fetchIt).studies());
  expect(count).toBe(1);
});
