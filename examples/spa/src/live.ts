/** The stream of changes, read with fetch because EventSource can't send the access token. */
import { api } from "./api";

/** While the page is visible, reload when notes changed or may have changed. Return a function that stops it. */
export function watchNotes(reload: () => Promise<boolean>): () => void {
  let attempt = new AbortController();
  function connect() {
    attempt.abort();
    if (document.hidden) return; // over HTTP/1.1, all tabs share six connections
    const { signal } = (attempt = new AbortController());
    const connectLater = () => setTimeout(() => signal.aborted || connect(), 1_000 + Math.random() * 4_000);
    readEvents(reload, signal).then(connectLater, connectLater);
  }
  connect();
  document.addEventListener("visibilitychange", connect);
  return () => {
    document.removeEventListener("visibilitychange", connect);
    attempt.abort();
  };
}

/** Return when the stream ends, as it does when the access token expires. The first event of the next one reloads. */
async function readEvents(reload: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const { data } = await api.GET("/api/v1/notes/live", { parseAs: "stream", signal });
  if (!data) return void (await reload()); // refused, such as the fiftieth stream of one person
  const reader = data.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    if (lines.some((line) => line.startsWith("data:")) && !(await reload())) return;
  }
}
