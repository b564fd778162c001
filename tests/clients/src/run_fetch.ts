// Calls the functions of docs/clients.md.
import { strict as assert } from "node:assert";

import { createNote, listNotes, renameNote, signIn } from "./notes.js";

const [address, email, password] = process.argv.slice(2) as [string, string, string];
const { client, refresh } = await signIn(address, email, password);
await refresh();
for (const number of [1, 2, 3]) await createNote(client, `fetch ${number}`);
await assert.rejects(createNote(client, "fetch 1"), /body\.title/);
await assert.rejects(createNote(client, ""), /body\.title: String should have at least 1 character/);
const [newest, ...others] = (await listNotes(client)).filter(({ title }) => title.startsWith("fetch"));
assert.equal(others.length, 2);
assert(newest);
const renamed = await renameNote(client, newest, "fetch renamed");
assert("version" in renamed && renamed.version === newest.version + 1);
const refused = await renameNote(client, newest, "fetch again");
assert("status" in refused && refused.status === 412 && refused.type === "urn:problem:VersionConflict");
await assert.rejects(signIn(address, email, "wrong"), /password/i);
console.log("done");
