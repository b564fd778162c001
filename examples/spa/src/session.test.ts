import { beforeEach, expect, test, vi } from "vitest";

const REFRESH = "/api/v1/auth/cookie/refresh";
const requests = vi.fn<typeof fetch>();

/** Load the modules anew, as another tab does. */
async function openTab() {
  vi.resetModules();
  return { ...(await import("./session")), ...(await import("./api")) };
}

function tokens(name: string) {
  return Response.json({ access_token: name, token_type: "Bearer", expires_in: 600 });
}

beforeEach(() => {
  let queue: Promise<unknown> = Promise.resolve();
  const request = (_: string, work: () => unknown) => (queue = queue.then(work, work));
  vi.stubGlobal("navigator", { locks: { request } });
  vi.stubGlobal("fetch", requests);
  requests.mockReset();
});

test("requests at the same time share one refresh", async () => {
  const { getToken } = await openTab();
  requests.mockResolvedValueOnce(tokens("first"));

  expect(await Promise.all([getToken(), getToken(), getToken()])).toEqual(["first", "first", "first"]);
  expect(requests).toHaveBeenCalledExactlyOnceWith(REFRESH, expect.objectContaining({ credentials: "include" }));
});

test("tabs share the access token", async () => {
  const [one, other] = [await openTab(), await openTab()];
  requests.mockResolvedValueOnce(tokens("first"));

  await one.getToken();
  await vi.waitFor(() => expect(other.isSignedIn()).toBe(true));

  expect(await other.getToken()).toBe("first");
  expect(requests).toHaveBeenCalledOnce();
});

test("signing out reaches all tabs", async () => {
  const [one, other] = [await openTab(), await openTab()];
  requests.mockResolvedValueOnce(tokens("first")).mockResolvedValueOnce(new Response(null, { status: 204 }));
  await one.getToken();
  await vi.waitFor(() => expect(other.isSignedIn()).toBe(true));

  await one.signOut();
  await vi.waitFor(() => expect(other.isSignedIn()).toBe(false));

  expect(await other.getToken()).toBeNull();
  expect(requests).toHaveBeenCalledTimes(2);
});

test("an expired access token is refreshed", async () => {
  const { getToken } = await openTab();
  requests.mockResolvedValueOnce(tokens("first")).mockResolvedValueOnce(tokens("second"));
  await getToken();

  vi.useFakeTimers({ now: Date.now() + 571_000, toFake: ["Date"] });

  expect(await getToken()).toBe("second");
  vi.useRealTimers();
});

test("a rejected refresh token signs out", async () => {
  const { getToken } = await openTab();
  requests.mockResolvedValueOnce(new Response("{}", { status: 401 }));

  expect(await getToken()).toBeNull();
  expect(await getToken()).toBeNull();
  expect(requests).toHaveBeenCalledOnce();
});

test("a lost response is asked for again", async () => {
  const { getToken } = await openTab();
  requests.mockRejectedValueOnce(new TypeError("Failed to fetch")).mockResolvedValueOnce(tokens("first"));

  expect(await getToken()).toBe("first");
});

test("an outage doesn't sign out", async () => {
  const { getToken } = await openTab();
  requests.mockResolvedValueOnce(new Response("{}", { status: 503 })).mockResolvedValueOnce(tokens("first"));

  await expect(getToken()).rejects.toThrow("503");
  expect(await getToken()).toBe("first");
});

test("a request whose token is rejected is sent once more", async () => {
  const { api } = await openTab();
  const sent: [string | null, string][] = [];
  requests.mockImplementation(async (input) => {
    if (input === REFRESH) return tokens(`token ${sent.length}`);
    const request = input as Request;
    sent.push([request.headers.get("Authorization"), await request.text()]);
    return new Response("{}", { status: sent.length === 1 ? 401 : 201 });
  });

  const { response } = await api.POST("/api/v1/notes", { baseUrl: "http://api.test", body: { title: "Milk", body: "" } });

  expect(response.status).toBe(201);
  expect(sent.map(([token]) => token)).toEqual(["Bearer token 0", "Bearer token 1"]);
  expect(sent[0]?.[1]).toBe(sent[1]?.[1]);
});

test("messages are found by the names of fields", async () => {
  const { messagesOf } = await openTab();
  const problem = { type: "urn:problem:InvalidRequest", title: "Invalid request", status: 422 };
  const errors = [
    { loc: ["body", "title"], msg: "Too long", type: "string_too_long" },
    { loc: ["body", "lines", 2, "count"], msg: "Too small", type: "greater_than" },
  ];

  expect(messagesOf({ ...problem, errors })).toEqual({ title: "Too long", count: "Too small" });
  expect(messagesOf({ ...problem, detail: "Try again" })).toEqual({ "": "Try again" });
  expect(messagesOf(problem)).toEqual({ "": "Invalid request" });
});
