// A PDF file, drawn by pdf.js, which is loaded with this file and not before: phones' browsers have no viewer to put into a page, and a
// viewer in a frame would have to be let through the page's Content-Security-Policy. Pages are drawn when they come into sight.
import { Minus, Plus } from "lucide-react";
import { PDFWorker, TextLayer, getDocument, type PDFDocumentProxy, type PDFPageProxy } from "pdfjs-dist";
import PdfWorker from "pdfjs-dist/build/pdf.worker.min.mjs?worker";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { toBytes } from "../lib/files/content";
import { nameOf } from "../lib/files/paths";
import { contentOf, useFiles } from "../store/files";
import { t } from "../strings";

const ZOOM = { min: 0.25, step: 1.25, max: 4 };
const WIDEST_PX = 900; // a page at zoom 1
const PIXELS_MAX = 16 * 1024 * 1024; // of one page's canvas
const NEAR_PX = "400px"; // pages that are that near to being seen are drawn, too

interface PageProps {
  doc: PDFDocumentProxy;
  number: number;
  width: number;
  /** Height by width of the first page: what is expected of the others until they are there. */
  shape: number;
}

function Page({ doc, number, width, shape }: PageProps) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const text = useRef<HTMLDivElement>(null);
  const [near, setNear] = useState(false);
  const [page, setPage] = useState<PDFPageProxy | null>(null);
  const [scale, setScale] = useState(1);

  useEffect(() => {
    const el = box.current;
    if (!el) return undefined;
    const observer = new IntersectionObserver((seen) => setNear(seen.some((s) => s.isIntersecting)), { root: el.closest(".pdf-pages"), rootMargin: NEAR_PX });
    observer.observe(el);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    let gone = false;
    if (near) void doc.getPage(number).then((it) => gone || setPage(it));
    return () => {
      gone = true;
    };
  }, [doc, number, near]);

  useEffect(() => {
    const [to, words] = [canvas.current, text.current];
    if (!page || !to || !words) return undefined;
    if (!near) {
      to.width = to.height = 0; // its pixels are given back: a long document would fill the memory
      words.replaceChildren();
      return undefined;
    }
    const css = width / page.getViewport({ scale: 1 }).width;
    const viewport = page.getViewport({ scale: css });
    const dense = Math.min(devicePixelRatio, Math.sqrt(PIXELS_MAX / (viewport.width * viewport.height)));
    to.width = Math.floor(viewport.width * dense);
    to.height = Math.floor(viewport.height * dense);
    words.replaceChildren();
    const drawing = page.render({ canvas: to, viewport: page.getViewport({ scale: css * dense }) });
    const writing = new TextLayer({ textContentSource: page.streamTextContent(), container: words, viewport });
    const quiet = () => undefined; // cancelled below: the page is drawn anew, or gone
    drawing.promise.then(() => setScale(css), quiet);
    writing.render().catch(quiet);
    return () => {
      drawing.cancel();
      writing.cancel();
    };
  }, [page, near, width]);

  const own = page?.getViewport({ scale: 1 });
  return (
    <div ref={box} className="pdf-page" role="region" aria-label={t.editor.pdfPage(number, doc.numPages)} style={{ width, height: Math.round(width * (own ? own.height / own.width : shape)) }}>
      <canvas ref={canvas} data-drawn={page !== null && scale === width / (own?.width ?? 1)} />
      <div ref={text} className="textLayer" style={{ "--total-scale-factor": own ? width / own.width : 1 } as React.CSSProperties} />
    </div>
  );
}

type State = { kind: "loading" } | { kind: "failed"; why: string } | { kind: "open"; doc: PDFDocumentProxy; shape: number };

export default function PdfPreview({ path }: { path: string }) {
  const content = useFiles((s) => (s.files[path] ? contentOf(path) : undefined));
  const [state, setState] = useState<State>({ kind: "loading" });
  const [zoom, setZoom] = useState(1);
  const [room, setRoom] = useState(0);
  const pages = useRef<HTMLDivElement>(null);

  useEffect(() => {
    // a copy: pdf.js gives the bytes away to its worker. No code of the document's is run, whatever it holds.
    const port = new PdfWorker();
    const worker = PDFWorker.create({ port });
    const task = getDocument({ data: toBytes(content ?? "").slice(), worker, isEvalSupported: false, enableXfa: false });
    let gone = false;
    void task.promise
      .then(async (doc) => {
        const { width, height } = (await doc.getPage(1)).getViewport({ scale: 1 });
        if (!gone) setState({ kind: "open", doc, shape: height / width });
      })
      .catch((error: unknown) => gone || setState({ kind: "failed", why: error instanceof Error ? error.message : String(error) }));
    return () => {
      gone = true;
      void task.destroy().finally(() => {
        worker.destroy();
        port.terminate();
      });
    };
  }, [content]);

  useLayoutEffect(() => {
    const el = pages.current;
    if (!el) return undefined;
    const observer = new ResizeObserver(() => setRoom(el.clientWidth));
    observer.observe(el);
    return () => observer.disconnect();
  }, []);

  const width = Math.round(Math.min(WIDEST_PX, Math.max(100, room - 24)) * zoom);
  const change = (by: number) => setZoom((old) => Math.min(ZOOM.max, Math.max(ZOOM.min, old * by)));
  return (
    <div className="preview pdf">
      <div className="pdf-tools" role="toolbar" aria-label={t.editor.pdfTools}>
        <span role="status">{state.kind === "open" ? t.editor.pdfPages(state.doc.numPages) : state.kind === "loading" ? t.loading : t.editor.pdfFailed(state.why)}</span>
        <span className="space" />
        <button type="button" className="icon" aria-label={t.editor.smaller} title={t.editor.smaller} onClick={() => change(1 / ZOOM.step)}>
          <Minus size={16} aria-hidden />
        </button>
        <span className="pdf-zoom">{Math.round(zoom * 100)} %</span>
        <button type="button" className="icon" aria-label={t.editor.larger} title={t.editor.larger} onClick={() => change(ZOOM.step)}>
          <Plus size={16} aria-hidden />
        </button>
      </div>
      <div ref={pages} className="pdf-pages" tabIndex={0} role="region" aria-label={nameOf(path)}>
        {state.kind === "open" && room > 0 && Array.from({ length: state.doc.numPages }, (_, i) => <Page key={i} doc={state.doc} number={i + 1} width={width} shape={state.shape} />)}
      </div>
    </div>
  );
}
