/**
 * Where the tokens live: the access token in this variable, the refresh token in a cookie that scripts can't read.
 * Tabs share both. One of them refreshes, and tells the others the new access token.
 */
import { useSyncExternalStore } from "react";
import type { components } from "./schema";

type Token = { value: string; expiresAt: number };

export const API_URL = import.meta.env.VITE_API_URL ?? "";
const COOKIE = `${API_URL}/api/v1/auth/cookie`;
const MARGIN_MS = 30_000; // for the way to the server, and clocks that differ
// Without a body or headers, these need no preflight. They finish, and set the cookie, even if the page is closed.
const REQUEST: RequestInit = { method: "POST", credentials: "include", keepalive: true };

let token: Token | null | undefined; // null: signed out; undefined: not known yet
const listeners = new Set<() => void>();
const tabs = new BroadcastChannel("session");
tabs.onmessage = (event: MessageEvent<Token | null>) => set(event.data);

/** Keep the access token of a sign-in or refresh, or null after signing out. */
export function setToken(answer: components["schemas"]["AccessToken"] | null): void {
  set(answer && { value: answer.access_token, expiresAt: Date.now() + answer.expires_in * 1000 });
  tabs.postMessage(token);
}

/** Return a valid access token, or null if signed out. Pass one that the API rejected to get another. */
export async function getToken(rejected?: string): Promise<string | null> {
  return current(rejected) ?? navigator.locks.request("session", () => current(rejected) ?? refresh());
}

export async function signOut(): Promise<void> {
  await navigator.locks.request("session", () => fetch(`${COOKIE}/logout`, REQUEST));
  setToken(null);
}

/** Whether the person is signed in; undefined until it is known. */
export const isSignedIn = () => (token === undefined ? undefined : token !== null);
export const useIsSignedIn = () => useSyncExternalStore(subscribe, isSignedIn);

function current(rejected?: string): string | undefined {
  return token && token.value !== rejected && Date.now() < token.expiresAt - MARGIN_MS ? token.value : undefined;
}

async function refresh(): Promise<string | null> {
  if (token === null) return null;
  const send = () => fetch(`${COOKIE}/refresh`, REQUEST);
  const response = await send().catch(send); // for a lost response: within some seconds, the API repeats it
  if (response.status !== 401 && !response.ok) throw new Error(`The API answered ${response.status}.`);
  setToken(response.ok ? await response.json() : null);
  return token?.value ?? null;
}

function set(next: Token | null): void {
  token = next;
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
