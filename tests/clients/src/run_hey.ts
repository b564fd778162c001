import { strict as assert } from "node:assert";

import { client } from "./hey/client.gen.js";
import { createNote, listNotes, login, refreshToken, updateNote } from "./hey/sdk.gen.js";
import type { ProblemDetails } from "./hey/types.gen.js";

const [address, email, password] = process.argv.slice(2) as [string, string, string];
client.setConfig({ baseUrl: address as `${string}://${string}` });
const signedIn = await login({ body: { email, password } });
assert(signedIn.data && signedIn.data.token_type === "Bearer");
const renewed = await refreshToken({ body: { refresh_token: signedIn.data.refresh_token } });
assert(renewed.data);
const auth = renewed.data.access_token;
for (const number of [1, 2, 3]) {
  const created = await createNote({ auth, body: { title: `hey ${number}` } });
  assert.equal(created.response?.status, 201);
}
const titles: string[] = [];
let cursor: string | null | undefined;
do {
  const { data } = await listNotes({ auth, query: { limit: 2, cursor: cursor ?? undefined } });
  assert(data);
  titles.push(...data.items.map(({ title }) => title));
  cursor = data.next_cursor;
} while (cursor);
assert.deepEqual(titles.filter((title) => title.startsWith("hey")), ["hey 3", "hey 2", "hey 1"]);
const found = await listNotes({ auth, query: { title: "hey 1" } });
const note = found.data?.items[0];
assert(note);
const change = { auth, path: { note_id: note.id }, headers: { "if-match": `"${note.version}"` } };
const changed = await updateNote({ ...change, body: { title: "hey changed" } });
assert.equal(changed.data?.version, note.version + 1);
const refused = await updateNote({ ...change, body: { title: "hey again" } });
const problem: ProblemDetails | undefined = refused.error;
assert.equal(problem?.status, 412);
assert.equal(problem.type, "urn:problem:VersionConflict");
console.log("done");
