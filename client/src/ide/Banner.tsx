// Says that the server can't be reached, when it will be tried again, and lets the person try now.
import { useEffect, useState } from "react";
import { connection, useConn } from "../store/conn";
import { t } from "../strings";

const QUIET_MS = 1000; // what heals by itself sooner is not worth a word

export function Banner() {
  const state = useConn((s) => s.state);
  return state.kind === "retrying" ? <Retrying {...state} /> : null;
}

function Retrying({ since, nextAt, draining }: { since: number; nextAt: number; draining: boolean }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  if (now - since < QUIET_MS) return null;
  const seconds = nextAt === 0 ? 0 : Math.max(0, Math.ceil((nextAt - now) / 1000));
  return (
    <div className="banner" role="alert">
      <strong>{draining ? t.connection.draining : t.connection.lost}</strong> <span aria-live="off">{t.connection.retryIn(seconds)}</span>
      <button type="button" onClick={() => connection.retryNow()}>
        {t.connection.reconnect}
      </button>
    </div>
  );
}
