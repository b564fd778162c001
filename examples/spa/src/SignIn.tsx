import { useState } from "react";
import { anonymous, type Problem } from "./api";
import { Form } from "./Form";
import { setToken } from "./session";

const EMAIL = { name: "email", label: "Email address", type: "email", autoComplete: "username" } as const;
const PASSWORD = { name: "password", label: "Password", type: "password", autoComplete: "current-password" } as const;
const NEW_PASSWORD = { ...PASSWORD, autoComplete: "new-password" } as const;
const CODE = { name: "code", label: "Code", autoComplete: "one-time-code" } as const;

const credentials = "include"; // otherwise the browser ignores the cookie of the refresh token

export function SignUp() {
  const [sentTo, setSentTo] = useState("");
  if (sentTo) return <p role="status">Open the link that we sent to {sentTo}.</p>;
  async function send(body: { email: string; password: string }) {
    const { error } = await anonymous.POST("/api/v1/auth/register", { body });
    if (!error) setSentTo(body.email);
    return error;
  }
  return <Form fields={[EMAIL, NEW_PASSWORD]} button="Sign up" send={send} />;
}

/** With the token of an emailed link, the form also confirms the address. */
export function SignIn({ token, onDone }: { token?: string; onDone?: () => void }) {
  const [challenge, setChallenge] = useState("");

  async function signIn(body: { email: string; password: string }): Promise<Problem | undefined> {
    if (token) {
      const confirmed = await anonymous.POST("/api/v1/auth/verify-email", { body: { token, password: body.password } });
      if (confirmed.error) return confirmed.error;
    }
    const { data, error } = await anonymous.POST("/api/v1/auth/cookie/login", { body, credentials });
    if (error) return error;
    if ("challenge" in data) setChallenge(data.challenge);
    else finish(data);
  }

  async function sendCode({ code }: { code: string }): Promise<Problem | undefined> {
    const body = { challenge, code };
    const { data, error } = await anonymous.POST("/api/v1/auth/cookie/second-factor", { body, credentials });
    if (error) return error;
    finish(data);
  }

  function finish(answer: Parameters<typeof setToken>[0]) {
    onDone?.();
    setToken(answer);
  }

  const button = token ? "Confirm and sign in" : "Sign in";
  if (challenge) return <Form key="code" fields={[CODE]} button="Continue" send={sendCode} />;
  return <Form key="password" fields={[EMAIL, PASSWORD]} button={button} send={signIn} />;
}
