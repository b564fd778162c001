import { strict as assert } from "node:assert";

import { createNote, listNotes, login, refreshToken, updateNote } from "./orval.js";
import type { ProblemDetails } from "./orval.js";

const [address, email, password] = process.argv.slice(2) as [string, string, string];
const send = globalThis.fetch;
globalThis.fetch = (path, init) => send(`${address}${String(path)}`, init); // orval's URLs have no host
const signedIn = await login({ email, password });
assert(signedIn.status === 200 && signedIn.data.token_type === "Bearer");
const renewed = await refreshToken({ refresh_token: signedIn.data.refresh_token });
assert(renewed.status === 200);
const headers = { Authorization: `Bearer ${renewed.data.access_token}` };
for (const number of [1, 2, 3]) {
  const created = await createNote({ title: `orval ${number}` }, { "Idempotency-Key": crypto.randomUUID() }, { headers });
  assert.equal(created.status, 201);
}
const titles: string[] = [];
let cursor: string | null | undefined;
do {
  const page = await listNotes({ limit: 2, cursor: cursor ?? undefined }, { headers });
  assert(page.status === 200);
  titles.push(...page.data.items.map(({ title }) => title));
  cursor = page.data.next_cursor;
} while (cursor);
assert.deepEqual(titles.filter((title) => title.startsWith("orval")), ["orval 3", "orval 2", "orval 1"]);
const found = await listNotes({ title: "orval 1" }, { headers });
assert(found.status === 200);
const [note] = found.data.items;
assert(note);
const ifMatch = { "if-match": `"${note.version}"` };
const changed = await updateNote(note.id, { title: "orval changed" }, ifMatch, { headers });
assert(changed.status === 200 && changed.data.version === note.version + 1);
const refused = await updateNote(note.id, { title: "orval again" }, ifMatch, { headers });
assert(refused.status === 412);
const problem: ProblemDetails = refused.data;
assert.equal(problem.type, "urn:problem:VersionConflict");
console.log("done");
