import { useEffect, useState } from "react";
import { Notes } from "./Notes";
import { SignIn, SignUp } from "./SignIn";
import { getToken, signOut, useIsSignedIn } from "./session";

export function App() {
  const isSignedIn = useIsSignedIn();
  const [isUnreachable, setIsUnreachable] = useState(false);
  const [isNew, setIsNew] = useState(false);
  const [token, setToken] = useState(() => /^\/verify\/([\w-]+)$/.exec(location.pathname)?.[1]);

  function restore() {
    setIsUnreachable(false);
    getToken().catch(() => setIsUnreachable(true));
  }
  useEffect(restore, []);

  function leaveLink() {
    history.replaceState(null, "", "/"); // its token must not stay in the address bar
    setToken(undefined);
  }

  if (token) return <Page title="Confirm your email address" body={<SignIn token={token} onDone={leaveLink} />} />;
  if (isUnreachable) return <Page title="The server can't be reached" body={<button onClick={restore}>Try again</button>} />;
  if (isSignedIn === undefined) return <p role="status">Loading…</p>;
  if (isSignedIn) return <Page title="Notes" body={<Notes />} action={["Sign out", signOut]} />;
  if (isNew) return <Page title="Sign up" body={<SignUp />} action={["Sign in", () => setIsNew(false)]} />;
  return <Page title="Sign in" body={<SignIn />} action={["Sign up", () => setIsNew(true)]} />;
}

function Page({ title, body, action }: { title: string; body: React.ReactNode; action?: [string, () => void] }) {
  return (
    <>
      <header>
        <h1>{title}</h1>
        {action && <button onClick={action[1]}>{action[0]}</button>}
      </header>
      {body}
    </>
  );
}
