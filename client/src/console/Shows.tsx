// What the program of a console has shown that is no text, newest last and in sight.
import { Download, X } from "lucide-react";
import { useEffect, useRef } from "react";
import { download } from "../lib/files/incoming";
import { pictureOf, toHtml, wordsOf } from "../lib/console/shown";
import { forgetShown, useShows, type Shown } from "../store/shows";
import { t } from "../strings";
import { SandboxFrame } from "./SandboxFrame";

const NONE: readonly Shown[] = [];

function One({ path, shown, at }: { path: string; shown: Shown; at: number }) {
  const { html } = toHtml(shown.data);
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
