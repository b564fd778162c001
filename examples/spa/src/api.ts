/** The API's client, with types that are generated from its OpenAPI document. */
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";
import { API_URL, getToken } from "./session";

export type Problem = components["schemas"]["ProblemDetails"];

/** For signing up and in. */
export const anonymous = createClient<paths>({ baseUrl: API_URL });

/** Sends the access token; if the API rejects it, it is sent again with a new one. */
export const api = createClient<paths>({
  baseUrl: API_URL,
  async fetch(request) {
    const token = await getToken();
    const response = await fetch(authorize(request, token));
    const next = response.status === 401 && token ? await getToken(token) : null;
    return next ? fetch(authorize(request, next)) : response;
  },
});

function authorize(request: Request, token: string | null): Request {
  const copy = request.clone();
  if (token) copy.headers.set("Authorization", `Bearer ${token}`);
  return copy;
}

/** Return the messages of a problem document by the names of their fields; "" if they concern no field. */
export function messagesOf(problem: Problem): Record<string, string> {
  const errors = (problem.errors ?? []) as { loc: unknown[]; msg: string }[];
  if (!errors.length) return { "": problem.detail ?? problem.title };
  return Object.fromEntries(errors.map(({ loc, msg }) => [loc.findLast((part) => typeof part === "string"), msg]));
}
