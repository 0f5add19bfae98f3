// HTML that nobody vouches for, in a frame with an origin of its own (kernelgw's Content-Security-Policy for sandbox.html): it is
// only sent the text, and says how high it is.
import { useEffect, useRef, useState } from "react";

const HEIGHT_MAX = 4000;

export function SandboxFrame({ html, title, className }: { html: string; title: string; className?: string }) {
  const frame = useRef<HTMLIFrameElement>(null);
  const latest = useRef(html);
  const [height, setHeight] = useState(120);
  useEffect(() => {
    latest.current = html;
    const send = () => frame.current?.contentWindow?.postMessage({ html: latest.current }, "*");
    const onMessage = (event: MessageEvent<unknown>) => {
      const { data } = event;
      if (event.source !== frame.current?.contentWindow || typeof data !== "object" || data === null) return;
      if ("ready" in data) send();
      if ("height" in data && typeof data.height === "number") setHeight(Math.min(HEIGHT_MAX, Math.max(20, Math.ceil(data.height))));
    };
    addEventListener("message", onMessage);
    send();
    return () => removeEventListener("message", onMessage);
  }, [html]);
  return (
    <iframe ref={frame} className={className} title={title} style={{ height }} sandbox="allow-scripts" src={new URL("sandbox.html", document.baseURI).href} />
  );
}
