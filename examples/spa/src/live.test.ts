import { afterEach, beforeEach, expect, test, vi } from "vitest";

const EVENT = 'data: {"topic": "notes", "name": "created", "id": "1"}\n\n';
const requests = vi.fn<typeof fetch>();
const reload = vi.fn(async () => true);
let page: EventTarget & { hidden: boolean };
let stop: () => void;

/** Answer the next request with a stream; return a function that sends text on it, or ends it without text. */
function openStream() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (it) => void (controller = it) });
  requests.mockImplementationOnce(async (request) => {
    (request as Request).signal.addEventListener("abort", () => controller.error(new Error("aborted")));
    return new Response(body);
  });
  return (text?: string) => (text ? controller.enqueue(new TextEncoder().encode(text)) : controller.close());
}

async function connects(times: number) {
  await vi.waitFor(() => expect(requests).toHaveBeenCalledTimes(times));
}

function isOpen() {
  return !(requests.mock.lastCall?.[0] as Request).signal.aborted;
}

beforeEach(async () => {
  page = Object.assign(new EventTarget(), { hidden: false });
  vi.stubGlobal("document", page);
  vi.stubGlobal("fetch", requests);
  vi.stubGlobal("Request", class extends Request {
    constructor(url: string, options: RequestInit) { super(new URL(url, "http://api.test"), options); }
  });
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.spyOn(Math, "random").mockReturnValue(1); // the longest wait, 5 s
  vi.resetModules();
  const answer = { access_token: "first", token_type: "Bearer" as const, expires_in: 600 };
  (await import("./session")).setToken(answer);
});

afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  requests.mockReset();
  reload.mockReset().mockResolvedValue(true);
});

async function watch() {
  stop = (await import("./live")).watchNotes(reload);
  await connects(1);
}

test("an event reloads, in however many pieces it comes; a ping doesn't", async () => {
  const send = openStream();
  await watch();

  send("retry: 3000\n\n: ping\n\n");
  for (const character of EVENT) send(character);
  await vi.waitFor(() => expect(reload).toHaveBeenCalledOnce());
  send(": ping\n\n");
  send(EVENT);
  await vi.waitFor(() => expect(reload).toHaveBeenCalledTimes(2));

  expect((requests.mock.lastCall?.[0] as Request).headers.get("Authorization")).toBe("Bearer first");
});

test("it connects again, later, when the stream ends, fails or is refused", async () => {
  const send = openStream();
  await watch();
  send();
  requests.mockRejectedValueOnce(new TypeError("Failed to fetch"));
  await vi.advanceTimersByTimeAsync(4_500);
  expect(requests).toHaveBeenCalledOnce();
  await vi.advanceTimersByTimeAsync(600);
  await connects(2);
  expect(reload).not.toHaveBeenCalled();

  requests.mockResolvedValueOnce(new Response("{}", { status: 429 }));
  await vi.advanceTimersByTimeAsync(5_100);
  await connects(3);
  await vi.waitFor(() => expect(reload).toHaveBeenCalledOnce());

  const next = openStream();
  await vi.advanceTimersByTimeAsync(5_100);
  await connects(4);
  next(EVENT);
  await vi.waitFor(() => expect(reload).toHaveBeenCalledTimes(2));
});

test("it connects again if the list can't be loaded", async () => {
  const send = openStream();
  reload.mockResolvedValueOnce(false);
  await watch();
  send(EVENT);
  await vi.waitFor(() => expect(reload).toHaveBeenCalledOnce());

  openStream();
  const first = requests.mock.lastCall?.[0] as Request;
  await vi.advanceTimersByTimeAsync(5_100);
  await connects(2);
  expect(first.signal.aborted).toBe(true);
});

test("hidden pages have no stream", async () => {
  openStream();
  await watch();
  page.hidden = true;
  page.dispatchEvent(new Event("visibilitychange"));
  expect(isOpen()).toBe(false);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(requests).toHaveBeenCalledOnce();

  openStream();
  page.hidden = false;
  page.dispatchEvent(new Event("visibilitychange"));
  await connects(2);
  expect(isOpen()).toBe(true);
});

test("stopping closes the stream for good", async () => {
  openStream();
  await watch();
  stop();
  expect(isOpen()).toBe(false);
  page.dispatchEvent(new Event("visibilitychange"));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(requests).toHaveBeenCalledOnce();
});
