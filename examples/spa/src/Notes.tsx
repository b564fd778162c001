import { useEffect, useEffectEvent, useState } from "react";
import { api } from "./api";
import { Form } from "./Form";
import { watchNotes } from "./live";
import type { components } from "./schema";

type Note = components["schemas"]["NoteRead"];

const PAGE_SIZE = 20;
const FIELDS = [{ name: "title", label: "Title" }, { name: "body", label: "Body", type: "textarea" }] as const;

export function Notes() {
  const [notes, setNotes] = useState<Note[]>([]);
  const [cursor, setCursor] = useState<string | null>();
  const [edited, setEdited] = useState<string>();

  async function load(limit: number, after?: string) {
    const { data } = await api.GET("/api/v1/notes", { params: { query: { limit, cursor: after } } });
    if (!data) return false;
    setNotes((before) => (after ? [...before, ...data.items] : data.items));
    setCursor(data.next_cursor);
    return true;
  }
  const reload = () => load(Math.min(Math.max(notes.length, PAGE_SIZE), 100)); // the API returns at most 100
  const reloadChanged = useEffectEvent(reload);
  useEffect(() => watchNotes(() => reloadChanged()), []);

  async function create(body: { title: string; body: string }) {
    const { error } = await api.POST("/api/v1/notes", { body });
    if (!error) await reload();
    return error;
  }

  async function stopEditing() {
    setEdited(undefined);
    await reload();
  }

  return (
    <>
      <Form fields={[...FIELDS]} button="Add note" send={create} />
      <ul>
        {notes.map((note) => (
          <li key={note.id}>
            {edited === note.id
              ? <Editor note={note} onDone={stopEditing} />
              : <><h2>{note.title}</h2><p>{note.body}</p><button onClick={() => setEdited(note.id)}>Edit</button></>}
          </li>
        ))}
      </ul>
      {cursor && <button onClick={() => load(PAGE_SIZE, cursor)}>Show more</button>}
    </>
  );
}

/** Saves only over the version that it shows; the list may load a newer one in the meantime. */
function Editor({ note, onDone }: { note: Note; onDone: () => Promise<void> }) {
  const [mine] = useState(note);
  const [base, setBase] = useState(note);
  const params = { path: { note_id: note.id }, header: { "if-match": `"${base.version}"` } };

  async function save(body: { title: string; body: string }) {
    const { error, response } = await api.PATCH("/api/v1/notes/{note_id}", { params, body });
    if (!error) return onDone();
    if (response.status === 412) await showTheirs();
    return error;
  }

  async function remove() {
    const { error, response } = await api.DELETE("/api/v1/notes/{note_id}", { params });
    if (response.status === 412) await showTheirs();
    else if (!error) await onDone();
  }

  async function showTheirs() {
    const { data } = await api.GET("/api/v1/notes/{note_id}", { params: { path: params.path } });
    if (data) setBase(data);
  }

  return (
    <>
      {base !== mine && <p>This note was changed meanwhile: <b>{base.title}</b> <q>{base.body}</q></p>}
      <Form fields={FIELDS.map((field) => ({ ...field, value: mine[field.name] }))} button="Save" send={save} />
      <button onClick={remove}>Delete</button>
      <button onClick={onDone}>Cancel</button>
    </>
  );
}
