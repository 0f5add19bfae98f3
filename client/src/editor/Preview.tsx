// Previews of files: images, tables, Markdown, HTML (in a frame that can reach nothing), PDF.
import { useEffect, useMemo, useRef, useState } from "react";
import { parseCsv } from "../lib/files/csv";
import { toBytes } from "../lib/files/content";
import { imageType, type Preview as Kind } from "../lib/files/languages";
import { extensionOf, nameOf } from "../lib/files/paths";
import { lazily } from "../ide/lazily";
import { contentOf, useFiles } from "../store/files";
import { t } from "../strings";

const Markdown = lazily(() => import("./Markdown"));
const PdfPreview = lazily(() => import("./PdfPreview"));

const ROWS_MAX = 1000;

function useObjectUrl(path: string, type: string): string | null {
  const content = useFiles((s) => (s.files[path] ? contentOf(path) : undefined));
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([toBytes(content ?? "")], { type }));
    queueMicrotask(() => setUrl(made));
    return () => URL.revokeObjectURL(made);
  }, [content, type]);
  return url;
}

function ImagePreview({ path }: { path: string }) {
  const url = useObjectUrl(path, imageType(path));
  return <div className="preview image">{url && <img src={url} alt={nameOf(path)} />}</div>;
}

function CsvPreview({ text, separator }: { text: string; separator: string }) {
  const rows = useMemo(() => parseCsv(text, separator, ROWS_MAX + 1), [text, separator]);
  const [head = [], ...body] = rows.rows;
  return (
    <div className="preview csv" tabIndex={0} role="region" aria-label={t.editor.preview}>
      <p className="hint">{t.editor.rows(Math.min(body.length, ROWS_MAX), Math.max(0, rows.total - 1))}</p>
      <table>
        <thead>
          <tr>
            {head.map((cell, i) => (
              <th key={i} scope="col">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {body.slice(0, ROWS_MAX).map((row, i) => (
            <tr key={i}>
              {row.map((cell, j) => (
                <td key={j}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The frame has an origin of its own (kernelgw's Content-Security-Policy for sandbox.html): it is only sent the text. */
function HtmlPreview({ text }: { text: string }) {
  const frame = useRef<HTMLIFrameElement>(null);
  const latest = useRef(text);
  useEffect(() => {
    latest.current = text;
    const send = () => frame.current?.contentWindow?.postMessage({ html: latest.current }, "*");
    const onMessage = (event: MessageEvent<unknown>) => {
      if (event.source === frame.current?.contentWindow && typeof event.data === "object" && event.data !== null && "ready" in event.data) send();
    };
    addEventListener("message", onMessage);
    send();
    return () => removeEventListener("message", onMessage);
  }, [text]);
  return <iframe ref={frame} className="preview html" title={t.editor.preview} sandbox="allow-scripts" src={new URL("sandbox.html", document.baseURI).href} />;
}

export default function Preview({ path, kind }: { path: string; kind: Kind }) {
  useFiles((s) => s.files[path]); // anew when the file changes
  const content = contentOf(path);
  const text = typeof content === "string" ? content : "";
  switch (kind) {
    case "image":
      return <ImagePreview path={path} />;
    case "csv":
      return <CsvPreview text={text} separator={extensionOf(path) === ".tsv" ? "\t" : ","} />;
    case "markdown":
      return <Markdown text={text} />;
    case "html":
      return <HtmlPreview text={text} />;
    case "pdf":
      return <PdfPreview path={path} />;
  }
}
