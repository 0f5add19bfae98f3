import { useId, useState, type FormEvent } from "react";
import { signIn } from "../lib/transport/http";
import { connection } from "../store/conn";
import { t } from "../strings";

export function SignIn() {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const id = useId();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      if (await signIn(token.trim())) connection.retryNow();
      else setProblem(t.signIn.wrong);
    } catch (error) {
      setProblem(t.signIn.failed(error instanceof Error ? error.message : String(error)));
    }
    setBusy(false);
  };
  return (
    <main className="sign-in">
      <form onSubmit={(e) => void submit(e)}>
        <h1>{t.signIn.title}</h1>
        <p>{t.signIn.text}</p>
        <label htmlFor={id}>{t.signIn.token}</label>
        <input id={id} type="password" value={token} onChange={(e) => setToken(e.target.value)} autoComplete="current-password" autoFocus />
        <p className="wrong" role="alert">
          {problem}
        </p>
        <button type="submit" className="go" disabled={busy || token.trim() === ""}>
          {t.signIn.submit}
        </button>
      </form>
    </main>
  );
}
