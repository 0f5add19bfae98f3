import { useEffect, useState, type PointerEvent } from "react";
import { useConn } from "../store/conn";
import { themeInForce, useSettings } from "../store/settings";
import { useUi } from "../store/ui";
import { Banner } from "./Banner";
import { Dialogs } from "./Dialogs";
import { Dock } from "./Dock";
import { FileTree } from "./FileTree";
import { installKeys } from "./keys";
import { Mobile } from "./Mobile";
import { Palette } from "./Palette";
import { SignIn } from "./SignIn";
import { StatusBar } from "./StatusBar";
import { Toasts } from "./Toasts";
import { TopBar } from "./TopBar";
import { t } from "../strings";

const NARROW = "(max-width: 767px)";

function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const change = () => setMatches(media.matches);
    change();
    media.addEventListener("change", change);
    return () => media.removeEventListener("change", change);
  }, [query]);
  return matches;
}

/** Puts the theme in force where styles find it. */
function useTheme(): void {
  const theme = useSettings((s) => s.theme);
  useMedia("(prefers-color-scheme: dark)");
  useMedia("(prefers-contrast: more)");
  useEffect(() => {
    document.documentElement.dataset["theme"] = themeInForce(theme);
  });
}

const SIDE = { min: 150, max: 600, initial: 230 };

function Side() {
  const [width, setWidth] = useState(SIDE.initial);
  const clamp = (w: number) => Math.min(SIDE.max, Math.max(SIDE.min, w));
  const drag = (event: PointerEvent<HTMLDivElement>) => {
    const handle = event.currentTarget;
    const begin = event.clientX - width;
    handle.setPointerCapture(event.pointerId);
    const move = (e: globalThis.PointerEvent) => setWidth(clamp(e.clientX - begin));
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", () => handle.removeEventListener("pointermove", move), { once: true });
  };
  return (
    <aside className="side" style={{ width }} aria-label={t.files.title}>
      <FileTree />
      <div
        className="side-handle"
        role="separator"
        aria-orientation="vertical"
        aria-label={t.files.width}
        aria-valuemin={SIDE.min}
        aria-valuemax={SIDE.max}
        aria-valuenow={width}
        tabIndex={0}
        onPointerDown={drag}
        onKeyDown={(e) => {
          if (e.key === "ArrowLeft") setWidth(clamp(width - 16));
          if (e.key === "ArrowRight") setWidth(clamp(width + 16));
        }}
      />
    </aside>
  );
}

export function App() {
  const narrow = useMedia(NARROW);
  const sidebar = useUi((s) => s.sidebar);
  const palette = useUi((s) => s.dialog === "palette");
  const signedOut = useConn((s) => s.state.kind === "signedOut");
  useTheme();
  useEffect(installKeys, []);
  if (signedOut) return <SignIn />;
  return (
    <div className="app">
      <TopBar />
      <Banner />
      {narrow ? (
        <Mobile />
      ) : (
        <div className="work">
          {sidebar && <Side />}
          <main className="dock-area">
            <Dock />
          </main>
        </div>
      )}
      <StatusBar />
      {palette && <Palette />}
      <Dialogs />
      <Toasts />
    </div>
  );
}
