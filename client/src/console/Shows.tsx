// What the program of a console has shown that is no text, newest last and in sight.
import { Download, X } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { patiently } from "../ide/lazily";
import { download } from "../lib/files/incoming";
import { dressed, pictureOf, toHtml, wordsOf, type Bundle } from "../lib/console/shown";
import { forgetShown, useShows, type Shown } from "../store/shows";
import { t } from "../strings";
import { SandboxFrame } from "./SandboxFrame";

const NONE: readonly Shown[] = [];

/** Markdown and LaTeX are text until what draws them has been loaded, and stay so when it can't be. */
function useHtml(data: Bundle): string {
  const rendered = useMemo(() => toHtml(data), [data]);
  const [drawn, setDrawn] = useState<{ of: Bundle; html: string } | null>(null);
  useEffect(() => {
    const { source } = rendered;
    if (!source) return;
    let wanted = true;
    patiently(() => import("../lib/console/rich"))
      .then((rich) => rich.draw(source.kind, source.text))
      .then((html) => {
        if (wanted) setDrawn({ of: data, html: dressed(html) });
      })
      .catch(() => undefined);
    return () => void (wanted = false);
  }, [data, rendered]);
  return drawn?.of === data ? drawn.html : rendered.html;
}

function One({ path, shown, at }: { path: string; shown: Shown; at: number }) {
  const html = useHtml(shown.data);
  const picture = pictureOf(shown.data);
  const title = t.console.shownTitle(at, wordsOf(shown.data).slice(0, 200));
  return (
    <figure className="shown">
      <figcaption>
        <span className="name">{title}</span>
        {picture && (
          <button type="button" className="icon" title={t.console.saveShown(at)} aria-label={t.console.saveShown(at)} onClick={() => download(picture.name, picture.blob, picture.blob.type)}>
            <Download size={16} aria-hidden />
          </button>
        )}
        <button type="button" className="icon" title={t.console.closeShown(at)} aria-label={t.console.closeShown(at)} onClick={() => forgetShown(path, shown.number)}>
          <X size={16} aria-hidden />
        </button>
      </figcaption>
      <SandboxFrame html={html} title={title} />
    </figure>
  );
}

export function Shows({ path }: { path: string }) {
  const list = useShows((s) => s.byPath[path]) ?? NONE;
  const box = useRef<HTMLDivElement>(null);
  const newest = list[list.length - 1]?.number;
  useEffect(() => {
    if (newest !== undefined) box.current?.lastElementChild?.scrollIntoView({ block: "nearest" });
  }, [newest]);
  if (list.length === 0) return null;
  return (
    <div ref={box} className="shows" role="region" aria-label={t.console.shows(path)} tabIndex={0}>
      {list.map((shown, i) => (
        <One key={shown.number} path={path} shown={shown} at={i + 1} />
      ))}
    </div>
  );
}
