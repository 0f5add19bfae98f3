import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./ide/App";
import { hideToken } from "./lib/transport/http";
import { client, connection, loadLanguages, useConn } from "./store/conn";
import { restoreRuns } from "./store/runs";
import { themeInForce, useSettings } from "./store/settings";
import { toast } from "./store/ui";
import { openWorkspace } from "./store/workspace";
import { t } from "./strings";
import "./styles/theme.css";
import "./styles/base.css";
import "./styles/ide.css";
import "./styles/dialogs.css";
import "./styles/console.css";
import "./styles/shows.css";

document.documentElement.dataset["theme"] = themeInForce(useSettings.getState().theme);
hideToken();

/** What needs the server, as soon as it knows us; once. */
function whenSignedIn(act: () => Promise<void>): void {
  let done = false;
  const check = () => {
    if (done || useConn.getState().state.kind !== "online") return;
    done = true;
    void act();
  };
  useConn.subscribe(check);
  check();
}

async function start(): Promise<void> {
  await Promise.all([client.start(), openWorkspace()]);
  const root = document.getElementById("root");
  if (!root) return;
  // Consoles of before the reload stand before the first look at the layout that names them.
  if (connection.state.kind === "online") await restoreRuns().catch(() => undefined);
  else whenSignedIn(() => restoreRuns().catch(() => undefined));
  whenSignedIn(() => loadLanguages().catch((error: unknown) => toast(error instanceof Error ? error.message : String(error), "error")));
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}

document.title = t.appName;
start().catch((error: unknown) => {
  document.body.textContent = `${t.appName}: ${error instanceof Error ? error.message : String(error)}`;
});
